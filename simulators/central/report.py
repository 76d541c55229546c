"""What the centre holds, read from its file.

Owns: the counts, gaps and command life cycles of a report. Must not know: MQTT, who is connected.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from simulators.central.schema import open_to_read

GAPS_LIMIT = 1000  # ranges listed of one stream; a stream with more is broken beyond counting
ACCEPTED_LIMIT = 100_000  # parcels listed: a booth's whole year
FINAL_STATES = frozenset({"done", "failed", "rejected", "expired"})


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers that are missing although a later one came, both ends included."""

    booth: str
    epoch: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Stream:
    """One epoch of one booth."""

    booth: str
    epoch: str
    upto: int
    highest: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class Report:
    """`by_type` counts short types ("parcel.accepted"); `accepted` are the parcels accepted, in order."""

    events: int
    duplicates: int
    conflicts: int
    rejected: int
    unreadable: int
    gaps: tuple[Gap, ...]
    by_type: dict[str, int]
    accepted: tuple[str, ...]
    streams: tuple[Stream, ...]
    messages: int


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """A command and what came back; `state` is the last response's, or "sent"."""

    id: str
    booth: str
    type: str
    state: str
    reason: str
    states: tuple[str, ...]

    @property
    def final(self) -> bool:
        return self.state in FINAL_STATES


def read_report(path: Path, booth: str | None = None) -> Report:
    """Everything, or all of one booth."""
    with closing(open_to_read(path)) as db:
        db.execute("BEGIN")
        streams = tuple(_streams(db, booth))
        return Report(
            events=_count(db, "SELECT count(*) FROM events WHERE ?1 IS NULL OR booth = ?1", booth),
            duplicates=sum(one.duplicates for one in streams),
            conflicts=_count(db, "SELECT count(*) FROM conflicts WHERE ?1 IS NULL OR booth = ?1", booth),
            rejected=_count(
                db,
                "SELECT count(*) FROM rejects WHERE epoch IS NOT NULL AND (?1 IS NULL OR booth = ?1)",
                booth,
            ),
            unreadable=_count(
                db, "SELECT count(*) FROM rejects WHERE epoch IS NULL AND (?1 IS NULL OR booth = ?1)", booth
            ),
            gaps=tuple(gap for one in streams for gap in gaps_of(db, one)),
            by_type=_by_type(db, booth),
            accepted=_accepted(db, booth),
            streams=streams,
            messages=_count(
                db, "SELECT count(*) FROM history WHERE ?1 IS NULL OR instr(topic, '/' || ?1 || '/')", booth
            ),
        )


def read_streams(db: sqlite3.Connection) -> list[Stream]:
    """All streams of a file that is open already."""
    return list(_streams(db, None))


def gaps_of(db: sqlite3.Connection, stream: Stream) -> Iterable[Gap]:
    """The missing ranges of a stream, lowest first."""
    if stream.upto == stream.highest:
        return
    rows = db.execute(
        "SELECT seq FROM events WHERE booth = ?1 AND epoch = ?2 AND seq > ?3"
        " UNION ALL SELECT seq FROM rejects WHERE booth = ?1 AND epoch = ?2 AND seq > ?3"
        " AND epoch IS NOT NULL ORDER BY seq",
        (stream.booth, stream.epoch, stream.upto),
    )
    before, found = stream.upto, 0
    with closing(rows):
        for (seq,) in rows:
            if seq > before + 1:
                yield Gap(stream.booth, stream.epoch, before + 1, seq - 1)
                found += 1
            if found >= GAPS_LIMIT:
                return
            before = seq


def read_command(path: Path, command_id: str) -> CommandRecord | None:
    with closing(open_to_read(path)) as db:
        command = db.execute("SELECT booth, type FROM commands WHERE id = ?", (command_id,)).fetchone()
        if command is None:
            return None
        query = "SELECT state, reason FROM responses WHERE id = ? ORDER BY n"
        rows = db.execute(query, (command_id,)).fetchall()
    states = tuple(str(state) for state, _ in rows)
    final = next((row for row in rows if row[0] in FINAL_STATES), None)
    state, reason = final or (rows[-1] if rows else ("sent", ""))
    return CommandRecord(command_id, command[0], command[1], state, reason, states)


def read_latest(path: Path, booth: str, kind: str) -> dict[str, object] | None:
    """The last message of a booth on one of its topics ("state", "devices", "cfg", "metrics")."""
    with closing(open_to_read(path)) as db:
        row = db.execute("SELECT body FROM latest WHERE booth = ? AND kind = ?", (booth, kind)).fetchone()
    value = json.loads(row[0]) if row else None
    return value if isinstance(value, dict) else None


def _streams(db: sqlite3.Connection, booth: str | None) -> Iterable[Stream]:
    rows = db.execute(
        "SELECT booth, epoch, upto, highest, duplicates FROM streams"
        " WHERE ?1 IS NULL OR booth = ?1 ORDER BY booth, epoch",
        (booth,),
    )
    return [Stream(*row) for row in rows.fetchall()]


def _count(db: sqlite3.Connection, query: str, booth: str | None) -> int:
    return int(db.execute(query, (booth,)).fetchone()[0])


def _by_type(db: sqlite3.Connection, booth: str | None) -> dict[str, int]:
    query = "SELECT type, count(*) FROM events WHERE ?1 IS NULL OR booth = ?1 GROUP BY type ORDER BY type"
    return {str(kind): int(number) for kind, number in db.execute(query, (booth,)).fetchall()}


def _accepted(db: sqlite3.Connection, booth: str | None) -> tuple[str, ...]:
    rows = db.execute(
        "SELECT subject FROM events WHERE type = 'parcel.accepted' AND (?1 IS NULL OR booth = ?1)"
        " ORDER BY booth, epoch, seq LIMIT ?2",
        (booth, ACCEPTED_LIMIT),
    )
    return tuple(str(row[0]) for row in rows.fetchall())
