"""A booth whose power is cut again and again, and the verdict on it.

Owns: one chain of cuts on one data disk, the centre on the host, the judgement from outside.
Must not know: what the agent is made of.

Each run starts from the disk that the cut before left behind, brings the interrupted parcel to its end and
takes in more, until the power goes again. After the last one it runs on until the centre has everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import sqlite3
import time
from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from edge_agent.sdk.checksums import s10_check_digit
from edge_agent.sdk.errors import DeviceError
from simulators.broker.server import Broker
from simulators.central.check import check
from simulators.central.server import Central
from tests.system.clerk import Clerk, mark_on
from tests.vm.counter import Counter, Seen
from tests.vm.counter_inside import MODULES, PREPARE, stand_by
from tests.vm.disk_check import OnDisk, look
from tests.vm.disk_log import Loss, after_cut, make_log
from tests.vm.guest import Guest
from tests.vm.installed import SOURCES, name_the_drivers
from tests.vm.machine import Image, Saved, Wiring, copy_disk
from tests.vm.moments import MOMENTS, ORDERING, choose
from tests.vm.orders import Orders, told_of_labels
from tests.vm.waking import awake, prepared

BROKER_AS_SEEN = 1883
RUN_S = 1200.0  # one run: start, the interrupted parcel, two more; a minute here, more on a busy machine
MOST_PARCELS = 50  # in one run; the power goes much earlier
WHOLE_RUN = "never"


class Chain:
    """One booth, its disk and its centre, through some power cuts."""

    def __init__(
        self, image: Image, saved: Saved, folder: Path, *, seed: int, synchronous: str = "FULL"
    ) -> None:
        self._image = image
        self._saved = saved
        self._folder = folder
        self._dice = random.Random(seed)
        self._seed = seed
        self._synchronous = synchronous
        self._disk = folder / "disk.img"
        self._items = _items(seed)
        self._open: str | None = None
        self._jobs: list[dict[str, Any]] = []  # of the centre, at the end
        self.seen = Seen()
        self.orders = Orders()
        self.findings: list[str] = []
        self.told: list[str] = []
        self.losses: list[tuple[str, Loss]] = []

    async def suffer(
        self, cuts: int, *, first: int = 0, loss: float | None = None, recover: bool = True
    ) -> None:
        """So many cuts; each unflushed write is lost by `loss`, or by a chance drawn for each cut."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        copy_disk(self._image.data, self._disk)
        database = self._folder / "central.db"
        async with Broker() as broker, Central(database, "127.0.0.1", broker.port) as central:
            for number in range(cuts):
                moment = MOMENTS[(number + first) % len(MOMENTS)]
                start = time.monotonic()
                chance = loss if loss is not None else self._dice.choice((0.5, 1.0))
                await self._run(number, broker.port, central, moment)
                suffered = self._cut_disk(number, chance)
                orders = self._judge(number)
                self.losses.append((moment, suffered))
                self.told.append(f"cut {number} {moment}: {suffered}, orders {orders}")
                print(self._folder.name, self.told[-1], f"after {time.monotonic() - start:.1f} s", flush=True)
                if self.findings:
                    return
            if not recover:
                return
            await self._run(cuts, broker.port, central, WHOLE_RUN)
        self._judge_the_whole()

    async def _run(self, number: int, broker_port: int, central: Central, moment: str) -> None:
        """Wake up, work, and lose power; without a cut, work until the centre has everything."""
        folder = self._folder / f"run-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(exist_ok=True)
        copy_disk(self._disk, self._folder / "data.img")
        make_log(self._folder / "writes.log")
        wiring = Wiring(self._folder / "data.img", self._folder / "writes.log", {BROKER_AS_SEEN: broker_port})
        counter = Counter(self.seen)
        with contextlib.ExitStack() as stack:
            guest = await asyncio.to_thread(
                stack.enter_context, awake(self._image, folder, self._saved, wiring)
            )
            await counter.connect(guest.machine)
            try:
                async with asyncio.timeout(RUN_S):
                    await self._work(counter, guest, central, moment)
            finally:
                guest.machine.cut_power()
                await counter.ended()
            if counter.crashed:
                self.findings.append(f"the counter ended: {counter.crashed}")

    async def _work(self, counter: Counter, guest: Guest, central: Central, moment: str) -> None:
        """A day's work until the power goes; without a cut, until the centre has everything."""
        if moment == WHOLE_RUN:
            counter.start(self._synchronous)
            await self._day(counter, central, 2)
            self._jobs = await self.orders.ended(counter)
            print(self._folder.name, *(f"{job['order']} {job['state']}" for job in self._jobs), flush=True)
            await counter.drained()
            return
        log = self._folder / "writes.log"
        cutting = choose(moment, counter, self.orders, guest.machine, log, self._dice)
        ordering = central if moment in ORDERING else None
        counter.start(self._synchronous)
        day = asyncio.create_task(self._day(counter, ordering, MOST_PARCELS))
        dark = asyncio.create_task(counter.dark.wait())
        await asyncio.wait((day, dark), return_when=asyncio.FIRST_COMPLETED)
        if cutting is not None:
            cutting.cancel()
        if not counter.dark.is_set():
            dark.cancel()
            await day  # tells why the clerk gave up
            raise DeviceError("power.late", "the moment of the cut did not come")
        day.cancel()
        with contextlib.suppress(asyncio.CancelledError, DeviceError):
            await day

    async def _day(self, counter: Counter, ordering: Central | None, parcels: int) -> None:
        """What the centre orders; what the last cut interrupted; then more parcels."""
        await counter.devices_ready()
        if ordering is not None:
            await self.orders.go_on(ordering, counter)
        clerk = Clerk(counter)  # type: ignore[arg-type]  # it offers what the clerk needs of a stage
        for _ in range(parcels):
            await self._one_parcel(clerk)

    async def _one_parcel(self, clerk: Clerk) -> None:
        item = self._open or next(self._items)
        self._open = item
        weight = self.seen.weights.setdefault(item, f"{self._dice.randrange(20, 2400) * 5 / 1000:.3f}")
        await clerk.accept(item, weight)
        self._open = None

    def _cut_disk(self, number: int, chance: float) -> Loss:
        after = self._folder / "after.img"
        written, log = self._folder / "data.img", self._folder / "writes.log"
        loss = after_cut(self._disk, written, log, after, loss=chance, seed=self._seed * 100 + number)
        after.replace(self._disk)
        return loss

    def _judge(self, number: int) -> Mapping[str, str]:
        """After a cut, before anything can heal: what was told must be on the disk. How far orders are."""
        disk = look(self._disk, self._folder / "look")
        central = _central_events(self._folder / "central.db")
        promises = (*_lost_promises(disk, self.seen), *self.orders.lost(disk))
        for finding in (*promises, *_lost_numbers(disk, central)):
            self.findings.append(f"cut {number}: {finding}")
        return disk.orders

    def _judge_the_whole(self) -> None:
        """At the end: once each, weighed right, labelled once."""
        database = self._folder / "central.db"
        self.findings += [f"centre: {violation}" for violation in check(database)]
        accepted = _accepted(database)
        told = set(self.seen.record.saved)
        self.findings += [f"{item} was told and never reported" for item in told - set(accepted)]
        for item, weights in accepted.items():
            if weights != [self.seen.weights.get(item)]:
                self.findings.append(f"{item} weighs {self.seen.weights.get(item)}, reported: {weights}")
        marks = Tally(mark_on(label.page) for label in self.seen.labels if label.mark == "whole")
        self.findings += [f"{times} labels say {mark}" for mark, times in marks.items() if times > 1]
        self.findings += self.orders.wrong(self._jobs, told_of_labels(database), marks.elements())


def _lost_promises(disk: OnDisk, seen: Seen) -> Iterator[str]:
    if disk.verdict != "ok":
        yield f"the ledger is damaged: {disk.verdict}"
    for item in seen.record.saved:
        if item not in disk.accepted:
            yield f"{item} was told saved and is not on the disk"


def _lost_numbers(disk: OnDisk, central: dict[tuple[str, int], str]) -> Iterator[str]:
    """What the centre has must stand on the disk under the same number, or the number is given twice."""
    for (epoch, seq), subject in central.items():
        if epoch != disk.epoch:
            yield f"the centre has event {seq} of epoch {epoch}, the disk begins anew with {disk.epoch}"
        elif seq not in disk.events:
            yield f"the centre has event {seq} ({subject}), the disk has forgotten it"
        elif disk.events[seq][2] != subject:
            yield f"event {seq} is {subject} at the centre and {disk.events[seq][2]} on the disk"


def _central_events(database: Path) -> dict[tuple[str, int], str]:
    with closing(sqlite3.connect(database)) as db:
        rows = db.execute("SELECT epoch, seq, subject FROM events").fetchall()
    return {(epoch, seq): subject for epoch, seq, subject in rows}


def _accepted(database: Path) -> dict[str, list[object]]:
    """The weights of each accepted parcel, as the centre was told."""
    accepted: dict[str, list[object]] = {}
    with closing(sqlite3.connect(database)) as db:
        rows = db.execute("SELECT subject, body FROM events WHERE type LIKE '%parcel.accepted%'").fetchall()
    for subject, body in rows:
        weight = json.loads(body)["data"]["weight"]
        accepted.setdefault(subject, []).append((weight or {}).get("value"))
    return accepted


def _items(seed: int) -> Iterator[str]:
    for serial in range(10_000_000 + seed * 10_000, 99_999_999):
        yield f"RR{serial}{s10_check_digit(str(serial))}BD"


def counter_state(image: Image) -> Saved:
    """A guest in which the counter is imported and only has to be started."""
    return prepared(image, "counter", (*SOURCES, "tests/vm/counter_inside.py"), _prepare)


def _prepare(guest: Guest) -> None:
    guest.run(PREPARE)
    guest.call(name_the_drivers, library="/opt/edge-agent/site")
    guest.warm(MODULES)
    guest.call(stand_by)
