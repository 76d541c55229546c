"""The ledger's thread: one bad job harms neither the others nor the thread."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from edge_agent.events.model import EventDraft, StoredEvent
from edge_agent.ledger import ledger as ledger_module
from edge_agent.ledger import outbox
from edge_agent.ledger.ledger import Entry, Ledger, Limits
from edge_agent.ledger.reserve import MIB, Reserve
from edge_agent.ledger.salvage import taken_up
from edge_agent.ledger.store import Opened, open_ledger
from edge_agent.sdk.errors import DeviceError
from edge_agent.sdk.values import ClockQuality, Stamp

AT = Stamp(1000, 1_790_000_000_000, ClockQuality.NTP)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db", "boot", limits=Limits(reserve_mib=1))
    yield opened
    await opened.close()


def fails(error: Exception) -> Callable[[sqlite3.Connection], list[StoredEvent]]:
    def work(_connection: sqlite3.Connection) -> list[StoredEvent]:
        raise error

    return work


FAULTS = [
    ValueError(),
    TypeError(),
    KeyError(),
    OverflowError(),
    RecursionError(),
    sqlite3.ProgrammingError("unsupported type"),
    sqlite3.IntegrityError("twice"),
]


@pytest.mark.parametrize("error", FAULTS, ids=lambda e: type(e).__name__)
async def test_a_job_is_answered_with_its_own_fault_and_the_thread_goes_on(
    ledger: Ledger, error: Exception
) -> None:
    for ask in (ledger._worker.write, ledger._worker.read):
        with pytest.raises(type(error)):
            await ask(fails(error))
    assert len(await ledger.commit(Entry([EventDraft("scan.read", "x", AT)]))) == 1


@pytest.mark.parametrize("error", FAULTS, ids=lambda e: type(e).__name__)
async def test_a_faulty_job_does_not_spoil_its_group(ledger: Ledger, error: Exception) -> None:
    good = [ledger.commit(Entry([EventDraft("scan.read", str(n), AT)])) for n in range(6)]
    good.insert(3, ledger._worker.write(fails(error)))
    answers = await asyncio.gather(*good, return_exceptions=True)
    assert [isinstance(answer, type(error)) for answer in answers] == [n == 3 for n in range(7)]
    assert [event.seq for event in await ledger.after(0, 10)] == [1, 2, 3, 4, 5, 6]


async def test_a_number_that_sqlite_cannot_hold_is_only_that_jobs_fault(ledger: Ledger) -> None:
    with pytest.raises(OverflowError):
        await ledger.after(2**63, 1)
    await ledger.ping()


async def test_data_that_is_no_json_is_only_that_entrys_fault(ledger: Ledger) -> None:
    with pytest.raises(TypeError):
        await ledger.commit(Entry([EventDraft("scan.read", "x", AT, {"text": object()})]))  # type: ignore[dict-item]
    await ledger.ping()


@pytest.mark.parametrize("data", ["[]", "5", "null", "{", '"x"', "[" * 4000])
async def test_a_damaged_row_is_left_out_of_what_is_salvaged(ledger: Ledger, data: str) -> None:
    rows = [
        (7, b"", 1, 1, 1, "ntp", "scan.read", "bad", data),
        (8, b"", 1, 1, 1, "ntp", "scan.read", "good", "{}"),
    ]
    count = await ledger._worker.write(lambda c: taken_up(c, rows, ledger._append))
    assert count == 1
    assert [event.subject for event in await ledger.after(0, 10)] == ["good"]


@pytest.mark.parametrize("utc_ms", ["9" * 20, "-" + "9" * 25, "9" * 5000, "1e9", None])
async def test_a_row_with_an_impossible_time_costs_no_other(ledger: Ledger, utc_ms: object) -> None:
    rows = [
        (7, b"", 1, utc_ms, 1, "ntp", "scan.read", "bad", "{}"),
        (8, b"", 1, 1, 1, "ntp", "scan.read", "good", "{}"),
    ]
    assert await ledger._worker.write(lambda c: taken_up(c, rows, ledger._append)) == 1
    assert [event.subject for event in await ledger.after(0, 10)] == ["good"]


async def test_an_event_at_the_bound_is_salvaged_without_its_old_number(ledger: Ledger) -> None:
    full = json.dumps({"text": "x" * (outbox.EVENT_BYTES_LIMIT - 11)}, separators=(",", ":"))
    rows = [
        (7, b"", 1, 1, 1, "ntp", "scan.read", "full", full),
        (8, b"", 1, 1, 1, "ntp", "scan.read", "good", "{}"),
    ]
    assert await ledger._worker.write(lambda c: taken_up(c, rows, ledger._append)) == 2
    first, second = await ledger.after(0, 10)
    assert first.data == full
    assert json.loads(second.data) == {"salvaged_seq": 8}


def test_a_reserve_that_is_still_there_is_not_spent(tmp_path: Path) -> None:
    """Giving it up failed (a read-only card): once somebody has mended that, it counts again."""
    reserve = Reserve(tmp_path / "reserve", 1)
    reserve.fill()
    reserve.spent = True
    reserve.fill()
    assert not reserve.spent
    assert (tmp_path / "reserve").stat().st_size == MIB


async def test_a_disk_too_full_to_open_the_ledger_gets_the_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    first = await Ledger.open(path, "boot", limits=Limits(reserve_mib=1))
    await first.commit(Entry([EventDraft("scan.read", "kept", AT)]))
    await first.close()

    def full_while_reserved(*args: object, **more: object) -> Opened:
        if (tmp_path / "ledger.db.reserve").exists():
            raise DeviceError("ledger.unusable", "disk I/O error")
        return open_ledger(*args, **more)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(ledger_module, "open_ledger", full_while_reserved)
    again = await Ledger.open(path, "boot", limits=Limits(reserve_mib=1))
    assert [event.subject for event in await again.after(0, 10)] == ["kept"]
    await again.close()


async def test_a_ledger_that_cannot_be_opened_for_another_reason_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> Opened:
        raise DeviceError("ledger.unusable", "no")

    monkeypatch.setattr(ledger_module, "open_ledger", never)
    with pytest.raises(DeviceError):
        await Ledger.open(tmp_path / "ledger.db", "boot")
