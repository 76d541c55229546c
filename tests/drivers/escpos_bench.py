"""A printer behind the strict parser and the driver that talks to it, for the tests of the ESC/POS driver.

Owns: Printer (what it is able to answer, when it fails), Bench, the page and the job that are printed.
Must not know: what a test wants to see.
"""

from __future__ import annotations

import asyncio

from drivers.printers.escpos import SPEC, EscposPrinter
from drivers.printers.escpos_device import (
    AsbSet,
    Cut,
    EscposDevice,
    Event,
    InRaster,
    PaperAsked,
    ProcessIdAsked,
    Refused,
    StatusAsked,
)
from drivers.printers.escpos_status import (
    PrinterCondition,
    asb_reply,
    eot_reply,
    paper_reply,
    process_id_reply,
)
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.values import Page, PrintJob, PrintResult
from tests.drivers.rig import DeviceLink, SinkLog, context, driven, turns

PAGE = Page(64, 24, bytes((row * 7 + column) % 256 for row in range(24) for column in range(8)))
JOB = PrintJob("job-1", PAGE)
EVERYTHING = frozenset({"eot1", "eot2", "eot3", "eot4", "asb", "gs_r", "id"})
CLONE = frozenset({"eot1", "eot2", "eot3", "eot4", "gs_r"})
BARE = frozenset({"eot1", "eot4"})
MUTE: frozenset[str] = frozenset()
QUESTION_BYTES = 12  # DLE EOT 1 to 4, asked before each job


class Printer:
    """A printer behind the strict parser: answers what it is able to, at once, unless it is offline."""

    def __init__(self, able: frozenset[str], width_dots: int = 576) -> None:
        self.device = EscposDevice(width_dots)
        self.able = able
        self.condition = PrinterCondition()
        self.events: list[Event] = []
        self.received = 0
        self.fails_at: int | None = None
        self.failure = PrinterCondition(paper_out=True)
        self.pushes = False
        self.deaf_after_cut = False

    def answer(self, data: bytes) -> bytes:
        if self.fails_at is not None and self.received + len(data) > self.fails_at:
            keep = max(0, self.fails_at - self.received)
            self.fails_at = None
            before = self.answer(data[:keep])
            return before + self.fail(self.failure) + self.answer(data[keep:])
        self.received += len(data)
        return b"".join(self.reply(event) for event in self.device.feed(data))

    def reply(self, event: Event) -> bytes:
        self.events.append(event)
        if self.deaf_after_cut and any(isinstance(before, Cut) for before in self.events):
            return b""
        match event:
            case StatusAsked(n) if f"eot{n}" in self.able:
                return eot_reply(n, self.condition)
            case AsbSet() if "asb" in self.able:
                self.pushes = True
                return asb_reply(self.condition)
            case PaperAsked() if "gs_r" in self.able and not self.condition.offline:
                return paper_reply(self.condition)
            case ProcessIdAsked(id_) if "id" in self.able and not self.condition.offline:
                return process_id_reply(id_)
            case _:
                return b""

    def fail(self, condition: PrinterCondition) -> bytes:
        """Come into this condition; a printer that can says so unasked."""
        self.condition = condition
        return asb_reply(condition) if self.pushes else b""

    @property
    def misuse(self) -> list[Event]:
        return [event for event in self.events if isinstance(event, Refused | InRaster)]


class Bench:
    """One driver, one printer, one clock."""

    def __init__(self, able: frozenset[str] = EVERYTHING, **options: object) -> None:
        self.printer = Printer(able)
        self.clock = ManualClock()
        self.sink = SinkLog()
        self.link = DeviceLink(self.printer.answer)
        self.driver = EscposPrinter(context(SPEC, self.link, self.clock, self.sink, **options))

    async def settle(self, seconds: float = 30) -> None:
        """Long enough to learn what the printer can do, however mute it is; then forget what was sent."""
        await self.clock.advance(seconds)
        self.printer.events.clear()
        self.printer.device.take_page()

    async def come(self, condition: PrinterCondition) -> None:
        data = self.printer.fail(condition)
        if data:
            self.link.arrive(data)
        await turns()

    async def print(self, job: PrintJob = JOB, within_s: float = 120) -> PrintResult:
        task = asyncio.ensure_future(self.driver.print(job))
        for _ in range(round(within_s / 0.5)):
            await turns()
            if task.done():
                break
            await self.clock.advance(0.5)
        else:
            task.cancel()
        return await task

    def drawn(self) -> bytes:
        page = self.printer.device.take_page()
        return page.data if page else b""


def rows(page: Page, head_dots: int = 576) -> bytes:
    """The page as it stands on paper of the head's width."""
    stride, wide = page.stride, head_dots // 8
    lines = (page.data[at : at + stride] for at in range(0, len(page.data), stride))
    return b"".join(line.ljust(wide, b"\0") for line in lines)


async def job_length(able: frozenset[str] = EVERYTHING, job: PrintJob = JOB) -> int:
    """How many bytes the job takes."""
    bench = Bench(able)
    async with driven(bench.driver):
        await bench.settle()
        return (await bench.print(job)).accepted_bytes
