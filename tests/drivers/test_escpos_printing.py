"""The ESC/POS driver printing: refusal before the first byte, the strongest proof after the last."""

from __future__ import annotations

import asyncio

import pytest

from drivers.printers.escpos_device import Cut, HeatSet, Initialised, InRaster, ProcessIdAsked, StatusAsked
from drivers.printers.escpos_status import PrinterCondition, process_id_reply
from edge_agent.sdk.values import Page, Paper, PrintJob, Proof
from tests.drivers.escpos_bench import (
    BARE,
    CLONE,
    EVERYTHING,
    JOB,
    MUTE,
    PAGE,
    QUESTION_BYTES,
    Bench,
    rows,
)
from tests.drivers.rig import driven, turns


@pytest.mark.parametrize(
    ("able", "proof"),
    [(EVERYTHING, Proof.PRINTED), (CLONE, Proof.CONSUMED), (BARE, Proof.SENT), (MUTE, Proof.SENT)],
)
async def test_the_strongest_proof_that_the_printer_gives_is_gathered(
    able: frozenset[str], proof: Proof
) -> None:
    bench = Bench(able)
    async with driven(bench.driver):
        await bench.settle()
        result = await bench.print()
    assert (result.proof, result.reason) == (proof, "")
    assert (result.job, result.attempt) == ("job-1", 1)
    assert bench.drawn() == rows(PAGE)
    assert bench.printer.misuse == []


async def test_what_the_printer_can_prove_is_learned_once() -> None:
    bench = Bench(CLONE)
    async with driven(bench.driver):
        await bench.settle()
        for _ in range(3):
            assert (await bench.print()).proof is Proof.CONSUMED
    assert not any(isinstance(event, ProcessIdAsked) for event in bench.printer.events)


@pytest.mark.parametrize(
    ("options", "proof"),
    [
        ({"confirm_printed": "off"}, Proof.CONSUMED),
        ({"confirm_printed": "off", "confirm_consumed": "off"}, Proof.SENT),
        ({"confirm_printed": "on"}, Proof.PRINTED),
    ],
)
async def test_a_proof_can_be_switched_off_or_insisted_on(options: dict[str, str], proof: Proof) -> None:
    bench = Bench(EVERYTHING, **options)
    async with driven(bench.driver):
        await bench.settle()
        assert (await bench.print()).proof is proof


async def test_a_job_that_comes_first_of_all_is_proved_as_well() -> None:
    bench = Bench()
    async with driven(bench.driver):
        assert (await bench.print()).proof is Proof.PRINTED


async def test_a_page_is_cut_only_where_the_job_wants_it() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.settle()
        await bench.print(PrintJob("slip", PAGE, cut=False))
        assert not any(isinstance(event, Cut) for event in bench.printer.events)
        await bench.print()
        assert [event for event in bench.printer.events if isinstance(event, Cut)] == [Cut(partial=True)]


async def test_jobs_are_printed_one_after_the_other() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.settle()
        results = await asyncio.gather(*(bench.driver.print(PrintJob(f"job-{n}", PAGE)) for n in range(5)))
    assert [result.proof for result in results] == [Proof.PRINTED] * 5
    assert bench.drawn() == rows(PAGE) * 5


async def test_a_page_wider_than_the_head_fails_before_the_first_byte() -> None:
    bench = Bench(width_dots=64)
    async with driven(bench.driver):
        await bench.settle()
        result = await bench.print(PrintJob("wide", Page(65, 1, bytes(9))))
    assert (result.proof, result.accepted_bytes, result.reason) == (
        Proof.FAILED,
        0,
        "printer.page_too_wide",
    )


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (PrinterCondition(paper_out=True), "printer.paper_out"),
        (PrinterCondition(cover_open=True), "printer.cover_open"),
        (PrinterCondition(cutter_jammed=True), "printer.fault"),
        (PrinterCondition(overheated=True), "printer.fault"),
    ],
)
@pytest.mark.parametrize("able", [EVERYTHING, CLONE])
async def test_nothing_is_sent_to_a_printer_that_cannot_print(
    condition: PrinterCondition, reason: str, able: frozenset[str]
) -> None:
    bench = Bench(able)
    async with driven(bench.driver):
        await bench.settle()
        bench.printer.condition = condition
        result = await bench.print()
        assert (result.proof, result.accepted_bytes, result.reason) == (Proof.FAILED, 0, reason)
        assert all(isinstance(event, StatusAsked) for event in bench.printer.events)
        bench.printer.condition = PrinterCondition()
        assert (await bench.print()).proof in (Proof.PRINTED, Proof.CONSUMED)


async def test_paper_that_is_nearly_at_its_end_still_prints() -> None:
    bench = Bench()
    bench.printer.condition = PrinterCondition(near_end=True)
    async with driven(bench.driver):
        await bench.settle()
        assert (await bench.print()).proof is Proof.PRINTED
        assert bench.sink.state.paper is Paper.NEAR_END


async def test_a_printer_that_has_fallen_silent_is_not_printed_to() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.settle()
        bench.printer.able = MUTE
        result = await bench.print()
    assert (result.proof, result.accepted_bytes, result.reason) == (Proof.FAILED, 0, "printer.silent")


async def test_a_printer_that_falls_silent_after_the_last_byte_proves_nothing() -> None:
    for able in (EVERYTHING, CLONE, BARE):
        bench = Bench(able)
        async with driven(bench.driver):
            await bench.settle()
            bench.printer.deaf_after_cut = True
            result = await bench.print()
        assert result.proof is Proof.UNKNOWN, able
        assert result.reason in ("printer.no_proof", "printer.silent"), able
        assert bench.drawn() == rows(PAGE)


async def test_a_proof_of_an_earlier_session_proves_nothing() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.settle()
        bench.printer.able = EVERYTHING - {"id"}
        bench.link.arrive(process_id_reply(b"0001"))
        result = await bench.print()
    assert result.proof is Proof.UNKNOWN
    assert result.reason == "printer.no_proof"
    assert "printer.late_proof" in [error.code for error in bench.sink.troubles]


async def test_waiting_for_a_proof_ends_after_its_time() -> None:
    bench = Bench(EVERYTHING, proof_timeout_s=5)
    async with driven(bench.driver):
        await bench.settle()
        bench.printer.able = EVERYTHING - {"id"}
        start = bench.clock.monotonic_s()
        result = await bench.print()
        assert bench.clock.monotonic_s() - start < 8
    assert (result.proof, result.reason) == (Proof.UNKNOWN, "printer.no_proof")


async def test_a_lost_link_is_known_without_trying() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.settle()
        bench.link.hang_up()
        await turns()
        result = await bench.print()
    assert (result.proof, result.accepted_bytes, result.reason) == (Proof.FAILED, 0, "link.lost")


async def test_nothing_is_polled_while_a_job_is_being_sent() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.settle()
        await bench.print(PrintJob("long", Page(576, 3000, bytes(72 * 3000))))
    asked = [index for index, event in enumerate(bench.printer.events) if isinstance(event, StatusAsked)]
    assert asked == [0, 1, 2, 3]


async def test_every_write_has_a_time_limit() -> None:
    bench = Bench()
    limits: set[float] = set()
    write = bench.link.write

    async def noted(data: bytes, timeout_s: float) -> None:
        limits.add(timeout_s)
        assert len(data) <= 4096
        await write(data, timeout_s)

    bench.link.write = noted  # type: ignore[method-assign]  # notes, changes nothing
    async with driven(bench.driver):
        await bench.settle()
        await bench.print(PrintJob("long", Page(576, 3000, bytes(72 * 3000))))
    assert limits == {10.0}


async def test_an_unknown_profile_is_refused_with_the_nearest_name() -> None:
    bench = Bench(profile="TM-T88II1")
    result = await bench.print()
    assert (result.proof, result.reason) == (Proof.FAILED, "printer.profile")


async def test_a_link_that_is_lost_while_the_printer_is_asked_fails_the_job_unsent() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.settle()
        bench.printer.able = MUTE
        printing = asyncio.ensure_future(bench.driver.print(JOB))
        await turns()
        bench.link.hang_up()
        await bench.clock.advance(1)
        result = await printing
    assert (result.proof, result.accepted_bytes, result.reason) == (Proof.FAILED, 0, "link.lost")


async def test_a_print_that_is_cancelled_in_a_band_does_not_spoil_the_next_one() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.settle()
        bench.link.stall_at = len(bench.link.written) + QUESTION_BYTES + 60
        printing = asyncio.ensure_future(bench.driver.print(JOB))
        await turns()
        printing.cancel()
        await asyncio.gather(printing, return_exceptions=True)
        bench.link.stall_at = None
        assert (await bench.print()).proof is Proof.PRINTED
    assert bench.drawn().endswith(rows(PAGE))
    assert not any(isinstance(event, InRaster) for event in bench.printer.events)


async def test_density_and_speed_are_told_with_each_page_after_it_was_initialised() -> None:
    """ESC @ sets both back, so they come behind it, and before the first row."""
    bench = Bench(EVERYTHING, density=8, speed=2)
    async with driven(bench.driver):
        await bench.settle()
        for _ in range(2):
            bench.printer.events.clear()
            assert (await bench.print()).proof is Proof.PRINTED
            said = [event for event in bench.printer.events if isinstance(event, Initialised | HeatSet)]
            assert said == [Initialised(), HeatSet(49, 2), HeatSet(50, 2)]
            assert bench.drawn() == rows(PAGE)


async def test_density_and_speed_that_are_not_set_are_left_alone() -> None:
    bench = Bench(EVERYTHING)
    async with driven(bench.driver):
        await bench.settle()
        await bench.print()
        assert not any(isinstance(event, HeatSet) for event in bench.printer.events)
