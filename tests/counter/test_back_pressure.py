"""A scan that the flow cannot take is refused aloud and counted; it never waits to become the next parcel."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from edge_agent.counter.inputs import Policy
from edge_agent.counter.parcel import Phase
from edge_agent.counter.scanned import Flood
from edge_agent.sdk.values import ClockQuality, Scan, Stamp
from tests.counter.counter_bench import ITEM, OTHER, late, opened


async def test_a_scan_during_the_label_is_refused_counted_and_forgotten(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.devices.may_end.clear()
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        await bench.weigh("1.234")
        await bench.until(lambda: bench.devices.jobs)
        await bench.scan(OTHER)
        assert bench.sounds("refused_busy") == ["rejected"]
        assert bench.counter.counts.refused == 1
        bench.devices.may_end.set()
        await bench.until(lambda: bench.phase is Phase.IDLE)
        await bench.quiet()
        assert bench.phase is Phase.IDLE
        assert (await bench.types()).count("parcel.scanned") == 1


async def test_a_scan_that_waited_while_a_parcel_was_in_hand_does_not_start_the_next(tmp_path: Path) -> None:
    """Read before the first parcel was done with, handed over after: a slow disk, a full link."""
    async with opened(tmp_path) as bench:
        await bench.weigh("0.000")
        await bench.scan(ITEM)
        (waited,) = bench.scan_of(OTHER)
        await bench.weigh("1.234")
        await bench.until(lambda: bench.phase is Phase.IDLE)
        await bench.counter.scans([waited])
        assert bench.phase is Phase.IDLE
        assert bench.sounds("refused_busy") == ["rejected"]
        assert bench.counter.counts.refused == 1
        assert "scan.refused" in await bench.types()
        await bench.clock.advance(2)
        await bench.scan(OTHER)
        assert bench.phase is Phase.WEIGHING


async def test_where_no_parcel_is_ever_in_hand_nothing_that_waited_is_refused(tmp_path: Path) -> None:
    """Parcels that need neither scale nor label are taken as fast as they are scanned."""
    quick = Policy(label=False, unweighed=True)
    async with opened(tmp_path, quick, accepts=("text",)) as bench:
        bench.devices.has_scale = False
        batches = [bench.scan_of(*(f"P{batch}-{number}" for number in range(20))) for batch in range(10)]
        await asyncio.gather(*(bench.counter.scans(batch) for batch in batches))
        assert bench.counter.counts.accepted == 200
        assert bench.counter.counts.refused == 0


async def test_what_two_scanners_see_within_the_window_is_one_event_and_counted_apart(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        (scan,) = bench.scan_of(ITEM)
        await bench.counter.scans([scan, late(scan, 100)])
        await bench.counter.scans([replace(late(scan, 200), device="scanner-2")])
        assert (await bench.types()).count("scan.read") == 1
        assert bench.counter.counts.repeats == 2
        assert bench.counter.counts.doubles == 1


async def test_a_code_held_before_the_scanner_for_long_stays_one_scan(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        (scan,) = bench.scan_of(ITEM)
        for again in range(20):
            await bench.counter.scans([late(scan, 500 * again)])
        assert (await bench.types()).count("scan.read") == 1
        assert bench.counter.counts.repeats == 19


async def test_a_scanner_that_floods_is_held_at_its_bound_and_told_once(tmp_path: Path) -> None:
    async with opened(tmp_path, None) as bench:
        bench.counter._flood = Flood(most=50)
        for batch in range(10):
            await bench.scan(*(f"F{batch}-{number}" for number in range(20)))
        types = await bench.types()
        assert types.count("scan.read") == 50
        assert types.count("scan.flooded") == 1
        assert bench.counter.counts.flooded == 150
        assert bench.sounds("scanner_floods") == ["fault"]
        (other,) = bench.scan_of("OTHER")
        await bench.counter.scans([replace(other, device="scanner-2")])
        assert (await bench.types()).count("scan.read") == 51
        await bench.clock.advance(60)
        await bench.scan("AFTER")
        assert (await bench.types()).count("scan.read") == 52


async def test_twenty_thousand_barcodes_at_once_are_no_flood() -> None:
    flood = Flood()
    scans = [Scan("scanner-1", Stamp(1, 1, ClockQuality.NTP), str(number)) for number in range(20_000)]
    assert flood.passed(scans) == (scans, [])


async def test_the_same_code_later_is_the_flows_to_refuse(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.accept(ITEM)
        await bench.clock.advance(5)
        await bench.scan(ITEM)
        assert bench.sounds("refused_again") == ["rejected"]
        assert bench.counter.counts.refused == 1
