"""The centre's memory: every event once, by (booth, epoch, seq).

Owns: one transaction for a handful of messages, and what each message changes. Must not know: MQTT, tasks.
Lives in one thread, the one that made it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from edge_agent.sdk.errors import DeviceError
from simulators.central.cloudevents import Event, Item, Rejected, Unreadable, parse_batch
from simulators.central.notices import take_notice
from simulators.central.schema import open_to_write
from simulators.central.taken import Ack, Incoming, News, Taken

HISTORY_LIMIT = 100_000  # messages: a day of 9 booths or a torture run; older ones are dropped
UNREADABLE_LIMIT = 10_000  # kept to be looked at; a flood of rubbish must not fill the disk
BEYOND_LIMIT = 4096  # rows looked at above the gapless number; a booth has fewer in doubt
SPANS_LIMIT = 256  # ranges named in one ack: it stays under 8 KiB


class Store:
    def __init__(self, path: Path) -> None:
        self._db = open_to_write(path)

    def close(self) -> None:
        self._db.close()

    def take(self, messages: Sequence[Incoming], rejection: Callable[[Event], str]) -> Taken:
        """Store all of it or nothing; on return it is on the disk. Raises DeviceError("central.storage")."""
        with self._transaction():
            return self._take_all(messages, rejection)

    def add_command(self, booth: str, kind: str, make: Callable[[int], tuple[str, str]], now_ms: int) -> str:
        """Number and keep a command; `make` gives its id and payload for that number. Gives the payload.

        The number comes from the clock: a store of yesterday, put back, begins above what it has lost.
        """
        with self._transaction():
            last = self._db.execute("SELECT max(counter) FROM commands WHERE booth = ?", (booth,)).fetchone()
            counter = max(int(last[0] or 0) + 1, now_ms)
            command_id, payload = make(counter)
            self._db.execute(
                "INSERT INTO commands VALUES (?, ?, ?, ?, ?, ?)",
                (command_id, booth, kind, counter, now_ms, payload),
            )
        return payload

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it is on the disk afterwards, or nothing."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise DeviceError("central.storage", f"cannot store: {error}", hint="free the disk") from error
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _take_all(self, messages: Sequence[Incoming], rejection: Callable[[Event], str]) -> Taken:
        taken = Taken()
        for message in messages:
            self._take_one(message, rejection, taken)
        for (booth, epoch), ack in taken.acks.items():
            ack.upto = self._advance(booth, epoch)
            ack.also = self._beyond(booth, epoch, ack.upto)
        self._forget_old(unreadable=any(one.kind == "unreadable" for one in taken.news))
        return taken

    def _take_one(self, message: Incoming, rejection: Callable[[Event], str], taken: Taken) -> None:
        digest = hashlib.sha256(message.payload).digest()
        self._db.execute(
            "INSERT INTO history (received_ms, topic, digest, size) VALUES (?, ?, ?, ?)",
            (message.received_ms, message.topic, digest, len(message.payload)),
        )
        if message.kind == "evt":
            for item in parse_batch(message.booth, message.payload):
                self._take_item(message, _in_this_mood(item, rejection), isinstance(item, Event), taken)
        elif code := take_notice(self._db, message, taken):
            self._unreadable(message, code, taken)

    def _take_item(self, message: Incoming, item: Item, was_good: bool, taken: Taken) -> None:
        if isinstance(item, Unreadable):
            self._reject(message, None, None, item.code, item.body, by_mood=False)
            taken.news.append(News("unreadable", message.booth, item.body, code=item.code))
            return
        ack = taken.ack(message.booth, item.epoch)
        self._db.execute(
            "INSERT INTO streams (booth, epoch, highest) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET highest = max(highest, excluded.highest)",
            (message.booth, item.epoch, item.seq),
        )
        earlier = self._verdict(message.booth, item)
        if earlier is not None:
            self._take_again(message, item, earlier, ack, taken)
        elif isinstance(item, Event):
            self._keep(message, item)
            taken.news.append(News("stored", message.booth, f"{item.type} {item.subject}", item.seq))
        else:
            self._reject(message, item.epoch, item.seq, item.code, item.body, by_mood=was_good)
            ack.rejected[item.seq] = item.code
            taken.news.append(News("rejected", message.booth, item.body, item.seq, item.code))

    def _verdict(self, booth: str, item: Event | Rejected) -> bytes | str | None:
        """What became of this key before: the digest of what is stored, a rejection's code, or None."""
        key = (booth, item.epoch, item.seq)
        query = "SELECT digest FROM events WHERE booth = ? AND epoch = ? AND seq = ?"
        stored = self._db.execute(query, key).fetchone()
        if stored is not None:
            return bytes(stored[0])
        query = "SELECT code FROM rejects WHERE booth = ? AND epoch = ? AND seq = ? AND epoch IS NOT NULL"
        rejected = self._db.execute(query, key).fetchone()
        return None if rejected is None else str(rejected[0])

    def _take_again(
        self, message: Incoming, item: Event | Rejected, earlier: bytes | str, ack: Ack, taken: Taken
    ) -> None:
        self._db.execute(
            "UPDATE streams SET duplicates = duplicates + 1 WHERE booth = ? AND epoch = ?",
            (message.booth, item.epoch),
        )
        if isinstance(earlier, str):
            ack.rejected[item.seq] = earlier
            taken.news.append(News("again", message.booth, "rejected before", item.seq, earlier))
        elif isinstance(item, Event) and item.digest == earlier:
            taken.news.append(News("again", message.booth, f"{item.type} {item.subject}", item.seq))
        else:
            self._conflict(message, item)
            ack.rejected[item.seq] = "event.conflict"
            taken.news.append(News("conflict", message.booth, item.body, item.seq, "event.conflict"))

    def _keep(self, message: Incoming, event: Event) -> None:
        self._db.execute(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                message.booth,
                event.epoch,
                event.seq,
                event.id,
                event.type,
                event.subject,
                event.time,
                message.received_ms,
                event.digest,
                event.body,
            ),
        )

    def _conflict(self, message: Incoming, item: Event | Rejected) -> None:
        digest = hashlib.sha256(item.body.encode()).digest()
        self._db.execute(
            "INSERT OR IGNORE INTO conflicts VALUES (?, ?, ?, ?, ?, ?)",
            (message.booth, item.epoch, item.seq, digest, message.received_ms, item.body),
        )

    def _reject(
        self, message: Incoming, epoch: str | None, seq: int | None, code: str, body: str, *, by_mood: bool
    ) -> None:
        self._db.execute(
            "INSERT INTO rejects (booth, epoch, seq, code, by_mood, received_ms, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (message.booth, epoch, seq, code, by_mood, message.received_ms, body),
        )

    def _unreadable(self, message: Incoming, code: str, taken: Taken) -> None:
        self._reject(message, None, None, code, "", by_mood=False)
        taken.news.append(News("unreadable", message.booth, "", code=code))

    def _advance(self, booth: str, epoch: str) -> int:
        """Move the highest gapless number on as far as it goes."""
        query = "SELECT upto FROM streams WHERE booth = ? AND epoch = ?"
        upto = int(self._db.execute(query, (booth, epoch)).fetchone()[0])
        following = self._db.execute(
            "SELECT seq FROM events WHERE booth = :booth AND epoch = :epoch AND seq > :upto"
            " UNION ALL SELECT seq FROM rejects WHERE booth = :booth AND epoch = :epoch AND seq > :upto"
            " AND epoch IS NOT NULL ORDER BY seq",
            {"booth": booth, "epoch": epoch, "upto": upto},
        )
        with closing(following):
            for (seq,) in following:
                if seq != upto + 1:
                    break
                upto = seq
        self._db.execute("UPDATE streams SET upto = ? WHERE booth = ? AND epoch = ?", (upto, booth, epoch))
        return upto

    def _beyond(self, booth: str, epoch: str, upto: int) -> tuple[tuple[int, int], ...]:
        """Ranges that are stored above the gapless number: what overtook."""
        rows = self._db.execute(
            "SELECT seq FROM events WHERE booth = ? AND epoch = ? AND seq > ? ORDER BY seq LIMIT ?",
            (booth, epoch, upto, BEYOND_LIMIT),
        )
        spans: list[tuple[int, int]] = []
        for (seq,) in rows.fetchall():
            if spans and spans[-1][1] == seq - 1:
                spans[-1] = (spans[-1][0], seq)
            else:
                spans.append((seq, seq))
        return tuple(spans[:SPANS_LIMIT])

    def _forget_old(self, *, unreadable: bool) -> None:
        self._db.execute("DELETE FROM history WHERE n <= (SELECT max(n) FROM history) - ?", (HISTORY_LIMIT,))
        if not unreadable:
            return
        self._db.execute(
            "DELETE FROM rejects WHERE epoch IS NULL AND n <= (SELECT max(n) FROM rejects) - ?",
            (UNREADABLE_LIMIT,),
        )


def _in_this_mood(item: Item, rejection: Callable[[Event], str]) -> Item:
    code = rejection(item) if isinstance(item, Event) else ""
    return Rejected(item.epoch, item.seq, code, item.body) if isinstance(item, Event) and code else item
