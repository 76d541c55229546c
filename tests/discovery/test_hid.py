"""HID scales and scanners say themselves what they are, and each is known under all its names."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.discovery.hid import driver_of, hid_ports
from edge_agent.discovery.ports import is_same_port, stable_url
from edge_agent.links.find_usb import hidraw_node
from edge_agent.registry import Registry
from simulators.usb.hid_pos import SCANNER, HidPos
from simulators.usb.hid_scale import SCALE, HidScale
from simulators.usb.symbol_hid import SCANNER as SYMBOL
from simulators.usb.symbol_hid import SymbolHid
from simulators.usb.wedge import SCANNER as KEYBOARD
from simulators.usb.wedge import Wedge
from tests.links.usb_box import UsbBox


@pytest.fixture
async def box(tmp_path: Path) -> UsbBox:
    found = UsbBox(tmp_path)
    found.plug(HidScale(), SCALE, "1", "hidraw0")
    found.plug(HidPos(), SCANNER, "2", "hidraw1")
    found.plug(SymbolHid(), SYMBOL, "3", "hidraw2")
    found.plug(Wedge(), KEYBOARD, "4", "hidraw3")
    return found


async def test_each_names_its_driver_and_a_keyboard_is_none_of_them(box: UsbBox) -> None:
    found = {port.node: driver_of(port) for port in hid_ports(box.root)}
    assert found == {"/dev/hidraw0": "hid_scale", "/dev/hidraw1": "hid_pos", "/dev/hidraw2": "symbol_hid64"}
    assert set(found.values()) <= set(Registry.installed().names())


async def test_the_name_to_configure_survives_a_replug(box: UsbBox) -> None:
    assert stable_url("hidraw:/dev/hidraw0", hid_ports(box.root)) == "hidraw:0922:8003@vhci_hcd.0-usb-0:1/0"
    assert stable_url("hidraw:/dev/hidraw9", hid_ports(box.root)) == "hidraw:/dev/hidraw9"


async def test_a_device_is_found_under_all_its_names(box: UsbBox) -> None:
    (box.root / "dev").mkdir()
    names = ("0922:8003", "0922:8003@1-1", "0922:8003@vhci_hcd.0-usb-0:1/0")
    assert {hidraw_node(name, box.root) for name in names} == {"/dev/hidraw0"}
    box.plug(HidScale(), SCALE, "5", "hidraw4")
    assert hidraw_node("0922:8003", box.root) == "", "two of them: it names none"
    assert hidraw_node("1234:5678", box.root) == ""


def test_a_port_is_itself_under_all_its_paths(tmp_path: Path) -> None:
    (tmp_path / "hidraw0").touch()
    (tmp_path / "by-path").symlink_to("hidraw0")
    assert is_same_port(f"hidraw:{tmp_path}/by-path", f"hidraw:{tmp_path}/hidraw0")
    assert not is_same_port(f"hidraw:{tmp_path}/by-path", f"hidraw:{tmp_path}/hidraw1")
    assert not is_same_port(f"hidraw:{tmp_path}/hidraw0", f"serial:{tmp_path}/hidraw0")
    assert not is_same_port("hidraw:1234:5678", "hidraw:1234:5679")
