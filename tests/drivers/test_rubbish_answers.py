"""Printers whose answers turn into rubbish in mid-label: any byte is a status in some languages.

By chance some of it looks like the end of the label. A blind printer takes everything and prints nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from edge_agent.sdk.values import PrintResult, Proof
from simulators.faults import Piece
from simulators.print_buffer import Answer
from simulators.wire import Toward
from tests.drivers.label_bench import EVERYTHING, LABEL_LANGUAGES, Bench

SEEDS = 40
UNMARKED = EVERYTHING - {Answer.GS_H, Answer.GS_R}  # whose proofs carry nothing that rubbish cannot
OUTBURST = b"\xff\xfe\x80"  # no answer in any of the languages
LANGUAGES = pytest.mark.parametrize("language", [*LABEL_LANGUAGES, "escpos"])


class LineEnds:
    """A line end behind everything that is said."""

    def carry(self, frame: Piece) -> Iterator[Piece]:
        yield replace(frame, data=frame.data + b"\r\n")


class HeldBack:
    """Everything that is said waits until `go`; then it comes, byte by byte, before what is said next."""

    def __init__(self) -> None:
        self.go = False
        self._held = b""

    def carry(self, frame: Piece) -> Iterator[Piece]:
        self._held += frame.data
        if not self.go:
            return
        held, self._held = self._held, b""
        yield from (Piece(bytes([byte]), 0.01) for byte in held)


async def printed_while_mute(bench: Bench, seconds: float) -> PrintResult:
    """A print to a printer that says nothing from the middle of the label on, for so long."""
    task = asyncio.ensure_future(bench.start())
    while not bench.printer.garbage:  # noqa: ASYNC110 - a printer sets no event
        await asyncio.sleep(0)
    bench.printer.mute = True
    await bench.clock.advance(seconds)
    bench.printer.mute = False
    while not task.done():
        await bench.clock.advance(0.5)
    return await task


@pytest.mark.parametrize("blind", [False, True], ids=["prints", "prints nothing"])
@LANGUAGES
async def test_rubbish_that_begins_in_mid_label_proves_nothing(language: str, blind: bool) -> None:
    for seed in range(SEEDS if language == "escpos" else 12):
        async with Bench(language, UNMARKED, seed=seed).on() as bench:
            await bench.settle()
            bench.printer.blind = blind
            bench.printer.garbage_after(500)
            result = await bench.print()
            assert (result.proof, bool(result.reason)) == (Proof.UNKNOWN, True), seed


@LANGUAGES
async def test_rubbish_that_comes_unasked_while_the_label_is_sent_is_not_how_it_talks(language: str) -> None:
    for seed in range(SEEDS):
        async with Bench(language, UNMARKED, seed=seed).on() as bench:
            await bench.settle()
            bench.printer.blind = True
            bench.printer.garbage_after(500, OUTBURST)
            result = await bench.print()
            assert (result.proof, bool(result.reason)) == (Proof.UNKNOWN, True), seed


@pytest.mark.parametrize("language", ["cpcl", "escpos"])
async def test_one_burst_that_comes_unasked_in_mid_label_takes_the_worth_of_its_proof(language: str) -> None:
    async with Bench(language, EVERYTHING - {Answer.GS_H}).on() as bench:
        await bench.settle()
        bench.printer.garbage_after(500, OUTBURST)
        task = asyncio.ensure_future(bench.start())
        while not bench.printer.garbage:  # noqa: ASYNC110 - a printer sets no event
            await asyncio.sleep(0)
        bench.printer.garbage = False
        while not task.done():
            await bench.clock.advance(0.5)
        assert ((await task).proof, (await task).reason) == (Proof.UNKNOWN, "printer.no_proof")


@LANGUAGES
async def test_questions_that_went_unanswered_are_no_credit_for_rubbish(language: str) -> None:
    for seed in range(SEEDS):
        async with Bench(language, UNMARKED, seed=seed).on() as bench:
            await bench.settle()
            bench.printer.blind = True
            bench.printer.garbage_after(500)
            result = await printed_while_mute(bench, 4)
            assert (result.proof, bool(result.reason)) == (Proof.UNKNOWN, True), seed


async def test_answers_that_come_late_and_all_at_once_cost_no_proof() -> None:
    """A CPCL printer answers when it has finished the label before."""
    async with Bench("cpcl").on() as bench:
        await bench.settle()
        late = HeldBack()
        task = asyncio.ensure_future(bench.start())
        while bench.printer.received_bytes < 1000:  # noqa: ASYNC110 - a printer sets no event
            await asyncio.sleep(0)
        bench.wire.impair(late, toward=Toward.HOST)
        await bench.clock.advance(3)
        late.go = True
        while not task.done():
            await bench.clock.advance(0.1)
        assert ((await task).proof, (await task).reason) == (Proof.CONSUMED, "")
        assert "frame.noise" in {error.code for error in bench.sink.troubles}


@pytest.mark.parametrize("language", ["cpcl", "escpos"])
async def test_a_printer_that_always_says_more_than_it_is_asked_is_taken_at_its_word(language: str) -> None:
    """A clone that ends each answer with a line end, say: its labels must not all be in doubt."""
    async with Bench(language, EVERYTHING - {Answer.GS_H}).on() as bench:
        bench.wire.impair(LineEnds(), toward=Toward.HOST)
        await bench.settle()
        assert (await bench.print()).proof is Proof.CONSUMED
        assert "frame.noise" in {error.code for error in bench.sink.troubles}
