"""Commands from the centre: taken durably, executed once, answered with their life cycle.

Owns: once-only execution, the order of answers. Must not know: MQTT, keys, how an operation works.
An operation that is not broken off must bear any other one beside it.

    accepted → running → done | failed      or at once: rejected | expired

What takes too long is broken off, or else, where it goes on whoever waits for it, told as late: then the next
command begins, and the end of this one is told when it is known.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence

from edge_agent.commands.admission import Admission
from edge_agent.commands.operations import AfterRestart, AnyOperation, Stepwise, is_unbroken
from edge_agent.containment import contained
from edge_agent.events.model import EventDraft, JsonValue, StoredEvent
from edge_agent.ledger.commands import APPLYING, REFUSED, RESTARTING, Taken
from edge_agent.ledger.ledger import Entry, Ledger
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import CommandError, DeviceError, EdgeError
from edge_agent.uplink.orders import CommandMessage, Refused

log = logging.getLogger(__name__)

RUN_S = 60.0  # many times what any operation takes on a healthy box: zero a scale, draw and enter a label
LATE = "late"  # the step of a command that is not broken off, and for which no other one waits any more
WAITING = 16  # taken and not yet begun: more than a centre that waits for answers ever sends
# The same again for orders to many: each may wait an hour for its turn, and must not keep a booth's own out.
WAITING_FOR_MANY = 16

# Failed is what the centre must take it for; that nothing was done is more than anybody knows.
CUT_OFF = {"code": "agent.restarted", "error": "the agent stopped meanwhile: it may be done, or half done"}
TOO_LONG = {"code": "command.timeout", "error": "broken off: the device may have done it, or do it yet"}

Inbox = asyncio.Queue[tuple[CommandMessage | Refused, Callable[[], None]]]


class Router:
    """Takes commands from the inbox at once, and executes them one after the other, late ones aside."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        operations: Mapping[str, AnyOperation],
        admission: Admission,
        *,
        respond: Callable[[Mapping[str, JsonValue]], None],
        stored: Callable[[Sequence[StoredEvent]], None],
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self.operations = operations
        self._admission = admission
        self._respond = respond
        self._stored = stored
        self._waiting: asyncio.Queue[CommandMessage] = asyncio.Queue()
        # Taken and not yet begun, or late; of the booth's own and of those to many.
        self._held = {False: 0, True: 0}
        self.taken_up = asyncio.Event()
        self.applying: list[Taken] = []  # begun before the last restart; whoever applies tells their end

    def extend(self, operations: Mapping[str, AnyOperation]) -> None:
        """Further operations. Before `run`."""
        self.operations = {**self.operations, **operations}

    async def run(self, inbox: Inbox) -> None:
        """Serve until cancelled."""
        await self._take_up()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._take_all(inbox, tasks), name="commands taken")
            tasks.create_task(self._execute_all(tasks), name="commands executed")

    async def _take_up(self) -> None:
        """Tell the end of what the last stop cut off."""
        try:
            for taken in await self._ledger.unfinished_commands():
                if taken.state == APPLYING:
                    self.applying.append(taken)
                elif taken.state == RESTARTING:
                    await self.end(taken.id, taken.type, "done", {"restarted": True})
                else:
                    await self.end(taken.id, taken.type, "failed", dict(CUT_OFF))
        except DeviceError as error:
            log.error("%s", error)
        self.taken_up.set()

    async def _take_all(self, inbox: Inbox, tasks: asyncio.TaskGroup) -> None:
        """Never waits for an operation: the broker holds back everything else until a command is taken."""
        while True:
            command, done = await inbox.get()
            try:
                if isinstance(command, Refused):
                    raise command.error
                await self._take(command, tasks)
            except EdgeError as error:
                self._refuse(command.id, error)
            done()

    async def _take(self, command: CommandMessage, tasks: asyncio.TaskGroup) -> None:
        """Raises EdgeError: refused, and nothing of it is on record. It may come again under its id."""
        await self._admission.check(command)
        if command.type not in self.operations:
            known = ", ".join(sorted(self.operations))
            raise CommandError("command.unknown", f"no such type; known: {known}")
        to_many = self._admission.to_many(command)
        if self._held[to_many] >= (WAITING_FOR_MANY if to_many else WAITING):
            raise CommandError("command.busy", "too many commands wait")
        now_ms = self._clock.stamp().utc_ms
        count = self._admission.count(command)
        taken = await self._ledger.take_command(command.id, command.type, now_ms, count)
        if taken is None:
            await self._accept(command, tasks)
        elif taken.state == REFUSED:
            refusal = json.loads(taken.answer)
            raise CommandError(refusal["code"], refusal["error"])
        else:
            self.tell(command.id, taken.state, json.loads(taken.answer) if taken.answer else None)

    async def _accept(self, command: CommandMessage, tasks: asyncio.TaskGroup) -> None:
        if await self._ends_expired(command):
            return
        delay_s = self._admission.delay_s(command)
        unchecked = self._admission.may_be_expired(command, self._clock)
        hints: dict[str, JsonValue] = {"unchecked": "notafter"} if unchecked else {}
        if delay_s:
            hints["after_ms"] = round(delay_s * 1000)
        self.tell(command.id, "accepted", None, **hints)
        self._held[self._admission.to_many(command)] += 1
        if delay_s:
            tasks.create_task(self._later(command, delay_s), name="command spread")
        else:
            self._waiting.put_nowait(command)

    async def _later(self, command: CommandMessage, delay_s: float) -> None:
        await self._clock.sleep(delay_s)
        self._waiting.put_nowait(command)

    async def _execute_all(self, tasks: asyncio.TaskGroup) -> None:
        """In the order in which they came; each begins when the one before has ended or is late."""
        while True:
            command = await self._waiting.get()
            self._held[self._admission.to_many(command)] -= 1
            if not await self._ends_expired(command):
                await self._begin(command, tasks)

    async def _ends_expired(self, command: CommandMessage) -> bool:
        expired = self._admission.expired(command, self._clock)
        if expired:
            await self.end(command.id, command.type, "expired", {"code": "command.expired"})
        return expired

    async def _begin(self, command: CommandMessage, tasks: asyncio.TaskGroup) -> None:
        """Until it has ended, or is late."""
        self.tell(command.id, "running", None)
        if not is_unbroken(self.operations[command.type]):
            await self._execute(command, RUN_S)
            return
        doing = tasks.create_task(self._execute(command, None), name="command that nothing breaks off")
        await asyncio.wait({doing}, timeout=RUN_S)
        if not doing.done():
            self._is_late(command, doing)

    def _is_late(self, command: CommandMessage, doing: asyncio.Task[None]) -> None:
        log.warning("command %s (%s) is not done after %.0f s", command.id, command.type, RUN_S)
        self.tell(command.id, "running", None, step=LATE)
        to_many = self._admission.to_many(command)
        self._held[to_many] += 1

        def ended(_: asyncio.Task[None]) -> None:
            self._held[to_many] -= 1

        doing.add_done_callback(ended)

    async def _execute(self, command: CommandMessage, limit_s: float | None) -> None:
        try:
            async with asyncio.timeout(limit_s):
                with contained(command.type, "command.bug"):
                    result = await self._perform(command)
        except EdgeError as error:
            refusal: JsonValue = {"code": error.code, "error": error.message, "hint": error.hint}
            await self.end(command.id, command.type, "failed", refusal)
        except TimeoutError:
            await self.end(command.id, command.type, "failed", dict(TOO_LONG))
        else:
            if isinstance(result, AfterRestart):
                await self._hand_over(command, result)
            else:
                await self.end(command.id, command.type, "done", result)

    async def _perform(self, command: CommandMessage) -> JsonValue | AfterRestart:
        operation = self.operations[command.type]
        if not isinstance(operation, Stepwise):
            return await operation(command.args)
        return await operation.run(
            command.args, lambda **step: self.tell(command.id, "running", None, **step), command.id
        )

    async def _hand_over(self, command: CommandMessage, after: AfterRestart) -> None:
        """On record as under way first: who starts after the restart must know what to tell."""
        try:
            await self._ledger.commit(Entry(finished=Taken(command.id, command.type, after.state, "")))
        except DeviceError as error:
            await self._take_back(after)
            await self.end(command.id, command.type, "failed", {"code": error.code, "error": error.message})
            return
        self.tell(command.id, "running", None, step=after.state)
        after.act()

    async def _take_back(self, after: AfterRestart) -> None:
        if after.back is None:
            return
        try:
            await asyncio.to_thread(after.back)
        except DeviceError as error:
            log.error("%s", error)  # the next start takes it back

    async def end(self, command: str, kind: str, state: str, answer: JsonValue) -> None:
        """A command has ended: on record as an event, then told."""
        at = self._clock.stamp()
        event = EventDraft("command.finished", command, at, {"type": kind, "state": state, "answer": answer})
        ended = Taken(command, kind, state, json.dumps(answer, ensure_ascii=False))
        try:
            self._stored(await self._ledger.commit(Entry([event], finished=ended)))
        except DeviceError as error:
            log.error("%s", error)
            await self._end_without_event(ended)
        self.tell(command, state, answer)

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

    def tell(self, command: str, state: str, answer: JsonValue, **more: JsonValue) -> None:
        """Publish where a command stands."""
        response: dict[str, JsonValue] = {"id": command, "state": state, **more}
        if answer is not None:
            response["answer"] = answer
        if isinstance(answer, Mapping) and state != "done":
            response["reason"] = answer.get("code")
        self._respond(response)
