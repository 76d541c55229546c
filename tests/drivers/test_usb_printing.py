"""Printing through libusb on a simulated USB printer: proof, lack of paper, a plug pulled in mid-label."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest

from drivers.printers import epl2_page, tspl_page
from edge_agent.links.usb import UsbLink
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Context, Options
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.ieee1284 import parse_device_id
from edge_agent.sdk.values import Page, PrintJob, PrintResult, Proof, Ready
from simulators.paper_path import Mark
from simulators.printer import PrinterSim
from simulators.usb.printer import SPEAKERS, PortStatus, UsbPrinter
from tests.drivers.label_bench import BEST, OPTIONS, PAGE, SPECS, WIDTH, shows
from tests.drivers.rig import SinkLog
from tests.links.far_end import eventually
from tests.links.usb_box import Plugged, UsbBox

READ_MS = 50  # closing waits for one slice of reading
LONG = Page(WIDTH, 900, bytes((row * 31 + column * 7) % 256 for row in range(900) for column in range(48)))
ALL = pytest.mark.parametrize("language", SPECS)
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


class Desk:
    """A simulated printer in a USB socket, and a driver on it through libusb."""

    def __init__(self, box: UsbBox, language: str) -> None:
        self.box, self.spec = box, SPECS[language]
        self.identity, self.device_id = SPEAKERS[language]
        self.function = UsbPrinter(self.device_id)
        self.plugged: Plugged | None = None
        self.url = "pipe:"
        self.said = 0
        clock = Watched(self) if language == "tspl" else SystemClock()
        self.printer = PrinterSim(self, clock, language=language, width_dots=WIDTH, speed_mm_s=2000)
        path = self.printer.path
        self.function.sense = lambda: PortStatus(path.paper_out, fault=path.halted)
        self.sink = SinkLog()
        self.driver: object = None

    # The printer's end of the line

    @property
    def connected(self) -> bool:
        return self.function.pipe.open

    async def start(self) -> None:
        await self.plug()

    async def close(self) -> None:
        await self.unplug()

    async def plug(self) -> None:
        self.plugged = self.plugged or self.box.plug(self.function, self.identity)

    async def unplug(self) -> None:
        plugged, self.plugged = self.plugged, None
        if plugged is not None:
            self.box.pull(plugged)

    async def read(self) -> bytes:
        return await self.function.pipe.read()

    async def write(self, data: bytes) -> None:
        self.said += 1
        await self.function.pipe.write(data)

    # The host's end

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The port open, the driver running and its printer ready."""
        assert self.spec.build is not None
        address = f"{self.identity.vendor:04x}:{self.identity.product:04x}"
        link = await UsbLink.open(address, device="p1", root=self.box.root, backend=self.box, read_ms=READ_MS)
        given = {"width_dots": WIDTH, **OPTIONS.get(self.spec.name, {})}
        options = Options(self.spec.options, given)
        self.sink = SinkLog()
        self.driver = self.spec.build(Context("p1", link, SystemClock(), self.sink, options))
        running = asyncio.ensure_future(_until_lost(self.driver))
        try:
            await eventually(lambda: bool(self.sink.states) and self.sink.state.ready is Ready.YES, "ready")
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await link.close()

    async def print(self, page: Page) -> PrintResult:
        return await self.driver.print(PrintJob("job-1", page))  # type: ignore[attr-defined, no-any-return]  # a printer's driver


async def _until_lost(driver: object) -> None:
    with contextlib.suppress(LinkError):
        await driver.run()  # type: ignore[attr-defined]  # a printer's driver


@contextlib.asynccontextmanager
async def desk_of(folder: Path, language: str) -> AsyncIterator[Desk]:
    desk = Desk(UsbBox(folder), language)
    await desk.plug()
    printer = asyncio.ensure_future(desk.printer.run())
    try:
        yield desk
    finally:
        await desk.unplug()
        printer.cancel()
        await asyncio.gather(printer, return_exceptions=True)


@ALL
async def test_a_label_is_printed_and_proved(language: str, tmp_path: Path) -> None:
    async with desk_of(tmp_path, language) as desk, desk.opened():
        assert desk.sink.identities == [parse_device_id(desk.device_id).name]
        result = await desk.print(PAGE)
        assert (result.proof, result.reason) == (BEST[language], "")
        await eventually(lambda: bool(desk.printer.tray.labels), "a label falls")
        (label,) = desk.printer.tray.labels
        assert shows(label, PAGE, language)
        assert not desk.printer.violations


@ALL
async def test_paper_out_in_mid_label_is_told(language: str, tmp_path: Path) -> None:
    async with desk_of(tmp_path, language) as desk, desk.opened():
        desk.printer.path.end_after(100)
        result = await desk.print(LONG)
        if language == "epl2":  # acknowledged before it is printed: consumed is no more than that
            assert result.proof in (Proof.UNKNOWN, Proof.CONSUMED)
        else:
            assert (result.proof, result.reason) == (Proof.UNKNOWN, "printer.paper_out")
        await eventually(lambda: bool(desk.printer.tray.labels), "the paper has ended")
        assert [label.mark for label in desk.printer.tray.labels] == [Mark.TORN]


@ALL
async def test_a_plug_pulled_in_mid_label_leaves_it_unknown_and_the_next_one_right(
    language: str, tmp_path: Path
) -> None:
    async with desk_of(tmp_path, language) as desk:
        async with desk.opened():
            awake = desk.printer.received_bytes + len(WAKES.get(language, b""))
            printing = asyncio.ensure_future(desk.print(LONG))
            await eventually(lambda: desk.printer.received_bytes > awake + 1500, "a part has arrived")
            await desk.unplug()
            result = await printing
            assert result.proof is Proof.UNKNOWN, result
        await desk.plug()
        async with desk.opened():
            assert (await desk.print(PAGE)).proof is BEST[language]
        await eventually(lambda: bool(desk.printer.tray.labels), "a label falls")
        assert shows(desk.printer.tray.labels[-1], PAGE, language) or language == "escpos"
        assert sum(shows(label, LONG, language) for label in desk.printer.tray.labels) <= 1
