"""Scales that are asked, over bad wires: no number that the scale did not show, and no lasting harm."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drivers.scales import adam, mt_sics, nci, ohaus
from edge_agent.sdk.driver import show
from simulators.faults import ByteByByte, Dropped, Fault, Flipped, Flood, Merged, Noise, Silent, Truncated
from tests.drivers.asked_bench import CASES, EACH, Bench, Case, weighing

LOADS = ("0", "7.65", "12.34")
NUMERALS = {"0.000", "7.650", "12.340"}
WIRES: dict[str, Callable[[], Fault]] = {
    "bytewise": ByteByByte,
    "merged": lambda: Merged(2),
    "noise": lambda: Noise(0.3),
    "flood": lambda: Flood(4),
    "truncated": lambda: Truncated(11),
}
FREE_COLUMNS = {nci.SCP01, ohaus.STANDARD, adam.CPWPLUS}
FIXED = [case for case in CASES if case.settings.get("dialect") not in FREE_COLUMNS]


async def use(bench: Bench) -> None:
    """Weigh some loads, with a new driver where one has given up."""
    for load in LOADS:
        await bench.put(load)
        if bench.task.done() and bench.task.exception():
            await bench.reopen()


async def heals(bench: Bench) -> None:
    """Over a clean wire the last load is read, by a new driver where one has given up."""
    bench.wire.impair()
    await bench.pass_time(3)
    if bench.task.done() and bench.task.exception():
        await bench.reopen()
    await bench.pass_time(4)
    assert (show(bench.last), bench.last.unit) == ("12.340", "kg")


def told_at_rest(bench: Bench) -> set[str]:
    return {show(reading) for reading in bench.sink.readings if reading.stable and reading.weight is not None}


@pytest.mark.parametrize("wire", WIRES)
@EACH
async def test_no_number_is_told_that_the_scale_did_not_show(case: Case, wire: str) -> None:
    async with weighing(case) as bench:
        bench.wire.impair(WIRES[wire]())
        await use(bench)
        assert told_at_rest(bench) <= NUMERALS
        await heals(bench)


@pytest.mark.parametrize("case", FIXED, ids=str)
async def test_lost_bytes_are_never_a_wrong_number_where_columns_are_fixed(case: Case) -> None:
    async with weighing(case) as bench:
        bench.wire.impair(Dropped(0.02))
        await use(bench)
        assert told_at_rest(bench) <= NUMERALS
        units = {reading.unit for reading in bench.sink.readings}
        assert units <= {"kg", None} or case.spec is mt_sics.SPEC  # its unit stands in no column
        await heals(bench)


@EACH
async def test_turned_bits_and_silence_leave_no_lasting_harm(case: Case) -> None:
    async with weighing(case) as bench:
        bench.wire.impair(Flipped(0.05))
        await use(bench)
        bench.wire.impair(Silent())
        await bench.pass_time(1)
        await heals(bench)


@EACH
async def test_a_scale_plugged_in_again_is_read_again(case: Case) -> None:
    async with weighing(case, "12.34") as bench:
        await bench.endpoint.unplug()
        await bench.ended()
        await bench.endpoint.plug()
        await bench.reopen()
        await heals(bench)
