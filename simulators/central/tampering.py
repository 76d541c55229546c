"""Whether the record itself is whole: what the centre once had is there, and is what it was.

Owns: the rules for the file's rows. Must not know: what a booth may do.

A file from which an event was taken away, or in which one was changed, must not pass for a clean run. Someone
who writes everything anew, digests and marks included, is not found out here.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from simulators.central.report import read_streams
from simulators.central.violation import Violation

_COLUMNS = ("epoch", "seq", "id", "subject", "time")  # of an event's row, as its body says


def tampered(db: sqlite3.Connection) -> Iterator[Violation]:
    """Rows that are gone, changed, or belong to nothing."""
    yield from _lost(db)
    yield from _altered(db)
    yield from _history(db)


def _lost(db: sqlite3.Connection) -> Iterator[Violation]:
    """By the rows, not by the marks: what was acknowledged, or seen as the highest, must be here."""
    known = set()
    for stream in read_streams(db):
        known.add((stream.booth, stream.epoch))
        numbers = _numbers(db, stream.booth, stream.epoch)
        missing = next((n for n in range(1, stream.upto + 1) if n not in numbers), 0)
        if missing:
            text = f"event {missing} was acknowledged and is not here"
            yield Violation("lost", stream.booth, text, stream.epoch, missing)
        if stream.highest not in numbers:
            text = f"event {stream.highest} was taken and is not here"
            yield Violation("lost", stream.booth, text, stream.epoch, stream.highest)
    rows = db.execute("SELECT DISTINCT booth, epoch FROM events ORDER BY booth, epoch").fetchall()
    for booth, epoch in rows:
        if (booth, epoch) not in known:
            yield Violation("lost", booth, "what was acknowledged of this stream is not on record", epoch)


def _numbers(db: sqlite3.Connection, booth: str, epoch: str) -> set[int]:
    rows = db.execute(
        "SELECT seq FROM events WHERE booth = ?1 AND epoch = ?2"
        " UNION ALL SELECT seq FROM rejects WHERE booth = ?1 AND epoch = ?2",
        (booth, epoch),
    )
    return {int(seq) for (seq,) in rows.fetchall()}


def _altered(db: sqlite3.Connection) -> Iterator[Violation]:
    """The digest is of what came; the columns are what the body says."""
    rows = db.execute(
        "SELECT booth, epoch, seq, id, subject, time, type, digest, body FROM events"
        " ORDER BY booth, epoch, seq"
    )
    with closing(rows):
        for booth, epoch, seq, identity, subject, time, kind, digest, body in rows:
            if hashlib.sha256(body.encode()).digest() != bytes(digest):
                yield Violation("altered", booth, f"event {seq} is not what came", epoch, seq)
                continue
            said = json.loads(body)
            told = tuple(said.get(name) for name in _COLUMNS)
            whole = (told, said.get("source"), said.get("type"))
            if whole != ((epoch, seq, identity, subject, time), f"/booths/{booth}", f"booth.{kind}.v1"):
                yield Violation("altered", booth, f"event {seq} is filed as what it is not", epoch, seq)


def _history(db: sqlite3.Connection) -> Iterator[Violation]:
    """Messages are numbered without gaps; only the oldest are ever dropped."""
    count, first, last = db.execute("SELECT count(*), min(n), max(n) FROM history").fetchone()
    given = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'history'").fetchone()
    if count != (last or 0) - (first or 1) + 1 or (given[0] if given else 0) != (last or 0):
        yield Violation("history", "", "messages are missing from the history")
