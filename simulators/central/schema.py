"""The tables of the centre's file.

Owns: the schema and how the file is opened. Must not know: what is written when.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from edge_agent.sdk.errors import ConfigError

BUSY_TIMEOUT_S = 10.0  # a second centre on the same file commits within milliseconds

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    booth TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
    id TEXT NOT NULL, type TEXT NOT NULL, subject TEXT NOT NULL, time TEXT NOT NULL,
    received_ms INTEGER NOT NULL, digest BLOB NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (booth, epoch, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rejects (  -- without epoch and seq: unreadable, nothing could be answered
    n INTEGER PRIMARY KEY, booth TEXT NOT NULL, epoch TEXT, seq INTEGER,
    code TEXT NOT NULL, by_mood INTEGER NOT NULL, received_ms INTEGER NOT NULL, body TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS rejects_by_key ON rejects (booth, epoch, seq) WHERE epoch IS NOT NULL;
CREATE TABLE IF NOT EXISTS conflicts (  -- another content under a key that was taken before
    booth TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
    digest BLOB NOT NULL, received_ms INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (booth, epoch, seq, digest)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS streams (
    booth TEXT NOT NULL, epoch TEXT NOT NULL, upto INTEGER NOT NULL DEFAULT 0,
    highest INTEGER NOT NULL DEFAULT 0, duplicates INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (booth, epoch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS commands (
    id TEXT PRIMARY KEY, booth TEXT NOT NULL, type TEXT NOT NULL,
    counter INTEGER NOT NULL, sent_ms INTEGER NOT NULL, payload TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS responses (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL, booth TEXT NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL, received_ms INTEGER NOT NULL, body TEXT NOT NULL,
    UNIQUE (id, booth, state)
);
CREATE TABLE IF NOT EXISTS latest (
    booth TEXT NOT NULL, kind TEXT NOT NULL, received_ms INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (booth, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS enrolments (
    booth TEXT PRIMARY KEY, code TEXT NOT NULL, expires_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL, used_ms INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (
    n INTEGER PRIMARY KEY AUTOINCREMENT, received_ms INTEGER NOT NULL,
    topic TEXT NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL
);
"""


def open_to_write(path: Path) -> sqlite3.Connection:
    """The file, made if it is not there; a commit is on the disk when it returns.

    Raises ConfigError("central.db") if it cannot be opened or is no database of ours.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_S)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(_SCHEMA)
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """The file as another program left it. Raises ConfigError("central.db")."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
        connection.execute("SELECT 1 FROM events LIMIT 1")
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    return connection


def unusable(path: Path, error: Exception) -> ConfigError:
    """What cannot be read is neither clean nor broken."""
    return ConfigError("central.db", f"{path}: {error}", hint="give another file with --db")
