"""The ledger as the rest of the agent sees it: one durable place, asked from the event loop.

Owns: what is written together. Must not know: MQTT, devices, flows' meaning.

An Entry is atomic: its events, the flow state that they lead to and the print steps are on disk together
or not at all. `commit` returns only when they are.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.events.model import EventDraft, StoredEvent
from edge_agent.ledger import commands, outbox, prints
from edge_agent.ledger.commands import Taken
from edge_agent.ledger.outbox import Rejection
from edge_agent.ledger.prints import PrintStep
from edge_agent.ledger.reserve import Reserve
from edge_agent.ledger.store import Opened, open_ledger
from edge_agent.ledger.worker import LedgerWorker
from edge_agent.sdk.errors import DeviceError

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the ledger may hold, and how much disk must stay free for others. Sizes in MiB."""

    quota_mib: int = 512
    reserve_mib: int = 8
    refuse_free_mib: int = 8
    keep_days: int = 30


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be true together, or not at all. A slot set to an empty string is cleared."""

    events: Sequence[EventDraft] = ()
    slots: Mapping[str, str] = field(default_factory=dict)
    prints: Sequence[PrintStep] = ()
    finished: Taken | None = None


class Ledger:
    """One booth's ledger. Made by `open`; `close` it."""

    def __init__(self, opened: Opened, boot: str, reserve: Reserve, limits: Limits) -> None:
        marks = outbox.marks(opened.connection)
        self._limits = limits
        self.epoch = opened.epoch
        self.set_aside = opened.set_aside
        self.salvaged = 0
        self.boot = boot
        self.acked = marks.acked
        self.last = marks.last
        self._reserve = reserve
        self._worker = LedgerWorker(opened.connection, reserve.release)

    @classmethod
    async def open(
        cls, path: Path, boot: str, *, synchronous: str = "FULL", limits: Limits | None = None
    ) -> Ledger:
        """Open the file (a few milliseconds, before anything else runs), restore what was salvaged.

        Raises DeviceError ledger.unusable.
        """
        limits = limits or Limits()
        reserve = Reserve(path.with_name(path.name + ".reserve"), limits.reserve_mib)
        try:
            opened = open_ledger(path, synchronous, quota_mib=limits.quota_mib)
        except DeviceError:  # a disk without one free page cannot even open it
            if not reserve.release():
                raise
            opened = open_ledger(path, synchronous, quota_mib=limits.quota_mib)
        reserve.fill()
        ledger = cls(opened, boot, reserve, limits)
        if opened.salvaged:
            ledger.salvaged = await ledger._worker.write(
                lambda c: outbox.restore(c, opened.salvaged, boot, opened.epoch)
            )
            ledger.last = (await ledger._worker.read(outbox.marks)).last
        return ledger

    @property
    def reserve_spent(self) -> bool:
        """Whether the disk was full and the reserved space has been given up."""
        return self._reserve.spent

    def tend_reserve(self) -> None:
        """Take the reserved space back after the disk was full. Blocking: call it in a worker."""
        if self._reserve.spent:
            self._reserve.fill()

    @property
    def has_room(self) -> bool:
        """Whether a new parcel may be begun: reserve unspent, and the disk not nearly full."""
        return not self._reserve.spent and self._reserve.free_mib() >= self._limits.refuse_free_mib

    @property
    def backlog(self) -> int:
        """Events that the central store has not acknowledged."""
        return self.last - self.acked

    async def commit(self, entry: Entry) -> list[StoredEvent]:
        """Write one entry; returns its numbered events once they are on disk.

        Raises DeviceError ledger.full, ledger.broken, ledger.busy; then nothing of it is stored.
        """

        def work(connection: sqlite3.Connection) -> list[StoredEvent]:
            stored = []
            if entry.events:
                stored = outbox.append(
                    connection, entry.events, epoch=self.epoch, boot=self.boot, acked=self.acked
                )
            for name, body in entry.slots.items():
                _put_slot(connection, name, body)
            for step in entry.prints:
                prints.record(connection, step)
            if entry.finished:
                commands.finish(connection, entry.finished.id, entry.finished.state, entry.finished.answer)
            return stored

        stored = await self._worker.write(work)
        if stored:
            self.last = max(self.last, stored[-1].seq)
        return stored

    async def after(self, seq: int, limit: int) -> list[StoredEvent]:
        """Up to `limit` events that follow `seq`, oldest first."""
        return await self._worker.read(lambda c: outbox.after(c, seq, limit, epoch=self.epoch))

    async def acknowledge(self, upto: int, rejected: Sequence[Rejection] = ()) -> None:
        """The central store has everything up to `upto`; what it refused is kept as dead letters."""
        before = int(time.time() * 1000) - self._limits.keep_days * DAY_MS
        marks = await self._worker.write(
            lambda c: outbox.acknowledge(c, upto, rejected, forget_before_ms=before)
        )
        self.acked = max(self.acked, marks.acked)

    async def slot(self, name: str) -> str:
        """A flow's durable state, empty where there is none."""

        def work(connection: sqlite3.Connection) -> str:
            row = connection.execute("SELECT body FROM slots WHERE name=?", (name,)).fetchone()
            return str(row[0]) if row else ""

        return await self._worker.read(work)

    async def accepted_before(self, item: str) -> bool:
        """Whether this item was accepted here, as far back as events are kept."""

        def work(connection: sqlite3.Connection) -> bool:
            found = connection.execute(
                "SELECT 1 FROM events WHERE type='parcel.accepted' AND subject=? LIMIT 1", (item,)
            )
            return found.fetchone() is not None

        return await self._worker.read(work)

    async def interrupted_prints(self) -> list[PrintStep]:
        """Print attempts that a stop of the agent left open."""
        return await self._worker.read(prints.interrupted)

    async def take_command(self, command: str, kind: str, utc_ms: int) -> Taken | None:
        """Enter a command durably; gives the earlier record if this id was taken before."""
        return await self._worker.write(lambda c: commands.take(c, command, kind, utc_ms))

    async def unfinished_commands(self) -> list[Taken]:
        """Commands that a stop of the agent left without an end."""
        return await self._worker.read(commands.unfinished)

    async def dead_letters(self) -> int:
        """How many events the central store has refused for good."""
        return await self._worker.read(outbox.dead_letters)

    async def oldest_waiting_age_s(self) -> int:
        """Age of the oldest unacknowledged event in whole seconds, by the wall clock; 0 when none waits."""
        waiting = await self.after(self.acked, 1)
        if not waiting:
            return 0
        return max(0, int(time.time()) - waiting[0].at.utc_ms // 1000)

    async def ping(self) -> None:
        """Returns when the ledger's thread has answered."""
        await self._worker.read(lambda _: None)

    async def close(self) -> None:
        """Finish what waits and close the file."""
        await self._worker.close()


def _put_slot(connection: sqlite3.Connection, name: str, body: str) -> None:
    if body:
        connection.execute("INSERT OR REPLACE INTO slots VALUES (?, ?)", (name, body))
    else:
        connection.execute("DELETE FROM slots WHERE name=?", (name,))
