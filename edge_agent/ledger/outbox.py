"""Events in the ledger's file: numbered, read back in order, acknowledged by the central store.

Owns: the SQL of events. Must not know: threads, MQTT. Each function takes the connection and
runs inside whatever transaction the worker opened.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edge_agent.events.classes import ACCEPTED
from edge_agent.events.model import EventDraft, StoredEvent
from edge_agent.ledger.ids import uuid7, uuid_text
from edge_agent.ledger.store import EVENT_COLUMNS
from edge_agent.sdk.errors import DeviceError
from edge_agent.sdk.values import ClockQuality, Stamp

KEEP_ACKED = 20_000  # acknowledged events kept for a replay: about a week of a busy booth, some 8 MiB
UNACKED_LIMIT = (
    400_000  # about 150 MiB and half a year without a network; beyond it the booth refuses visibly
)
INTEGER_LIMIT = 1 << 63  # of SQLite
EVENT_BYTES_LIMIT = 30_000  # one event must fit into one message of 32 KiB with its envelope


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event that the central store will not take: its number and the store's reason."""

    seq: int
    code: str


@dataclass(frozen=True, slots=True)
class Forget:
    """What is old: in this boot by its time, in others by UTC, which is None while nobody vouches for it."""

    boot: str
    before_uptime_ms: int
    before_utc_ms: int | None


@dataclass(frozen=True, slots=True)
class Marks:
    """Where the outbox stands: everything up to `acked` is stored centrally, `last` is the newest event."""

    acked: int
    last: int


def marks(connection: sqlite3.Connection) -> Marks:
    """Read the marks from the file."""
    acked = _acked(connection)
    (last,) = connection.execute("SELECT max(seq) FROM events").fetchone()
    return Marks(acked=acked, last=max(last or 0, acked))


def boot_number(connection: sqlite3.Connection, boot: str) -> int:
    """The number under which this boot's events are stored, entered once."""
    row = connection.execute("SELECT n FROM boots WHERE boot=?", (boot,)).fetchone()
    if row:
        return int(row[0])
    cursor = connection.execute("INSERT INTO boots (boot) VALUES (?)", (boot,))
    return int(cursor.lastrowid or 0)


def append(
    connection: sqlite3.Connection, drafts: Sequence[EventDraft], *, epoch: str, boot: str, acked: int
) -> list[StoredEvent]:
    """Number and store events. Raises DeviceError ledger.full at the bound, ValueError for a huge one."""
    number = boot_number(connection, boot)
    (last,) = connection.execute("SELECT max(seq) FROM events").fetchone()
    first = max(last or 0, acked) + 1
    if first + len(drafts) - acked > UNACKED_LIMIT:
        raise DeviceError(
            "ledger.full",
            f"not saved: {UNACKED_LIMIT} events wait for the central system",
            device="ledger",
            hint="the booth has been without a network too long; call the technician",
        )
    rows, stored = [], []
    for seq, draft in enumerate(drafts, first):
        raw, data, at = uuid7(draft.at.utc_ms), _json(draft), draft.at
        rows.append(
            (seq, raw, number, at.utc_ms, at.uptime_ms, at.quality.value, draft.type, draft.subject, data)
        )
        stored.append(StoredEvent(epoch, seq, uuid_text(raw), boot, draft.type, draft.subject, at, data))
    connection.executemany("INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?)", rows)
    return stored


def _fits(draft: EventDraft) -> bool:
    try:
        return bool(_json(draft))
    except ValueError:
        return False


def _json(draft: EventDraft) -> str:
    data = json.dumps(draft.data, ensure_ascii=False, separators=(",", ":"))
    if len(data) > EVENT_BYTES_LIMIT or len(data.encode()) > EVENT_BYTES_LIMIT:
        raise ValueError(f"event {draft.type} holds more than {EVENT_BYTES_LIMIT} bytes")
    return data


def after(connection: sqlite3.Connection, seq: int, limit: int, *, epoch: str) -> list[StoredEvent]:
    """Up to `limit` events that follow `seq`, oldest first."""
    names = dict(connection.execute("SELECT n, boot FROM boots"))
    query = f"SELECT {EVENT_COLUMNS} FROM events WHERE seq>? ORDER BY seq LIMIT ?"  # noqa: S608 - constant columns
    return [_stored(row, names, epoch) for row in connection.execute(query, (seq, limit))]


def urgent(connection: sqlite3.Connection, seq: int, upto: int, *, epoch: str) -> list[StoredEvent]:
    """The events of accepted parcels among those after `seq` up to `upto`."""
    names = dict(connection.execute("SELECT n, boot FROM boots"))
    marks_ = ",".join("?" * len(ACCEPTED))
    query = f"SELECT {EVENT_COLUMNS} FROM events WHERE seq>? AND seq<=? AND type IN ({marks_}) ORDER BY seq"  # noqa: S608 - constants
    return [_stored(row, names, epoch) for row in connection.execute(query, (seq, upto, *ACCEPTED))]


def _stored(row: tuple[Any, ...], names: dict[int, str], epoch: str) -> StoredEvent:
    seq, raw, boot, utc_ms, uptime_ms, clock, kind, subject, data = row
    at = Stamp(uptime_ms, utc_ms, ClockQuality(clock))
    return StoredEvent(epoch, seq, uuid_text(raw), names[boot], kind, subject, at, data)


def acknowledge(connection: sqlite3.Connection, upto: int, *, forget: Forget | None = None) -> Marks:
    """Everything up to `upto` is in the central store, or among the dead letters.

    Acknowledged events that `forget` calls old, or beyond KEEP_ACKED, go; never the newest.

    A number beyond the newest event is cut down to it: the centre cannot have stored what was never sent.
    """
    now = marks(connection)
    upto = min(upto, now.last)
    if upto <= now.acked:
        return now
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('acked', ?)", (str(upto),))
    connection.execute("DELETE FROM events WHERE seq<? AND seq<=?", (now.last, upto - KEEP_ACKED))
    if forget is not None:
        _forget_old(connection, min(upto, now.last - 1), forget)
    return Marks(acked=upto, last=now.last)


def _forget_old(connection: sqlite3.Connection, upto: int, forget: Forget) -> None:
    """Within a boot by the time since boot; over boots by the wall clock, where both ends of it are known."""
    boot = boot_number(connection, forget.boot)
    connection.execute(
        "DELETE FROM events WHERE seq<=? AND boot=? AND uptime_ms<?", (upto, boot, forget.before_uptime_ms)
    )
    if forget.before_utc_ms is not None:
        connection.execute(
            "DELETE FROM events WHERE seq<=? AND boot<>? AND clock<>'none' AND utc_ms<?",
            (upto, boot, forget.before_utc_ms),
        )


def restore(connection: sqlite3.Connection, rows: Sequence[tuple[object, ...]], boot: str, epoch: str) -> int:
    """Record events salvaged from a damaged file anew, with their old number beside; gives how many."""
    drafts = [draft for draft in map(_salvaged, rows) if draft is not None]
    append(connection, drafts, epoch=epoch, boot=boot, acked=0)
    return len(drafts)


def _salvaged(row: tuple[object, ...]) -> EventDraft | None:
    """One row as an event, without its old number if there is no room for it; None where it is damaged."""
    seq, _, _, utc_ms, uptime_ms, clock, kind, subject, data = row
    try:
        body = json.loads(str(data))
        at = Stamp(int(str(uptime_ms)), int(str(utc_ms)), ClockQuality(str(clock)))
        if not isinstance(body, dict) or max(abs(at.utc_ms), abs(at.uptime_ms)) >= INTEGER_LIMIT:
            return None
        whole = EventDraft(str(kind), str(subject), at, {**body, "salvaged_seq": int(str(seq))})
        bare = EventDraft(str(kind), str(subject), at, body)
        return next(draft for draft in (whole, bare) if _fits(draft))
    except (ValueError, RecursionError, StopIteration):
        return None


def _acked(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM meta WHERE key='acked'").fetchone()
    return int(row[0]) if row else 0
