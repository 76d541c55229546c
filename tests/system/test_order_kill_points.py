"""Kill -9 at every step of a label that the centre ordered: never two of one mark, never one forgotten."""

from __future__ import annotations

import asyncio
import io
import signal
from collections import Counter
from pathlib import Path

import pytest

from edge_agent.crash import ORDER_POINTS, VARIABLE
from simulators.central.check import check
from simulators.demo.show import Show
from simulators.demo.stage import Pace, Stage, stage
from tests.system.clerk import Clerk, mark_on

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

BOOTH, ITEM, ORDER = "DEMO-01", "RR102030405BD", "L-2026-000117"
ARGS = {
    "job": ORDER,
    "template": "parcel-80",
    "item": ITEM,
    "data": {
        "item": {"number": ITEM},
        "weight": {"text": "1.235", "unit": "kg"},
        "booth": {"id": BOOTH, "name": "Demo"},
        "time": {"local": "2026-11-28 10:00"},
        "recipient": {"name": "SECRET NAME", "address": "SECRET STREET"},
    },
}
ENDED = {"sent", "confirmed", "unconfirmed", "failed", "expired", "cancelled"}
# What the job has come to once the agent is up again and left alone; what may be on paper then.
AFTER = {
    "order.received": ("failed", 0),
    "order.queued": ("confirmed", 1),
    "order.rendered": ("confirmed", 1),
    "order.sending": ("unconfirmed", 0),
    "order.sent": ("unconfirmed", 1),
    "order.recorded": ("confirmed", 1),
}


@pytest.mark.parametrize("point", ORDER_POINTS)
async def test_a_kill_at_any_step_of_an_order_doubles_and_forgets_nothing(point: str, tmp_path: Path) -> None:
    environment = {VARIABLE: point}
    pace = Pace(settle_s=0.02, print_mm_s=2000, environment=environment)
    async with stage(tmp_path, Show(io.StringIO()), pace) as running:
        await running.devices_ready()
        await running.central.command(BOOTH, "print.label", ARGS)
        assert await running.agent.ended() == -signal.SIGKILL, "the point was not reached"
        running.agent.environment.clear()
        await running.agent.start()
        await running.devices_ready()
        await running.until("the printer has finished", lambda: running.printer.idle)
        job = await ended(running)
        state, papers = AFTER[point]
        assert job["state"] == state
        assert len(running.printer.tray.labels) == papers
        again = await running.central.command(BOOTH, "print.label", ARGS)
        record = await running.central.outcome(again, 30)
        assert record.states[-1] == "done"
        job = await ended(running)
        if state == "unconfirmed":
            assert job["state"] == "unconfirmed", "ordering it again must not send it again"
            await decide(running, job)
            job = await ended(running)
        assert job["state"] in {"confirmed", "sent"}
        await the_booth_works_on(running, tmp_path)


async def decide(running: Stage, job: dict[str, object]) -> None:
    """As a person does: scan what came out, else have it printed again."""
    labels = running.printer.tray.labels
    if labels:
        await running.scanner.scan(mark_on(labels[-1].page))
        await running.until("the scan is told", lambda: "label_confirmed" in running.record.told)
    else:
        await running.agent.ask(op="print.reprint", job=job["job"])


async def the_booth_works_on(running: Stage, folder: Path) -> None:
    """A parcel goes through; every label differs; the centre has a gapless story; nothing private leaked."""
    await running.until("the printer has finished", lambda: running.printer.idle)
    await Clerk(running).accept("EA555123453BD", "7.650")
    report = await running.drained()
    assert report.gaps == ()
    assert check(folder / "central.db") == []
    await running.until("the printer has finished", lambda: running.printer.idle)
    marks = Counter(mark_on(label.page) for label in running.printer.tray.labels)
    assert max(marks.values()) == 1, "the same label came out twice"
    assert "" not in marks
    assert not running.printer.violations
    for file in ("agent.log", "central.db"):
        assert b"SECRET" not in (folder / file).read_bytes()
    log = (folder / "agent.log").read_bytes()
    assert [item for item in (ITEM, "EA555123453BD") if item.encode() in log] == [], (
        "a parcel's number leads to people"
    )


async def ended(running: Stage) -> dict[str, object]:
    """The job once it is in an end state, or is known to the booth at all."""
    deadline = asyncio.get_running_loop().time() + 30
    job: dict[str, object] = {}
    while asyncio.get_running_loop().time() < deadline:
        answer = await running.agent.ask(op="print.queue")
        jobs = [one for one in answer["result"]["jobs"] if one["order"] == ORDER]  # type: ignore[index,call-overload]  # JSON
        job = jobs[0] if jobs else {}
        if job.get("state") in ENDED:
            return job
        await asyncio.sleep(0.05)
    pytest.fail(f"the job has no end: {job}")
