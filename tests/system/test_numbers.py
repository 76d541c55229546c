"""A booth that gives its parcels their numbers: leased, asked for, used without a network, cut anywhere."""

from __future__ import annotations

import asyncio
import io
import signal
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from edge_agent.crash import NUMBER_POINTS, VARIABLE
from edge_agent.sdk.errors import DeviceError
from simulators.demo.show import Show
from simulators.demo.stage import Pace, Stage, stage
from tests.system.clerk import codes_on

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
BOOTH, CODE = "DEMO-01", "NEW-PARCEL"
SETTINGS = f'\n[numbers]\nlow_water = 3\nnew_parcel_code = "{CODE}"\n'


def pace(**environment: str) -> Pace:
    return Pace(settle_s=0.02, print_mm_s=2000, settings=SETTINGS, environment=environment)


async def lease(running: Stage, first: int, count: int, name: str = "L-1") -> str:
    """The state in which the order ended."""
    epoch = (await running.agent.status())["epoch"]
    assert isinstance(epoch, str)
    args = {"lease": name, "booth": BOOTH, "epoch": epoch, "pattern": "RR########*BD", "check": "s10"}
    command = await running.central.command(
        BOOTH, "number.lease", {**args, "first": first, "last": first + count - 1}
    )
    return (await running.central.outcome(command, 30)).states[-1]


async def new_parcel(running: Stage) -> None:
    """A clerk with a parcel that has no number: scan the code, weigh, take it off again."""
    saved = len(running.record.saved)
    await asyncio.sleep(1.1)  # longer than the booth takes for a repeat of the device
    running.scale.put(Decimal(0))
    await running.scanner.scan(CODE)
    await running.until("it is in hand", lambda: running.record.prompt in {"place_parcel", "clear_pan"})
    await running.until("the pan is empty", lambda: running.record.prompt == "place_parcel")
    running.scale.put(Decimal("1.235"))
    await running.until("it is saved", lambda: len(running.record.saved) > saved)


async def test_parcels_get_the_leased_numbers_their_labels_and_more_are_asked_for(tmp_path: Path) -> None:
    async with stage(tmp_path, Show(io.StringIO()), pace()) as running:
        await running.devices_ready()
        await running.scanner.scan(CODE)
        await running.until("there is no number yet", lambda: running.record.prompt == "no_numbers")
        assert await lease(running, 12345670, 4) == "done"
        assert await lease(running, 12345672, 4, "L-2") == "failed"
        for _ in range(2):
            await new_parcel(running)
        report = await running.drained()
        assert [item[2:10] for item in report.accepted] == ["12345670", "12345671"]
        assert report.by_type["numbers.low"] == 2, "at the start, and when two were left"
        printed = [codes_on(label.page).values() for label in running.printer.tray.labels]
        assert all(item in codes for item, codes in zip(report.accepted, printed, strict=True))


async def test_without_a_network_numbers_go_on(tmp_path: Path) -> None:
    async with stage(tmp_path, Show(io.StringIO()), pace()) as running:
        await running.devices_ready()
        assert await lease(running, 12345670, 10) == "done"
        await running.broker.stop()
        for _ in range(2):
            await new_parcel(running)
        assert len(set(running.record.saved)) == 2


@pytest.mark.parametrize("point", NUMBER_POINTS)
async def test_a_kill_while_a_number_is_taken_gives_it_to_no_other_parcel(point: str, tmp_path: Path) -> None:
    async with stage(tmp_path, Show(io.StringIO()), pace(**{VARIABLE: point})) as running:
        await running.devices_ready()
        assert await lease(running, 12345670, 10) == "done"
        work = asyncio.create_task(new_parcel(running))
        assert await running.agent.ended() == -signal.SIGKILL, "the point was not reached"
        work.cancel()
        with suppress(asyncio.CancelledError, DeviceError):
            await work
        running.agent.environment.clear()
        await running.agent.start()
        await running.devices_ready()
        for _ in range(2):
            await new_parcel(running)
        report = await running.drained()
        used = [item[2:10] for item in report.accepted]
        assert used == ["12345671", "12345672"], "the number of the cut is lost, not given twice"
        assert report.gaps == ()
