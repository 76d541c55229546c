"""A USB printer on a real kernel: usblp, our lp: link, the ESC/POS driver on top, and libusb beside it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import usb.core
import usb.util

from drivers.printers import escpos
from edge_agent.links.lp import EMPTY_PAUSE_S, LpLink
from edge_agent.links.open import open_link
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Context, Options, SerialSettings
from edge_agent.sdk.errors import EdgeError, LinkError
from edge_agent.sdk.values import Page, PrinterState, PrintJob, Proof, Ready
from simulators.printer import PrinterSim
from simulators.usb.printer import ESCPOS, ESCPOS_ID, UsbPrinter
from tests.vm.bench import Bench, Stream, bench
from tests.vm.inside import EVENTUALLY_S, eventually, in_guest, until

GENEROUS_S = 120.0
PAGE = Page(576, 240, bytes([0b10101010]) * (72 * 240))


def printer(devices: Bench, function: UsbPrinter | None = None) -> Stream:
    one = Stream(devices, function or UsbPrinter(), ESCPOS)
    one.insert()
    return one


class Told:
    """A sink that keeps what the printer's driver tells."""

    def __init__(self) -> None:
        self.states: list[PrinterState] = []

    async def scans(self, scans: object) -> None:
        raise AssertionError(f"no scanner here: {scans}")

    async def weights(self, weights: object) -> None:
        raise AssertionError(f"no scale here: {weights}")

    async def printer(self, state: PrinterState) -> None:
        self.states.append(state)

    def ready(self, identity: str = "") -> None: ...

    def trouble(self, error: object) -> None: ...

    @property
    def is_ready(self) -> bool:
        return bool(self.states) and self.states[-1].ready is Ready.YES


@contextlib.asynccontextmanager
async def driver_on(link: LpLink, told: Told) -> AsyncIterator[escpos.EscposPrinter]:
    ours = escpos.EscposPrinter(Context("p1", link, SystemClock(), told, Options(escpos.SPEC.options)))
    task = asyncio.create_task(ours.run())
    try:
        yield ours
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, EdgeError):
            await task
        await link.close()


async def opened(one: Stream) -> LpLink:
    link = await open_link(one.endpoint.url, SerialSettings(), device="p1")
    assert isinstance(link, LpLink)
    return link


@in_guest
async def test_the_escpos_driver_prints_and_proves_it() -> None:
    with bench() as devices:
        one = printer(devices)
        paper = PrinterSim(one.endpoint, SystemClock(), speed_mm_s=10_000)
        devices.keep(paper.run())
        told = Told()
        async with driver_on(await opened(one), told) as driver:
            await until(lambda: told.is_ready, "the printer is ready")
            result = await driver.print(PrintJob("job-1", PAGE))
        assert (result.proof, result.reason) == (Proof.PRINTED, "")
        await until(lambda: paper.tray.labels, "a label falls")
        assert not paper.violations


@in_guest
async def test_the_port_status_is_the_printers() -> None:
    with bench() as devices:
        one = printer(devices)
        link = await opened(one)
        status = await link.port_status()
        assert (status.paper_empty, status.selected, status.fault) == (False, True, False)
        one.function.status.paper_empty = True
        one.function.status.fault = True
        status = await link.port_status()
        assert (status.paper_empty, status.fault) == (True, True)
        await link.close()


@in_guest
def test_the_kernel_shows_the_printers_name() -> None:
    with bench() as devices:
        one = printer(devices)
        shown = Path("/sys/class/usbmisc") / one.node.resolve().name / "device/ieee1284_id"
        assert shown.read_text().strip() == ESCPOS_ID


@in_guest
async def test_a_printer_is_ours_alone() -> None:
    with bench() as devices:
        one = printer(devices)
        link = await opened(one)
        with pytest.raises(LinkError) as caught:
            await opened(one)
        assert caught.value.code == "link.busy"
        await link.close()
        await (await opened(one)).close()


@in_guest
async def test_a_printer_that_takes_nothing_is_told_with_what_it_may_have() -> None:
    with bench() as devices:
        one = printer(devices)
        one.usb.faults.hung = True
        link = await opened(one)
        with pytest.raises(LinkError) as caught:
            await link.write(b"x" * 20_000, 1.0)
        assert caught.value.code == "link.write_timeout"
        assert 0 < caught.value.accepted < 20_000
        await link.close()
        devices.tell(one.usb.faults.heal)
        devices.tell(one.usb.offer)
        link = await opened(one)
        await link.write(b"again", GENEROUS_S)
        await link.close()


@in_guest
async def test_a_full_printer_slows_the_writer_down_and_loses_nothing() -> None:
    data = os.urandom(40_000)
    taken = b""
    with bench() as devices:
        one = printer(devices)
        link = await opened(one)
        writing = asyncio.create_task(link.write(data, GENEROUS_S))
        while len(taken) < len(data):
            taken += await asyncio.to_thread(devices.do, one.endpoint.read())
        await writing
        await link.close()
    assert taken == data


@in_guest
async def test_an_unplug_in_mid_write_is_a_lost_link() -> None:
    with bench() as devices:
        one = printer(devices)
        link = await opened(one)
        writing = asyncio.create_task(link.write(b"x" * 100_000, GENEROUS_S))
        await until(lambda: one.usb.waiting > 1, "the printer is full and the host waits")
        await asyncio.to_thread(one.pull)
        with pytest.raises(LinkError) as caught:
            await writing
        assert caught.value.code == "link.lost"
        assert 0 < caught.value.accepted < 100_000
        with pytest.raises(LinkError):
            await link.read()
        await link.close()
        one.insert()
        await (await opened(one)).close()


@in_guest
async def test_a_printer_that_answers_with_empty_packets_does_not_keep_us_busy() -> None:
    with bench() as devices:
        one = printer(devices, UsbPrinter(empty_answers=True))
        link = await opened(one)
        before = one.function.empty_reads
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(link.read(), 2.0)
        assert 0 < one.function.empty_reads - before <= 2.0 / EMPTY_PAUSE_S + 2
        await asyncio.to_thread(devices.do, one.endpoint.write(b"\x12"))
        assert await asyncio.wait_for(link.read(), EVENTUALLY_S) == b"\x12"
        await link.close()


@in_guest
async def test_a_refusing_printer_is_never_taken_for_a_printed_label() -> None:
    with bench() as devices:
        one = printer(devices)
        paper = PrinterSim(one.endpoint, SystemClock(), speed_mm_s=10_000)
        devices.keep(paper.run())
        told = Told()
        async with driver_on(await opened(one), told) as driver:
            await until(lambda: told.is_ready, "the printer is ready")
            one.usb.faults.stalled.add(1)
            result = await driver.print(PrintJob("job-1", PAGE))
        assert result.proof in {Proof.UNKNOWN, Proof.FAILED}


@in_guest
async def test_what_is_no_printer_is_refused() -> None:
    for path in ("/dev/null", "/etc/passwd", "/dev"):
        with pytest.raises(LinkError):
            await open_link(f"lp:{path}", SerialSettings(), device="p1")


@in_guest
def test_libusb_gets_the_printer_when_the_kernels_driver_lets_go() -> None:
    with bench() as devices:
        one = printer(devices)
        device = usb.core.find(idVendor=ESCPOS.vendor, idProduct=ESCPOS.product)
        device.detach_kernel_driver(0)
        usb.util.claim_interface(device, 0)
        assert device.write(0x01, b"\x10\x04\x01", 60_000) == 3
        assert devices.do(one.endpoint.read()) == b"\x10\x04\x01"
        devices.do(one.endpoint.write(b"\x12"))
        assert bytes(device.read(0x82, 64, 60_000)) == b"\x12"
        one.usb.faults.stalled.add(1)
        with pytest.raises(usb.core.USBError) as caught:
            device.write(0x01, b"x", 60_000)
        assert caught.value.errno == 32
        device.ctrl_transfer(0x21, 2, 0, 0)
        assert one.function.resets == 1
        one.pull()
        with pytest.raises(usb.core.USBError) as caught:
            device.write(0x01, b"x", 60_000)
        assert caught.value.errno == 19
        usb.util.dispose_resources(device)
        eventually(lambda: usb.core.find(idVendor=ESCPOS.vendor) is None, "nothing there any more")
