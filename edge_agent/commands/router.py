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
from edge_agent.uplink.messages import CommandMessage, Refused

log = logging.getLogger(__name__)

RUN_S = 60.0  # the longest operation: a label on a slow printer
WAITING = 16  # taken and not yet begun: more than a centre that waits for answers ever sends

Operation = Callable[[Mapping[str, Any]], Awaitable[JsonValue]]
Inbox = asyncio.Queue[tuple[CommandMessage | Refused, Callable[[], None]]]


class Router:
    """Takes commands from the uplink's inbox at once, and executes them one at a time."""

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
        self._waiting: asyncio.Queue[CommandMessage] = asyncio.Queue(maxsize=WAITING)

    async def run(self, inbox: Inbox) -> None:
        """Serve until cancelled."""
        await self._take_up()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._take_all(inbox), name="commands taken")
            tasks.create_task(self._execute_all(), name="commands executed")

    async def _take_up(self) -> None:
        """Tell the end of what the last stop cut off."""
        try:
            for taken in await self._ledger.unfinished_commands():
                await self._end(taken.id, taken.type, "failed", {"code": "agent.restarted"})
        except DeviceError as error:
            log.error("%s", error)

    async def _take_all(self, inbox: Inbox) -> None:
        """Never waits for an operation: the broker holds back everything else until a command is taken."""
        while True:
            command, done = await inbox.get()
            if isinstance(command, Refused):
                self._refuse(command.id, command.error)
            elif self._waiting.full():
                self._refuse(command.id, CommandError("command.busy", "too many commands wait"))
            else:
                await self._take(command)
            done()

    async def _take(self, command: CommandMessage) -> None:
        now = self._clock.stamp()
        try:
            taken = await self._ledger.take_command(command.id, command.type, now.utc_ms)
        except DeviceError as error:
            self._refuse(command.id, error)  # not on record: it may be sent again under its id
            return
        if taken is not None:
            answer = json.loads(taken.answer) if taken.answer else None
            self._tell(command.id, taken.state, answer)
        elif command.type not in self._operations:
            known = ", ".join(sorted(self._operations))
            await self._end(command.id, command.type, "rejected", {"code": "command.unknown", "known": known})
        else:
            await self._accept(command)

    async def _accept(self, command: CommandMessage) -> None:
        if self._expired(command):
            await self._end(command.id, command.type, "expired", {"code": "command.expired"})
            return
        self._tell(command.id, "accepted", None)
        self._waiting.put_nowait(command)

    async def _execute_all(self) -> None:
        """One at a time, in the order in which they came."""
        while True:
            command = await self._waiting.get()
            if self._expired(command):
                await self._end(command.id, command.type, "expired", {"code": "command.expired"})
            else:
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
        try:
            self._stored(await self._ledger.commit(Entry([event], finished=ended)))
        except DeviceError as error:
            log.error("%s", error)
            await self._end_without_event(ended)
        self._tell(command, state, answer)

    async def _end_without_event(self, ended: Taken) -> None:
        """A ledger that takes no more events may still take this: else it would be told as failed later."""
        try:
            await self._ledger.commit(Entry(finished=ended))
        except DeviceError as error:
            log.error("%s", error)

    def _refuse(self, command: str, error: EdgeError) -> None:
        log.warning("command refused: %s", error)
        answer = {"state": "rejected", "reason": error.code, "code": error.code, "error": error.message}
        self._respond({"id": command, **answer})

    def _tell(self, command: str, state: str, answer: JsonValue) -> None:
        response: dict[str, JsonValue] = {"id": command, "state": state}
        if answer is not None:
            response["answer"] = answer
        if isinstance(answer, Mapping) and state != "done":
            response["reason"] = answer.get("code")
        self._respond(response)
