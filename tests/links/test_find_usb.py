"""Finding HID devices and printers in a fake /sys tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.links.find_usb import SCALE_PAGE, SCANNER_PAGE, usb_interfaces, usb_ports
from simulators.usb.descriptors import Identity
from simulators.usb.hid_pos import SCANNER, HidPos
from simulators.usb.hid_scale import SCALE, HidScale
from simulators.usb.printer import ESCPOS, UsbPrinter
from tests.links.usb_box import CONTROLLER, UsbBox


@pytest.fixture
async def box(tmp_path: Path) -> UsbBox:
    return UsbBox(tmp_path)


def named(box: UsbBox, node: str, port: str) -> str:
    """The name that our udev rule gives it."""
    folder = box.root / "dev/edge-agent"
    folder.mkdir(parents=True, exist_ok=True)
    (box.root / "dev" / node).touch()
    name = f"hidraw-platform-vhci_hcd.0-usb-0:{port}:1.0"
    (folder / name).symlink_to(f"../{node}")
    return f"/dev/edge-agent/{name}"


async def test_a_scale_a_scanner_and_a_printer_are_found(box: UsbBox) -> None:
    box.plug(HidScale(), SCALE, "1", "hidraw0")
    box.plug(HidPos(), SCANNER, "2", "hidraw1")
    box.plug(UsbPrinter(), ESCPOS, "3", "lp0")
    by_path = named(box, "hidraw0", "1")
    scale, scanner, printer = usb_ports(box.root)
    assert (scale.url, scale.usage_page, scale.model) == (f"hidraw:{by_path}", SCALE_PAGE, SCALE.name)
    assert scale.usb_url == "usb:0922:8003@vhci_hcd.0-usb-0:1/0"
    assert (scanner.url, scanner.usage_page) == ("hidraw:1eab:1d10@vhci_hcd.0-usb-0:2/0", SCANNER_PAGE)
    assert (printer.url, printer.usb_id) == ("lp:/dev/usb/lp0", "04b8:0e15")


async def test_twins_are_named_by_their_socket(box: UsbBox) -> None:
    box.plug(HidScale(), SCALE, "1", "hidraw0")
    box.plug(HidScale(), SCALE, "2", "hidraw1")
    ports = usb_ports(box.root)
    assert all(port.twins for port in ports)
    assert len({port.url for port in ports}) == 2


async def test_what_the_kernel_has_no_node_for_is_reached_through_libusb(box: UsbBox) -> None:
    box.plug(UsbPrinter(), ESCPOS, "3", "lp0")
    (box.root / CONTROLLER / "1-3/1-3:1.0/usbmisc/lp0").rmdir()
    (port,) = usb_ports(box.root)
    assert port.url == "usb:04b8:0e15@vhci_hcd.0-usb-0:3/0"


async def test_foreign_text_cannot_steer_a_terminal(box: UsbBox) -> None:
    box.plug(HidScale(), Identity(0x0922, 0x8003, "\x1b[2J", "a\u202eb", "s"), "1")
    (port,) = usb_ports(box.root)
    assert (port.maker + port.model).isprintable()


@pytest.mark.parametrize("missing", ["bInterfaceNumber", "busnum", "bInterfaceClass", "report_descriptor"])
async def test_a_device_that_goes_meanwhile_harms_nothing(box: UsbBox, missing: str) -> None:
    box.plug(HidScale(), SCALE)
    for file in (box.root / CONTROLLER).rglob(missing):
        file.unlink()
    assert len(usb_interfaces(box.root)) <= 1


async def test_a_box_without_usb_has_none(tmp_path: Path) -> None:
    assert usb_interfaces(tmp_path) == []
