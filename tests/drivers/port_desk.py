"""A simulated label printer at a port, and a driver of any language on that port, in real time.

Owns: serving a driver until its printer is ready, one honest end for each. Must not know: which port it is.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Protocol

from drivers.printers import epl2_page, tspl_page
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Context, Options
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.ports import ByteLink
from edge_agent.sdk.values import Page, PrintJob, PrintResult, Proof, Ready
from simulators.paper_path import Mark
from simulators.printer import PrinterSim
from tests.drivers.label_bench import BEST, OPTIONS, PAGE, SPECS, WIDTH, shows
from tests.drivers.rig import SinkLog
from tests.links.far_end import eventually

LONG = Page(WIDTH, 900, bytes((row * 31 + column * 7) % 256 for row in range(900) for column in range(48)))
WAKES = {"tspl": tspl_page.WAKE, "epl2": epl2_page.WAKE}  # sent before a label, and no part of it


class Talking(Protocol):
    """A printer's end of a line, which counts what the printer has said."""

    said: int

    @property
    def connected(self) -> bool: ...


class Watched(SystemClock):
    """The time of a printer that is proved by being seen at it: it goes on once it was asked a few times.

    A real label takes a second or more. Here it takes milliseconds, which a busy machine may oversleep.
    """

    def __init__(self, desk: Talking) -> None:
        super().__init__()
        self._desk = desk

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        enough = self._desk.said + 3
        while self._desk.said < enough and self._desk.connected:
            await super().sleep(0.001)


class Desk(ABC):
    """The host's end; whoever inherits is the printer's end of the line (`Endpoint`)."""

    printer: PrinterSim

    def __init__(self, language: str) -> None:
        self.language = language
        self.spec = SPECS[language]
        self.said = self.heard = 0
        self.pulled_at: int | None = None  # bytes after which somebody pulls the plug
        self.sink = SinkLog()
        self.driver: object = None

    @property
    @abstractmethod
    def connected(self) -> bool: ...

    @property
    def pace(self) -> SystemClock:
        """The printer's time."""
        return Watched(self) if self.language == "tspl" else SystemClock()

    @abstractmethod
    async def open_port(self) -> ByteLink: ...

    @abstractmethod
    async def start(self) -> None: ...

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    async def plug(self) -> None: ...

    @abstractmethod
    async def unplug(self) -> None: ...

    def pull_in_mid_label(self) -> None:
        """The plug comes out once the printer has a part of the next label, with the rest under way."""
        self.pulled_at = self.heard + len(WAKES.get(self.language, b"")) + 1500

    async def took(self, data: bytes) -> bytes:
        """The printer takes these."""
        self.heard += len(data)
        if self.pulled_at is not None and self.heard >= self.pulled_at:
            self.pulled_at = None
            await self.unplug()
        return data

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The port open, the driver running and its printer ready."""
        assert self.spec.build is not None
        link = await self.open_port()
        given = {"width_dots": WIDTH, **OPTIONS.get(self.language, {})}
        self.sink = SinkLog()
        options = Options(self.spec.options, given)
        self.driver = self.spec.build(Context("p1", link, SystemClock(), self.sink, options))
        running = asyncio.ensure_future(_until_lost(self.driver))
        try:
            await eventually(lambda: bool(self.sink.states) and self.sink.state.ready is Ready.YES, "ready")
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await link.close()

    @contextlib.asynccontextmanager
    async def switched_on(self) -> AsyncIterator[None]:
        """The printer at work, plugged in."""
        await self.start()
        printer = asyncio.ensure_future(self.printer.run())
        try:
            yield
        finally:
            await self.close()
            printer.cancel()
            await asyncio.gather(printer, return_exceptions=True)

    async def print(self, page: Page) -> PrintResult:
        return await self.driver.print(PrintJob("job-1", page))  # type: ignore[attr-defined, no-any-return]  # a printer's driver


async def _until_lost(driver: object) -> None:
    with contextlib.suppress(LinkError):
        await driver.run()  # type: ignore[attr-defined]  # a printer's driver


# What must hold at every port


async def is_printed_and_proved(desk: Desk) -> None:
    result = await desk.print(PAGE)
    assert (result.proof, result.reason) == (BEST[desk.language], "")
    await eventually(lambda: bool(desk.printer.tray.labels), "a label falls")
    (label,) = desk.printer.tray.labels
    assert shows(label, PAGE, desk.language)
    assert not desk.printer.violations


async def tells_paper_out(desk: Desk) -> None:
    desk.printer.path.end_after(100)
    result = await desk.print(LONG)
    if desk.language == "epl2":  # acknowledged before it is printed: consumed is no more than that
        assert result.proof in (Proof.UNKNOWN, Proof.CONSUMED)
    else:
        assert (result.proof, result.reason) == (Proof.UNKNOWN, "printer.paper_out")
    await eventually(lambda: bool(desk.printer.tray.labels), "the paper has ended")
    assert [label.mark for label in desk.printer.tray.labels] == [Mark.TORN]


async def is_unknown_after_a_pull_and_then_right(desk: Desk) -> None:
    """Plugged in again, the next label comes, and the one before not once more."""
    async with desk.opened():
        desk.pull_in_mid_label()
        result = await desk.print(LONG)
        assert result.proof is Proof.UNKNOWN, result
    await desk.plug()
    async with desk.opened():
        assert (await desk.print(PAGE)).proof is BEST[desk.language]
    await eventually(lambda: desk.printer.idle and bool(desk.printer.tray.labels), "a label falls")
    assert shows(desk.printer.tray.labels[-1], PAGE, desk.language) or desk.language == "escpos"
    assert sum(shows(label, LONG, desk.language) for label in desk.printer.tray.labels) <= 1
