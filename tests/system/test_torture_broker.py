"""The promise of the uplink under everything at once: broker, agent and centre are killed.

0 lost, 0 doubled in effect, numbers without gaps. The small run is in the fast lane, the large one behind
`torture`.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from simulators.central.check import check
from simulators.central.report import Report
from simulators.central.server import Central
from simulators.demo.show import Show
from simulators.demo.stage import Pace, Stage, stage
from simulators.mqtt.packets import Version
from tests.system.builtin import BuiltInProcess

pytestmark = pytest.mark.system

CHUNK = 250  # lines between two looks
STALLED_S = 5.0  # no new event for so long: what is missing was in the pipe when the agent was killed


class Killable(Protocol):
    """A broker in a process of its own that comes back on its port."""

    port: int

    def start(self) -> None: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Plan:
    """How many events, and after how many of them whom it hits."""

    events: int
    broker_kills: tuple[int, ...]
    agent_kills: tuple[int, ...]
    central_restart: int


SMALL = Plan(1000, (250, 600), (400,), 750)
LARGE = Plan(20_000, (2_000, 5_000, 8_000, 11_000, 14_000, 17_000), (6_500, 15_500), 10_000)


@pytest.fixture(params=["builtin", "mosquitto-5", "mosquitto-3.1.1"])
def killable(request: pytest.FixtureRequest) -> Iterator[tuple[Killable, str]]:
    """A broker in a process of its own, and the MQTT that is spoken with it."""
    if request.param == "builtin":
        broker: Killable = BuiltInProcess()
        broker.start()
    else:
        broker = request.getfixturevalue("mosquitto")
    yield broker, "3.1.1" if request.param.endswith("3.1.1") else "5"
    broker.close()


@pytest.mark.timeout(300)
async def test_nothing_is_lost_or_doubled_under_kills(tmp_path: Path, killable: tuple[Killable, str]) -> None:
    await _run(tmp_path, *killable, SMALL)


@pytest.mark.torture
@pytest.mark.timeout(1800)
async def test_nothing_is_lost_or_doubled_of_twenty_thousand(
    tmp_path: Path, killable: tuple[Killable, str]
) -> None:
    began = time.monotonic()
    last, duplicates = await _run(tmp_path, *killable, LARGE)
    print(f"{last} events, {duplicates} came again, {time.monotonic() - began:.0f} s")


async def _run(folder: Path, broker: Killable, protocol: str, plan: Plan) -> tuple[int, int]:
    pace = Pace(settle_s=0.02, print_mm_s=2000, broker_port=broker.port, protocol=protocol)
    async with stage(folder, Show(io.StringIO()), pace) as running:
        await running.devices_ready()
        first = running.central
        try:
            await _feed(running, broker, protocol, plan, folder)
            last, report = await _all_told(running)
            told = running.record.events
        finally:
            if running.central is not first:
                await running.central.stop()
    assert last >= plan.events
    assert report.events == last >= told, "everything that was told as stored, and everything that is"
    assert (report.gaps, report.conflicts, report.rejected, report.unreadable) == ((), 0, 0, 0)
    assert "event.withheld" not in report.by_type, "no kill is taken for a message too large"
    assert check(folder / "central.db") == []
    return last, report.duplicates


async def _feed(running: Stage, broker: Killable, protocol: str, plan: Plan, folder: Path) -> None:
    """Lines until there are enough events, with the blows of the plan."""
    centre, sent = running.central, 0
    version = Version.V311 if protocol == "3.1.1" else Version.V5
    blows = sorted(
        [(at, "broker") for at in plan.broker_kills]
        + [(at, "agent") for at in plan.agent_kills]
        + [(plan.central_restart, "central")]
    )
    while True:
        last = await _last(running)
        if last >= plan.events and not blows:
            return
        await running.scanner.burst([f"LINE-{number:06d}" for number in range(sent, sent + CHUNK)])
        sent += CHUNK
        while blows and last >= blows[0][0]:
            _, whom = blows.pop(0)
            if whom == "broker":
                broker.kill()
                await asyncio.to_thread(broker.start)
            elif whom == "agent":
                await running.agent.kill()
                await running.agent.start()
                await running.devices_ready()
            else:
                await centre.stop()
                centre = running.central = Central(
                    folder / "central.db", "127.0.0.1", broker.port, version=version
                )
                await centre.start()
        await _moved(running, last)


async def _last(running: Stage) -> int:
    ledger = (await running.agent.status())["ledger"]
    assert isinstance(ledger, dict)
    return int(ledger["last"])


async def _moved(running: Stage, before: int) -> None:
    """Until most of the chunk is read, or nothing more comes: what was in the pipe at a kill is gone."""
    end = time.monotonic() + STALLED_S
    last = before
    while time.monotonic() < end and last < before + CHUNK - 50:
        await asyncio.sleep(0.05)
        last = await _last(running)


async def _all_told(running: Stage) -> tuple[int, Report]:
    """Until nothing moves any more and nothing waits; the last number, and what the centre has then."""
    while True:
        last = await _settled(running)
        report = await running.drained(300)
        if await _last(running) == last:
            return last, report


async def _settled(running: Stage) -> int:
    """The last number, once it does not move any more."""
    last, still = await _last(running), 0
    while still < 10:
        await asyncio.sleep(0.1)
        now = await _last(running)
        still, last = (still + 1, last) if now == last else (0, now)
    return last
