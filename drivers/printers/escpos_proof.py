"""What an ESC/POS printer can prove about a page, found out once, and getting that proof.

Owns: process ids, learning which proofs are given, waiting for one. Must not know: pages, jobs, links.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.printers import escpos_raster as raster
from drivers.printers.escpos_conversation import EscposConversation
from drivers.printers.escpos_status import Source
from drivers.printers.strays import StrayWatch
from edge_agent.sdk.driver import Context
from edge_agent.sdk.values import Proof

LEARN_S = 2.0  # in-order answers wait for the parser and, after power-on, for the mechanics
LOOK_S = 1.0  # how often the printer is asked how it is while its proof is awaited
COMMAND_BYTES = 16  # more than any command of ours has beside its raster
FILL_BYTES = COMMAND_BYTES + raster.BAND_BYTES  # the most that a parser can still wait for


class Proofs:
    """The proofs of one printer. None stands for "not known yet"."""

    def __init__(self, context: Context, talk: EscposConversation) -> None:
        self._clock = context.clock
        self._talk = talk
        self._asks = context.options.flag("status")
        self._wait_s = context.options.integer("proof_timeout_s")
        self._reports_printed = _given(context.options.text("confirm_printed"), asks=self._asks)
        self._answers_in_order = _given(context.options.text("confirm_consumed"), asks=self._asks)
        self._last_id = 0
        self._begun = self._listens = False

    async def learn(self) -> None:
        """Ask for the proofs that are not known of yet. The printer must be ready, or it cannot give any.

        No answer at all can also mean that a job cut off earlier left its parser inside a band: filling that
        band makes it listen again. NUL between commands does nothing. One answer of two can mean that the
        band's last bytes have swallowed the first question: it is asked once more.
        """
        if self._is_open:
            if not await self._probe(b""):
                await self._probe(bytes(FILL_BYTES))
            self._listens = True
        if self._is_open and (self._reports_printed or self._answers_in_order):
            await self._probe(b"")
        self._reports_printed = self._reports_printed is True
        self._answers_in_order = self._answers_in_order is True

    async def begin(self) -> None:
        """Before anything else is said: end a command that an earlier session left half said.

        A question would be taken for what is missing: for the size of a band of up to 150 megabytes.
        """
        if not self._begun:
            self._begun = True
            await self._talk.send(bytes(COMMAND_BYTES))

    async def wake(self) -> None:
        """Before the first page: end a band that was left half said, where no answer has shown its end."""
        if not self._listens:
            await self._talk.send(bytes(FILL_BYTES))
            self._listens = True

    @property
    def _is_open(self) -> bool:
        return None in (self._reports_printed, self._answers_in_order)

    async def gather(self, strays: StrayWatch) -> tuple[Proof, str]:
        """The strongest proof that everything sent so far is printed, or UNKNOWN and the reason why.

        Only our id cannot be made up by rubbish: a printer that has begun to say more than it was asked since
        before the page proves nothing else. One that always does is taken at its word.
        """
        proof, given = await self._ask_for_proof()
        reason = await self._wait_for(given)
        if not reason and proof is not Proof.PRINTED:
            strays.late()  # what came late is over, or else it was none
            reason = await self._fault_after()
            if strays.rubbish or strays.late():
                reason = reason or "printer.no_proof"
        self._talk.stop_expecting(Source.IN_ORDER)
        return (Proof.UNKNOWN, reason) if reason else (proof, "")

    async def _probe(self, filler: bytes) -> bool:
        """Ask for both proofs of nothing; ESC @ wipes what a clone took for text. Whether any was given."""
        id_ = self._new_id()
        before = self._talk.heard(Source.IN_ORDER)
        self._talk.expect(Source.IN_ORDER)
        await self._talk.send(filler + raster.report_printed(id_) + raster.PAPER_STATUS + raster.INITIALISE)
        await self._talk.wait(
            lambda: self._talk.printed_id == id_ and self._talk.heard(Source.IN_ORDER) > before, LEARN_S
        )
        self._talk.stop_expecting(Source.IN_ORDER)
        printed, consumed = self._talk.printed_id == id_, self._talk.heard(Source.IN_ORDER) > before
        if self._reports_printed is None and printed:
            self._reports_printed = True
        if self._answers_in_order is None and consumed:
            self._answers_in_order = True
        return printed or consumed

    async def _ask_for_proof(self) -> tuple[Proof, Callable[[], bool]]:
        if self._reports_printed:
            id_ = self._new_id()
            await self._talk.send(raster.report_printed(id_))
            return Proof.PRINTED, lambda: self._talk.printed_id == id_
        if self._answers_in_order:
            before = self._talk.heard(Source.IN_ORDER)
            self._talk.expect(Source.IN_ORDER)
            await self._talk.send(raster.PAPER_STATUS)
            return Proof.CONSUMED, lambda: self._talk.heard(Source.IN_ORDER) > before
        return Proof.SENT, lambda: True

    async def _wait_for(self, given: Callable[[], bool]) -> str:
        """Wait for it, asking how the printer is; gives the reason why it did not come, or an empty text."""
        end_s = self._clock.monotonic_s() + self._wait_s
        while True:
            await self._talk.wait(lambda: given() or bool(self._talk.obstacle()), LOOK_S)
            if given():
                return ""
            if self._talk.lost or self._talk.obstacle():
                return self._talk.obstacle() or "link.lost"
            if self._clock.monotonic_s() >= end_s:
                return "printer.no_proof"
            if self._asks:
                await self._talk.ask_condition()

    async def _fault_after(self) -> str:
        """Consumed or sent is not printed: the printer must at least report no fault afterwards."""
        if self._asks and not await self._talk.ask_condition() and self._talk.ever_answered:
            return "link.lost" if self._talk.lost else "printer.silent"
        return self._talk.obstacle()

    def _new_id(self) -> bytes:
        """An id that no reply of an earlier session can carry: it grows with the time since boot."""
        self._last_id = max(self._last_id + 1, self._clock.stamp().uptime_ms)
        self._talk.expected_id = raster.process_id(self._last_id)
        return self._talk.expected_id


def _given(choice: str, *, asks: bool) -> bool | None:
    if choice == "auto":
        return None if asks else False
    return choice == "on"
