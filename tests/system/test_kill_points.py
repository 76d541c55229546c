"""Kill -9 at ten named points of the flow: nothing told is lost, nothing is doubled, the flow goes on."""

from __future__ import annotations

import asyncio
import io
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from edge_agent.crash import POINTS, VARIABLE
from edge_agent.sdk.errors import DeviceError
from simulators.central.check import check
from simulators.demo.show import Show
from simulators.demo.stage import Pace, Stage, stage
from tests.system.clerk import Clerk, mark_on

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

ITEMS = ("RR102030405BD", "EA555123453BD")
# Points that are also passed at the start or more than once for a parcel: which passing is meant.
PASSING = {"event.published": 4, "event.acknowledged": 4, "weight.arrived": 2, "weight.committed": 2}


@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_at_any_point_loses_and_doubles_nothing(point: str, tmp_path: Path) -> None:
    environment = {VARIABLE: f"{point}:{PASSING.get(point, 1)}"}
    pace = Pace(settle_s=0.02, print_mm_s=2000, environment=environment)
    async with stage(tmp_path, Show(io.StringIO()), pace) as running:
        clerk = Clerk(running)
        await _work_until_dead(running, clerk)
        running.agent.environment.clear()
        await running.agent.start()
        await running.devices_ready()
        for item, weight in zip(ITEMS, ("1.235", "7.650"), strict=True):
            await clerk.accept(item, weight)
        report = await running.drained()
        said = running.record.saved
        assert Counter(report.accepted) == Counter(ITEMS)
        assert set(said) <= set(report.accepted)
        assert report.gaps == ()
        assert report.conflicts == 0
        assert check(tmp_path / "central.db") == []
        marks = Counter(mark_on(label.page) for label in running.printer.tray.labels)
        assert max(marks.values()) == 1, "the same label, not marked as a reprint, came out twice"
        assert "" not in marks
        assert not running.printer.violations


async def _work_until_dead(running: Stage, clerk: Clerk) -> None:
    """One parcel, in the middle of which the agent is killed."""
    work = asyncio.create_task(clerk.accept(ITEMS[0], "1.235"))
    code = await running.agent.ended()
    assert code == -signal.SIGKILL, "the point was not reached"
    work.cancel()
    with suppress(asyncio.CancelledError, DeviceError):
        await work
