"""Judges a run from what was recorded, not from what anybody claims.

Owns: the rules that a booth must have kept. Must not know: how the record came to be.

A parcel is doubled if it was accepted more often than it was voided (`parcel.voided`) plus once; one whose
data says `"reaccepted": true` is the clerk's word and does not count. A label is doubled if it is
reported printed twice for one subject, job and attempt: a reprint carries another attempt; where attempts are
not told, each `label.reprinted` allows one more.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path

from simulators.central.report import gaps_of, read_streams
from simulators.central.schema import open_to_read, unusable
from simulators.central.tampering import tampered
from simulators.central.violation import Violation

VIOLATIONS_LIMIT = 1000  # listed at most; the first few tell the story


def check(db_path: Path | str) -> list[Violation]:
    """Everything that went wrong. Raises ConfigError if the file cannot be read."""
    path = Path(db_path)
    with closing(open_to_read(path)) as db:
        try:
            db.execute("BEGIN")
            rules = (tampered, _gaps, _tails, _conflicts, _rejects, _parcels, _labels)
            return list(islice(chain.from_iterable(rule(db) for rule in rules), VIOLATIONS_LIMIT))
        except (sqlite3.Error, ValueError, KeyError) as error:
            raise unusable(path, error) from error


def _gaps(db: sqlite3.Connection) -> Iterator[Violation]:
    for stream in read_streams(db):
        for gap in gaps_of(db, stream):
            text = f"events {gap.first} to {gap.last} are missing"
            yield Violation("gap", gap.booth, text, gap.epoch, gap.first)


def _tails(db: sqlite3.Connection) -> Iterator[Violation]:
    """What a booth calls stored and is not here: no gap shows it, since nothing later came."""
    upto = {(stream.booth, stream.epoch): stream.upto for stream in read_streams(db)}
    for booth, body in db.execute("SELECT booth, body FROM latest WHERE kind = 'state'").fetchall():
        state = json.loads(body)
        epoch, backlog = state.get("epoch"), state.get("backlog")
        if not isinstance(epoch, str) or not isinstance(backlog, dict):
            continue
        last, waiting = backlog.get("last"), backlog.get("count")
        if not isinstance(last, int) or not isinstance(waiting, int):
            continue
        stored, here = last - waiting, upto.get((booth, epoch), 0)
        if stored > here:
            text = f"the booth calls events up to {stored} stored, they end at {here}"
            yield Violation("tail", booth, text, epoch, here + 1)


def _conflicts(db: sqlite3.Connection) -> Iterator[Violation]:
    rows = db.execute("SELECT booth, epoch, seq FROM conflicts ORDER BY booth, epoch, seq")
    for booth, epoch, seq in rows.fetchall():
        yield Violation("conflict", booth, f"event {seq} came with two contents", epoch, seq)


def _rejects(db: sqlite3.Connection) -> Iterator[Violation]:
    """Rejections that the centre was not told to make."""
    rows = db.execute("SELECT booth, epoch, seq, code FROM rejects WHERE NOT by_mood ORDER BY n")
    for booth, epoch, seq, code in rows.fetchall():
        kind = "unreadable" if epoch is None else "rejected"
        yield Violation(kind, booth, f"a message was refused: {code}", epoch or "", seq or 0)


def _parcels(db: sqlite3.Connection) -> Iterator[Violation]:
    allowed: Counter[str] = Counter()
    for booth, epoch, seq, kind, subject, data in _events(db, "parcel.accepted", "parcel.voided"):
        if kind == "parcel.voided":
            allowed[subject] += 1
        elif data.get("reaccepted") is not True:
            allowed[subject] -= 1
            if allowed[subject] < -1:
                yield Violation("parcel.doubled", booth, f"{subject} was accepted again", epoch, seq)


def _labels(db: sqlite3.Connection) -> Iterator[Violation]:
    """Unconfirmed is no print: the same attempt may still be proved, once."""
    printed: Counter[tuple[str, str, str]] = Counter()
    for booth, epoch, seq, kind, subject, data in _events(db, "label.printed", "label.reprinted"):
        job, attempt = str(data.get("job", "")), str(data.get("attempt", ""))
        if kind == "label.reprinted":
            printed[subject, job, ""] -= 1
            continue
        printed[subject, job, attempt] += 1
        if printed[subject, job, attempt] > 1:
            yield Violation("label.doubled", booth, f"the label of {subject} was printed again", epoch, seq)


def _events(
    db: sqlite3.Connection, first: str, second: str
) -> Iterator[tuple[str, str, int, str, str, dict[str, object]]]:
    """Events of two types with their data; all those of the second type come first."""
    rows = db.execute(
        "SELECT booth, epoch, seq, type, subject, body FROM events WHERE type IN (?1, ?2)"
        " ORDER BY type = ?1, received_ms, booth, epoch, seq",
        (first, second),
    )
    with closing(rows):
        for booth, epoch, seq, kind, subject, body in rows:
            yield booth, epoch, seq, kind, subject, json.loads(body)["data"]
