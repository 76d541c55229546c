"""The libusb link against simulated USB devices: whole reports, every byte, each fault told as what it is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
import usb.core

from edge_agent.links.usb import EMPTY_PAUSE_S, UsbLink
from edge_agent.sdk.driver import Indication
from edge_agent.sdk.errors import ConfigError
from edge_agent.sdk.ports import PrinterPort
from simulators.usb.hid_scale import SCALE, HidScale
from simulators.usb.printer import ESCPOS, ESCPOS_ID, UsbPrinter
from tests.links.far_end import eventually, lost, soon
from tests.links.usb_box import Plugged, UsbBox

SCALE_URL = "0922:8003"
PRINTER_URL = "04b8:0e15"
READ_MS = 100  # closing waits for one slice of reading
SHORT_S = 0.3  # for what must not happen


@pytest.fixture
async def box(tmp_path: Path) -> UsbBox:
    return UsbBox(tmp_path)


async def opened(box: UsbBox, address: str) -> UsbLink:
    return await soon(UsbLink.open(address, device="d1", root=box.root, backend=box, read_ms=READ_MS))


@contextlib.asynccontextmanager
async def scale(box: UsbBox) -> AsyncIterator[tuple[HidScale, Plugged, UsbLink]]:
    function = HidScale()
    one = box.plug(function, SCALE)
    link = await opened(box, SCALE_URL)
    try:
        yield function, one, link
    finally:
        await link.close()


@contextlib.asynccontextmanager
async def printer(box: UsbBox, **faults: bool) -> AsyncIterator[tuple[UsbPrinter, Plugged, UsbLink]]:
    function = UsbPrinter(**faults)
    one = box.plug(function, ESCPOS)
    link = await opened(box, PRINTER_URL)
    try:
        yield function, one, link
    finally:
        await link.close()


async def test_each_read_is_one_report(box: UsbBox) -> None:
    async with scale(box) as (function, _, link):
        for grams in range(1, 11):
            function.push(bytes((3, 4, 2, 0, grams, 0)))
        assert [await soon(link.read()) for _ in range(10)] == [
            bytes((3, 4, 2, 0, grams, 0)) for grams in range(1, 11)
        ]


async def test_a_report_to_a_device_without_an_endpoint_for_it_goes_as_a_request(box: UsbBox) -> None:
    taken: list[bytes] = []
    async with scale(box) as (function, _, link):
        function.on_report = taken.append
        await soon(link.write(bytes((2, 2)), 5))
    assert taken == [bytes((2, 2))]


async def test_the_kernels_driver_is_put_aside_and_comes_back(box: UsbBox) -> None:
    async with scale(box) as (_, one, link):
        assert (one.kernel_drives, one.claimed) == (False, True)
        await link.close()
        assert (one.kernel_drives, one.claimed, one.opened) == (True, False, 0)


async def test_what_the_kernel_did_not_drive_is_not_given_to_it(box: UsbBox) -> None:
    one = box.plug(HidScale(), SCALE)
    one.kernel_drives = False
    link = await opened(box, SCALE_URL)
    await link.close()
    assert not one.kernel_drives


async def test_a_page_arrives_whole_and_an_answer_comes_back(box: UsbBox) -> None:
    page = os.urandom(40_000)
    async with printer(box) as (function, _, link):
        writing = asyncio.create_task(link.write(page, 30))
        taken = b""
        while len(taken) < len(page):
            taken += await soon(function.pipe.read())
        await soon(writing)
        assert taken == page
        await soon(function.pipe.write(b"\x12"))
        assert await soon(link.read()) == b"\x12"


async def test_the_port_tells_id_and_status_and_can_be_reset(box: UsbBox) -> None:
    async with printer(box) as (function, _, link):
        assert isinstance(link, PrinterPort)
        assert await soon(link.device_id()) == ESCPOS_ID
        function.status.paper_empty = True
        status = await soon(link.port_status())
        assert (status.paper_empty, status.selected, status.fault) == (True, True, False)
        await soon(link.soft_reset())
        assert function.resets == 1


async def test_a_scale_has_no_port_status(box: UsbBox) -> None:
    async with scale(box) as (_, _, link):
        assert (await lost(link.port_status())).code == "link.no_status"


async def test_a_printer_that_takes_nothing_has_taken_nothing(box: UsbBox) -> None:
    async with printer(box) as (_, one, link):
        one.device.faults.hung = True
        error = await lost(link.write(b"x" * 20_000, SHORT_S))
        assert (error.code, error.accepted) == ("link.write_timeout", 0)
        one.device.faults.heal()
        one.device.offer()
        await soon(link.write(b"again", 10))


async def test_a_first_transfer_that_hangs_in_the_kernel_is_not_told_as_untouched(
    box: UsbBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may still take it: told as nothing, the label would be sent a second time by itself."""
    async with printer(box) as (_, _, link):
        let_go = threading.Event()
        hangs = lambda _data, _timeout_ms: len(_data) if let_go.wait(10) else 0  # noqa: E731 - one line
        monkeypatch.setattr(link._handle, "write", hangs)
        error = await lost(link.write(b"x" * 20_000, SHORT_S))
        let_go.set()
        assert error.code == "link.write_timeout"
        assert error.accepted > 0


async def test_a_printer_that_stops_in_the_middle_has_taken_something(box: UsbBox) -> None:
    async with printer(box) as (_, _, link):
        error = await lost(link.write(b"x" * 20_000, SHORT_S))
        assert error.code == "link.write_timeout"
        assert 0 < error.accepted < 20_000


async def test_a_stalled_printer_is_a_lost_link_and_nothing_was_taken(box: UsbBox) -> None:
    async with printer(box) as (_, one, link):
        one.device.faults.stalled.add(1)
        error = await lost(link.write(b"x", 5))
        assert (error.code, error.accepted) == ("link.lost", 0)
        assert "stall" in error.message
        assert (await lost(link.read())).code == "link.lost"
        assert (await lost(link.write(b"x", 5))).code == "link.lost"


@pytest.mark.parametrize("fault", ["stall", "babble"])
async def test_a_device_that_answers_wrongly_is_a_lost_link(box: UsbBox, fault: str) -> None:
    async with scale(box) as (function, one, link):
        if fault == "stall":
            one.device.faults.stalled.add(1)
        else:
            one.device.faults.babbling = True
        function.push(bytes((3, 4, 2, 0, 1, 0)))
        one.device.offer()
        assert (await lost(link.read())).code == "link.lost"


async def test_an_unplug_is_told_at_once_and_a_replug_heals(box: UsbBox) -> None:
    async with scale(box) as (_, one, link):
        reading = asyncio.create_task(link.read())
        await asyncio.sleep(0)
        box.pull(one)
        error = await lost(reading)
        assert (error.code, error.message.endswith("unplugged")) == ("link.lost", True)
        assert (await lost(link.write(b"\x02\x02", 1))).code == "link.lost"
    assert (await lost(opened(box, SCALE_URL))).code == "link.absent"
    async with scale(box) as (function, _, link):
        function.show(Indication(Decimal(7), "g"))
        assert await soon(link.read()) == bytes((3, 4, 2, 0, 7, 0))


async def test_two_identical_devices_are_told_apart_by_port(box: UsbBox) -> None:
    left, right = HidScale(), HidScale()
    box.plug(left, SCALE, "1.2", "hidraw0")
    box.plug(right, SCALE, "1.3", "hidraw1")
    error = await lost(opened(box, SCALE_URL))
    assert error.code == "link.ambiguous"
    assert "0922:8003@vhci_hcd.0-usb-0:1.3" in error.hint
    for port in ("1-1.3", "vhci_hcd.0-usb-0:1.3", "platform-vhci_hcd.0-usb-0:1.3"):
        link = await opened(box, f"{SCALE_URL}@{port}/0")
        right.push(bytes((3, 4, 2, 0, 9, 0)))
        assert await soon(link.read()) == bytes((3, 4, 2, 0, 9, 0))
        await link.close()
    assert (await lost(opened(box, f"{SCALE_URL}@1-1.4"))).code == "link.absent"


async def test_missing_rights_name_the_udev_rule(box: UsbBox) -> None:
    box.plug(HidScale(), SCALE).denied = True
    error = await lost(opened(box, SCALE_URL))
    assert error.code == "link.denied"
    assert "70-edge-agent.rules" in error.hint


async def test_a_device_that_another_program_has_is_busy_and_goes_back_to_the_kernel(box: UsbBox) -> None:
    one = box.plug(HidScale(), SCALE)
    one.taken_by_others = True
    assert (await lost(opened(box, SCALE_URL))).code == "link.busy"
    assert (one.kernel_drives, one.opened) == (True, 0)


async def test_a_box_without_libusb_says_what_to_install(
    box: UsbBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_libusb(**_: object) -> None:
        raise usb.core.NoBackendError("no backend available")

    box.plug(HidScale(), SCALE)
    monkeypatch.setattr(usb.core, "find", without_libusb)
    error = await lost(opened(box, SCALE_URL))
    assert (error.code, error.hint) == ("link.no_libusb", "apt install libusb-1.0-0")


async def test_a_flood_that_nobody_reads_stays_bounded(box: UsbBox) -> None:
    async with scale(box) as (function, _, link):
        for _ in range(2000):
            function.push(bytes((3, 4, 2, 0, 1, 0)))
        await eventually(lambda: not link._waiting.room, "full")
        await asyncio.sleep(SHORT_S)
        assert function.queued > 1000
        assert link.discard_input() < 20_000
        await eventually(lambda: not link._waiting.room, "read on")


async def test_empty_packets_do_not_keep_a_thread_busy(box: UsbBox) -> None:
    asked = 0

    class Empty(UsbPrinter):
        def read(self, endpoint: int, room: int) -> bytes:  # type: ignore[override]
            nonlocal asked
            asked += 1
            return b""

    box.plug(Empty(), ESCPOS)
    link = await opened(box, PRINTER_URL)
    began_s, before = time.monotonic(), asked
    await eventually(lambda: asked >= before + 3, "it does not look again")
    assert asked - before <= 2 + (time.monotonic() - began_s) / EMPTY_PAUSE_S
    await link.close()


async def test_a_write_that_nobody_waits_for_any_more_stops(box: UsbBox) -> None:
    async with printer(box) as (function, _, link):
        writing = asyncio.create_task(link.write(b"x" * 1_000_000, 60))
        await soon(function.pipe.read())
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await drained(function)
        await soon(link.write(b"more", 10))
        assert function.pipe.received_bytes < 100_000


async def drained(function: UsbPrinter) -> None:
    """Take what comes until nothing comes."""
    with contextlib.suppress(TimeoutError):
        while True:
            await asyncio.wait_for(function.pipe.read(), SHORT_S)


@pytest.mark.parametrize(
    "address",
    ["", "0922", "0922:8003@", "0922:8003@here", "0922:8003/", "0922:8003/x", "09220:8003", "g922:8003"],
)
async def test_what_is_no_address_is_refused(box: UsbBox, address: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        await opened(box, address)
    assert refusal.value.code == "config.port_url"
