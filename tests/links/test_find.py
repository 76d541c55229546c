"""Finding serial ports in fake /dev and /sys trees."""

from pathlib import Path

import pytest

from edge_agent.links.find import PORTS_LIMIT, TEXT_LIMIT, FoundPort, serial_ports

HUB = "sys/devices/pci0000:00/0000:00:14.0/usb1/1-1"
CH340 = {"idVendor": "1a86", "idProduct": "7523", "product": "USB Serial"}
FTDI = {
    "idVendor": "0403",
    "idProduct": "6001",
    "serial": "A10K",
    "product": "FT232R",
    "manufacturer": "FTDI",
}


class Box:
    """A fake root directory, laid out as the kernel and udev do."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "dev").mkdir()
        (root / "sys/class/tty").mkdir(parents=True)

    def usb_adapter(self, node: str, place: str, driver: str, facts: dict[str, str]) -> None:
        """A USB-serial adapter (ttyUSB: the port is a level below the interface) or a CDC-ACM device."""
        usb = self.root / HUB / place
        face = usb / f"{place}:1.0"
        port = face / node if node.startswith("ttyUSB") else face
        tty = port / "tty" / node
        tty.mkdir(parents=True)
        for name, value in facts.items():
            (usb / name).write_text(value + "\n")
        (face / "bInterfaceNumber").write_text("00\n")
        drivers = self.root / "sys/bus/usb/drivers" / driver
        drivers.mkdir(parents=True, exist_ok=True)
        (port / "driver").symlink_to(drivers)
        (tty / "device").symlink_to(port)
        (self.root / "sys/class/tty" / node).symlink_to(tty)
        (self.root / "dev" / node).touch()
        self.link("by-path", f"pci-0000:00:14.0-usb-0:{place[2:]}:1.0-port0", node)

    def board_port(self, node: str, uart: str) -> None:
        tty = self.root / "sys/devices/platform/serial8250/tty" / node
        tty.mkdir(parents=True)
        (tty / "type").write_text(uart + "\n")
        (tty / "device").symlink_to(tty.parent.parent)
        (self.root / "sys/class/tty" / node).symlink_to(tty)
        (self.root / "dev" / node).touch()

    def link(self, kind: str, name: str, node: str) -> None:
        folder = self.root / "dev/serial" / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(f"../../{node}")

    def ports(self) -> list[FoundPort]:
        return serial_ports(self.root)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_an_adapter_is_told_with_all_that_it_says(box: Box) -> None:
    box.usb_adapter("ttyUSB0", "1-1.4", "ftdi_sio", FTDI)
    box.link("by-id", "usb-FTDI_FT232R_A10K-if00-port0", "ttyUSB0")
    assert box.ports() == [
        FoundPort(
            node="/dev/ttyUSB0",
            by_id="/dev/serial/by-id/usb-FTDI_FT232R_A10K-if00-port0",
            by_path="/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.4:1.0-port0",
            driver="ftdi_sio",
            vendor="0403",
            product="6001",
            serial="A10K",
            maker="FTDI",
            model="FT232R",
            interface="00",
            usb_path="1-1.4",
        )
    ]
    assert box.ports()[0].usb_id == "0403:6001"


def test_an_adapter_with_its_own_serial_number_is_named_by_it(box: Box) -> None:
    box.usb_adapter("ttyUSB0", "1-1.4", "ftdi_sio", FTDI)
    box.link("by-id", "usb-FTDI_FT232R_A10K-if00-port0", "ttyUSB0")
    assert box.ports()[0].stable_name == "/dev/serial/by-id/usb-FTDI_FT232R_A10K-if00-port0"


def test_a_cdc_device_is_found_too(box: Box) -> None:
    box.usb_adapter("ttyACM0", "1-1.2", "cdc_acm", {"idVendor": "05e0", "idProduct": "1701", "serial": "S1"})
    [port] = box.ports()
    assert (port.node, port.driver, port.usb_id, port.usb_path) == (
        "/dev/ttyACM0", "cdc_acm", "05e0:1701", "1-1.2",
    )  # fmt: skip


@pytest.mark.parametrize("facts", [CH340, {**CH340, "serial": "0001"}])
def test_two_identical_adapters_are_told_apart_by_path(box: Box, facts: dict[str, str]) -> None:
    for node, place in (("ttyUSB0", "1-1.1"), ("ttyUSB1", "1-1.2")):
        box.usb_adapter(node, place, "ch341", facts)
        box.link("by-id", "usb-1a86_USB_Serial-if00-port0", node)
    first, second = box.ports()
    assert first.twins
    assert second.twins
    assert first.stable_name == "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.1:1.0-port0"
    assert second.stable_name == "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.2:1.0-port0"


def test_a_lone_adapter_without_serial_number_is_named_by_path(box: Box) -> None:
    box.usb_adapter("ttyUSB0", "1-1.1", "ch341", CH340)
    box.link("by-id", "usb-1a86_USB_Serial-if00-port0", "ttyUSB0")
    assert box.ports()[0].stable_name.startswith("/dev/serial/by-path/")


def test_the_ports_of_one_adapter_are_no_twins(box: Box) -> None:
    box.usb_adapter("ttyUSB0", "1-1.1", "ftdi_sio", FTDI)
    box.board_port("ttyS0", "4")
    box.board_port("ttyS1", "4")
    assert [port.twins for port in box.ports()] == [False, False, False]


def test_only_ports_with_hardware_are_listed(box: Box) -> None:
    box.board_port("ttyS0", "4")
    box.board_port("ttyS1", "0")
    (box.root / "sys/class/tty/tty1").mkdir()
    assert [port.node for port in box.ports()] == ["/dev/ttyS0"]


def test_without_udev_links_the_node_is_the_name(box: Box) -> None:
    box.board_port("ttyS0", "4")
    assert box.ports()[0].stable_name == "/dev/ttyS0"


def test_hostile_text_of_a_device_is_cleaned_and_bounded(box: Box) -> None:
    box.usb_adapter("ttyUSB0", "1-1.1", "ch341", {**CH340, "product": "\x1b[2J\u202e" + "x" * 5000})
    (box.root / HUB / "1-1.1" / "serial").write_bytes(b"\xff\xfe\x00\r\nA")
    [port] = box.ports()
    assert port.model.isprintable()
    assert len(port.model) <= TEXT_LIMIT
    assert port.serial.isprintable()


def test_links_that_lead_nowhere_or_out_are_harmless(box: Box) -> None:
    (box.root / "sys/class/tty/ttyUSB7").symlink_to("../../devices/gone")
    out = box.root / "sys/class/tty/ttyUSB8"
    out.mkdir()
    (out / "device").symlink_to("/")
    box.link("by-id", "loop", "serial/by-id/loop")
    assert [(port.node, port.usb_id) for port in box.ports()] == [("/dev/ttyUSB8", "")]


def test_a_box_without_anything_has_no_ports(tmp_path: Path) -> None:
    assert serial_ports(tmp_path) == []


def test_the_list_is_bounded(box: Box) -> None:
    for number in range(PORTS_LIMIT + 20):
        box.board_port(f"ttyS{number}", "4")
    assert len(box.ports()) == PORTS_LIMIT


def test_the_real_box_can_be_listed() -> None:
    assert all(port.node.startswith("/dev/") for port in serial_ports())


def test_a_name_that_udev_is_still_making_is_no_name(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.usb_adapter("ttyUSB0", "1-1.2", "ftdi_sio", FTDI)
    box.link("by-id", ".#usb-FTDI_FT232R_A10K-if00-port0e1346119062cea7e", "ttyUSB0")
    assert [port.by_id for port in box.ports()] == [""]
    box.link("by-id", "usb-FTDI_FT232R_A10K-if00-port0", "ttyUSB0")
    assert [port.by_id for port in box.ports()] == ["/dev/serial/by-id/usb-FTDI_FT232R_A10K-if00-port0"]
