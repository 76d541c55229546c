"""Talking with an ESC/POS printer: reading all it says, asking its condition, waiting for an answer.

Owns: the reading side of the link, what the printer has said so far, and which questions it understands.
Must not know: pages, jobs, when it is worth asking. One caller asks at a time: the driver's lock sees to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from drivers.printers.escpos_condition import Condition
from drivers.printers.escpos_raster import status_question
from drivers.printers.escpos_status import QUESTIONS, Printed, Report, Source, StatusDecoder
from edge_agent.sdk.clock import within
from edge_agent.sdk.driver import Context
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import PrinterState, Ready

ANSWER_S = 1.0  # a real-time answer takes milliseconds; a second covers a slow network print server
CHUNK_BYTES = 4096  # four seconds at 9,600 baud: what the printer reports meanwhile is seen between chunks
CHUNK_WRITE_S = 10.0  # twice that: a printer that takes nothing for so long is stuck
MISSES = 3  # unanswered in a row before a question is taken as not understood, and before silence is unknown


class Conversation:
    """What one printer says on one link."""

    def __init__(self, context: Context) -> None:
        self._device = context.device
        self._link = context.link
        self._clock = context.clock
        self._sink = context.sink
        self._decoder = StatusDecoder()
        self._condition = Condition()
        self._told: PrinterState | None = None
        self._news = asyncio.Event()
        self._heard = dict.fromkeys(Source, 0)
        self._missed = dict.fromkeys(QUESTIONS, 0)
        self._next_question = 0
        self._silent_rounds = 0
        self.all_answered = False
        self._greeted = False
        self.expected_id = b""
        self.printed_id = b""
        self.lost = False

    @property
    def ever_answered(self) -> bool:
        """Whether the printer has said anything at all on this link."""
        return self._greeted

    @property
    def ready(self) -> Ready:
        return self.state().ready

    def state(self) -> PrinterState:
        """The printer's condition as it is known now."""
        return self._condition.state(self._device, self._clock.stamp())

    def obstacle(self) -> str:
        """Why nothing would be printed now, as a code; empty where nothing is known to speak against it."""
        return self._condition.obstacle()

    def heard(self, source: Source) -> int:
        """How many replies of this kind have come."""
        return self._heard[source]

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

    async def ask_condition(self) -> bool:
        """Ask the questions that the printer understands, one after the other; whether any was answered.

        A question that stays unanswered ends the round: the answer could still come, and would be taken for
        the next question's. The next round then begins behind it.
        """
        answered = False
        self.all_answered = True
        for question in self._round():
            self.all_answered = await self._ask(question)
            if not self.all_answered:
                break
            answered = True
        self._silent_rounds = 0 if answered else self._silent_rounds + 1
        if self._silent_rounds >= MISSES:
            self._condition.forget()
        await self.publish()
        return answered

    def expect_in_order(self) -> None:
        """GS r 1 is about to be sent; its answer counts as heard(Source.IN_ORDER)."""
        self._decoder.asked(Source.IN_ORDER)

    async def send(self, data: bytes) -> None:
        """Send commands or filling, in pieces that each have their time."""
        for at in range(0, len(data), CHUNK_BYTES):
            await self._link.write(data[at : at + CHUNK_BYTES], CHUNK_WRITE_S)

    def stop_expecting(self) -> None:
        """No in-order answer is awaited any more."""
        self._decoder.give_up(Source.IN_ORDER)

    def _round(self) -> list[Source]:
        rotated = [*QUESTIONS[self._next_question :], *QUESTIONS[: self._next_question]]
        understood = [question for question in rotated if self._missed[question] < MISSES]
        return understood or [Source.PRINTER]

    async def _ask(self, question: Source) -> bool:
        before = self._heard[question]
        number = QUESTIONS.index(question) + 1
        self._decoder.asked(question)
        await self._link.write(status_question(number), CHUNK_WRITE_S)
        if await self.wait(lambda: self._heard[question] > before, ANSWER_S):
            self._missed[question] = 0
            return True
        self._decoder.give_up(question)
        self._missed[question] += 1
        self._next_question = number % len(QUESTIONS)
        return False

    def _take(self, value: Report | Printed | ProtocolError) -> None:
        if isinstance(value, ProtocolError):
            self._sink.trouble(value)
            return
        if not self._greeted:
            self._greeted = True
            self._sink.ready()
        if isinstance(value, Printed):
            self._take_id(value.id)
            return
        self._heard[value.source] += 1
        self._silent_rounds = 0
        self._condition.take(value)

    def _take_id(self, id_: bytes) -> None:
        if id_ == self.expected_id:
            self.printed_id = id_
        else:
            text = "reports as printed what nobody waits for any more"
            self._sink.trouble(ProtocolError("printer.late_proof", text, id_))

    def _tell_waiters(self) -> None:
        """Wake everyone who waits now; who comes later waits for the next news."""
        self._news.set()
        self._news = asyncio.Event()
