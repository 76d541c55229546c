"""The ledger as the rest of the agent sees it: one durable place, asked from the event loop.

Owns: what is written together. Must not know: MQTT, devices, flows' meaning.

An Entry is atomic: its events, the flow state that they lead to and the print steps are on disk together
or not at all. `commit` returns only when they are.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.events.classes import TELEMETRY
from edge_agent.events.model import EventDraft, StoredEvent
from edge_agent.ledger import commands, letters, numbers, outbox, print_jobs, prints
from edge_agent.ledger.commands import Taken
from edge_agent.ledger.letters import DeadLetters
from edge_agent.ledger.numbers import Block, NumberStep
from edge_agent.ledger.outbox import UNACKED_LIMIT, Forget, Marks, Rejection
from edge_agent.ledger.print_jobs import Paper, PrintLedger, PrintOrder
from edge_agent.ledger.prints import PrintStep
from edge_agent.ledger.reserve import Reserve
from edge_agent.ledger.salvage import salvage
from edge_agent.ledger.store import Opened, open_ledger
from edge_agent.ledger.worker import LedgerWorker
from edge_agent.sdk.clock import Clock, SystemClock
from edge_agent.sdk.errors import DeviceError
from edge_agent.sdk.values import ClockQuality, Stamp

DAY_MS = 86_400_000
SHED_BACKLOG = UNACKED_LIMIT * 80 // 100  # from here on no telemetry is numbered any more
REFUSE_BACKLOG = UNACKED_LIMIT * 95 // 100  # from here on no parcel is begun; those in hand can be finished


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the ledger may hold, and how much disk must stay free for others. Sizes in MiB."""

    quota_mib: int = 512
    reserve_mib: int = 8
    refuse_free_mib: int = 8
    keep_days: int = 30


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be true together, or not at all. A slot set to an empty string is cleared.

    `orders` are print jobs entered or renewed, `voids` names those whose parcel was given up.
    """

    events: Sequence[EventDraft] = ()
    slots: Mapping[str, str] = field(default_factory=dict)
    prints: Sequence[PrintStep] = ()
    finished: Taken | None = None
    orders: Sequence[PrintOrder] = ()
    voids: Sequence[str] = ()
    paper: Sequence[Paper] = ()
    numbers: Sequence[NumberStep] = ()


class Ledger:
    """One booth's ledger. Made by `open`; `close` it."""

    def __init__(self, opened: Opened, boot: str, reserve: Reserve, limits: Limits, clock: Clock) -> None:
        self._clock = clock
        marks = outbox.marks(opened.connection)
        self._limits = limits
        self.epoch = opened.epoch
        self.set_aside = opened.set_aside
        self.boot = boot
        self.acked = marks.acked
        self.last = marks.last
        self.shed = 0
        self._reserve = reserve
        self._worker = LedgerWorker(opened.connection, reserve.release)
        self.prints = PrintLedger(self._worker)
        known = frozenset(letters.numbers(opened.connection))
        self.letters = DeadLetters(self._worker, known, self._append, self._reached, self._now_and_old)

    @classmethod
    async def open(
        cls,
        path: Path,
        boot: str,
        *,
        synchronous: str = "FULL",
        limits: Limits | None = None,
        clock: Clock | None = None,
    ) -> Ledger:
        """Open the file (a few milliseconds, before anything else runs), salvage a damaged one.

        Without `clock` nobody vouches for UTC: events of other boots then go by their number only.

        Raises DeviceError ledger.unusable.
        """
        limits = limits or Limits()
        clock = clock or SystemClock()
        reserve = Reserve(path.with_name(path.name + ".reserve"), limits.reserve_mib, clock.monotonic_s)
        try:
            opened = open_ledger(path, synchronous, quota_mib=limits.quota_mib)
        except DeviceError:  # a disk without one free page cannot even open it
            if not reserve.release():
                raise
            opened = open_ledger(path, synchronous, quota_mib=limits.quota_mib)
        reserve.fill()
        ledger = cls(opened, boot, reserve, limits, clock)
        if opened.set_aside is not None:
            await ledger._take_up(opened.set_aside)
        return ledger

    async def _take_up(self, aside: Path) -> None:
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self.close)
            await salvage(self._worker, aside, self._append, self._clock.stamp())
            self.last = (await self._worker.read(outbox.marks)).last
            undo.pop_all()

    @property
    def reserve_spent(self) -> bool:
        """Whether the disk was full and the reserved space has been given up."""
        return self._reserve.spent

    @property
    def directory(self) -> Path:
        """The state directory: where space has to be freed when the disk is full."""
        return self._reserve.directory

    def tend_reserve(self) -> None:
        """Take the reserved space back after the disk was full. Blocking: call it in a worker."""
        if self._reserve.spent:
            self._reserve.fill()

    @property
    def has_room(self) -> bool:
        """Whether a new parcel may be begun: reserve unspent, neither disk nor ledger nearly full."""
        if self.backlog >= REFUSE_BACKLOG:
            return False
        return not self._reserve.spent and self._reserve.free_mib() >= self._limits.refuse_free_mib

    @property
    def free_mib(self) -> int:
        """Free space on the ledger's disk."""
        return self._reserve.free_mib()

    @property
    def backlog(self) -> int:
        """Events that the central store has not acknowledged."""
        return self.last - self.acked

    async def commit(self, entry: Entry) -> list[StoredEvent]:
        """Write one entry; returns its numbered events once they are on disk.

        Telemetry is given up instead, and counted in `shed`, once the ledger is nearly full.
        Raises DeviceError ledger.full, ledger.broken, ledger.busy; then nothing of it is stored.
        """

        events = self._without_telemetry(entry.events)

        def work(connection: sqlite3.Connection) -> list[StoredEvent]:
            stored = self._append(connection, events) if events else []
            for name, body in entry.slots.items():
                _put_slot(connection, name, body)
            _print(connection, entry)
            for step in entry.numbers:
                numbers.record(connection, step)
            if entry.finished:
                commands.finish(connection, entry.finished.id, entry.finished.state, entry.finished.answer)
            return stored

        return self._reached(await self._worker.write(work))

    def _reached(self, stored: list[StoredEvent]) -> list[StoredEvent]:
        if stored:
            self.last = max(self.last, stored[-1].seq)
        return stored

    def _without_telemetry(self, events: Sequence[EventDraft]) -> Sequence[EventDraft]:
        if self.backlog < SHED_BACKLOG:
            return events
        kept = [event for event in events if event.type not in TELEMETRY]
        self.shed += len(events) - len(kept)
        return kept

    async def after(self, seq: int, limit: int) -> list[StoredEvent]:
        """Up to `limit` events that follow `seq`, oldest first."""
        return await self._worker.read(lambda c: outbox.after(c, seq, limit, epoch=self.epoch))

    async def urgent(self, seq: int, upto: int) -> list[StoredEvent]:
        """The events of accepted parcels among those after `seq` up to `upto`."""
        return await self._worker.read(lambda c: outbox.urgent(c, seq, upto, epoch=self.epoch))

    async def acknowledge(self, upto: int, rejected: Sequence[Rejection] = ()) -> None:
        """The central store has everything up to `upto`; what it refused is kept as dead letters."""
        now, forget = self._now_and_old()

        def work(connection: sqlite3.Connection) -> tuple[Marks, frozenset[int]]:
            if rejected:
                letters.keep(connection, rejected, self.boot, now)
            marks = outbox.acknowledge(connection, upto, forget=forget)
            return marks, frozenset(letters.numbers(connection)) if rejected else self.letters.known

        marks, self.letters.known = await self._worker.write(work)
        self.acked = max(self.acked, marks.acked)

    def _now_and_old(self) -> tuple[Stamp, Forget]:
        """The present, and what is older than `keep_days`."""
        now, keep_ms = self._clock.stamp(), self._limits.keep_days * DAY_MS
        known = now.quality is not ClockQuality.NONE
        return now, Forget(self.boot, now.uptime_ms - keep_ms, now.utc_ms - keep_ms if known else None)

    def _append(self, connection: sqlite3.Connection, events: Sequence[EventDraft]) -> list[StoredEvent]:
        return outbox.append(connection, events, epoch=self.epoch, boot=self.boot, acked=self.acked)

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

    async def take_command(
        self, command: str, kind: str, utc_ms: int, count: tuple[str, int] | None = None
    ) -> Taken | None:
        """Enter a command durably; gives the earlier record if this id was taken before.

        `count` is the stream of its issuer and its counter there.
        """
        return await self._worker.write(lambda c: commands.take(c, command, kind, utc_ms, count))

    async def blocks(self) -> list[Block]:
        """The blocks of numbers that were ever leased, as far as they are remembered."""
        return await self._worker.read(numbers.blocks)

    async def unfinished_commands(self) -> list[Taken]:
        """Commands that a stop of the agent left without an end."""
        return await self._worker.read(commands.unfinished)

    async def oldest_waiting_age_s(self, acked: int) -> int | None:
        """Age of the oldest event after `acked` in whole seconds, 0 when none waits.

        Within a boot by the time since boot; over boots by the wall clock, None where that was or is not set.
        """
        waiting = await self.after(acked, 1)
        if not waiting:
            return 0
        at = waiting[0].at
        if waiting[0].boot == self.boot:
            return max(0, self._clock.stamp().uptime_ms - at.uptime_ms) // 1000
        now = self._clock.stamp()
        if ClockQuality.NONE in {at.quality, now.quality}:
            return None
        return max(0, now.utc_ms - at.utc_ms) // 1000

    async def ping(self) -> None:
        """Returns when the ledger's thread has answered."""
        await self._worker.read(lambda _: None)

    async def close(self) -> None:
        """Finish what waits and close the file."""
        await self._worker.close()


def _print(connection: sqlite3.Connection, entry: Entry) -> None:
    for order in entry.orders:
        print_jobs.put(connection, order)
    for step in entry.prints:
        prints.record(connection, step)
    for paper in entry.paper:
        print_jobs.charge(connection, paper)
    for job in entry.voids:
        print_jobs.void(connection, job)


def _put_slot(connection: sqlite3.Connection, name: str, body: str) -> None:
    if body:
        connection.execute("INSERT OR REPLACE INTO slots VALUES (?, ?)", (name, body))
    else:
        connection.execute("DELETE FROM slots WHERE name=?", (name,))
