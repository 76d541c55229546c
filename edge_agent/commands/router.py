"""Commands from the centre: taken durably, executed once, answered with their life cycle.

Owns: refusal, expiry, once-only execution. Must not know: MQTT, how an operation works.

    accepted → running → done | failed      or at once: rejected | expired
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from edge_agent.events.model import EventDraft, JsonValue, StoredEvent
from edge_agent.ledger.commands import Taken
from edge_agent.ledger.ledger import Entry, Ledger
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import CommandError, DeviceError, EdgeError
from edge_agent.sdk.values import ClockQuality
from edge_agent.uplink.messages import CommandMessage

log = logging.getLogger(__name__)

RUN_S = 60.0  # the longest operation: a label on a slow printer

Operation = Callable[[Mapping[str, Any]], Awaitable[JsonValue]]
Inbox = asyncio.Queue[tuple[CommandMessage | CommandError, Callable[[], None]]]


class Router:
    """Takes commands from the uplink's inbox, one at a time."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        operations: Mapping[str, Operation],
        *,
        respond: Callable[[Mapping[str, JsonValue]], None],
        stored: Callable[[Sequence[StoredEvent]], None],
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._operations = operations
        self._respond = respond
        self._stored = stored

    async def run(self, inbox: Inbox) -> None:
        """Serve until cancelled."""
        for taken in await self._ledger.unfinished_commands():
            await self._end(taken.id, taken.type, "failed", {"code": "agent.restarted"})
        while True:
            command, done = await inbox.get()
            if isinstance(command, CommandError):
                log.warning("%s", command)
                self._respond({"state": "rejected", "code": command.code, "error": command.message})
                done()
                continue
            try:
                await self._serve(command, done)
            except DeviceError as error:  # not on disk: not taken, so the broker will bring it again
                log.error("%s", error)

    async def _serve(self, command: CommandMessage, done: Callable[[], None]) -> None:
        now = self._clock.stamp()
        taken = await self._ledger.take_command(command.id, command.type, now.utc_ms)
        done()
        if taken is not None:
            answer = json.loads(taken.answer) if taken.answer else None
            self._tell(command.id, taken.state, answer)
            return
        if command.type not in self._operations:
            known = ", ".join(sorted(self._operations))
            await self._end(command.id, command.type, "rejected", {"code": "command.unknown", "known": known})
        elif self._expired(command):
            await self._end(command.id, command.type, "expired", {"code": "command.expired"})
        else:
            self._tell(command.id, "accepted", None)
            await self._execute(command)

    async def _execute(self, command: CommandMessage) -> None:
        self._tell(command.id, "running", None)
        try:
            async with asyncio.timeout(RUN_S):
                result = await self._operations[command.type](command.args)
        except EdgeError as error:
            refusal: JsonValue = {"code": error.code, "error": error.message, "hint": error.hint}
            await self._end(command.id, command.type, "failed", refusal)
        except TimeoutError:
            await self._end(command.id, command.type, "failed", {"code": "command.timeout"})
        else:
            await self._end(command.id, command.type, "done", result)

    def _expired(self, command: CommandMessage) -> bool:
        """A box that does not know the time cannot call a command late."""
        now = self._clock.stamp()
        known = now.quality is not ClockQuality.NONE
        return known and command.notafter_ms is not None and now.utc_ms > command.notafter_ms

    async def _end(self, command: str, kind: str, state: str, answer: JsonValue) -> None:
        at = self._clock.stamp()
        event = EventDraft("command.finished", command, at, {"type": kind, "state": state, "answer": answer})
        ended = Taken(command, kind, state, json.dumps(answer, ensure_ascii=False))
        self._stored(await self._ledger.commit(Entry([event], finished=ended)))
        self._tell(command, state, answer)

    def _tell(self, command: str, state: str, answer: JsonValue) -> None:
        response: dict[str, JsonValue] = {"id": command, "state": state}
        if answer is not None:
            response["answer"] = answer
        if isinstance(answer, Mapping) and state != "done":
            response["reason"] = answer.get("code")
        self._respond(response)
