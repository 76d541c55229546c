"""The ledger's file: opening, settings, migrations, and what to do when it is damaged.

Owns: pragmas, schema steps, the check at start, setting a damaged file aside and salvaging from it.
Must not know: threads, events' meaning.

Settings and their reasons (docs/decisions/0004-ledger.md): WAL with synchronous=FULL survives a power cut at
any instant; 1 KiB pages and a WAL that keeps its size write the fewest bytes for one small event.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import uuid
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from edge_agent.sdk.errors import DeviceError

PAGE_BYTES = 1024  # one event fills a third of it; measured: 30 % fewer bytes written than with 4 KiB
CACHE_KIB = 256  # the ledger is written at its end and read once; a larger cache is only memory
CHECKPOINT_PAGES = 100  # small enough that the WAL stays at about 100 KiB
SALVAGE_LIMIT = 100_000  # rows looked for in a damaged file; more than a month of a busy booth
SET_ASIDE_KEPT = 3  # damaged files kept for a person to look at; each may be as large as the quota
SCHEMA_FILE = re.compile(r"(\d{4})_\w+\.sql")

EVENT_COLUMNS = "seq, id, boot, utc_ms, uptime_ms, clock, type, subject, data"


@dataclass(frozen=True, slots=True)
class Opened:
    """An open ledger; `set_aside` names the damaged file that it replaces, `salvaged` its readable events,
    `letters` its readable dead letters (seq, code, type, body).

    `before` is the epoch of that file and the newest number found in it, where they could be read.
    """

    connection: sqlite3.Connection
    epoch: str
    set_aside: Path | None = None
    salvaged: tuple[tuple[object, ...], ...] = ()
    letters: tuple[tuple[object, ...], ...] = ()
    before: tuple[str, int] | None = None


def open_ledger(path: Path, synchronous: str = "FULL", *, quota_mib: int = 512) -> Opened:
    """Open or create the ledger. A damaged file is set aside and a new one begins with its own epoch.

    Raises DeviceError("ledger.unusable") where neither can be done.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(path, synchronous, quota_mib)
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise _unusable(path, error) from error
        return _begin_anew(path, synchronous, quota_mib)
    except OSError as error:
        raise _unusable(path, error) from error
    return Opened(connection, _epoch(connection))


def _connect(path: Path, synchronous: str, quota_mib: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        connection.execute("PRAGMA busy_timeout=5000")
        connection.execute(f"PRAGMA max_page_count={quota_mib * 1024 * 1024 // PAGE_BYTES}")
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"malformed: {verdict}")
        _migrate(connection)
    except (sqlite3.Error, OSError):
        connection.close()
        raise
    return connection


def schema_steps() -> list[tuple[int, str]]:
    """The schema files in order: (number, SQL)."""
    folder = resources.files("edge_agent.ledger") / "schema"
    found = [(SCHEMA_FILE.fullmatch(entry.name), entry) for entry in folder.iterdir()]
    return sorted((int(m.group(1)), entry.read_text("utf-8")) for m, entry in found if m)


def _migrate(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, sql in schema_steps():
        if number > version:
            connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version={number};\nCOMMIT;")


def _epoch(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT value FROM meta WHERE key='epoch'").fetchone()
    if row:
        return str(row[0])
    epoch = uuid.uuid4().hex[:12]
    with connection:
        connection.execute("INSERT INTO meta VALUES ('epoch', ?)", (epoch,))
    return epoch


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    text = str(error)
    return "malformed" in text or "not a database" in text or "disk image" in text


def _begin_anew(path: Path, synchronous: str, quota_mib: int) -> Opened:
    aside = _free_name(path)
    rows, letters, before = *_salvage(path), _before(path)
    for suffix in ("", "-wal", "-shm"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(aside.with_name(aside.name + suffix))
    _forget_oldest(path)
    try:
        connection = _connect(path, synchronous, quota_mib)
    except (sqlite3.Error, OSError) as error:
        raise _unusable(path, error) from error
    return Opened(connection, _epoch(connection), aside, rows, letters, before)


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number:03d}")).exists():
        number += 1
    return aside


def _forget_oldest(path: Path) -> None:
    kept = sorted(
        p for p in path.parent.glob(f"{path.name}.damaged-*") if p.suffix.lstrip(".").count("-") == 1
    )
    for old in kept[:-SET_ASIDE_KEPT]:
        for suffix in ("", "-wal", "-shm"):
            old.with_name(old.name + suffix).unlink(missing_ok=True)


def _salvage(path: Path) -> tuple[tuple[tuple[object, ...], ...], tuple[tuple[object, ...], ...]]:
    """Unacknowledged events, and dead letters, that can still be read."""
    with contextlib.suppress(sqlite3.Error, OSError):
        connection = sqlite3.connect(path, isolation_level=None)
        with contextlib.closing(connection):
            acked = 0
            with contextlib.suppress(sqlite3.Error):
                found = connection.execute("SELECT value FROM meta WHERE key='acked'").fetchone()
                acked = int(found[0]) if found else 0
            events = _read_to_damage(connection, f"SELECT {EVENT_COLUMNS} FROM events", acked)  # noqa: S608 - constants
            return events, _read_to_damage(connection, "SELECT seq, code, type, body FROM dead_letters", 0)
    return (), ()


def _before(path: Path) -> tuple[str, int] | None:
    """The damaged file's epoch and its newest number: so the centre can close that stream."""
    with (
        contextlib.suppress(sqlite3.Error, OSError, ValueError),
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection,
    ):
        epoch = connection.execute("SELECT value FROM meta WHERE key='epoch'").fetchone()
        (last,) = connection.execute("SELECT max(seq) FROM events").fetchone()
        return (str(epoch[0]), int(last or 0)) if epoch else None
    return None


def _read_to_damage(
    connection: sqlite3.Connection, select: str, after: int
) -> tuple[tuple[object, ...], ...]:
    """Row by row until the damage stops it, from both ends."""
    rows: dict[int, tuple[object, ...]] = {}
    for order in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.Error):
            query = f"{select} WHERE seq>? ORDER BY seq {order} LIMIT ?"
            for row in connection.execute(query, (after, SALVAGE_LIMIT)):
                if isinstance(row[0], int) and isinstance(row[-1], str):
                    rows[row[0]] = row
    return tuple(rows[seq] for seq in sorted(rows))


def _unusable(path: Path, error: Exception) -> DeviceError:
    return DeviceError(
        "ledger.unusable",
        f"cannot open {path.name}: {error}",
        device="ledger",
        hint="check that the state directory exists, is writable and has free space",
    )
