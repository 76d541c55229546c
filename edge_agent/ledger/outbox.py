"""Events in the ledger's file: numbered, read back in order, acknowledged by the central store.

Owns: the SQL of events. Must not know: threads, MQTT. Each function takes the connection and
runs inside whatever transaction the worker opened.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from edge_agent.events.classes import ACCEPTED
from edge_agent.events.model import EventDraft, StoredEvent
from edge_agent.ledger.ids import uuid7, uuid_text
from edge_agent.sdk.errors import DeviceError
from edge_agent.sdk.values import ClockQuality, Stamp

KEEP_ACKED = 20_000  # acknowledged events kept for a replay: about a week of a busy booth, some 8 MiB
UNACKED_LIMIT = (
    400_000  # about 150 MiB and half a year without a network; beyond it the booth refuses visibly
)
INTEGER_LIMIT = 1 << 63  # of SQLite
# As bytes, so that rot in them is found and not smoothed over: they are sent as they are.
EXACT_COLUMNS = "seq, id, boot, utc_ms, uptime_ms, clock, type, CAST(subject AS BLOB), CAST(data AS BLOB)"
UNKNOWN = "unknown"  # the boot of an event
QUALITIES: Mapping[object, ClockQuality] = {quality.value: quality for quality in ClockQuality}
TYPE = re.compile(r"[a-z0-9_.-]{1,64}")
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
    oldest = "SELECT boot FROM events ORDER BY seq LIMIT 1"  # boots are numbered in the order of their events
    connection.execute(f"DELETE FROM boots WHERE n < ({oldest})")  # noqa: S608 - constant
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


def fits(draft: EventDraft) -> bool:
    """Whether it is short enough to be stored."""
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
    """Up to `limit` events that follow `seq`, oldest first; what rot has reached is left out."""
    return list(islice(_readable(connection, "seq>?", (seq,), epoch), limit))


def urgent(connection: sqlite3.Connection, seq: int, upto: int, *, epoch: str) -> list[StoredEvent]:
    """The events of accepted parcels among those after `seq` up to `upto`."""
    marks_ = ",".join("?" * len(ACCEPTED))
    where = f"seq>? AND seq<=? AND type IN ({marks_})"
    return list(_readable(connection, where, (seq, upto, *ACCEPTED), epoch))


def _readable(
    connection: sqlite3.Connection, where: str, values: tuple[object, ...], epoch: str
) -> Iterator[StoredEvent]:
    names = {n: boot for n, boot in connection.execute("SELECT n, boot FROM boots") if _is_name(boot)}
    query = f"SELECT {EXACT_COLUMNS} FROM events WHERE {where} ORDER BY seq"  # noqa: S608 - constants
    with contextlib.closing(connection.execute(query, values)) as rows:
        for row in rows:
            event = _stored(row, names, epoch)
            if event is not None:
                yield event


def _stored(row: tuple[Any, ...], names: dict[int, str], epoch: str) -> StoredEvent | None:
    """SQLite keeps no checksums: what rot has made of when and where is unknown, of what happened is nothing.

    None is a gap to the uplink, which tells the centre of it.
    """
    seq, raw, boot, utc_ms, uptime_ms, clock, kind, subject, data = row
    if not isinstance(raw, bytes) or TYPE.fullmatch(str(kind)) is None:
        return None
    try:
        json.loads(data)
        text, about = data.decode(), subject.decode()
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    at = stamp_of(uptime_ms, utc_ms, clock)
    return StoredEvent(
        epoch, seq, uuid_text(raw.ljust(16, b"\0")[:16]), names.get(boot, UNKNOWN), kind, about, at, text
    )


def stamp_of(uptime_ms: object, utc_ms: object, clock: object) -> Stamp:
    """A moment on record; unknown where rot has reached it."""
    if type(uptime_ms) is int and type(utc_ms) is int and clock in QUALITIES:
        return Stamp(uptime_ms, utc_ms, QUALITIES[clock])
    return Stamp(0, 0, ClockQuality.NONE)


def _is_name(boot: object) -> bool:
    """Whether it can stand between quotes as it is."""
    return isinstance(boot, str) and boot.isascii() and boot.isprintable() and not set(boot) & set('"\\')


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


def _acked(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM meta WHERE key='acked'").fetchone()
    return int(row[0]) if row else 0
