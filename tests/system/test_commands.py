"""Commands from the centre to the real daemon: executed once, answered, refused with a reason."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from simulators.demo.show import Show
from simulators.demo.stage import Pace, Stage, stage

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
BOOTH = "DEMO-01"
ANSWER_S = 30.0


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, Show(io.StringIO()), Pace(settle_s=0.02, print_mm_s=2000)) as made:
        await made.devices_ready()
        yield made


async def _outcome(running: Stage, kind: str, **args: str) -> str:
    command = await running.central.command(BOOTH, kind, args)
    record = await running.central.outcome(command, ANSWER_S)
    return record.states[-1]


async def test_a_reading_is_given_and_recorded_as_finished(running: Stage) -> None:
    assert await _outcome(running, "scale.read", device="scale-1") == "done"
    report = await running.drained()
    assert report.by_type["command.finished"] == 1


async def test_a_zero_within_the_range_is_carried_out(running: Stage) -> None:
    running.scale.put(Decimal("0.050"))
    await running.until("the load is shown", lambda: running.scale.indication().motion is False)
    assert await _outcome(running, "scale.zero", device="scale-1") == "done"
    assert running.scale.indication().gross == 0


async def test_what_cannot_be_done_fails_and_what_does_not_exist_is_rejected(running: Stage) -> None:
    assert await _outcome(running, "scale.zero", device="nothing") == "failed"
    assert await _outcome(running, "print.reprint") == "failed"
    assert await _outcome(running, "booth.explode") == "rejected"


async def test_an_expired_command_is_not_executed(running: Stage) -> None:
    command = await running.central.command(BOOTH, "scale.read", {"device": "scale-1"}, notafter_s=-60)
    record = await running.central.outcome(command, ANSWER_S)
    clock = (await running.agent.status())["clock"]
    assert record.states[-1] == ("done" if clock == "none" else "expired")
