"""The ledger's file: opening, settings, migrations, and what to do when it is damaged.

Owns: pragmas, schema steps, the check at start. Must not know: threads, events' meaning, what is salvaged.

Settings and their reasons (docs/decisions/0004-ledger.md): WAL with synchronous=FULL survives a power cut at
any instant; 1 KiB pages and a WAL that keeps its size write the fewest bytes for one small event.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from edge_agent.ledger.salvage import lenient, set_aside, under_way
from edge_agent.sdk.errors import DeviceError

PAGE_BYTES = 1024  # one event fills a third of it; measured: 30 % fewer bytes written than with 4 KiB
CACHE_KIB = 256  # the ledger is written at its end and read once; a larger cache is only memory
CHECKPOINT_PAGES = 100  # small enough that the WAL stays at about 100 KiB
SCHEMA_FILE = re.compile(r"(\d{4})_\w+\.sql")
MARKS = {"epoch": re.compile(r"[0-9a-f]{12}"), "acked": re.compile(r"[0-9]{1,18}")}
DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Opened:
    """An open ledger; `set_aside` is the damaged file that it replaces, until all of that is salvaged."""

    connection: sqlite3.Connection
    epoch: str
    set_aside: Path | None = None


def open_ledger(path: Path, synchronous: str = "FULL", *, quota_mib: int = 512) -> Opened:
    """Open or create the ledger. A damaged file is set aside and a new one begins with its own epoch.

    Raises DeviceError("ledger.unusable") where neither can be done.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = under_way(path)
        connection = _connect(path, synchronous, quota_mib)
    except DAMAGE as error:
        if not _is_damage(error):
            raise _unusable(path, error) from error
        return _begin_anew(path, synchronous, quota_mib)
    except OSError as error:
        raise _unusable(path, error) from error
    return Opened(connection, _epoch(connection), aside)


def _connect(path: Path, synchronous: str, quota_mib: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.text_factory = lenient
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
        _check_shape(connection)
        _check_marks(connection)
    except (*DAMAGE, OSError):
        connection.close()
        raise
    return connection


def schema_steps() -> list[tuple[int, str]]:
    """The schema files in order: (number, SQL)."""
    folder = resources.files("edge_agent.ledger") / "schema"
    found = [(SCHEMA_FILE.fullmatch(entry.name), entry) for entry in folder.iterdir()]
    return sorted((int(m.group(1)), entry.read_text("utf-8")) for m, entry in found if m)


def _migrate(connection: sqlite3.Connection) -> None:
    version = _version(connection)
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


def _is_damage(error: Exception) -> bool:
    if isinstance(error, UnicodeDecodeError):  # sqlite3 could not even say what is malformed
        return True
    if (
        getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
    ):  # no table, no column, no such format
        return True
    text = str(error)
    return "malformed" in text or "not a database" in text or "disk image" in text


def _check_shape(connection: sqlite3.Connection) -> None:
    """The names of tables and columns are text in the file, which SQLite does not check either."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        _migrate(fresh)
        if _version(fresh) != _version(connection):
            return  # a newer agent's file: it may have more columns than we know
        there = dict(_tables(connection))
        for table, columns in _tables(fresh):
            if there.get(table) != columns:
                raise sqlite3.DatabaseError(f"malformed: table {table}")


def _tables(connection: sqlite3.Connection) -> Iterator[tuple[str, list[object]]]:
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall():
        told = connection.execute('SELECT name, type, "notnull", pk FROM pragma_table_info(?)', (name,))
        yield name, told.fetchall()


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _check_marks(connection: sqlite3.Connection) -> None:
    """SQLite keeps no checksums: what rot has made of the marks, nobody but us can tell."""
    for key, form in MARKS.items():
        row = connection.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        if row is not None and form.fullmatch(str(row[0])) is None:
            raise sqlite3.DatabaseError(f"malformed: {key} is no {key}")


def _begin_anew(path: Path, synchronous: str, quota_mib: int) -> Opened:
    try:
        aside = set_aside(path)
        connection = _connect(path, synchronous, quota_mib)
    except (sqlite3.Error, OSError) as error:
        raise _unusable(path, error) from error
    return Opened(connection, _epoch(connection), aside)


def _unusable(path: Path, error: Exception) -> DeviceError:
    return DeviceError(
        "ledger.unusable",
        f"cannot open {path.name}: {error}",
        device="ledger",
        hint="check that the state directory exists, is writable and has free space",
    )
