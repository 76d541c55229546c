"""Commands from the centre to the real daemon: executed once, answered, refused with a reason."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from simulators.central.report import read_command
from simulators.demo.show import Show
from simulators.demo.stage import Pace, Stage, stage
from tests.commands.signing import SigningKey
from tests.system.clerk import Clerk

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


async def _runs(running: Stage, command: str) -> None:
    for _ in range(1500):
        record = read_command(running.folder / "central.db", command)
        if record and "running" in record.states:
            return
        await asyncio.sleep(0.02)
    pytest.fail("the command does not run")


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


async def test_a_restart_is_told_as_done_by_the_agent_that_came_after_it(running: Stage) -> None:
    loop = asyncio.get_running_loop()
    before, began_s = (await running.agent.status())["running_ms"], loop.time()
    assert await _outcome(running, "agent.restart") == "done"
    await running.devices_ready()
    after = (await running.agent.status())["running_ms"]
    passed_ms = 1000 * (loop.time() - began_s)
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert after < passed_ms + before / 2, "it has begun anew"
    report = await running.drained()
    assert report.by_type["agent.started"] == 2
    assert "agent.stopped-uncleanly" not in report.by_type
    assert report.gaps == ()
    assert running.agent.running, "the same process, as systemd sees it"


async def test_a_restart_waits_for_the_parcel_in_hand(running: Stage) -> None:
    await running.scanner.scan("RR102030405BD")
    await running.until("the scan is taken", lambda: running.record.prompt == "place_parcel")
    command = await running.central.command(BOOTH, "agent.restart", {})
    await _runs(running, command)
    running.scale.put(Decimal("1.235"))
    await running.until("the parcel is saved", lambda: "RR102030405BD" in running.record.saved)
    assert (await running.central.outcome(command, ANSWER_S)).states[-1] == "done"


async def test_another_log_level_holds_for_a_while(running: Stage) -> None:
    assert await _outcome(running, "log.level", level="debug") == "done"
    assert await _outcome(running, "log.level", level="loud") == "failed"


async def test_the_booth_examines_itself_and_names_no_parcel(running: Stage) -> None:
    item = "RR102030405BD"
    await Clerk(running).accept(item, "1.235")
    command = await running.central.command(BOOTH, "diagnostics.run", {})
    assert (await running.central.outcome(command, ANSWER_S)).states[-1] == "done"
    await running.drained()
    with closing(sqlite3.connect(running.folder / "central.db")) as db:
        (body,) = db.execute("SELECT body FROM responses WHERE id=? AND state='done'", (command,)).fetchone()
    answer = json.loads(body)["answer"]
    assert set(answer) >= {"ledger", "disk", "process", "box", "clock", "uplink", "devices"}
    assert set(answer["devices"]) == {"scanner-1", "scale-1", "printer-1"}
    assert answer["process"]["rss_kib"] > 10_000
    assert item not in body
    assert "1.235" not in body


async def test_signed_orders_to_one_a_group_and_all_are_carried_out_and_unsigned_ones_are_not(
    tmp_path: Path,
) -> None:
    key = SigningKey()
    pace = Pace(settle_s=0.02, print_mm_s=2000, settings=key.toml, signer=(key.id, key.sign_bytes))
    async with stage(tmp_path, Show(io.StringIO()), pace) as running:
        await running.devices_ready()
        assert await _outcome(running, "scale.read", device="scale-1") == "done"
        for addressee in ("_g/north", "_all"):
            command = await running.central.command(addressee, "log.level", {"level": "info"}, spread_s=0)
            assert (await running.central.outcome(command, 60)).states[-1] == "done"
        running.central._signer = None
        assert await _outcome(running, "scale.read", device="scale-1") == "rejected"
        running.central._signer = ("other", key.sign_bytes)
        assert await _outcome(running, "scale.read", device="scale-1") == "rejected"
