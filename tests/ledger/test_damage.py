"""A ledger that rot or a cut has damaged: what can be read goes on, whatever happens to its salvage."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.events.model import EventDraft
from edge_agent.ledger import salvage
from edge_agent.ledger.ledger import Entry, Ledger, Limits
from edge_agent.ledger.outbox import Rejection
from edge_agent.ledger.print_jobs import Paper, PrintOrder
from edge_agent.ledger.prints import PrintState, PrintStep
from edge_agent.ledger.reserve import Reserve
from edge_agent.sdk.values import ClockQuality, Stamp
from edge_agent.uplink.messages import event_text

AT = Stamp(uptime_ms=1000, utc_ms=1_790_000_000_000, quality=ClockQuality.NTP)
LIMITS = Limits(reserve_mib=1)


class Cut(BaseException):
    """The power went."""


def draft(subject: str = "x") -> EventDraft:
    return EventDraft("scan.read", subject, AT, {"text": subject})


async def written(path: Path, count: int, acknowledged: int = 0) -> str:
    """A ledger with so many events; gives its epoch."""
    ledger = await Ledger.open(path, "boot-1", limits=LIMITS)
    await ledger.commit(Entry([draft(f"item-{n:04d}") for n in range(1, count + 1)]))
    await ledger.acknowledge(acknowledged)
    await ledger.close()
    return ledger.epoch


def rotten(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(sql)


def torn(path: Path, item: str) -> None:
    """Three pages around this event are lost."""
    body = bytearray(path.read_bytes())
    at = body.find(item.encode())
    body[at - 1500 : at + 1500] = bytes(3000)
    path.write_bytes(body)


async def read(path: Path) -> list[str]:
    """What the ledger holds after a start: the subjects of its events."""
    ledger = await Ledger.open(path, "boot-2", limits=LIMITS)
    subjects = [event.subject for event in await ledger.after(0, 10_000)]
    await ledger.close()
    return subjects


def kept(folder: Path) -> list[bytes]:
    """What the damaged files hold, the oldest first."""
    return [file.read_bytes() for file in sorted(folder.glob("ledger.db.damaged-*"))]


# One row


@pytest.mark.parametrize(
    "damage",
    [
        "data=CAST(x'7b22ff7d' AS TEXT)",
        "data='{\"te'",
        "subject=CAST(x'ff' AS TEXT)",
        "type='scan\"read'",
        "id='no bytes'",
    ],
)
async def test_a_row_that_cannot_be_read_is_a_gap_and_stops_nothing(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "ledger.db"
    await written(path, 8, acknowledged=2)
    rotten(path, f"UPDATE events SET {damage} WHERE seq IN (4, 5, 6)")
    ledger = await Ledger.open(path, "boot-1", limits=LIMITS)
    try:
        assert [event.seq for event in await ledger.after(2, 2)] == [3, 7]
        assert await ledger.oldest_waiting_age_s(3) is not None
        assert (await ledger.commit(Entry([draft()])))[0].seq == 9
        await ledger.acknowledge(8, [Rejection(4, "withheld")])
        assert [letter.seq for letter in await ledger.letters.between(1, 9, 9)] == [4]
    finally:
        await ledger.close()


@pytest.mark.parametrize(
    "damage",
    [
        "events SET clock='ntq'",
        "events SET utc_ms='abc'",
        "events SET uptime_ms='abc'",
        "events SET id=x'00'",
        "events SET boot=77",
        "boots SET boot=CAST(x'62ff22' AS TEXT)",
    ],
)
async def test_a_parcel_counts_though_rot_has_reached_when_and_where_it_was(
    tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "ledger.db"
    await written(path, 3)
    rotten(path, f"UPDATE {damage}")
    ledger = await Ledger.open(path, "boot-2", limits=LIMITS)
    try:
        events = await ledger.after(0, 10)
        assert [event.subject for event in events] == ["item-0001", "item-0002", "item-0003"]
        for event in events:
            json.loads(event_text(event, "DHAKA-0001"))
    finally:
        await ledger.close()


# The marks and what flows keep


@pytest.mark.parametrize(
    "damage",
    [
        "value='1x' WHERE key='acked'",
        "value=CAST(x'ff31' AS TEXT) WHERE key='acked'",
        "value=CAST(x'ff31' AS TEXT) WHERE key='epoch'",
        "value='a\"b' WHERE key='epoch'",
    ],
)
async def test_a_mark_that_cannot_be_read_is_a_damaged_file(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "ledger.db"
    epoch = await written(path, 4, acknowledged=2)
    rotten(path, f"UPDATE meta SET {damage}")
    ledger = await Ledger.open(path, "boot-2", limits=LIMITS)
    try:
        assert ledger.set_aside is not None
        assert ledger.epoch != epoch
        subjects = [event.subject for event in await ledger.after(0, 10)]
        assert subjects[-3:] == ["item-0003", "item-0004", "ledger"]
    finally:
        await ledger.close()


async def test_a_schema_whose_names_are_no_text_is_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await written(path, 2)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("PRAGMA writable_schema=ON")
        other.execute("UPDATE sqlite_master SET name=CAST(x'ff' AS TEXT), sql='rot' WHERE name='slots'")
    ledger = await Ledger.open(path, "boot-2", limits=LIMITS)
    assert ledger.set_aside is not None
    await ledger.close()


@pytest.mark.parametrize(
    ("name", "last"), [(b"uptime_m", b"s"), (b"utc_m", b"s"), (b"subjec", b"t"), (b"patter", b"n")]
)
async def test_a_column_whose_name_rotted_is_a_damaged_file_of_which_the_events_are_read(
    tmp_path: Path, name: bytes, last: bytes
) -> None:
    path = tmp_path / "ledger.db"
    await written(path, 3)
    body = path.read_bytes()
    path.write_bytes(body.replace(b"\n    " + name + last, b"\n    " + name + b"z"))
    assert await read(path) == ["item-0001", "item-0002", "item-0003", "ledger"]


async def test_a_table_that_cannot_even_be_understood_hides_no_other(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await written(path, 3)
    path.write_bytes(path.read_bytes().replace(b"\n    pattern", b"\n    patter?"))
    assert await read(path) == ["item-0001", "item-0002", "item-0003", "ledger"]


async def test_a_version_that_rotted_is_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await written(path, 1)
    rotten(path, "PRAGMA user_version=2")
    assert await read(path) == ["item-0001", "ledger"]


async def test_a_newer_agents_file_is_no_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await written(path, 1)
    rotten(path, "ALTER TABLE events ADD COLUMN more TEXT")
    rotten(path, "PRAGMA user_version=99")
    assert await read(path) == ["item-0001"]


async def test_a_print_whose_state_or_time_rotted_is_in_doubt_and_stops_no_other(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = await Ledger.open(path, "boot-1", limits=LIMITS)
    steps = [PrintStep("job", 1, "x", state, 0) for state in (PrintState.QUEUED, PrintState.SENDING)]
    order = PrintOrder("job", "centre", "k", "d", "label", "p", "t", "x", "{}", 0, 1, "boot-1", AT)
    paper = Paper("job", 1, "p", 80, "boot-1", AT)
    await ledger.commit(Entry(orders=[order], prints=steps, paper=[paper]))
    await ledger.close()
    rotten(path, "UPDATE prints SET state='sendinf'")
    rotten(path, "UPDATE print_jobs SET clock='ntr'")
    rotten(path, "UPDATE print_paper SET clock='ntr'")
    ledger = await Ledger.open(path, "boot-2", limits=LIMITS)
    try:
        (known,) = await ledger.prints.recent()
        assert known.step.state is PrintState.UNCONFIRMED
        assert known.order.at.quality is ClockQuality.NONE
        assert [paper.mm for paper in await ledger.prints.paper()] == [80]
    finally:
        await ledger.close()


async def test_a_flows_state_that_rotted_can_still_be_read_as_text(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await written(path, 1)
    rotten(path, "INSERT INTO slots VALUES ('acceptance', CAST(x'7b22ff7d' AS TEXT))")
    ledger = await Ledger.open(path, "boot-2", limits=LIMITS)
    try:
        assert (await ledger.slot("acceptance")).startswith('{"')
    finally:
        await ledger.close()


# The salvage


def cut_at(monkeypatch: pytest.MonkeyPatch, name: str, at: int) -> Callable[[], int]:
    """The power goes just before the `at`-th call of a step of the salvage; gives how many there were."""
    step, calls = getattr(salvage, name), 0

    def cut(*given: object) -> object:
        nonlocal calls
        calls += 1
        if calls == at:
            raise Cut
        return step(*given)

    monkeypatch.setattr(salvage, name, cut)
    return lambda: calls


@pytest.mark.parametrize(("name", "at"), [("_move", 1), ("_move", 2), ("_move", 3), ("forget_mark", 1)])
async def test_a_cut_while_a_damaged_file_is_set_aside_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, at: int
) -> None:
    path = tmp_path / "ledger.db"
    await written(path, 300)
    torn(path, "item-0150")
    calls = cut_at(monkeypatch, name, at)
    with pytest.raises(Cut):
        await Ledger.open(path, "boot-2", limits=LIMITS)
    monkeypatch.undo()
    assert calls() == at
    found = await read(path)
    assert {"item-0001", "item-0300"} < set(found)
    assert len(found) == len(set(found)) > 200
    assert found.count("ledger") == 1, "it is told, once"
    assert await read(path) == found


async def test_a_salvage_goes_on_where_it_was_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.db"
    await written(path, 300, acknowledged=20)
    torn(path, "item-0150")
    monkeypatch.setattr(salvage, "ROWS_AT_ONCE", 40)
    taken = salvage.taken_up

    def cut(connection: sqlite3.Connection, *more: object) -> object:
        if connection.execute("SELECT count(*) FROM events").fetchone()[0] >= 80:
            raise RuntimeError("the agent was killed")
        return taken(connection, *more)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(salvage, "taken_up", cut)
    with pytest.raises(RuntimeError):
        await Ledger.open(path, "boot-2", limits=LIMITS)
    monkeypatch.setattr(salvage, "taken_up", taken)
    found = await read(path)
    assert found[0] == "item-0021"
    assert found[-2:] == ["item-0300", "ledger"]
    assert len(found) == len(set(found)) > 200


async def test_what_is_told_of_a_salvage_counts_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    epoch = await written(path, 300)
    torn(path, "item-0150")
    ledger = await Ledger.open(path, "boot-2", limits=LIMITS)
    told = [event for event in await ledger.after(0, 1000) if event.type == "ledger.set-aside"]
    await ledger.close()
    (alarm,) = told
    data = json.loads(alarm.data)
    assert data == {
        "file": "ledger.db.damaged-001",
        "salvaged": alarm.seq - 1,
        "previous_epoch": epoch,
        "previous_last": 300,
    }


async def test_a_row_too_long_to_be_stored_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await written(path, 3)
    rotten(path, 'UPDATE events SET data=\'{"text":"' + "x" * 30_000 + "\"}' WHERE seq=2")
    rotten(path, "UPDATE meta SET value='?' WHERE key='epoch'")
    assert await read(path) == ["item-0001", "item-0003", "ledger"]


async def test_the_newest_damaged_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for number in range(1, 8):
        path.write_bytes(b"no database %d" % number)
        ledger = await Ledger.open(path, "boot", limits=LIMITS)
        assert ledger.set_aside is not None
        assert ledger.set_aside.read_bytes() == b"no database %d" % number
        await ledger.close()
    assert kept(tmp_path) == [b"no database 5", b"no database 6", b"no database 7"]


# What grows


async def test_boots_of_which_nothing_is_left_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for number in range(1, 6):
        ledger = await Ledger.open(path, f"boot-{number}", limits=Limits(reserve_mib=1, keep_days=1))
        (event,) = await ledger.commit(Entry([draft()]))
        await ledger.close()
        rotten(path, f"DELETE FROM events WHERE seq<{event.seq}")
    with closing(sqlite3.connect(path)) as other:
        names = [row[0] for row in other.execute("SELECT boot FROM boots ORDER BY n")]
    assert names == ["boot-4", "boot-5"]


def test_a_reserve_where_no_file_can_be_is_spent_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    reserve = Reserve(tmp_path / "file" / "reserve", 1)
    reserve.fill()
    assert reserve.spent
