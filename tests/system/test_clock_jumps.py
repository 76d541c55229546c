"""A clock at 1970 and jumps of 400 days: local work goes on, the order holds, no timer misfires.

The daemon's wall clock is moved while everything that counts time since boot goes on, as it is on a box.
"""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from pathlib import Path

import pytest

from simulators.central.check import check
from simulators.demo.show import Show
from simulators.demo.stage import Pace, Stage, stage
from tests.system.clerk import Clerk

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
BOOTH = "DEMO-01"
DAY_S = 86_400
ITEMS = ("RR102030405BD", "EA555123453BD", "RR102030419BD", "RR102030422BD")
MOVED_CLOCK = """
import os, time
_real_ns, _file = time.time_ns, os.environ["MOVED_CLOCK"]
def _moved_ns():
    with open(_file) as file:
        told = file.read()
    return _real_ns() + int(told) * 10**9 if told[0] in "+-" else int(told) * 10**9 + _real_ns() % 10**9
time.time_ns = _moved_ns
time.time = lambda: _moved_ns() / 10**9
"""


class WallClock:
    """The wall clock of one daemon: moved by so many seconds, or standing at a moment."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "wall-clock"
        self.move(0)
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(MOVED_CLOCK)
        self.environment = {"MOVED_CLOCK": str(self._file), "PYTHONPATH": str(folder / "site")}

    def move(self, seconds: int) -> None:
        self._put(f"{seconds:+d}")

    def stand_at(self, seconds: int) -> None:
        self._put(str(seconds))

    def _put(self, text: str) -> None:
        beside = self._file.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self._file)


@pytest.fixture
def wall(tmp_path: Path) -> WallClock:
    return WallClock(tmp_path)


def pace(wall: WallClock) -> Pace:
    return Pace(settle_s=0.02, print_mm_s=2000, environment=wall.environment)


async def year(running: Stage) -> str:
    return str((await running.agent.status())["time"])[:4]


async def all_is_well(running: Stage, tmp_path: Path, items: tuple[str, ...]) -> None:
    """Every item accepted once, no gap, nothing doubled, nothing lost on the way."""
    report = await running.drained()
    assert Counter(report.accepted) == Counter(items)
    assert report.gaps == ()
    assert report.conflicts == 0
    assert check(tmp_path / "central.db") == []


async def test_a_box_that_boots_in_1970_works_and_says_that_its_clock_means_nothing(
    tmp_path: Path, wall: WallClock
) -> None:
    wall.stand_at(600)
    async with stage(tmp_path, Show(io.StringIO()), pace(wall)) as running:
        await running.devices_ready()
        assert await year(running) == "1970"
        assert (await running.agent.status())["clock"] == "none"
        clerk = Clerk(running)
        await clerk.accept(ITEMS[0], "1.235")
        wall.move(0)  # the network has told the time: fifty-six years at once
        await clerk.accept(ITEMS[1], "7.650")
        assert await year(running) != "1970"
        await all_is_well(running, tmp_path, ITEMS[:2])


async def test_jumps_of_400_days_in_the_middle_of_a_parcel_disturb_nothing(
    tmp_path: Path, wall: WallClock
) -> None:
    async with stage(tmp_path, Show(io.StringIO()), pace(wall)) as running:
        await running.devices_ready()
        clerk = Clerk(running)
        for item, days in zip(ITEMS, (400, -400, 0, 400), strict=True):
            before = running.record.told.count("place_parcel")
            work = asyncio.create_task(clerk.accept(item, "1.235"))
            await running.until(
                "it is in hand", lambda n=before: running.record.told.count("place_parcel") > n
            )
            wall.move(days * DAY_S)
            await work
        assert "voided" not in running.record.told, "a parcel does not wait by the wall clock"
        await all_is_well(running, tmp_path, ITEMS)
        report = await running.central.report()
        assert report.by_type["agent.started"] == 1, "the watchdog saw nothing"


async def test_neither_the_link_nor_a_command_nor_a_restart_minds_a_jump(
    tmp_path: Path, wall: WallClock
) -> None:
    async with stage(tmp_path, Show(io.StringIO()), pace(wall)) as running:
        await running.devices_ready()
        for days in (400, -400, 20_000, -20_000):
            wall.move(days * DAY_S)
            command = await running.central.command(BOOTH, "scale.read", {"device": "scale-1"})
            states = (await running.central.outcome(command, 30)).states
            assert states[-1] == "done", "a clock that nobody vouches for expires nothing"
            assert (await running.agent.status())["uplink"]["status"] == "online"  # type: ignore[index]
        again = await running.central.command(BOOTH, "agent.restart", {})
        wall.move(-400 * DAY_S)
        assert (await running.central.outcome(again, 60)).states[-1] == "done"
        await running.devices_ready()
        await Clerk(running).accept(ITEMS[0], "1.235")
        await all_is_well(running, tmp_path, ITEMS[:1])
