"""Printing through usblp and through libusb on a real kernel: same bytes, same honesty, same healing.

The devices are run as the agent runs them: supervised, found again after a re-plug, never told to try again.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

import pytest

from drivers.printers import escpos, tspl, zpl
from edge_agent.booth import Booth
from edge_agent.links.open import open_link
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import DriverSpec, Options, SerialSettings
from edge_agent.sdk.ports import ByteLink
from edge_agent.sdk.values import Page, PrintJob, PrintResult, Proof, Ready
from edge_agent.supervisor import Configured, DeviceStatus, DeviceView
from simulators.paper_path import Mark
from simulators.printer import PrinterSim
from simulators.usb.printer import SPEAKERS, UsbPrinter
from tests.vm.bench import Bench, Stream, bench
from tests.vm.inside import in_guest, until

WIDTH = 384
PAGE = Page(WIDTH, 600, bytes((row * 31 + column * 7) % 256 for row in range(600) for column in range(48)))
NEXT = Page(WIDTH, 80, bytes((row * 13 + column * 5) % 251 for row in range(80) for column in range(48)))
QUESTIONS = re.compile(rb'\x1b![?S]|~HS|~HQES|~JX|\x10\x04[\x01-\x04]|! U1 getvar "[a-z._]+"\r\n')
PROOF_ID = re.compile(rb"(?s)\x1d\(H\x06\x0000....")  # asked for anew each time, under another number
WAYS = ("usblp", "libusb")
LANGUAGES: dict[str, DriverSpec] = {"tspl": tspl.SPEC, "zpl": zpl.SPEC, "escpos": escpos.SPEC}


class Recorded(PrinterSim):
    """A simulated printer that keeps what it was sent."""

    heard = b""

    async def _take(self, data: bytes) -> None:
        self.heard += data
        await super()._take(data)


class Desk:
    """One simulated USB printer, and the booth that prints on it one way or the other."""

    def __init__(self, devices: Bench, language: str, way: str, **options: object) -> None:
        self.spec = LANGUAGES[language]
        identity, device_id = SPEAKERS[language]
        self.devices = devices
        self.usb = Stream(devices, UsbPrinter(device_id), identity)
        self.paper = Recorded(
            self.usb.endpoint, SystemClock(), language=language, width_dots=WIDTH, speed_mm_s=400
        )
        self._libusb = f"usb:{identity.vendor:04x}:{identity.product:04x}" if way == "libusb" else ""
        self.options = Options(self.spec.options, {"width_dots": WIDTH, **options})
        self.booth: Booth | None = None

    @property
    def url(self) -> str:
        """The port, by its socket or by its id; known once it is plugged in."""
        return self._libusb or self.usb.endpoint.url

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[Desk]:
        """Plugged in, and supervised by a booth."""
        self.usb.insert()
        self.devices.keep(self.paper.run())
        configured = Configured("p1", self.spec, self.url, SerialSettings(), self.options)
        self.booth = Booth([configured], _open, SystemClock(), _unheard)
        running = asyncio.create_task(self.booth.run())
        try:
            await self.ready()
            yield self
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def ready(self, since_ms: int = 0) -> None:
        """Wait until the printer has said so since then."""
        await until(lambda: self._is_ready(since_ms), f"{self.url} is ready to print")

    @property
    def status(self) -> DeviceStatus:
        assert self.booth is not None
        (view,) = self.booth.views()
        return view.status

    def _is_ready(self, since_ms: int) -> bool:
        assert self.booth is not None
        latest = self.booth.latest_printer.get("p1")
        said = latest is not None and latest.ready is Ready.YES and latest.at.uptime_ms >= since_ms
        return said and self.status is DeviceStatus.READY

    async def print(self, page: Page, job: str = "job-1") -> PrintResult:
        assert self.booth is not None
        return await self.booth.print_page(PrintJob(job, page))

    def marks(self) -> list[Mark]:
        return [label.mark for label in self.paper.tray.labels]


async def _open(url: str, serial: SerialSettings, device: str) -> ByteLink:
    return await open_link(url, serial, device=device)


async def _unheard(_view: DeviceView) -> None:
    """Nobody is told."""


@pytest.mark.parametrize("language", LANGUAGES)
@in_guest
async def test_usblp_and_libusb_print_the_same_bytes(language: str) -> None:
    sent: dict[str, bytes] = {}
    for way in WAYS:
        with bench() as devices:
            async with Desk(devices, language, way).served() as desk:
                result = await desk.print(PAGE)
                assert (result.proof, result.reason) == (Proof.PRINTED, ""), way
                await until(lambda: desk.marks() == [Mark.WHOLE], "a label falls")
                assert not desk.paper.violations, way
                sent[way] = PROOF_ID.sub(b"", QUESTIONS.sub(b"", desk.paper.heard)).lstrip(b"#\r\n")
    assert len(sent["usblp"]) > 1000
    assert sent["usblp"] == sent["libusb"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("language", LANGUAGES)
@in_guest
async def test_paper_out_in_mid_job_is_told_and_nothing_comes_twice(language: str, way: str) -> None:
    with bench() as devices:
        async with Desk(devices, language, way).served() as desk:
            desk.devices.tell(desk.paper.path.end_after, 200)
            result = await desk.print(PAGE)
            assert (result.proof, result.reason) == (Proof.UNKNOWN, "printer.paper_out")
            desk.devices.tell(desk.paper.path.load_roll)
            desk.devices.tell(desk.paper.changed)
            await desk.ready()
            after = await desk.print(NEXT, "job-2")
            assert (after.proof, after.reason) == (Proof.PRINTED, "")
            whole = [label for label in desk.paper.tray.labels if label.mark is Mark.WHOLE]
            assert len(whole) <= 1  # the one after; a receipt printer's goes on where the first one tore
            assert not desk.paper.violations


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("language", LANGUAGES)
@in_guest
async def test_an_unplug_in_mid_job_leaves_it_unknown_and_heals_by_itself(language: str, way: str) -> None:
    with bench() as devices:
        async with Desk(
            devices, language, way, **({"graphic": "hex"} if language == "zpl" else {})
        ).served() as desk:
            before = desk.paper.received_bytes
            printing = asyncio.create_task(desk.print(PAGE))
            await until(
                lambda: desk.paper.received_bytes - before > 12_000, "more than wakes a parser has arrived"
            )
            await asyncio.to_thread(desk.usb.pull)
            result = await printing
            assert result.proof is Proof.UNKNOWN
            assert result.reason.startswith(("link.", "printer.")), result.reason
            await until(lambda: desk.status is not DeviceStatus.READY, "the agent knows that it is gone")
            plugged_ms = SystemClock().stamp().uptime_ms
            desk.usb.insert()
            await desk.ready(plugged_ms)
            after = await desk.print(NEXT, "job-2")
            assert (after.proof, after.reason) == (Proof.PRINTED, "")
            first = [label for label in desk.paper.tray.labels if label.page.data.startswith(PAGE.data)]
            assert len(first) <= 1
