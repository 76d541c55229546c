"""HID scales and POS scanners on a real kernel, through hidraw and through libusb: the bytes are right."""

from __future__ import annotations

import fcntl
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
import usb.core
import usb.util

from drivers.scales.hid_scale import SPEC, HidScaleDeviceHalf
from edge_agent.sdk.driver import Ask, Indication, Options
from simulators.usb import hid_pos, hid_scale
from simulators.usb.reports import pos_scale
from tests.vm.bench import Bench, Simulated, bench
from tests.vm.inside import EVENTUALLY_S, eventually, in_guest

NODE = "/dev/edge-agent/hidraw-{path}:1.0"
HIDIOCGRDESCSIZE = 0x80044801  # linux/hidraw.h


@contextmanager
def hidraw(one: Simulated) -> Iterator[int]:
    node = os.open(one.node, os.O_RDWR | os.O_NONBLOCK)
    try:
        yield node
    finally:
        os.close(node)


def report(node: int) -> bytes:
    assert select.select([node], [], [], EVENTUALLY_S)[0], "a report arrives"
    return os.read(node, 64)


def scale(devices: Bench) -> Simulated:
    one = Simulated(devices, hid_scale.HidScale(), hid_scale.SCALE, NODE)
    one.insert()
    return one


INDICATIONS = {
    "030402001400": Indication(Decimal(20), "g"),
    "03020bff0000": Indication(Decimal("0.0"), "oz"),
    "03040bff6f04": Indication(Decimal("113.5"), "oz"),
    "03040cfe1103": Indication(Decimal("7.85"), "lb"),
    "030303fde21d": Indication(Decimal("7.650"), "kg", motion=True),
    "030503fd0500": Indication(Decimal("0.000"), "kg", tare=Decimal("0.005")),
    "030603000000": Indication(Decimal("99.999"), "kg", overload=True),
    "030103000000": Indication(Decimal("1.000"), "kg", fault=True),
}


@in_guest
def test_a_scale_is_read_through_hidraw() -> None:
    with bench() as devices:
        one = scale(devices)
        with hidraw(one) as node:
            for wanted, now in INDICATIONS.items():
                devices.tell(one.function.show, now)
                assert report(node).hex() == wanted
            size = fcntl.ioctl(node, HIDIOCGRDESCSIZE, bytes(4))
        assert int.from_bytes(size, "little") == len(hid_scale.DESCRIPTOR)


@in_guest
def test_a_scale_is_zeroed_by_its_control_report() -> None:
    with bench() as devices:
        one = scale(devices)
        endpoint = pos_scale(one.function, one.plug)
        with hidraw(one) as node:
            os.write(node, bytes((2, 2)))
        half = HidScaleDeviceHalf(Options(SPEC.options))
        assert [request.ask for request in half.feed(devices.do(endpoint.read()))] == [Ask.ZERO]


@in_guest
def test_a_scale_is_read_through_libusb_once_the_kernel_lets_go() -> None:
    with bench() as devices:
        one = scale(devices)
        device = usb.core.find(idVendor=0x0922, idProduct=0x8003)
        assert (device.manufacturer, device.product, device.serial_number) == one.usb.identity.strings
        assert device.is_kernel_driver_active(0)
        device.detach_kernel_driver(0)
        usb.util.claim_interface(device, 0)
        for grams in range(1, 21):
            devices.tell(one.function.show, Indication(Decimal(grams), "g"))
            assert bytes(device.read(0x81, 8, 60_000)) == bytes((3, 4, 2, 0, grams, 0))
        usb.util.release_interface(device, 0)
        device.attach_kernel_driver(0)
        usb.util.dispose_resources(device)
        eventually(one.node.exists, "the kernel's own driver is back")


@in_guest
def test_an_unplugged_scale_is_gone_for_its_reader() -> None:
    with bench() as devices:
        one = scale(devices)
        with hidraw(one) as node:
            one.pull()
            assert select.select([node], [], [], EVENTUALLY_S)[0]
            with pytest.raises(OSError, match=r"Input/output error|No such device"):
                os.read(node, 64)


@in_guest
def test_a_pos_scanner_gives_every_byte() -> None:
    gs1 = b"\x1d0104006381333931" + b"10LOT\x1d" + "21বুথ".encode()
    long = bytes(range(256)) * 2
    with bench() as devices:
        one = Simulated(devices, hid_pos.HidPos(), hid_pos.SCANNER, NODE)
        one.insert()
        with hidraw(one) as node:
            for data in (b"LP123456785BD", gs1, long):
                devices.tell(lambda data=data: one.function.scan(data, symbology=0x6A))
                assert whole_scan(node) == (data, 0x6A)


def whole_scan(node: int) -> tuple[bytes, int]:
    data = b""
    while True:
        piece = report(node)
        assert (len(piece), piece[0]) == (64, 2)
        data += piece[2 : 2 + piece[1]]
        if not piece[63] & 1:
            return data, piece[62]
