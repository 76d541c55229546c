"""A scanner that answers in another mode is recognised on its socket, and the fix is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.links.other_mode import other_mode
from tests.links.input_tree import input_device

SOCKET = "pci-0000:00:14.0-usb-0:1.2"
AT = {
    "evdev": f"evdev:0c2e:0200@{SOCKET}",
    "serial": f"serial:/dev/serial/by-path/{SOCKET}:1.0",
    "hidraw": f"hidraw:0c2e:0200@{SOCKET}",
}


def usb(root: Path, kind: str, *, usb_id: str = "0c2e:0720", socket: str = "1-1.2", page: int = 0) -> None:
    """One USB interface of this class."""
    vendor, product = usb_id.split(":")
    device = root / "sys/devices/pci0/0000:00:14.0/usb1" / socket
    face = device / f"{socket}:1.0"
    (face / "0003:X.0001").mkdir(parents=True, exist_ok=True)
    for file, text in {
        device / "idVendor": vendor,
        device / "idProduct": product,
        device / "busnum": "1",
        device / "devnum": "9",
        face / "bInterfaceNumber": "00",
        face / "bInterfaceClass": kind,
    }.items():
        file.write_text(text + "\n")
    if page:
        (face / "0003:X.0001/report_descriptor").write_bytes(bytes((0x05, page, 0)))
    link = root / "sys/bus/usb/devices" / face.name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(face)


def plug(root: Path, mode: str, **where: str) -> None:
    match mode:
        case "serial":
            usb(root, "02", **where)
        case "hidraw":
            usb(root, "03", page=0x8C, **where)
        case "evdev":
            usb(root, "03", page=0x01, **where)
            input_device(root, 4, usb=where.get("socket", "1-1.2"), usb_id=where.get("usb_id", "0c2e:0720"))


@pytest.mark.parametrize("now", AT)
@pytest.mark.parametrize("wanted", AT)
def test_every_mode_is_told_from_every_other(tmp_path: Path, wanted: str, now: str) -> None:
    plug(tmp_path, now)
    advice = other_mode(AT[wanted], tmp_path)
    words = {"evdev": "USB keyboard", "serial": "USB serial", "hidraw": "USB HID-POS"}[wanted]
    assert (f"set-up code '{words}" in advice) == (now != wanted)
    assert ("0c2e:0720" in advice) == (now != wanted)


@pytest.mark.parametrize("wanted", AT)
def test_a_device_on_another_socket_is_another_device(tmp_path: Path, wanted: str) -> None:
    for mode in set(AT) - {wanted}:
        root = tmp_path / mode
        plug(root, mode, socket="1-1.3")
        assert other_mode(AT[wanted], root) == ""


def test_a_device_of_another_maker_is_another_device(tmp_path: Path) -> None:
    plug(tmp_path, "serial", usb_id="1a86:7523")
    assert other_mode(AT["evdev"], tmp_path) == ""


def test_without_a_socket_in_the_settings_the_maker_decides(tmp_path: Path) -> None:
    plug(tmp_path, "serial", socket="1-1.3")
    assert "0c2e:0720" in other_mode("evdev:0c2e:0200", tmp_path)
    assert other_mode("evdev:05e0:1200", tmp_path) == ""
    assert other_mode("serial:/dev/serial/by-id/usb-Scanner-if00", tmp_path) == ""


def test_a_serial_port_by_id_is_missed_by_a_scanner_makers_keyboard(tmp_path: Path) -> None:
    plug(tmp_path, "evdev", usb_id="05e0:1200")
    assert "answers as a keyboard" in other_mode("serial:/dev/serial/by-id/usb-Symbol-if00", tmp_path)


def test_network_ports_have_no_modes(tmp_path: Path) -> None:
    plug(tmp_path, "serial")
    assert other_mode("tcp:10.0.0.1:4001", tmp_path) == ""
