"""The print queue: takes orders, says how they stand, and takes up what the last stop left.

Owns: receiving, cancelling, reprinting, confirming. Must not know: who may order what, protocols, templates,
MQTT.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from edge_agent.crash import reach
from edge_agent.events.model import JsonValue, StoredEvent
from edge_agent.ledger.ledger import Entry
from edge_agent.ledger.print_jobs import Known, PrintOrder
from edge_agent.ledger.prints import PrintState
from edge_agent.printing import following
from edge_agent.printing import job as life
from edge_agent.printing.age import age
from edge_agent.printing.job import Change, Job, Requester
from edge_agent.printing.keeping import Keeping
from edge_agent.printing.lane import Lane
from edge_agent.printing.records import Ports, Records
from edge_agent.printing.scan_back import ScanBack
from edge_agent.printing.view import lane_of, list_of
from edge_agent.printing.wish import Scanned, Wish, entered
from edge_agent.sdk.errors import CommandError, DeviceError, EdgeError
from edge_agent.sdk.values import PrinterState, PrintJob, PrintResult, Stamp
from edge_agent.whole import whole

log = logging.getLogger(__name__)

RETRY_S = 1.0  # a disk that takes nothing at the start
REPRINT_GAP_MS = 10_000  # a key pressed five times is one reprint


class PrintQueue:
    """All print jobs of one booth: a lane for each printer. The first printer is the counter's."""

    def __init__(self, ports: Ports, printers: list[str]) -> None:
        self._ports = ports
        self._records = Records(ports)
        self._lanes = {printer: Lane(printer, ports, self._records) for printer in printers}
        self._resumed = False
        self._doubtful = 0
        self._keeping = Keeping(ports, self._records, self.lanes)
        self._scan_back = ScanBack(ports, self._records, self._lanes)
        self._first_lane = next(iter(self._lanes.values()), None)

    @property
    def lanes(self) -> list[Lane]:
        return list(self._lanes.values())

    @property
    def busy(self) -> bool:
        """Whether a printer is at work on an order."""
        return any(lane.printing is not None for lane in self.lanes)

    async def summary(self) -> dict[str, JsonValue]:
        """How printing stands, in a few numbers. Raises DeviceError."""
        self._doubtful = await self._ports.ledger.prints.doubtful()
        return self.figures()

    def figures(self) -> dict[str, JsonValue]:
        """The same at once; labels in doubt as they were counted within the last minute."""
        for lane in self.lanes:
            lane.feed.window.forget(self._records.now())
        lanes: list[JsonValue] = [lane_of(lane, self._ports.rules.quota) for lane in self.lanes]
        waiting = sum(len(lane.spool) for lane in self.lanes)
        return {"waiting": waiting, "unconfirmed": self._doubtful, "printers": lanes}

    async def listed(self) -> dict[str, JsonValue]:
        """The same with every job that is not forgotten, newest first. Raises DeviceError."""
        jobs = list_of(await self._ports.ledger.prints.recent(), self.lanes, self._records.now())
        return {**await self.summary(), "jobs": jobs}

    # Life

    async def resume(self) -> None:
        """Take up what the last stop left: what may have left is in doubt, what waits goes on waiting."""
        try:
            await self._load()
        except DeviceError as error:
            log.error("%s", error)
        else:
            self._resumed = True

    async def _load(self) -> None:
        prints = self._ports.ledger.prints
        for lane in self.lanes:
            await lane.feed.resume()
        for paper in await prints.paper():
            if lane_ := self._lanes.get(paper.printer):
                lane_.feed.window.use(paper)
        async with self._records.step:
            for known in await prints.open_jobs():
                await self._take_up(Job(known.order, known.step.attempt, known.step.state))

    async def _take_up(self, job: Job) -> None:
        lane = self._lanes.get(job.order.printer) or self._first_lane
        now = self._records.now()
        if lane is None:
            await self._records.write(
                life.expired(job, now.at) if job.state in life.WAITING else life.restarted(job, now.at)
            )
            return
        change = life.restarted(job, now.at)
        if change.steps:
            await lane.settle(change)
        else:
            lane.spool.put(replace(job, order=replace(job.order, printer=lane.printer)))
            lane.wake()

    async def run(self) -> None:
        """Print until cancelled."""
        while not self._resumed:
            await self._ports.clock.sleep(RETRY_S)
            await self.resume()
        async with asyncio.TaskGroup() as tasks:
            for lane in self.lanes:
                tasks.create_task(lane.run(), name=f"printing on {lane.printer}")
            tasks.create_task(self._keeping.run(self.summary), name="what is kept of printing")

    def printer_says(self, state: PrinterState) -> None:
        """A printer's condition changed."""
        if lane := self._lanes.get(state.device):
            lane.printer_says(state)

    # The counter

    async def label(self, job: PrintJob, subject: str) -> PrintResult:
        """Print a label of the counter, before anything that waits; never raises."""
        if self._first_lane is None:
            return await self._ports.printers.print_page(job, "")
        return await self._first_lane.label(job, subject)

    async def enter(self, entry: Entry, orders: Sequence[PrintOrder]) -> list[StoredEvent]:
        """Commit what the counter records, and the jobs that follow from it. Raises DeviceError."""
        if not orders:
            return await self._ports.ledger.commit(entry)
        followers = [(self._lane(order.printer), order) for order in orders]
        return await following.enter(self._ports, self._records, entry, followers)

    def seen(self) -> None:
        """A person has seen the counter's label: its printer prints."""
        if self._first_lane is not None:
            self._first_lane.spool.trusted()

    async def scanned(self, job: str, attempt: int, at: Stamp) -> Scanned:
        """One of our marks was scanned: that label exists. Raises DeviceError: it cannot be recorded."""
        return await whole(self._scan_back.scanned(job, attempt, at))

    # Orders

    async def order(self, wish: Wish) -> Known:
        """Take an order: once it is answered it is on disk and can be drawn.

        The same name with the same content is the same job, and answered with how it stands. Raises
        CommandError: print.conflict for the same name with other content, print.full, label.… where it cannot
        be drawn.
        """
        return await whole(self._order(wish))

    async def _order(self, wish: Wish) -> Known:
        lane = self._lane(wish.printer)
        async with self._records.step:
            known = await self._ports.ledger.prints.named(wish.requester, wish.key)
            if known is not None and known.order.digest != wish.digest(lane.printer):
                told = f"the job {wish.key} was ordered with other content"
                raise CommandError("print.conflict", told, hint="give another label another name")
            if known is not None and known.step.state is not PrintState.FAILED:
                return known
            lane.spool.admit()
            order = entered(wish, known, self._records.now(), lane.printer, self._ports.rules.ttl_ms)
            received = life.received(order)
            await lane.settle(received)
        reach("order.received")
        try:
            await lane.draw(received.job)
        except EdgeError as error:
            await self._drawn(lane, received.job, error)
            raise
        await self._drawn(lane, received.job, None)
        reach("order.queued")
        return await self.find(order.job)

    async def _drawn(self, lane: Lane, job: Job, error: EdgeError | None) -> None:
        at = self._records.now().at
        async with self._records.step:
            if lane.spool.job(job.order.job) is None:
                return  # cancelled meanwhile
            change = life.undrawable(job, at, error.code) if error else life.drawn(job, at)
            await lane.settle(change)

    async def cancel(self, name: str, requester: Requester) -> Known:
        """Give up a job of which nothing was sent. Raises CommandError."""
        return await whole(self._cancel(name, requester))

    async def _cancel(self, name: str, requester: Requester) -> Known:
        async with self._records.step:
            known = await self._named(name, requester)
            lane, job = self._at_hand(known)
            change = life.cancelled(job, self._records.now().at)
            await lane.settle(change)
        return await self.find(known.order.job)

    async def reprint(self, name: str, requester: Requester) -> Known:
        """Print a label once more, marked as a reprint. Raises CommandError, label.… if it is not drawn."""
        return await whole(self._reprint(name, requester))

    async def _reprint(self, name: str, requester: Requester) -> Known:
        lane, change = await self._reprinted(name, requester)
        await lane.draw(change.job)  # one that cannot be drawn is refused, not entered and failed later
        async with self._records.step:
            lane, change = await self._reprinted(name, requester)  # it may have been asked for twice
            await lane.settle(change)
        return await self.find(change.job.order.job)

    async def _reprinted(self, name: str, requester: Requester) -> tuple[Lane, Change]:
        known = await self._named(name, requester)
        lane, job = self._at_hand(known)
        now = self._records.now()
        if known.order.ordered > 1 and age(job.since, now).least_ms < REPRINT_GAP_MS:
            raise CommandError("print.too_soon", "it was reprinted a moment ago", hint="wait ten seconds")
        change = life.reprinted(job, now, self._ports.rules.ttl_ms)
        lane.spool.admit()
        return lane, change

    async def confirm(self, name: str, requester: Requester) -> Known:
        """A person has seen the label. Raises CommandError."""
        return await whole(self._confirm(name, requester))

    async def _confirm(self, name: str, requester: Requester) -> Known:
        async with self._records.step:
            known = await self._named(name, requester)
            lane, job = self._at_hand(known)
            change = life.confirmed(await self._on_paper(job), self._records.now().at, "operator")
            if change.steps:
                await lane.settle(change)
            lane.spool.trusted()
        return await self.find(known.order.job)

    async def _on_paper(self, job: Job) -> Job:
        """The newest attempt of which bytes were sent; the job as it is where there is none."""
        for attempt in range(job.attempt, 0, -1):
            known = await self._ports.ledger.prints.attempt(job.order.job, attempt)
            if known is not None and known.step.state in life.MAY_BE_ON_PAPER:
                return Job(known.order, attempt, known.step.state)
        return job

    async def find(self, name: str, requester: Requester = Requester.BOOTH) -> Known:
        """A job as it stands on disk. Raises CommandError print.unknown."""
        return await self._named(name, requester)

    def new_roll(self, printer: str) -> str:
        """A person has put in a full roll. Raises CommandError."""
        lane = self._lane(printer)
        lane.new_roll()
        return lane.printer

    async def _named(self, name: str, requester: Requester) -> Known:
        """By our id, or by the name that its requester gave it."""
        prints = self._ports.ledger.prints
        known = await prints.job(name) or await prints.named(requester, name)
        if known is None:
            raise CommandError(
                "print.unknown", "there is no such print job", hint="see edge-agent print queue"
            )
        return known

    def _at_hand(self, known: Known) -> tuple[Lane, Job]:
        """The job's lane, and the job as memory or else the disk has it."""
        lane = self._lanes.get(known.order.printer) or self._lane("")
        order = replace(known.order, printer=lane.printer)  # which may have another name by now
        waiting = lane.spool.job(known.order.job)
        if waiting is not None:
            return lane, waiting
        step = known.step
        return lane, Job(order, step.attempt, step.state, step.proof, step.reason)

    def _lane(self, printer: str) -> Lane:
        lane = self._lanes.get(printer) if printer else self._first_lane
        if lane is None:
            known = ", ".join(self._lanes) or "none"
            raise CommandError("device.unknown", f"there is no such printer; known: {known}")
        return lane
