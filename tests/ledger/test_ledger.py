"""The ledger on real files: numbering, atomic entries, acknowledgement, damage, full disk, group commit."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge_agent.events.model import EventDraft
from edge_agent.ledger.ledger import Entry, Ledger, Limits
from edge_agent.ledger.outbox import Rejection
from edge_agent.ledger.prints import PrintState, PrintStep
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import DeviceError
from edge_agent.sdk.values import ClockQuality, Stamp

AT = Stamp(uptime_ms=1000, utc_ms=1_790_000_000_000, quality=ClockQuality.NTP)


def draft(subject: str = "x", kind: str = "scan.read") -> EventDraft:
    return EventDraft(kind, subject, AT, {"text": subject})


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db", "boot-1", limits=Limits(reserve_mib=1))
    yield opened
    await opened.close()


async def test_events_are_numbered_from_one_without_gaps(ledger: Ledger) -> None:
    first = await ledger.commit(Entry([draft("a"), draft("b")]))
    second = await ledger.commit(Entry([draft("c")]))
    assert [e.seq for e in (*first, *second)] == [1, 2, 3]


async def test_what_is_read_back_is_what_was_committed(ledger: Ledger) -> None:
    stored = await ledger.commit(Entry([draft('ক্ষ \u001d "quoted"')]))
    assert await ledger.after(0, 10) == stored


async def test_numbers_go_on_after_everything_is_acknowledged_and_reopened(tmp_path: Path) -> None:
    for expected in (1, 2, 3):
        ledger = await Ledger.open(tmp_path / "l.db", "boot")
        (event,) = await ledger.commit(Entry([draft()]))
        await ledger.acknowledge(event.seq)
        await ledger.close()
        assert event.seq == expected


async def test_an_entry_with_an_impossible_print_step_leaves_nothing(ledger: Ledger) -> None:
    wrong = PrintStep("job", 1, "x", PrintState.CONFIRMED, 0)
    with pytest.raises(ValueError, match="cannot become"):
        await ledger.commit(Entry([draft()], {"flow": "state"}, [wrong]))
    assert await ledger.after(0, 10) == []
    assert await ledger.slot("flow") == ""


async def test_one_bad_entry_does_not_spoil_the_others_of_its_group(ledger: Ledger) -> None:
    wrong = PrintStep("job", 1, "x", PrintState.CONFIRMED, 0)
    entries = [Entry([draft(str(i))], prints=[wrong] if i == 3 else []) for i in range(8)]
    results = await asyncio.gather(*(ledger.commit(e) for e in entries), return_exceptions=True)
    assert [isinstance(r, ValueError) for r in results] == [i == 3 for i in range(8)]
    assert [e.seq for e in await ledger.after(0, 20)] == list(range(1, 8))


async def test_concurrent_commits_are_gapless_and_each_is_on_disk_when_answered(
    ledger: Ledger, tmp_path: Path
) -> None:
    async def commit(n: int) -> int:
        (event,) = await ledger.commit(Entry([draft(str(n))]))
        with sqlite3.connect(tmp_path / "ledger.db") as other:
            (found,) = other.execute("SELECT count(*) FROM events WHERE seq=?", (event.seq,)).fetchone()
        other.close()
        assert found == 1
        return event.seq

    assert sorted(await asyncio.gather(*(commit(n) for n in range(40)))) == list(range(1, 41))


async def test_acknowledgement_is_cumulative_and_never_goes_back(ledger: Ledger) -> None:
    await ledger.commit(Entry([draft(str(i)) for i in range(10)]))
    await ledger.acknowledge(7)
    await ledger.acknowledge(4)
    assert (ledger.acked, ledger.backlog) == (7, 3)


async def test_an_acknowledgement_beyond_the_end_is_cut_to_the_end(ledger: Ledger) -> None:
    await ledger.commit(Entry([draft()]))
    await ledger.acknowledge(1_000_000)
    (event,) = await ledger.commit(Entry([draft()]))
    assert event.seq == 2


async def test_a_refused_event_is_kept_as_a_dead_letter(ledger: Ledger, tmp_path: Path) -> None:
    await ledger.commit(Entry([draft("good"), draft("bad")]))
    await ledger.acknowledge(2, [Rejection(2, "schema")])
    assert len(await ledger.letters.between(0, 1 << 40, 9999)) == 1


async def test_a_slot_is_replaced_and_cleared(ledger: Ledger) -> None:
    await ledger.commit(Entry(slots={"flow": "one"}))
    await ledger.commit(Entry(slots={"flow": "two"}))
    assert await ledger.slot("flow") == "two"
    await ledger.commit(Entry(slots={"flow": ""}))
    assert await ledger.slot("flow") == ""


async def test_an_interrupted_print_is_found_again(ledger: Ledger) -> None:
    await ledger.commit(Entry(prints=[PrintStep("job", 1, "item", PrintState.QUEUED, 5)]))
    await ledger.commit(Entry(prints=[PrintStep("job", 1, "item", PrintState.SENDING, 6)]))
    assert [step.state for step in await ledger.interrupted_prints()] == [PrintState.SENDING]


async def test_an_oversized_event_is_refused_and_others_go_on(ledger: Ledger) -> None:
    huge = EventDraft("scan.read", "x", AT, {"text": "x" * 40_000})
    with pytest.raises(ValueError, match="more than"):
        await ledger.commit(Entry([huge]))
    assert (await ledger.commit(Entry([draft()])))[0].seq == 1


async def test_the_same_item_is_known_as_accepted_after_a_restart(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "l.db", "boot")
    await ledger.commit(Entry([draft("RR1", "parcel.accepted")]))
    await ledger.close()
    ledger = await Ledger.open(tmp_path / "l.db", "boot")
    assert await ledger.accepted_before("RR1")
    assert not await ledger.accepted_before("RR2")
    await ledger.close()


async def test_a_full_disk_spends_the_reserve_then_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    ledger = await Ledger.open(path, "boot", limits=Limits(reserve_mib=1))
    await ledger.commit(Entry([draft("kept")]))
    await ledger._worker.write(lambda c: c.execute("PRAGMA max_page_count=1").fetchall())
    with pytest.raises(DeviceError) as refused:
        await _fill(ledger)
    assert refused.value.code == "ledger.full"
    assert ledger.reserve_spent
    kept = await ledger.after(0, 100)
    await ledger.close()
    assert kept[0].subject == "kept"
    assert [e.seq for e in kept] == list(range(1, len(kept) + 1))


@pytest.mark.parametrize("damage", [b"not a database at all", b"\x00" * 5000])
async def test_a_file_that_is_no_database_is_set_aside_and_a_new_epoch_begins(
    tmp_path: Path, damage: bytes
) -> None:
    path = tmp_path / "l.db"
    path.write_bytes(damage)
    ledger = await Ledger.open(path, "boot")
    assert ledger.set_aside is not None
    assert ledger.set_aside.read_bytes() == damage
    assert [event.type for event in await ledger.after(0, 10)] == ["ledger.set-aside"]
    assert (await ledger.commit(Entry([draft()])))[0].seq == 2
    await ledger.close()


async def test_readable_events_of_a_damaged_file_are_recorded_anew(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    ledger = await Ledger.open(path, "boot")
    epoch = ledger.epoch
    for i in range(300):
        await ledger.commit(Entry([draft(f"item-{i:04d}")]))
    await ledger.acknowledge(10)
    await ledger.close()
    body = bytearray(path.read_bytes())
    middle = body.find(b"item-0150")
    body[middle - 700 : middle + 700] = bytes(1400)
    path.write_bytes(body)
    ledger = await Ledger.open(path, "boot")
    try:
        again = {e.subject for e in await ledger.after(0, 1000)}
        assert ledger.epoch != epoch
        assert "item-0299" in again
        assert "item-0011" in again
        assert "item-0003" not in again, "acknowledged events are not repeated"
        assert len(again) > 200
    finally:
        await ledger.close()


async def test_any_single_damaged_page_never_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    ledger = await Ledger.open(path, "boot")
    await ledger.commit(Entry([draft(f"item-{i}") for i in range(60)]))
    await ledger.close()
    good = path.read_bytes()
    for page in range(0, len(good), 1024):
        path.write_bytes(good[:page] + b"\xaa" * 1024 + good[page + 1024 :])
        ledger = await Ledger.open(path, "boot")
        (event,) = await ledger.commit(Entry([draft("after")]))
        await ledger.close()
        assert event.seq >= 1
        path.write_bytes(good)
        for leftover in (path.with_name("l.db-wal"), path.with_name("l.db-shm")):
            leftover.unlink(missing_ok=True)


async def test_a_directory_that_cannot_be_made_is_said_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeviceError) as refused:
        await Ledger.open(tmp_path / "file" / "l.db", "boot")
    assert refused.value.code == "ledger.unusable"
    assert refused.value.hint


async def test_writes_after_close_are_refused(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "l.db", "boot")
    await ledger.close()
    with pytest.raises(DeviceError, match="closed"):
        await ledger.commit(Entry([draft()]))


async def test_a_command_is_taken_once(ledger: Ledger) -> None:
    assert await ledger.take_command("id-1", "scale.zero", 1) is None
    again = await ledger.take_command("id-1", "scale.zero", 2)
    assert again is not None
    assert again.state == "accepted"
    assert [c.id for c in await ledger.unfinished_commands()] == ["id-1"]


async def _fill(ledger: Ledger) -> None:
    for i in range(50):
        await ledger.commit(Entry([draft("x" * 500 + str(i))]))


def _disk_full(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=1, f_frsize=1024))


async def test_the_reserve_is_taken_back_when_the_disk_has_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = await Ledger.open(tmp_path / "l.db", "boot", limits=Limits(reserve_mib=1, refuse_free_mib=1))
    assert ledger.has_room
    await ledger._worker.write(lambda c: c.execute("PRAGMA max_page_count=1").fetchall())
    with monkeypatch.context() as full:
        _disk_full(full)
        with pytest.raises(DeviceError):
            await _fill(ledger)
        ledger.tend_reserve()
    assert not ledger.has_room
    ledger.tend_reserve()
    assert ledger.has_room
    assert (tmp_path / "l.db.reserve").stat().st_size == 1 << 20
    await ledger.close()


async def test_a_spent_reserve_and_its_return_are_logged_once_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "edge_agent.ledger")
    ledger = await Ledger.open(tmp_path / "l.db", "boot", limits=Limits(reserve_mib=1))
    assert not caplog.records
    await ledger._worker.write(lambda c: c.execute("PRAGMA max_page_count=1").fetchall())
    with monkeypatch.context() as full:
        _disk_full(full)
        for _ in range(2):
            with pytest.raises(DeviceError):
                await _fill(ledger)
            ledger.tend_reserve()
    ledger.tend_reserve()
    ledger.tend_reserve()
    await ledger.close()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert f"free space in {tmp_path}" in caplog.records[0].getMessage()


async def test_a_ledger_at_its_own_limit_says_so_once_and_does_not_go_on_and_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The disk has room: to give the reserve back every few seconds would change nothing but the state."""
    caplog.set_level(logging.INFO, "edge_agent.ledger")
    clock = ManualClock()
    ledger = await Ledger.open(
        tmp_path / "l.db", "boot", limits=Limits(reserve_mib=1, refuse_free_mib=1), clock=clock
    )

    async def limit(pages: int) -> None:
        await ledger._worker.read(lambda c: c.execute(f"PRAGMA max_page_count={pages}").fetchall())

    for _ in range(2):
        await limit(1)
        for _ in range(6):
            with pytest.raises(DeviceError):
                await _fill(ledger)
            ledger.tend_reserve()
            assert not ledger.has_room
            await clock.advance(10)
        await limit(1 << 20)
        await clock.advance(600)
        ledger.tend_reserve()
        assert ledger.has_room
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "its own limit" in caplog.records[0].getMessage()
    await ledger.close()


async def test_with_little_free_disk_no_parcel_is_begun(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "l.db", "boot", limits=Limits(refuse_free_mib=1 << 40))
    assert not ledger.has_room
    await ledger.close()


DAY_MS = 86_400_000


async def test_acknowledged_events_go_after_their_days_but_never_the_newest(tmp_path: Path) -> None:
    clock = ManualClock()
    ledger = await Ledger.open(tmp_path / "l.db", "boot", limits=Limits(keep_days=1), clock=clock)
    await ledger.commit(Entry([EventDraft("scan.read", "s", clock.stamp(), {}) for _ in range(5)]))
    await ledger.acknowledge(2)
    assert [event.seq for event in await ledger.after(0, 10)] == [1, 2, 3, 4, 5]
    await clock.advance(DAY_MS / 1000 + 1)
    await ledger.acknowledge(3)
    assert [event.seq for event in await ledger.after(0, 10)] == [4, 5]
    await ledger.acknowledge(5)
    assert [event.seq for event in await ledger.after(0, 10)] == [5]
    await ledger.close()


@pytest.mark.parametrize("days", [400, -400])
@pytest.mark.parametrize("quality", list(ClockQuality))
async def test_a_jump_of_the_clock_makes_nothing_old(
    tmp_path: Path, days: int, quality: ClockQuality
) -> None:
    """What is kept refuses an item that was accepted before: a jump must not open that door."""
    clock = ManualClock()
    clock.quality = quality
    ledger = await Ledger.open(tmp_path / "l.db", "boot", limits=Limits(keep_days=1), clock=clock)
    await ledger.commit(Entry([EventDraft("parcel.accepted", f"s-{n}", clock.stamp(), {}) for n in range(5)]))
    clock.jump_utc(days * DAY_MS)
    await ledger.acknowledge(5)
    assert await ledger.accepted_before("s-0")
    await ledger.close()


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [
        (ClockQuality.NTP, ClockQuality.NTP, False),
        (ClockQuality.RTC, ClockQuality.HELD, False),
        (ClockQuality.NONE, ClockQuality.NTP, True),
        (ClockQuality.NTP, ClockQuality.NONE, True),
    ],
)
async def test_over_boots_only_known_times_make_an_event_old(
    tmp_path: Path, before: ClockQuality, now: ClockQuality, kept: bool
) -> None:
    clock = ManualClock()
    clock.quality = before
    ledger = await Ledger.open(tmp_path / "l.db", "boot-1", clock=clock)
    await ledger.commit(Entry([EventDraft("parcel.accepted", f"s-{n}", clock.stamp(), {}) for n in range(5)]))
    await ledger.close()
    clock.jump_utc(400 * DAY_MS)
    clock.quality = now
    ledger = await Ledger.open(tmp_path / "l.db", "boot-2", limits=Limits(keep_days=1), clock=clock)
    await ledger.acknowledge(5)
    assert await ledger.accepted_before("s-0") is kept
    await ledger.close()
