"""The mark of what the centre has: in batches, never forgotten, and a broken disk is no end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.events.model import EventDraft
from edge_agent.ledger.ledger import Entry, Ledger, Limits
from edge_agent.ledger.outbox import Rejection
from edge_agent.sdk.values import ClockQuality, Stamp
from edge_agent.uplink import marks
from edge_agent.uplink.health import Health
from edge_agent.uplink.marks import MARK_EVENTS, Marks
from tests.uplink.bench import until

AT = Stamp(1000, 1_790_000_000_000, ClockQuality.NTP)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db", "boot", limits=Limits(reserve_mib=1))
    await opened.commit(Entry([EventDraft("scan.read", "x", AT) for _ in range(3 * MARK_EVENTS)]))
    yield opened
    await opened.close()


async def settled(ledger: Ledger) -> None:
    for _ in range(5):
        await ledger.ping()
        await asyncio.sleep(0)


async def broken(ledger: Ledger, how: int) -> None:
    await ledger._worker.read(lambda c: c.execute(f"PRAGMA query_only={how}").fetchall())


async def test_a_few_acknowledgements_are_written_together_and_late(ledger: Ledger) -> None:
    made = Marks(ledger, Health())
    for upto in range(1, 20):
        made.reach(upto)
    await settled(ledger)
    assert ledger.acked == 0
    await made.close()
    assert ledger.acked == 19


async def test_they_are_written_after_a_while(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "MARK_AFTER_S", 0.01)
    made = Marks(ledger, Health())
    made.reach(7)
    await until(lambda: ledger.acked == 7)
    await made.close()


async def test_many_are_written_at_once(ledger: Ledger) -> None:
    made = Marks(ledger, Health())
    made.reach(MARK_EVENTS)
    await settled(ledger)
    assert ledger.acked == MARK_EVENTS
    await made.close()


async def test_what_comes_while_a_mark_is_written_is_written_after_it(ledger: Ledger) -> None:
    made = Marks(ledger, Health())
    made.reach(MARK_EVENTS)
    made.reach(2 * MARK_EVENTS)
    await asyncio.sleep(0)
    made.reject([Rejection(2 * MARK_EVENTS + 1, "schema")])
    made.reach(3 * MARK_EVENTS)
    await settled(ledger)
    assert ledger.acked == 3 * MARK_EVENTS
    assert len(await ledger.letters.between(0, 1 << 40, 9999)) == 1
    await made.close()


async def test_a_rejection_is_new_once(ledger: Ledger) -> None:
    made = Marks(ledger, Health())
    one = Rejection(3, "schema")
    assert made.reject([one]) == [one]
    assert made.reject([one]) == []
    await made.close()
    assert len(await ledger.letters.between(0, 1 << 40, 9999)) == 1


async def test_a_disk_that_does_not_take_the_mark_is_asked_again_and_nothing_is_lost(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(marks, "MARK_AGAIN_S", 0.01)
    made = Marks(ledger, Health())
    await broken(ledger, 1)
    made.reject([Rejection(3, "schema")])
    made.reach(10)
    await until(lambda: len(caplog.records) >= 2 and made.has_rejections)  # not just being tried once more
    assert ledger.acked == 0
    await broken(ledger, 0)
    await until(lambda: ledger.acked == 10)
    assert len(await ledger.letters.between(0, 1 << 40, 9999)) == 1
    await made.close()


async def test_a_stop_on_a_broken_disk_leaves_nothing_running_and_raises_nothing(ledger: Ledger) -> None:
    made = Marks(ledger, Health())
    made.reach(10)
    await broken(ledger, 1)
    await made.close()
    await broken(ledger, 0)
    assert ledger.acked == 0, "it will be sent again"
