"""A centre that puts an old copy of its store back gets what it lacks from the booths, once each."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from simulators.central.check import check
from simulators.central.server import Central
from simulators.demo.show import Show
from simulators.demo.stage import Pace, Stage, stage

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
BOOTH = "DEMO-01"
CHUNK = 60


async def _scan(running: Stage, first: int, stored: int) -> None:
    """Lines, until the centre has so many in all."""
    await running.scanner.burst([f"LINE-{number:05d}" for number in range(first, first + CHUNK)])
    await running.central.wait_for(lambda report: report.by_type.get("scan.read", 0) == stored, 60)
    await running.drained(60)


async def _restart(running: Stage, folder: Path) -> None:
    running.central = Central(folder / "central.db", "127.0.0.1", running.broker.port)
    await running.central.start()


async def _ordered(running: Stage, first: int, last: int) -> None:
    command = await running.central.command(BOOTH, "events.replay", {"from": first, "to": last})
    record = await running.central.outcome(command, 60)
    assert record.states[-1] == "done", record


def _put_back(folder: Path) -> None:
    for new in folder.glob("central.db*"):
        new.unlink()
    (folder / "yesterday.db").rename(folder / "central.db")


async def test_an_old_store_put_back_gets_what_it_lacks(tmp_path: Path) -> None:
    async with stage(tmp_path, Show(io.StringIO()), Pace(settle_s=0.02, print_mm_s=2000)) as running:
        await running.devices_ready()
        first = running.central
        await _scan(running, 0, CHUNK)
        await _ordered(running, 1, 1)  # an order from before the copy
        await first.stop()
        shutil.copy(tmp_path / "central.db", tmp_path / "yesterday.db")
        had = await _last(running)
        await _restart(running, tmp_path)
        try:
            await _ordered(running, 1, 1)  # and one that the copy does not know of
            await _scan(running, CHUNK, 2 * CHUNK)
            lost = await _last(running)
            assert lost > had
        finally:
            await running.central.stop()
        _put_back(tmp_path)
        await _restart(running, tmp_path)
        try:
            await _scan(running, 2 * CHUNK, 2 * CHUNK)  # one part of them is not here any more
            (gap,) = (await running.central.report(BOOTH)).gaps
            assert gap.last == lost
            await _ordered(running, gap.first, gap.last)
            await running.central.wait_for(lambda report: not report.gaps, 60)
            await running.drained(60)
            report = await running.central.report(BOOTH)
            last = await _last(running)
            (stream,) = report.streams
            assert (report.events, report.conflicts, report.rejected, stream.upto) == (last, 0, 0, last)
            assert report.by_type["scan.read"] == 3 * CHUNK
        finally:
            await running.central.stop()
        assert check(tmp_path / "central.db") == []


async def _last(running: Stage) -> int:
    ledger = (await running.agent.status())["ledger"]
    assert isinstance(ledger, dict)
    return int(ledger["last"])
