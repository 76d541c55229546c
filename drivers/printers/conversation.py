"""Talking with a printer of any language: reading all it says, asking its condition, waiting for an answer.

Owns: the reading side of the link, what the printer has said so far, which questions it understands, silence.
Must not know: pages, jobs, any language's bytes, when it is worth asking. One caller asks at a time: the
driver's lock sees to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from drivers.printers.port_watch import PortWatch
from drivers.printers.strays import Strays
from edge_agent.sdk.clock import within
from edge_agent.sdk.driver import Context
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.ports import StatusCodec
from edge_agent.sdk.values import PrinterState, Ready, Stamp

ANSWER_S = 1.0  # a real-time answer takes milliseconds; a second covers a slow network print server
CHUNK_BYTES = 4096  # four seconds at 9,600 baud: what the printer reports meanwhile is seen between chunks
CHUNK_WRITE_S = 10.0  # twice that: a printer that takes nothing for so long is stuck
MISSES = 3  # unanswered in a row before a question is taken as not understood, and before silence is unknown


class Conditions(Protocol):
    """What reports add up to."""

    def take(self, report: Any) -> None: ...
    def drop(self, source: str) -> None: ...
    def forget(self) -> None: ...
    def state(self, device: str, at: Stamp) -> PrinterState: ...
    def obstacle(self) -> str: ...


class Conversation:
    """What one printer says on one link. `questions` are asked in rounds, in their order.

    `words` are those by which a USB printer's id names the language.
    """

    def __init__(
        self,
        context: Context,
        decoder: StatusCodec[Any],
        condition: Conditions,
        questions: Mapping[str, bytes],
        words: frozenset[str] = frozenset(),
    ) -> None:
        self._device = context.device
        self._link = context.link
        self._clock = context.clock
        self._sink = context.sink
        self._decoder = decoder
        self._condition = condition
        self._questions = questions
        self._port = PortWatch(context.link, words)
        self._told: PrinterState | None = None
        self._news = asyncio.Event()
        self._heard: dict[str, int] = {}
        self._missed: dict[str, int] = {}
        self._next: str = next(iter(questions))
        self._silent_rounds = 0
        self._silent_since: Stamp | None = None
        self._greeted = False
        self._named = False
        self.all_answered = False
        self.lost = False
        self.strays = Strays()
        self.on_report: Callable[[Any], None] | None = None

    @property
    def ever_answered(self) -> bool:
        """Whether the printer has said anything at all on this link."""
        return self._greeted

    @property
    def ready(self) -> Ready:
        return self.state().ready

    def state(self) -> PrinterState:
        """The printer's condition as it is known now."""
        state = self._port.applied(self._condition.state(self._device, self._clock.stamp()))
        return replace(state, silent_since=self._silent_since) if self._silent_rounds >= MISSES else state

    def obstacle(self) -> str:
        """Why nothing would be printed now, as a code; empty where nothing is known to speak against it."""
        return self._condition.obstacle() or self._port.obstacle()

    async def introduce(self) -> None:
        """A USB printer that names our language is the right one, even if it never answers a question."""
        told = await self._port.introduce()
        if told is not None:
            self._sink.ready(told.name)
            self._named = True

    def heard(self, source: str) -> int:
        """How many replies of this kind have come."""
        return self._heard.get(source, 0)

    async def listen(self) -> None:
        """Read until the link is lost."""
        self._decoder.reset()
        try:
            while True:
                for value in self._decoder.feed(await self._link.read()):
                    self._take(value)
                self._tell_waiters()
                await self.publish()
        finally:
            self.lost = True
            self._tell_waiters()

    async def publish(self) -> None:
        """Pass the condition on if it is another one than was last passed on."""
        state = self.state()
        if self._told is None or not self._told.same_condition(state):
            self._told = state
            await self._sink.printer(state)

    async def wait(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until something that the printer says makes `done` true, the link is lost, or time is up."""
        end_s = self._clock.monotonic_s() + seconds
        while not done() and not self.lost:
            left_s = end_s - self._clock.monotonic_s()
            if left_s <= 0:
                break
            try:
                await within(self._clock, left_s, self._news.wait())
            except TimeoutError:
                break
        return done()

    async def ask_condition(self, among: Iterable[str] = ()) -> bool:
        """Ask the questions that the printer understands, one after the other; whether any was answered.

        A question that stays unanswered ends the round: the answer could still come, and would be taken for
        the next question's. The next round then begins behind it.
        """
        answered = False
        self.strays.begin_round()
        self.all_answered = True
        for question in self._round(tuple(among) or tuple(self._questions)):
            self.all_answered = await self.ask(question)
            if not self.all_answered:
                break
            answered = True
        if self.all_answered:
            self.strays.end_round()
        if answered:
            self._silent_rounds = 0
            self._port.forget()
        else:
            self._fell_silent()
            await self._port.look()
        await self.publish()
        return answered

    async def ask(self, question: str) -> bool:
        """Ask this one question; whether it was answered in time."""
        before = self.heard(question)
        self._decoder.asked(question)
        await self._link.write(self._questions[question], CHUNK_WRITE_S)
        if await self.wait(lambda: self.heard(question) > before, ANSWER_S):
            self._missed[question] = 0
            return True
        self._decoder.give_up(question)
        self._missed[question] = self._missed.get(question, 0) + 1
        self.strays.missed()
        if self._missed[question] >= MISSES:
            self._condition.drop(question)
        self._next = _behind(question, tuple(self._questions))
        return False

    def understands(self, question: str) -> bool:
        """Whether it is worth asking: it was answered once, or was not asked often enough to know."""
        return bool(self.heard(question)) or self._missed.get(question, 0) < MISSES

    def expect(self, question: str) -> None:
        """Something that is sent now will be answered; the answer counts as heard."""
        self._decoder.asked(question)

    def stop_expecting(self, question: str) -> None:
        """Its answer is not awaited any more."""
        self._decoder.give_up(question)

    async def send(self, data: bytes) -> None:
        """Send commands or filling, in pieces that each have their time."""
        for at in range(0, len(data), CHUNK_BYTES):
            await self._link.write(data[at : at + CHUNK_BYTES], CHUNK_WRITE_S)

    def _round(self, among: Sequence[str]) -> list[str]:
        first = among.index(self._next) if self._next in among else 0
        rotated = [*among[first:], *among[:first]]
        return [question for question in rotated if self.understands(question)] or rotated[:1]

    def _fell_silent(self) -> None:
        if not self._silent_rounds:
            self._silent_since = self._clock.stamp()
        self._silent_rounds += 1
        if self._silent_rounds >= MISSES:
            self._condition.forget()

    def _take(self, value: Any) -> None:
        if isinstance(value, ProtocolError):
            self.strays.came()
            self._sink.trouble(value)
            return
        if not self._greeted:
            self._greeted = True
            if not self._named:
                self._sink.ready()
        self._understand(value)

    def _understand(self, value: Any) -> None:
        self._heard[value.source] = self.heard(value.source) + 1
        self._silent_rounds = 0
        self._condition.take(value)
        if self.on_report is not None:
            self.on_report(value)

    def _tell_waiters(self) -> None:
        """Wake everyone who waits now; who comes later waits for the next news."""
        self._news.set()
        self._news = asyncio.Event()


def _behind(question: str, order: Sequence[str]) -> str:
    return order[(order.index(question) + 1) % len(order)]
