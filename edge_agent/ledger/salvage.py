"""A damaged ledger: set aside, and what can still be read of it recorded anew in the one that follows.

Owns: the damaged file's name and its mark, reading past the damage. Must not know: threads, pragmas.

    ledger.db.salvaging    names the damaged file: from before it is moved until all of it is recorded anew

How far that has come stands in the new ledger, in the transaction of what was recorded. Whatever cuts it, the
next start goes on there: a booth whose power flaps is the one that damages its ledger.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from edge_agent.events.model import EventDraft, JsonValue, StoredEvent
from edge_agent.ledger import letters
from edge_agent.ledger.durable import replace_file
from edge_agent.ledger.outbox import INTEGER_LIMIT, fits
from edge_agent.ledger.worker import LedgerWorker
from edge_agent.sdk.errors import DeviceError
from edge_agent.sdk.values import ClockQuality, Stamp

log = logging.getLogger(__name__)

SET_ASIDE_KEPT = 3  # damaged files kept for a person to look at; each may be as large as the quota
ROWS_AT_ONCE = 200  # in one transaction: some 100 KiB of memory, 6 MiB with the longest events
NAME_BYTES = 256  # of the damaged file, in its mark
PARTS = ("-wal", "-shm", "")  # of one SQLite file; the one that tells that it is moved comes last
PROGRESS = "salvaged"
EVENTS, EVENT_COLUMNS = "events", 9  # by position: the names of columns may be damaged, too
LETTERS, LETTER_COLUMNS = "dead_letters", 4

UNREADABLE = (sqlite3.Error, UnicodeDecodeError)  # the latter: what SQLite says of the damage is no text

Append = Callable[[sqlite3.Connection, Sequence[EventDraft]], list[StoredEvent]]
Row = tuple[Any, ...]

lenient = partial(str, encoding="utf-8", errors="replace")  # text that rot has reached is text, no error


@dataclass(frozen=True, slots=True)
class Progress:
    """Up to which numbers events and dead letters of the damaged `file` are recorded anew; how many were."""

    file: str
    upto: int
    letters: int = 0
    count: int = 0
    done: bool = False


# The file


def set_aside(path: Path) -> Path:
    """Move a damaged ledger out of the way. Raises OSError."""
    number = max(map(_number, _set_aside(path)), default=0) + 1
    aside = path.with_name(f"{path.name}.damaged-{number:03d}")
    replace_file(_mark(path), aside.name)
    return _moved(path, aside)


def under_way(path: Path) -> Path | None:
    """The damaged file whose salvage a cut has ended, moved whole. Raises OSError."""
    try:
        with _mark(path).open("rb") as file:
            name = file.read(NAME_BYTES).decode("ascii", "replace")
    except FileNotFoundError:
        return None
    if not re.fullmatch(re.escape(path.name) + r"\.damaged-[0-9]{3,9}", name):
        return None
    aside = path.with_name(name)
    return aside if aside.exists() else _moved(path, aside)


def forget_mark(path: Path) -> None:
    """All is recorded anew. A mark that stays costs the next start one look."""
    with contextlib.suppress(OSError):
        _mark(path).unlink(missing_ok=True)


def _moved(path: Path, aside: Path) -> Path:
    for part in PARTS:
        _move(path.with_name(path.name + part), aside.with_name(aside.name + part))
    for old in sorted(_set_aside(path), key=_number)[:-SET_ASIDE_KEPT]:
        for part in PARTS:
            old.with_name(old.name + part).unlink(missing_ok=True)
    return aside


def _move(source: Path, target: Path) -> None:
    if source.exists():
        source.rename(target)


def _mark(path: Path) -> Path:
    return path.with_name(f"{path.name}.salvaging")


def _set_aside(path: Path) -> list[Path]:
    return [file for file in path.parent.glob(f"{path.name}.damaged-*") if _number(file)]


def _number(aside: Path) -> int:
    """Which damaged file it is; 0 for its WAL, and for what is none of ours."""
    number = aside.name.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdecimal() else 0


# Its events


async def salvage(worker: LedgerWorker, aside: Path, append: Append, at: Stamp) -> None:
    """Record anew what can be read, then that it was so. On a full disk the next start goes on with it."""
    with contextlib.closing(_open(aside)) as damaged:
        try:
            while not (await worker.write(lambda c: _step(c, damaged, aside.name, append, at))).done:
                pass
        except DeviceError as error:
            log.error("%s", error)
            return
    forget_mark(aside.with_name(aside.name.rpartition(".damaged-")[0]))


def _open(aside: Path) -> sqlite3.Connection:
    """Used in the ledger's thread only. A file that is gone has nothing in it."""
    place = aside if aside.exists() else ":memory:"
    damaged = sqlite3.connect(place, isolation_level=None, check_same_thread=False)
    damaged.text_factory = lenient
    with contextlib.suppress(*UNREADABLE):
        damaged.execute("PRAGMA writable_schema=ON")  # a table that SQLite cannot understand hides no other
    return damaged


def _step(
    connection: sqlite3.Connection, damaged: sqlite3.Connection, name: str, append: Append, at: Stamp
) -> Progress:
    """Some events more, then some dead letters, or the end; in one transaction with how far it has come."""
    before = _progress(connection, name) or Progress(name, _acknowledged(damaged))
    if before.done:
        return before
    if rows := _rows(damaged, EVENTS, EVENT_COLUMNS, before.upto):
        count = before.count + taken_up(connection, rows, append)
        now = replace(before, upto=rows[-1][0], count=count)
    elif rows := _rows(damaged, LETTERS, LETTER_COLUMNS, before.letters):
        events = letters.as_events(rows, _among_events(connection, damaged, rows))
        count = before.count + taken_up(connection, events, append)
        now = replace(before, letters=rows[-1][0], count=count)
    else:
        append(connection, [_told(damaged, before, at)])
        now = replace(before, done=True)
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (PROGRESS, json.dumps(asdict(now))))
    return now


def _among_events(
    connection: sqlite3.Connection, damaged: sqlite3.Connection, rows: Sequence[Row]
) -> set[int]:
    """The letters that were recorded anew as events already: those that the centre had not acknowledged."""
    acknowledged = _acknowledged(damaged)
    if all(row[0] <= acknowledged for row in rows):
        return set()
    found = connection.execute("SELECT json_extract(data, '$.salvaged_seq') FROM events")
    return {row[0] for row in rows} & {seq for (seq,) in found}


def _progress(connection: sqlite3.Connection, name: str) -> Progress | None:
    row = connection.execute("SELECT value FROM meta WHERE key=?", (PROGRESS,)).fetchone()
    try:
        progress = Progress(**json.loads(row[0])) if row else None
    except (ValueError, TypeError):
        return None
    return progress if progress is not None and progress.file == name else None


def taken_up(connection: sqlite3.Connection, rows: Sequence[Row], append: Append) -> int:
    """Record these rows anew, with their old number beside; gives how many could be."""
    drafts = [draft for draft in map(_draft, rows) if draft is not None]
    append(connection, drafts)
    return len(drafts)


def _draft(row: Row) -> EventDraft | None:
    """Without its old number if there is no room for it; None for a row that the damage has reached."""
    seq, _, _, utc_ms, uptime_ms, clock, kind, subject, data = row
    try:
        body = json.loads(str(data))
        at = Stamp(int(str(uptime_ms)), int(str(utc_ms)), ClockQuality(str(clock)))
        if not isinstance(body, dict) or max(abs(at.utc_ms), abs(at.uptime_ms)) >= INTEGER_LIMIT:
            return None
        bare = EventDraft(str(kind), str(subject), at, body)
        whole = replace(bare, data={**body, "salvaged_seq": int(seq)})
        return next((draft for draft in (whole, bare) if fits(draft)), None)
    except (ValueError, TypeError, RecursionError):
        return None


def _rows(damaged: sqlite3.Connection, table: str, width: int, after: int) -> list[Row]:
    """The next rows that can be read; from beyond the damage where that begins right here."""
    rows = _up_to_damage(damaged, table, after)
    rows = rows or _up_to_damage(damaged, table, _beyond_damage(damaged, table, after))
    return rows if all(len(row) == width for row in rows) else []


def _up_to_damage(damaged: sqlite3.Connection, table: str, after: int) -> list[Row]:
    """Numbers that do not rise are damage, too: a page that points back would be read for ever."""
    rows: list[Row] = []
    query = f"SELECT rowid, * FROM {table} WHERE rowid>? ORDER BY rowid LIMIT ?"  # noqa: S608 - constant names
    with contextlib.suppress(*UNREADABLE):
        for number, _, *columns in damaged.execute(query, (after, ROWS_AT_ONCE)):
            if number <= after:
                break
            rows.append((number, *columns))
            after = number
    return rows


def _beyond_damage(damaged: sqlite3.Connection, table: str, after: int) -> int:
    """The number before the first that can be reached from the end; `after` itself where none can."""
    lowest: int | None = None
    query = f"SELECT rowid FROM {table} WHERE rowid>? ORDER BY rowid DESC"  # noqa: S608 - constant names
    with contextlib.suppress(*UNREADABLE):
        for (number,) in damaged.execute(query, (after,)):
            if number <= after or (lowest is not None and number >= lowest):
                break
            lowest = number
    return after if lowest is None else lowest - 1


def _acknowledged(damaged: sqlite3.Connection) -> int:
    with contextlib.suppress(sqlite3.Error, ValueError, TypeError):
        return int(damaged.execute("SELECT value FROM meta WHERE key='acked'").fetchone()[0])
    return 0


def _told(damaged: sqlite3.Connection, progress: Progress, at: Stamp) -> EventDraft:
    """With the damaged file's epoch and its newest number, so that the centre can close that stream."""
    data: dict[str, JsonValue] = {"file": progress.file, "salvaged": progress.count}
    with contextlib.suppress(sqlite3.Error, ValueError, TypeError):
        (epoch,) = damaged.execute("SELECT value FROM meta WHERE key='epoch'").fetchone()
        (last,) = damaged.execute("SELECT max(rowid) FROM events").fetchone()
        data |= {"previous_epoch": str(epoch), "previous_last": int(last or 0)}
    return EventDraft("ledger.set-aside", "ledger", at, data)
