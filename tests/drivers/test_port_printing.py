"""Printing over a real network port and a real pty, in every language: proof, paper out, a plug pulled."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.links.open import open_link
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Context, Options
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.values import Page, PrintJob, PrintResult, Proof, Ready
from simulators.endpoints import Endpoint, PtyEndpoint, TcpEndpoint
from simulators.paper_path import Mark
from simulators.printer import PrinterSim
from tests.drivers.label_bench import BEST, OPTIONS, PAGE, SPECS, WIDTH, shows
from tests.drivers.rig import SinkLog
from tests.drivers.test_usb_printing import LONG, WAKES, Watched
from tests.links.far_end import eventually

PORTS = ("pty", "tcp")
EVERY_WAY = [(port, language) for port in PORTS for language in SPECS]
ALL = pytest.mark.parametrize(("port", "language"), EVERY_WAY)


class Desk:
    """A simulated printer at a port, and a driver on that port."""

    def __init__(self, folder: Path, port: str, language: str) -> None:
        self.spec = SPECS[language]
        self.end: Endpoint = PtyEndpoint(folder, "printer") if port == "pty" else TcpEndpoint()
        self.said = self.heard = 0
        self.pulled_at: int | None = None  # bytes after which somebody pulls the plug
        clock = Watched(self) if language == "tspl" else SystemClock()
        self.printer = PrinterSim(
            self,
            clock,
            language=language,
            width_dots=WIDTH,
            speed_mm_s=2000,
            keeps_half_command=port == "pty",  # a serial printer does not notice that its host is gone
        )
        self.sink = SinkLog()
        self.driver: object = None

    # The printer's end of the line

    @property
    def url(self) -> str:
        return self.end.url

    @property
    def connected(self) -> bool:
        return self.end.connected

    async def start(self) -> None:
        await self.end.start()

    async def close(self) -> None:
        await self.end.close()

    async def plug(self) -> None:
        await self.end.plug()

    async def unplug(self) -> None:
        await self.end.unplug()

    async def read(self) -> bytes:
        data = await self.end.read()
        self.heard += len(data)
        if self.pulled_at is not None and self.heard >= self.pulled_at:
            self.pulled_at = None
            await self.unplug()
        return data

    async def write(self, data: bytes) -> None:
        self.said += 1
        await self.end.write(data)

    # The host's end

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The port open, the driver running and its printer ready."""
        assert self.spec.build is not None
        link = await open_link(self.url, self.spec.serial, device="p1")
        given = {"width_dots": WIDTH, **OPTIONS.get(self.spec.name, {})}
        self.sink = SinkLog()
        self.driver = self.spec.build(
            Context("p1", link, SystemClock(), self.sink, Options(self.spec.options, given))
        )
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
async def desk_of(folder: Path, port: str, language: str) -> AsyncIterator[Desk]:
    desk = Desk(folder, port, language)
    await desk.start()
    printer = asyncio.ensure_future(desk.printer.run())
    try:
        yield desk
    finally:
        await desk.close()
        printer.cancel()
        await asyncio.gather(printer, return_exceptions=True)


@ALL
async def test_a_label_is_printed_and_proved(port: str, language: str, tmp_path: Path) -> None:
    async with desk_of(tmp_path, port, language) as desk, desk.opened():
        result = await desk.print(PAGE)
        assert (result.proof, result.reason) == (BEST[language], "")
        await eventually(lambda: bool(desk.printer.tray.labels), "a label falls")
        (label,) = desk.printer.tray.labels
        assert shows(label, PAGE, language)
        assert not desk.printer.violations


@ALL
async def test_paper_out_in_mid_label_is_told(port: str, language: str, tmp_path: Path) -> None:
    async with desk_of(tmp_path, port, language) as desk, desk.opened():
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
    port: str, language: str, tmp_path: Path
) -> None:
    async with desk_of(tmp_path, port, language) as desk:
        async with desk.opened():
            desk.pulled_at = desk.heard + len(WAKES.get(language, b"")) + 1500
            result = await desk.print(LONG)
            assert result.proof is Proof.UNKNOWN, result
        await desk.plug()
        async with desk.opened():
            assert (await desk.print(PAGE)).proof is BEST[language]
        await eventually(lambda: desk.printer.idle and bool(desk.printer.tray.labels), "a label falls")
        assert shows(desk.printer.tray.labels[-1], PAGE, language) or language == "escpos"
        assert sum(shows(label, LONG, language) for label in desk.printer.tray.labels) <= 1
