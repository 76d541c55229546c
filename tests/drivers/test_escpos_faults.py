"""The ESC/POS driver and everything that can go wrong between the first byte and the last."""

from __future__ import annotations

import pytest

from edge_agent.sdk.values import Proof
from tests.drivers.escpos_bench import (
    CLONE,
    EVERYTHING,
    PAGE,
    QUESTION_BYTES,
    Bench,
    job_length,
    rows,
)
from tests.drivers.rig import driven


async def test_a_port_that_stops_at_any_byte_leaves_a_job_failed_or_unknown_by_the_first_byte() -> None:
    length = await job_length()
    for stop in range(0, length, 7):
        bench = Bench()
        async with driven(bench.driver):
            await bench.settle()
            bench.link.write_limit = len(bench.link.written) + QUESTION_BYTES + stop
            result = await bench.print()
        assert result.accepted_bytes == stop
        assert result.proof is (Proof.UNKNOWN if stop else Proof.FAILED), stop
        assert result.reason == "link.write_timeout"


@pytest.mark.parametrize("able", [EVERYTHING, CLONE])
async def test_paper_running_out_at_any_byte_is_never_taken_for_printed(able: frozenset[str]) -> None:
    length = await job_length(able)
    for stop in range(0, length, 11):
        bench = Bench(able)
        async with driven(bench.driver):
            await bench.settle()
            bench.printer.fails_at = bench.printer.received + QUESTION_BYTES + stop
            result = await bench.print()
        assert result.proof is Proof.UNKNOWN, stop
        assert result.reason == "printer.paper_out", stop


async def test_a_hang_up_at_any_byte_leaves_the_job_unknown() -> None:
    length = await job_length()
    for stop in range(1, length, 13):
        bench = Bench()
        async with driven(bench.driver):
            await bench.settle()
            bench.link.hang_up_at = len(bench.link.written) + QUESTION_BYTES + stop
            bench.printer.able = bench.printer.able - {"id"}
            result = await bench.print()
        assert (result.proof, result.reason) == (Proof.UNKNOWN, "link.lost"), stop
        assert result.accepted_bytes >= stop


async def test_the_job_after_one_that_was_cut_off_is_whole() -> None:
    length = await job_length()
    for stop in range(1, length, 17):
        bench = Bench()
        async with driven(bench.driver):
            await bench.settle()
            bench.link.write_limit = len(bench.link.written) + QUESTION_BYTES + stop
            assert (await bench.print()).proof is Proof.UNKNOWN
            bench.link.write_limit = None
            result = await bench.print()
        assert result.proof is Proof.PRINTED, stop
        assert bench.drawn().endswith(rows(PAGE)), stop
        assert bench.printer.misuse == [], stop


async def test_a_parser_left_inside_a_band_by_an_earlier_session_is_brought_out_of_it() -> None:
    bench = Bench()
    bench.printer.device.feed(b"\x1dv0\x00\x48\x00\x40\x00" + bytes(100))
    assert bench.printer.device.in_raster
    async with driven(bench.driver):
        await bench.settle()
        result = await bench.print()
    assert result.proof is Proof.PRINTED
    assert bench.drawn() == rows(PAGE)
