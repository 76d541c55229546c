"""Following a label from its last byte to a proof: what a printer's replies, one after the other, amount to.

Owns: the ways in which label printers show that they have done something. Must not know: bytes, links, jobs.
"""

from __future__ import annotations

from typing import Protocol

from drivers.printers.conversation import Conversation
from drivers.printers.report import Report
from edge_agent.sdk.values import Proof

IDLE_REPLIES = 2  # the first may be from before the printer has looked at what it got


class Progress(Protocol):
    """One label on its way. It is asked for its proof after each round of `questions`, `look_s` apart."""

    look_s: float
    questions: tuple[str, ...]

    async def begin(self) -> None:
        """Note how things stand before the first byte."""

    def take(self, report: Report) -> None:
        """A reply has come, some time after the first byte."""

    def begin_anew(self) -> None:
        """The last byte is out, or a reply came late: only an acknowledgement from before counts still."""

    def proof(self) -> Proof | None:
        """What is proved by now; None while more may come."""


class Drained:
    """Nothing waits in the printer any more, twice in a row: consumed. Its counter went up: printed.

    `counter` is the question for the number of labels printed so far; empty where there is none. A printer
    that counts must have counted this label: one that says it is done and has counted nothing proves nothing.
    """

    look_s = 0.2  # a label takes over a second; each look is three questions

    def __init__(self, talk: Conversation, state: str, questions: tuple[str, ...], counter: str = "") -> None:
        self._talk = talk
        self._state = state
        self._counter = counter
        self._before: int | None = None
        self._now: int | None = None
        self._idle = 0
        self.questions = questions

    async def begin(self) -> None:
        if (
            not self._counter
            or not self._talk.heard(self._state)
            or not self._talk.understands(self._counter)
        ):
            return
        self._talk.on_report = self._note
        try:
            await self._talk.ask(self._counter)
        finally:
            self._talk.on_report = None
        if self._before is not None:
            self.questions = (*self.questions, self._counter)

    def begin_anew(self) -> None:
        self._idle = 0

    def take(self, report: Report) -> None:
        if report.source == self._counter:
            self._now = report.printed
        elif report.source == self._state:
            self._idle = 0 if report.busy or report.waiting else self._idle + 1

    def proof(self) -> Proof | None:
        if not self._talk.heard(self._state):
            return Proof.SENT
        if self._idle < IDLE_REPLIES:
            return None
        if self._before is None:
            return Proof.CONSUMED
        return Proof.PRINTED if self._now is not None and self._now > self._before else None

    def _note(self, report: Report) -> None:
        if report.source == self._counter:
            self._before = report.printed


class RoseAndFell:
    """The printer said that it prints, and then that it does not any more: printed.

    A pause stops the printing and ends nothing: it has to be seen printing again.
    """

    look_s = 0.03  # the shortest label, 30 mm at 200 mm a second, prints for 0.15 s

    def __init__(self, talk: Conversation, state: str) -> None:
        self._talk = talk
        self._state = state
        self._rose = False
        self._fell = 0
        self.questions: tuple[str, ...] = (state,)

    async def begin(self) -> None:
        """Nothing: it was seen idle."""

    def begin_anew(self) -> None:
        self._rose, self._fell = False, 0

    def take(self, report: Report) -> None:
        if report.source != self._state:
            return
        self._rose = bool(report.busy) or (self._rose and not report.paused)
        self._fell = 0 if report.busy or not self._rose else self._fell + 1

    def proof(self) -> Proof | None:
        if not self._talk.heard(self._state):
            return Proof.SENT
        return Proof.PRINTED if self._fell >= IDLE_REPLIES else None


class Acknowledged:
    """The printer acknowledged the order to print: consumed. Where it never acknowledges anything: sent."""

    look_s = 0.2

    def __init__(self, talk: Conversation, state: str, acknowledgement: str) -> None:
        self._talk = talk
        self._acknowledgement = acknowledgement
        self._acknowledged = False
        self.questions: tuple[str, ...] = (state,)

    async def begin(self) -> None:
        """Have the acknowledgement of the order to come awaited."""
        if self._talk.heard(self._acknowledgement):
            self._talk.expect(self._acknowledgement)

    def begin_anew(self) -> None:
        """The acknowledgement may be here before the port has said that it took the last byte."""

    def take(self, report: Report) -> None:
        self._acknowledged = self._acknowledged or report.accepted is True

    def proof(self) -> Proof | None:
        if not self._talk.heard(self._acknowledgement):
            return Proof.SENT
        return Proof.CONSUMED if self._acknowledged else None
