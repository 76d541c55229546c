"""HID scales and scanners under the agent's supervisor on a real kernel: through hidraw and libusb."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import pytest

from drivers.scales import hid_scale as hid_scale_driver
from drivers.scanners import hid_pos as hid_pos_driver
from drivers.scanners import symbol_hid64 as symbol_driver
from edge_agent.links.find_usb import usb_ports
from edge_agent.links.hotplug import Hotplug
from edge_agent.links.open import open_link
from edge_agent.links.usb_identity import usb_id_of
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import DriverSpec, Indication, Options, SerialSettings
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.ports import ByteLink, PrinterPort
from edge_agent.sdk.values import PrinterState, Scan, Weight
from edge_agent.supervisor import ASLEEP, Configured, DeviceStatus, DeviceView, Supervised
from simulators.usb import hid_pos, hid_scale, symbol_hid
from simulators.usb.printer import ESCPOS, ESCPOS_ID, UsbPrinter
from tests.vm.bench import Bench, Simulated, Stream, bench
from tests.vm.board_time import stopwatch
from tests.vm.inside import in_guest, until

NODE = "/dev/edge-agent/hidraw-{path}:1.0"
REPLUG_S = 3.0  # promised: plugged in again to ready again
GENEROUS_S = 60.0
WAYS = ("hidraw", "usb")
GS1 = b"0104006381333931" + b"10LOT\x1d" + "21বুথ".encode()


class Heard:
    """An outlet that keeps what a supervised device gives."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.shown: list[str] = []
        self.statuses: list[str] = []

    async def scans(self, scans: Sequence[Scan]) -> None:
        self.texts += [scan.text for scan in scans]

    async def weights(self, weights: Sequence[Weight]) -> None:
        self.shown += [f"{w.reading.status} {w.reading.weight} {w.reading.unit}" for w in weights]

    async def printer(self, state: PrinterState) -> None:
        raise AssertionError(f"no printer here: {state}")

    async def changed(self, view: DeviceView) -> None:
        self.statuses.append(view.status.value)

    def disturbed(self, device: str) -> None:
        """Of no matter here."""


@contextlib.asynccontextmanager
async def supervised(spec: DriverSpec, url: str, heard: Heard) -> AsyncIterator[Supervised]:
    """The device under the agent's supervisor, with the kernel's plug events."""

    async def opener(url: str, serial: SerialSettings, device: str) -> ByteLink:
        return await open_link(url, serial, device=device)

    configured = Configured("d1", spec, url, SerialSettings(), Options(spec.options))
    with Hotplug() as hotplug:
        device = Supervised(configured, opener, SystemClock(), heard, plugged=hotplug.changed)
        task = asyncio.create_task(device.run())
        try:
            yield device
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def a_scale(devices: Bench) -> Simulated:
    one = Simulated(devices, hid_scale.HidScale(), hid_scale.SCALE, NODE)
    one.insert()
    return one


def url_of(one: Simulated, way: str) -> str:
    if way == "hidraw":
        return f"hidraw:{one.node}"
    return f"usb:{one.usb.identity.vendor:04x}:{one.usb.identity.product:04x}@{one.plug.path}"


async def shows(devices: Bench, one: Simulated, heard: Heard, weight: str, status: str = "ok") -> None:
    """The scale shows this until the agent has read it."""
    wanted = f"{status} {weight} kg"
    heard.shown.clear()
    deadline = time.monotonic() + GENEROUS_S
    while wanted not in heard.shown:
        assert time.monotonic() < deadline, heard.shown
        await asyncio.to_thread(devices.tell, one.function.show, Indication(Decimal(weight), "kg"))
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("way", WAYS)
@in_guest
async def test_a_scale_is_weighed_by_unplugged_asleep_and_back(way: str) -> None:
    heard = Heard()
    with bench() as devices:
        one = a_scale(devices)
        async with supervised(hid_scale_driver.SPEC, url_of(one, way), heard) as device:
            await shows(devices, one, heard, "7.650")
            await asyncio.to_thread(
                one.pull
            )  # to the host a scale that falls asleep is one that is pulled out
            await until(lambda: device.view().status is DeviceStatus.ABSENT, "absent")
            assert device.view().hint == ASLEEP
            await asyncio.to_thread(one.insert)
            with stopwatch() as taken:
                await shows(devices, one, heard, "1.205")
            print(f"{way}: weighs again after {taken}")
            assert taken.board_s < REPLUG_S, taken
        await until(one.node.exists, "the kernel has its scale back")


@pytest.mark.parametrize("way", WAYS)
@in_guest
async def test_two_identical_scales_are_told_apart_by_path(way: str) -> None:
    with bench() as devices:
        left, right = a_scale(devices), a_scale(devices)
        heard_left, heard_right = Heard(), Heard()
        async with (
            supervised(hid_scale_driver.SPEC, url_of(left, way), heard_left),
            supervised(hid_scale_driver.SPEC, url_of(right, way), heard_right),
        ):
            await shows(devices, left, heard_left, "1.005")
            await shows(devices, right, heard_right, "2.010")
        assert not any("2.010" in shown for shown in heard_left.shown)
        assert not any("1.005" in shown for shown in heard_right.shown)
        with pytest.raises(LinkError) as caught:
            await open_link(f"{way}:0922:8003", SerialSettings(), device="d1")
        assert caught.value.code == "link.ambiguous"
        for one in (left, right):
            await until(one.node.exists, "the kernel has its scale back, and udev its name")
        ports = {port.by_path: port for port in usb_ports() if port.usb_id == "0922:8003"}
        assert set(ports) == {str(left.node), str(right.node)}
        assert all(port.twins for port in ports.values())


@in_guest
async def test_a_scale_is_found_by_its_id_alone() -> None:
    heard = Heard()
    with bench() as devices:
        one = a_scale(devices)
        for way in WAYS:
            async with supervised(hid_scale_driver.SPEC, f"{way}:0922:8003", heard):
                await shows(devices, one, heard, "7.650")


@pytest.mark.parametrize("way", WAYS)
@in_guest
async def test_the_zero_order_reaches_the_scale(way: str) -> None:
    taken: list[bytes] = []
    with bench() as devices:
        one = a_scale(devices)
        one.function.on_report = taken.append
        link = await open_link(url_of(one, way), SerialSettings(), device="d1")
        await link.write(bytes((2, 2)), GENEROUS_S)
        await link.close()
    assert taken == [bytes((2, 2))]


@in_guest
async def test_a_node_is_ours_alone() -> None:
    with bench() as devices:
        one = a_scale(devices)
        for way in WAYS:
            link = await open_link(url_of(one, way), SerialSettings(), device="d1")
            with pytest.raises(LinkError) as caught:
                await open_link(
                    url_of(one, way) + ("" if way == "hidraw" else "/0"), SerialSettings(), device="d2"
                )
            assert caught.value.code in {"link.busy", "link.lost"}, way
            await link.close()


@pytest.mark.parametrize("way", WAYS)
@in_guest
async def test_a_pos_scanner_is_read_byte_for_byte(way: str) -> None:
    wanted = [b"RR102030405BD", GS1, bytes(range(33, 127)) * 5]
    heard = Heard()
    with bench() as devices:
        one = Simulated(devices, hid_pos.HidPos(), hid_pos.SCANNER, NODE)
        one.insert()
        async with supervised(hid_pos_driver.SPEC, url_of(one, way), heard) as device:
            await until(lambda: device.is_ready, "listening")
            for data in wanted:
                await asyncio.to_thread(
                    devices.tell, lambda data=data: one.function.scan(data, symbology=0x6A)
                )
            await until(lambda: len(heard.texts) >= len(wanted), str(heard.texts))
    assert heard.texts == [data.decode() for data in wanted]


@in_guest
async def test_a_symbol_scanner_is_read_in_whole_packets() -> None:
    heard = Heard()
    encode = symbol_driver.SymbolHid64Device(Options(symbol_driver.SPEC.options)).encode
    wanted = [f"LOT-{number:06}" for number in range(20)]
    with bench() as devices:
        one = Simulated(devices, symbol_hid.SymbolHid(), symbol_hid.SCANNER, NODE)
        one.insert()
        async with supervised(symbol_driver.SPEC, f"hidraw:{one.node}", heard) as device:
            await until(lambda: device.is_ready, "listening")
            await asyncio.to_thread(devices.tell, one.function.send, b"".join(map(encode, wanted)))
            await until(lambda: len(heard.texts) >= len(wanted), str(heard.texts))
    assert heard.texts == wanted


@in_guest
async def test_a_scanner_and_a_printer_named_by_a_path_are_opened_by_their_id_alone() -> None:
    with bench() as devices:
        scanner = Simulated(devices, hid_pos.HidPos(), hid_pos.SCANNER, NODE)
        printer = Stream(devices, UsbPrinter(), ESCPOS)
        for one in (scanner, printer):
            one.insert()
            url = printer.endpoint.url if one is printer else f"hidraw:{one.node}"
            own = f"{one.usb.identity.vendor:04x}:{one.usb.identity.product:04x}"
            assert usb_id_of(url) == own
            await (await open_link(url, SerialSettings(), device="d1", usb_id=own)).close()
            with pytest.raises(LinkError) as refused:
                await open_link(url, SerialSettings(), device="d1", usb_id="16c0:0483")
            assert refused.value.code == "link.other_device"


@pytest.mark.parametrize("way", ["lp", "usb"])
@in_guest
async def test_a_printers_port_tells_its_id_and_status_and_is_reset(way: str) -> None:
    with bench() as devices:
        one = Stream(devices, UsbPrinter(), ESCPOS)
        one.insert()
        url = one.endpoint.url if way == "lp" else f"usb:04b8:0e15@{one.plug.path}"
        link = await open_link(url, SerialSettings(), device="p1")
        assert isinstance(link, PrinterPort)
        assert await link.device_id() == ESCPOS_ID
        one.function.status.paper_empty = True
        assert (await link.port_status()).paper_empty
        await link.soft_reset()
        assert one.function.resets == 1
        await link.write(b"\x10\x04\x01", GENEROUS_S)
        assert await asyncio.to_thread(devices.do, one.endpoint.read()) == b"\x10\x04\x01"
        await asyncio.to_thread(devices.do, one.endpoint.write(b"\x12"))
        assert await asyncio.wait_for(link.read(), GENEROUS_S) == b"\x12"
        await link.close()
        await until(one.node.exists, "the kernel's own driver is back")
