"""Figures for the centre, and the honest count of those that were given up."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge_agent.box import condition
from edge_agent.events.model import EventDraft
from edge_agent.ledger import ledger as ledger_module
from edge_agent.ledger.ledger import Entry, Ledger
from edge_agent.metrics import BUDGET_SLOT, SHED_TOLD_S, Metrics, Shed
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import DeviceError
from simulators.broker import Broker
from tests.system.booth import Booth, booth
from tests.uplink.bench import beside, until

Running = tuple[Metrics, Booth, ManualClock, Shed]


async def tick(clock: ManualClock, seconds: float) -> None:
    """Move time in steps of a minute, each once the figures of the last one are told."""
    while seconds > 0:
        await until(lambda: any(not woken.done() for _, _, woken in clock._sleepers))
        await clock.advance(min(60, seconds))
        seconds -= 60
    await until(lambda: any(not woken.done() for _, _, woken in clock._sleepers))


@asynccontextmanager
async def metrics_on(folder: Path, port: int, every_s: int = 300) -> AsyncIterator[Running]:
    clock, shed = ManualClock(), Shed()
    async with booth(folder, port) as one:
        made = Metrics(
            one.uplink,
            one.ledger,
            clock,
            every_s=every_s,
            figures=lambda: {"counter": {"accepted": 3}},
            shed=shed,
            stored=one.uplink.stored,
            credentials=None,
        )
        async with beside(made.run()):
            yield made, one, clock, shed


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    async with Broker() as running:
        yield running


async def test_figures_are_told_every_so_often(broker: Broker, tmp_path: Path) -> None:
    async with metrics_on(tmp_path, broker.port) as (made, one, clock, _):
        await until(lambda: one.uplink.health.connected)
        told: list[object] = []
        one.uplink.metrics = told.append  # type: ignore[assignment]  # who is told does not matter here
        await tick(clock, 60)
        assert len(told) == 1
        await tick(clock, 240)
        assert len(told) == 1
        await tick(clock, 60)
        assert len(told) == 2
        figures = await made.figures()
        assert figures["counter"] == {"accepted": 3}
        assert {"uplink", "box", "alarms", "uptimems"} <= set(figures)
        json.dumps(figures)


async def test_what_was_given_up_is_told_once_an_hour_while_the_centre_is_there(
    broker: Broker, tmp_path: Path
) -> None:
    async with metrics_on(tmp_path, broker.port) as (_, one, clock, shed):
        await until(lambda: one.uplink.health.connected)
        shed(5, "age")
        await tick(clock, 120)
        assert one.ledger.last == 0, "nobody is there to be told"
        one.uplink.health.proven = True
        shed(2, "queue")
        await tick(clock, 60)
        await until(lambda: one.ledger.last == 1)
        (event,) = await one.ledger.after(0, 1)
        assert event.type == "telemetry.shed"
        assert json.loads(event.data) == {"count": 7, "reasons": {"age": 5, "queue": 2}}
        shed(1, "age")
        await tick(clock, SHED_TOLD_S - 120)
        assert one.ledger.last == 1
        one.uplink.health.proven = True
        await tick(clock, 180)
        await until(lambda: one.ledger.last == 2)


async def test_a_count_that_could_not_be_told_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with metrics_on(tmp_path, 1) as (made, one, _, shed):

        async def full(entry: Entry) -> list[object]:
            raise DeviceError("ledger.full", "not saved")

        shed(4, "age")
        one.uplink.health.proven = True
        monkeypatch.setattr(one.ledger, "commit", full)
        with pytest.raises(DeviceError):
            await made._tell_shed()
        assert shed.taken() == {"age": 4}


async def test_a_ledger_nearly_full_numbers_no_telemetry_and_all_parcels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "SHED_BACKLOG", 3)
    monkeypatch.setattr(ledger_module, "REFUSE_BACKLOG", 5)
    ledger = await Ledger.open(tmp_path / "l.db", "boot")
    try:
        at = ManualClock().stamp()
        change, parcel = EventDraft("device.changed", "s", at), EventDraft("parcel.accepted", "s", at)
        for _ in range(3):
            await ledger.commit(Entry([change]))
        assert await ledger.commit(Entry([change, parcel, change])) != []
        assert (ledger.last, ledger.shed) == (4, 2)
        assert ledger.has_room
        await ledger.commit(Entry([parcel]))
        assert not ledger.has_room, "no new parcel is begun; the one in hand could be finished"
    finally:
        await ledger.close()


async def test_the_days_bytes_are_kept_over_a_restart(broker: Broker, tmp_path: Path) -> None:
    async with metrics_on(tmp_path, broker.port) as (made, one, _, _):
        budget = one.uplink.flow.budget
        budget._limit = 1000
        budget.used = 900
        await made._keep_budget()
        assert json.loads(await one.ledger.slot(BUDGET_SLOT))["used"] == 900


def test_the_box_tells_what_its_kernel_offers(tmp_path: Path) -> None:
    for name, text in {
        "sys/class/thermal/thermal_zone0/temp": "48312\n",
        "sys/class/thermal/thermal_zone1/temp": "-1500\n",
        "sys/class/hwmon/hwmon0/name": "cpu_thermal\n",
        "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
        "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n",
        "proc/loadavg": "0.52 0.58 0.59 1/389 1234\n",
        "proc/self/status": "Name:\tx\nVmRSS:\t   43008 kB\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert condition(tmp_path) == {
        "temperature_c": "48.312",
        "temperature_1_c": "-1.500",
        "under_voltage": True,
        "memory_mib": 42,
        "load_1m": "0.52",
    }
    assert condition(tmp_path / "nothing") == {}
