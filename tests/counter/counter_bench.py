"""A counter at work: a real ledger on disk, a manual clock, devices that the test plays.

Owns: PlayedDevices, CounterBench, `opened`. Must not know: any rule of the flow.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from edge_agent.barcodes.parse import parse
from edge_agent.counter.acceptance import Acceptance
from edge_agent.counter.command_codes import CommandCodes
from edge_agent.counter.counter import Counter
from edge_agent.counter.feedback import Cue
from edge_agent.counter.inputs import Policy
from edge_agent.counter.labelling import label_order, receipt_order
from edge_agent.counter.parcel import Parcel, Phase
from edge_agent.counter.seams import Ports
from edge_agent.counter.settling import Settler, SettleRules
from edge_agent.events.model import StoredEvent
from edge_agent.ledger.ledger import Ledger, Limits
from edge_agent.ledger.print_jobs import PrintOrder
from edge_agent.printing.queue import PrintQueue
from edge_agent.printing.records import Ports as PrintPorts
from edge_agent.printing.records import Rules
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import EdgeError
from edge_agent.sdk.values import (
    Page,
    PrinterState,
    PrintJob,
    PrintResult,
    Proof,
    Reading,
    Ready,
    Scan,
    Stamp,
    Status,
    Weight,
)

RECEIPTS = "printer-2"
KEYBOARD = "scanner-2"  # types as a keyboard
ITEM, OTHER = "RR102030405BD", "EA555123453BD"
PAGE = Page(8, 1, b"\xff")
WINDOW_MS = 1000
BOOTH, KEY = "DHAKA-0001", bytes(range(32))
DEADLINE_S = 20.0  # a commit takes a millisecond; generous on a loaded machine


class PlayedDevices:
    """A scale and a printer as the counter sees them. `results` are given one print after the other."""

    def __init__(self) -> None:
        self.has_scale = True
        self.hurried: list[bool] = []
        self.goals: list[str] = []
        self.refusal: EdgeError | None = None
        self.emptied: list[Reading] = []
        self.jobs: list[PrintJob] = []
        self.receipts: list[PrintJob] = []  # of jobs, those on the printer for receipts
        self.usable = True
        self.hung = ""  # the printer that takes a page and never answers
        self.results: list[tuple[Proof, str]] = []
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.before_print: Callable[[PrintJob], Awaitable[None]] | None = None

    def scale_ready(self) -> bool:
        return self.has_scale

    def scale_protocol(self) -> str:
        return "played/1"

    def pan_empty(self, reading: Reading) -> None:
        self.emptied.append(reading)

    def hurry_scale(self, wanted: bool) -> None:
        self.hurried.append(wanted)

    async def set_scale(self, goal: str) -> None:
        self.goals.append(goal)
        if self.refusal is not None:
            raise self.refusal

    def can_print(self, device: str) -> bool:
        return self.usable

    async def print_page(self, job: PrintJob, device: str) -> PrintResult:
        (self.receipts if device == RECEIPTS else self.jobs).append(job)
        if self.before_print is not None:
            await self.before_print(job)
        if device == self.hung:
            await asyncio.Event().wait()
        await self.may_end.wait()
        proof, reason = self.results.pop(0) if self.results else (Proof.SENT, "")
        return PrintResult(job.job, job.attempt, proof, 100, reason)


class CounterBench:
    """One counter with everything it needs."""

    def __init__(
        self,
        ledger: Ledger,
        policy: Policy | None,
        accepts: Sequence[str],
        rules: Rules | None = None,
        *,
        receipts: bool = False,
    ) -> None:
        self.gives_receipts = receipts
        self.ledger = ledger
        self.clock = ManualClock()
        self.devices = PlayedDevices()
        self.cues: list[Cue] = []
        self.when_told: Callable[[Cue], None] = lambda _: None
        self.told: list[StoredEvent] = []
        self.rendered: list[tuple[Parcel, int]] = []
        self.render_error: Exception | None = None
        self.prints = PrintQueue(
            PrintPorts(ledger, self.clock, self.devices, self._draw, self.told.extend, rules or Rules()),
            ["printer-1", *([RECEIPTS] if receipts else [])],
        )
        flow = Acceptance(policy) if policy is not None else None
        self.counter = Counter(
            self._ports(),
            Settler(SettleRules()),
            flow,
            accepts=frozenset(accepts),
            repeat_window_ms=WINDOW_MS,
            codes=CommandCodes(BOOTH, KEY),
        )

    def _ports(self) -> Ports:
        return Ports(
            ledger=self.ledger,
            clock=self.clock,
            devices=self.devices,
            prints=self.prints,
            parse=lambda scan: parse(scan.text, aim=scan.aim),
            render=self._render,
            order=self._order,
            tell=self._tell,
            stored=self.told.extend,
            receipt=self._receipt if self.gives_receipts else None,
            typing=frozenset({KEYBOARD}),
        )

    async def _render(self, parcel: Parcel, attempt: int, at: Stamp) -> Page:
        self.rendered.append((parcel, attempt))
        if self.render_error is not None:
            raise self.render_error
        return PAGE

    async def _draw(self, template: str, data: Mapping[str, object], reprint: int, dpi: int) -> Page:
        return PAGE

    def _order(self, parcel: Parcel, at: Stamp) -> PrintOrder:
        data = {"item": {"number": parcel.item}}
        return label_order(parcel, data, at, template="parcel-80", printer="printer-1", boot="boot")

    def _receipt(self, parcel: Parcel, at: Stamp) -> PrintOrder:
        job = secrets.token_hex(6)
        label = self._order(parcel, at)
        return receipt_order(label, job=job, template="receipt-80", printer=RECEIPTS, ttl_ms=60_000)

    def _tell(self, cue: Cue) -> None:
        self.cues.append(cue)
        self.when_told(cue)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.prints.run())
            tasks.create_task(self.counter.run())

    @property
    def phase(self) -> Phase:
        return self.counter.state.phase

    @property
    def prompts(self) -> list[str]:
        return [cue.prompt.id for cue in self.cues]

    def sounds(self, prompt: str) -> list[str | None]:
        return [cue.sound.value if cue.sound else None for cue in self.cues if cue.prompt.id == prompt]

    async def types(self) -> list[str]:
        """The types of all events on disk, oldest first."""
        return [event.type for event in await self.ledger.after(0, 1000)]

    def scan_of(self, *texts: str) -> list[Scan]:
        return [Scan("scanner-1", self.clock.stamp(), text) for text in texts]

    async def scan(self, *texts: str) -> None:
        """Barcodes of one read, a little later than what came before."""
        await self.clock.advance(0.01)
        await self.counter.scans(self.scan_of(*texts))

    async def type(self, text: str) -> None:
        """A barcode of the scanner that types."""
        await self.clock.advance(WINDOW_MS / 1000)
        await self.counter.scans([Scan(KEYBOARD, self.clock.stamp(), text)])

    def reading(self, text: str, status: Status = Status.OK, *, stable: bool | None = True) -> Weight:
        weight = Decimal(text) if status in (Status.OK, Status.ZERO, Status.MOTION) else None
        shown = Reading(status, weight, "kg" if weight is not None else None, stable, raw=text.encode())
        return Weight("scale-1", self.clock.stamp(), 1, shown)

    async def weigh(self, text: str, readings: int = 2, *, stable: bool | None = True) -> None:
        """So many equal readings, five a second."""
        for _ in range(readings):
            await self.clock.advance(0.2)
            await self.counter.weights([self.reading(text, stable=stable)])

    async def printer_is(self, ready: Ready) -> None:
        await self.counter.printer(PrinterState("printer-1", self.clock.stamp(), ready))

    async def accept(self, item: str = ITEM, weight: str = "1.234") -> None:
        """One parcel from the empty pan to the end of its label."""
        await self.weigh("0.000")
        await self.scan(item)
        await self.weigh(weight)
        await self.until(lambda: self.phase is Phase.IDLE)

    async def until(self, condition: Callable[[], object]) -> None:
        """Let loop, ledger and label go on until it is so; the clock stands still."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await self.ledger.ping()
                await asyncio.sleep(0)

    async def until_writing(self) -> None:
        """A write waits for the disk, or is just being made."""
        for _ in range(1000):
            if self.ledger._worker._waiting:
                return
            await asyncio.sleep(0)
        raise AssertionError("nothing is written")

    async def quiet(self) -> None:
        """Let everything that can go on without the clock come to its end."""
        for _ in range(5):
            await self.ledger.ping()
            for _ in range(20):
                await asyncio.sleep(0)

    async def break_disk(self) -> None:
        """From now on nothing can be written: as on a card that went read-only."""
        await self.ledger._worker.read(lambda c: c.execute("PRAGMA query_only=1").fetchall())

    async def mend_disk(self) -> None:
        await self.ledger._worker.read(lambda c: c.execute("PRAGMA query_only=0").fetchall())


@asynccontextmanager
async def opened(
    folder: Path,
    policy: Policy | None = Policy(),  # noqa: B008 - frozen
    *,
    accepts: Sequence[str] = ("s10",),
    running: bool = True,
    broken: bool = False,
    rules: Rules | None = None,
    receipts: bool = False,
) -> AsyncIterator[CounterBench]:
    """A counter on this folder, taken up where the last one left it; a broken one cannot write."""
    ledger = await Ledger.open(folder / "ledger.db", "boot", limits=Limits(reserve_mib=1, refuse_free_mib=0))
    bench = CounterBench(ledger, policy, accepts, rules, receipts=receipts)
    try:
        if broken:
            await bench.break_disk()
        await bench.counter.resume()
        await bench.prints.resume()
        task = asyncio.create_task(bench.run()) if running else None
        try:
            await bench.quiet()  # what the start reads from the disk is no step of a test
            yield bench
            if task is not None and task.done():
                task.result()
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
    finally:
        await ledger.close()


def marked(parcel: Parcel, attempt: int) -> str:
    """What the QR code of a label holds."""
    return f"BXL1:{parcel.job}:{attempt}:{parcel.item}"


def late(scan: Scan, milliseconds: int) -> Scan:
    """The same barcode, read so much later."""
    return replace(scan, at=replace(scan.at, uptime_ms=scan.at.uptime_ms + milliseconds))
