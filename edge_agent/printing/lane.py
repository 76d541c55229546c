"""One printer's lane: what waits for it is printed one at a time, the counter's own labels first.

Owns: the order choose → commit "sending" → print → commit the end. Must not know: who orders, other printers,
protocols.

A lane that waits for a hung printer holds up nothing else: each printer has its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from dataclasses import dataclass

from edge_agent.containment import contained
from edge_agent.crash import reach
from edge_agent.ledger.ledger import Entry
from edge_agent.ledger.print_jobs import Paper
from edge_agent.ledger.prints import PrintState, PrintStep
from edge_agent.printing import job as life
from edge_agent.printing.age import Moment
from edge_agent.printing.feed import Feed
from edge_agent.printing.job import Change, Job
from edge_agent.printing.mark import label_mark, marked
from edge_agent.printing.records import Ports, Records
from edge_agent.printing.roll import USUAL_DPI, length_mm
from edge_agent.printing.spool import Spool
from edge_agent.sdk.clock import within
from edge_agent.sdk.errors import DeviceError, EdgeError
from edge_agent.sdk.values import Page, PrinterState, PrintJob, PrintResult, Proof, Ready
from edge_agent.whole import whole

log = logging.getLogger(__name__)

TICK_S = 1.0  # how often waiting jobs are looked at; only while any waits


@dataclass(slots=True)
class Ticket:
    """A label of the counter, which waits for its end."""

    job: PrintJob
    subject: str
    end: asyncio.Future[PrintResult]


class Lane:
    """Prints on one printer."""

    def __init__(self, printer: str, ports: Ports, records: Records) -> None:
        self.printer = printer
        self.feed = Feed(printer, ports, records)
        self.spool = Spool(self.feed.window)
        self.printing: Job | None = None  # an order that is on its way
        self._ports = ports
        self._dpi = ports.rules.dpi.get(printer, USUAL_DPI)
        self._records = records
        self._tickets: deque[Ticket] = deque()  # the counter waits for each, so there is hardly ever a second
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Print until cancelled."""
        while True:
            await self._something()
            while await self._one():
                pass
            await self.feed.tell()

    def wake(self) -> None:
        """Something has come, or changed."""
        self._wake.set()

    async def label(self, job: PrintJob, subject: str) -> PrintResult:
        """Print a label of the counter before all that waits. Its steps after `sending` are the counter's."""
        ticket = Ticket(job, subject, asyncio.get_running_loop().create_future())
        self._tickets.append(ticket)
        self.wake()
        return await ticket.end

    def printer_says(self, state: PrinterState) -> None:
        """The printer's condition changed."""
        self.feed.sensed(state)
        if state.ready is Ready.YES:
            self.spool.hurry()
        self.wake()

    def new_roll(self) -> None:
        """A person has put in a full roll."""
        self.feed.renewed()
        self.wake()

    def follows(self, job: Job) -> None:
        """A job of the counter is on disk: it waits, unless it ended at once."""
        if job.state in life.WAITING:
            self.spool.put(job)
            self.wake()

    async def settle(self, change: Change) -> None:
        """Put a change of an order on disk, then in memory. Hold the records' step. Raises DeviceError."""
        await self._records.write(change)
        job = change.job
        if job.state in life.WAITING:
            self.spool.put(job)
            self.wake()
        else:
            self.spool.take(job.order.job)
        if self.printing is not None and self.printing.order.job == job.order.job:
            self.printing = job

    async def _something(self) -> None:
        """Return when there may be something to do."""
        if not len(self.spool):
            await self._wake.wait()
        else:
            try:
                await within(self._ports.clock, TICK_S, self._wait())
            except TimeoutError:
                return
        self._wake.clear()

    async def _wait(self) -> None:
        await self._wake.wait()

    async def _one(self) -> bool:
        """Print one label, if one may be printed now."""
        if self._tickets:
            ticket = self._tickets.popleft()
            result = await self._first(ticket)
            if not ticket.end.done():
                ticket.end.set_result(result)
            return True
        await self._expire()
        now = self._records.now()
        job = self.spool.next(now, usable=self._ports.printers.can_print(self.printer))
        if job is None:
            return False
        await self._print(job)
        return True

    # The counter's label

    async def _first(self, ticket: Ticket) -> PrintResult:
        job = ticket.job
        mm = length_mm(job.page, self._dpi)
        self.feed.window.forget(self._records.now())
        if not self.feed.window.allows(mm, ordered=False):
            return PrintResult(job.job, job.attempt, Proof.FAILED, 0, "print.quota")
        paper = self.feed.paper(job.job, job.attempt, mm)
        sending = PrintStep(job.job, job.attempt, ticket.subject, PrintState.SENDING, paper.at.utc_ms)
        slots = self.feed.slots(paper)
        try:
            await whole(self._records.enter(Entry(prints=[sending], paper=[paper], slots=slots)))
        except DeviceError as error:
            log.error("%s", error)
            return PrintResult(job.job, job.attempt, Proof.FAILED, 0, error.code)
        self.feed.charge(paper)
        reach("label.sending")
        result = await self._ports.printers.print_page(job, self.printer)
        reach("label.sent")
        self._judge(result, paper)
        return result

    # Orders

    async def _print(self, job: Job) -> None:
        try:
            page = await self.draw(job)
        except EdgeError as error:
            log.error("print job %s refused: %s", job.order.job, error)
            await self._try(job, life.undrawable(job, self._records.now().at, error.code))
            return
        reach("order.rendered")
        mm = length_mm(page, self._dpi)
        now = self._records.now()
        self.feed.window.forget(now)
        if not self.feed.window.allows(mm, ordered=not job.is_counters):
            self.spool.later(job, now, "print.quota")
            return
        paper = self.feed.paper(job.order.job, job.attempt, mm)
        if not await whole(self._choose(job, now, mm)):
            return
        reach("order.sending")
        sheet = PrintJob(job.order.job, page, job.attempt)
        result = await self._ports.printers.print_page(sheet, self.printer)
        reach("order.sent")
        self._judge(result, paper)
        await self._end(result)
        reach("order.recorded")

    async def draw(self, job: Job) -> Page:
        """The page of an order, with its mark. Raises EdgeError; a bug in drawing costs this order only."""
        order = job.order
        data = marked(json.loads(order.data), label_mark(order.job, job.attempt, order.subject))
        with contained("label", "label.bug"):
            return await self._ports.draw(order.template, data, job.attempt - 1, self._dpi)

    async def _choose(self, job: Job, now: Moment, mm: int) -> bool:
        """Have it on disk that bytes may leave; False where it was cancelled, or cannot be written."""
        async with self._records.step:
            if self.spool.job(job.order.job) is None:
                return False
            change = life.chosen(job, now, mm)
            try:
                await self._records.write(change, self.feed.slots(change.paper[0]))
            except DeviceError as error:
                log.error("%s", error)
                self.spool.later(job, now, error.code)
                return False
            self.spool.take(job.order.job)
            self.printing = change.job
            self.feed.charge(change.paper[0])
            return True

    async def _end(self, result: PrintResult) -> None:
        """The label may be out: nothing else is printed until its end is on disk."""
        while self.printing is not None:
            now = self._records.now()
            try:
                await whole(self._record(now, result))
            except DeviceError as error:
                log.error("%s", error)
                await self._ports.clock.sleep(TICK_S)

    async def _record(self, now: Moment, result: PrintResult) -> None:
        async with self._records.step:
            if self.printing is None:
                return
            change = life.printed(self.printing, now, result, self._ports.rules.least_proof)
            if change.steps:
                await self.settle(change)
            self.printing = None
            if change.job.state is PrintState.QUEUED:
                self.spool.later(change.job, now, change.job.reason)

    def _judge(self, result: PrintResult, paper: Paper) -> None:
        """What a print says of the printer, and of its paper."""
        self.spool.ended(result.proof)
        if result.proof is Proof.FAILED:
            self.feed.give_back(paper)

    async def _expire(self) -> None:
        now = self._records.now()
        for job in self.spool.stale(now):
            await self._try(job, life.expired(job, now.at))

    async def _try(self, job: Job, change: Change) -> None:
        """End a waiting order; a disk that does not take it is tried again later."""
        try:
            await whole(self._settle_waiting(job, change))
        except DeviceError as error:
            log.error("%s", error)
            self.spool.later(job, self._records.now(), error.code)

    async def _settle_waiting(self, job: Job, change: Change) -> None:
        async with self._records.step:
            if self.spool.job(job.order.job) is not None:  # else it was cancelled meanwhile
                await self.settle(change)
