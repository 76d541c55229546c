"""Dead letters: events that the central store has refused, or that no broker carried, laid aside whole.

Owns: their SQL, how many there may be, which of them may be forgotten. Must not know: threads, MQTT, why.

A letter about an accepted parcel is never forgotten: it goes when somebody releases it, as a new event. There
is room for LETTERS_LIMIT; beyond that no refusal is taken, so that the event itself stays and waits. Of all
others the newest OTHERS_KEPT stay, for as long as acknowledged events are kept: what a scanner read may be
about a person. See docs/decisions/0015-dead-letters.md.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from edge_agent.events.classes import ACCEPTED
from edge_agent.events.model import EventDraft, JsonValue, StoredEvent
from edge_agent.ledger.outbox import Forget, Rejection
from edge_agent.ledger.worker import LedgerWorker
from edge_agent.sdk.values import Stamp

LETTERS_LIMIT = (
    2000  # some days of a booth of which everything is refused; at the most 60 of the ledger's 512 MiB
)
OTHERS_KEPT = 1000  # half: the rest is always there for accepted parcels
FORGOTTEN = "letters.forgotten"
AS_ACCEPTED = ",".join("?" * len(ACCEPTED))


@dataclass(frozen=True, slots=True)
class Letter:
    """`body` as it was laid aside: subject, data, and when the event happened."""

    seq: int
    code: str
    type: str
    body: str

    def draft(self, at: Stamp) -> EventDraft:
        """The same as a new event: it happened before, and `released` says when and under which number."""
        body = json.loads(self.body)
        before: dict[str, JsonValue] = {
            name: body[name] for name in ("time_ms", "uptime_ms", "clock", "boot") if name in body
        }
        data = {**body["data"], "released": {"seq": self.seq, "code": self.code, **before}}
        return EventDraft(self.type, str(body["subject"]), at, data)


Row = tuple[object, ...]
Append = Callable[[sqlite3.Connection, Sequence[EventDraft]], list[StoredEvent]]


class DeadLetters:
    """Those of one ledger. `known` are their numbers."""

    def __init__(
        self,
        worker: LedgerWorker,
        known: frozenset[int],
        append: Append,
        reached: Callable[[list[StoredEvent]], list[StoredEvent]],
        now_and_old: Callable[[], tuple[Stamp, Forget]],
    ) -> None:
        """`append` numbers and stores events within a transaction, `reached` is told of them after it."""
        self._worker = worker
        self._append = append
        self._reached = reached
        self._now_and_old = now_and_old
        self.known = known

    @property
    def count(self) -> int:
        return len(self.known)

    async def between(self, first: int, last: int, limit: int) -> list[Letter]:
        """Up to `limit` letters of these numbers, the oldest first."""
        return await self._worker.read(lambda c: between(c, first, last, limit))

    async def release(self, first: int, last: int, limit: int) -> list[StoredEvent]:
        """Record up to `limit` of them as new events, and let the letters go.

        Raises DeviceError as a commit does, ValueError for one that is too large to be an event again.
        """
        now, _ = self._now_and_old()

        def work(connection: sqlite3.Connection) -> list[StoredEvent]:
            found = between(connection, first, last, limit)
            drop(connection, [letter.seq for letter in found])
            return self._append(connection, [letter.draft(now) for letter in found])

        return await self._write(work)

    async def forget(self, acked: int) -> list[StoredEvent]:
        """Let go what may go; the event that tells it goes on record with that. Raises DeviceError."""
        now, old = self._now_and_old()

        def work(connection: sqlite3.Connection) -> list[StoredEvent]:
            mark(connection, old.boot, now)
            gone = forgettable(connection, acked, old)
            drop(connection, list(gone))
            return self._append(connection, [forgotten(gone, now)]) if gone else []

        return await self._write(work)

    async def _write(self, work: Callable[[sqlite3.Connection], list[StoredEvent]]) -> list[StoredEvent]:
        def both(connection: sqlite3.Connection) -> tuple[list[StoredEvent], frozenset[int]]:
            return work(connection), frozenset(numbers(connection))

        stored, self.known = await self._worker.write(both)
        return self._reached(stored)


def keep(connection: sqlite3.Connection, rejections: Sequence[Rejection], boot: str, now: Stamp) -> None:
    """Lay aside the events that are still in the ledger, and neither lie there nor did before.

    A centre that is sent an old event again refuses it again: it was released, and must not come twice.
    """
    for rejection in rejections:
        connection.execute(
            "INSERT OR IGNORE INTO dead_letters SELECT seq, ?, type, json_object('subject', subject,"
            " 'data', CASE WHEN json_valid(data) THEN json(data) END,"
            " 'time_ms', utc_ms, 'uptime_ms', uptime_ms, 'clock', clock,"
            " 'boot', (SELECT boot FROM boots WHERE n=events.boot)) FROM events WHERE seq=?"
            " AND seq NOT IN (SELECT seq FROM dead_letter_marks)",
            (rejection.code, rejection.seq),
        )
    mark(connection, boot, now)


def mark(connection: sqlite3.Connection, boot: str, now: Stamp) -> None:
    """Note of those that have no time yet that they were laid aside now."""
    connection.execute(
        "INSERT INTO dead_letter_marks SELECT seq, ?, ?, ?, ? FROM dead_letters"
        " WHERE seq NOT IN (SELECT seq FROM dead_letter_marks)",
        (boot, now.uptime_ms, now.utc_ms, now.quality.value),
    )


def numbers(connection: sqlite3.Connection) -> list[int]:
    """Of every letter, the oldest first."""
    return [int(seq) for (seq,) in connection.execute("SELECT seq FROM dead_letters ORDER BY seq")]


def between(connection: sqlite3.Connection, first: int, last: int, limit: int) -> list[Letter]:
    """Up to `limit` letters of these numbers, the oldest first."""
    rows = connection.execute(
        "SELECT seq, code, type, body FROM dead_letters WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
        (first, last, limit),
    )
    return [Letter(*row) for row in rows]


def forgettable(connection: sqlite3.Connection, acked: int, forget: Forget) -> dict[int, str]:
    """The numbers of what may go now, each with its reason: `age` or `count`.

    None about an accepted parcel, and none of which the centre has not been told.
    """
    found = {
        int(seq): "age"
        for (seq,) in connection.execute(
            "SELECT seq FROM dead_letters JOIN dead_letter_marks AS marks USING (seq)"  # noqa: S608 - constants
            f" WHERE seq<=? AND type NOT IN ({AS_ACCEPTED}) AND ((marks.boot=? AND marks.uptime_ms<?)"
            " OR (marks.boot<>? AND marks.clock<>'none' AND marks.utc_ms<?))",
            (acked, *ACCEPTED, forget.boot, forget.before_uptime_ms, forget.boot, forget.before_utc_ms),
        )
    }
    surplus = connection.execute(
        f"SELECT seq FROM dead_letters WHERE type NOT IN ({AS_ACCEPTED}) ORDER BY seq DESC LIMIT -1 OFFSET ?",  # noqa: S608 - constants
        (*ACCEPTED, OTHERS_KEPT),
    )
    return {**{int(seq): "count" for (seq,) in surplus if seq <= acked}, **found}


def as_events(rows: Sequence[Row], known: Collection[int]) -> list[Row]:
    """Letters of a damaged file as rows of the events that they were, without those that are `known`."""
    found = list[Row]()
    for seq, _, kind, text in (row for row in rows if row[0] not in known):
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):  # damaged, too
            body = json.loads(str(text))
            at = (body.get("time_ms", 0), body.get("uptime_ms", 0), body.get("clock", "none"))
            found.append((seq, b"", 0, *at, kind, body["subject"], json.dumps(body["data"])))
    return found


def drop(connection: sqlite3.Connection, seqs: Sequence[int]) -> None:
    """They are gone without a copy left behind. Their numbers stay as long as the events do."""
    connection.execute("PRAGMA secure_delete=ON")
    try:
        connection.executemany("DELETE FROM dead_letters WHERE seq=?", [(seq,) for seq in seqs])
    finally:
        connection.execute("PRAGMA secure_delete=OFF")
    connection.execute(
        "DELETE FROM dead_letter_marks WHERE seq NOT IN (SELECT seq FROM dead_letters)"
        " AND seq NOT IN (SELECT seq FROM events)"
    )


def forgotten(gone: dict[int, str], at: Stamp) -> EventDraft:
    """The event that tells it: how many, why, and between which numbers."""
    reasons: dict[str, JsonValue] = {}
    for why in sorted(set(gone.values())):
        reasons[why] = sum(1 for one in gone.values() if one == why)
    data: dict[str, JsonValue] = {
        "count": len(gone),
        "first": min(gone),
        "last": max(gone),
        "reasons": reasons,
    }
    return EventDraft(FORGOTTEN, "letters", at, data)
