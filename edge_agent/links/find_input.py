"""Which input devices the box has, as the kernel tells them in sysfs: no node is opened to find out.

Owns: reading sysfs, and which of them could type. Must not know: how a node is opened, settings.

Reads small files of sysfs: call it from a thread or the command line. `root` is "/" but for tests. What a
device says of itself is foreign text and is cleaned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.links.find import FoundPort, clean, listed, real, text_of
from edge_agent.links.find_usb import udev_port
from edge_agent.links.usb_address import UsbAddress

CLASS = "sys/class/input"
BY_PATH = "dev/input/by-path"
BUS_USB, BUS_BLUETOOTH, BUS_VIRTUAL = 0x03, 0x05, 0x06  # linux/input.h
PLUGGED = frozenset({BUS_USB, BUS_BLUETOOTH, BUS_VIRTUAL})  # not soldered in: power buttons, an old PS/2 port
TYPING_KEYS = (*range(2, 12), *range(16, 26), *range(30, 39), *range(44, 51))  # digits and letters
TYPING_LEAST = 8  # a numeric pad types as well; a remote control with a few keys does not
WORD_BITS = 64
MAP_BYTES = 512  # 768 key codes as twelve words of 16 digits, with room


@dataclass(frozen=True, slots=True)
class InputNode:
    """One event node. `types` tells whether it could type text; `usb_path` is empty without USB."""

    node: str
    usb_id: str
    usb_path: str
    udev_port: str
    name: str
    bus: int
    types: bool
    by_path: str = ""

    @property
    def address(self) -> str:
        """How the settings name it: by id and socket, or by id and node where there is no USB."""
        return f"{self.usb_id}@{self.udev_port or self.node}"

    @property
    def is_plugged(self) -> bool:
        """Whether somebody can have plugged it in."""
        return self.bus in PLUGGED

    def is_on(self, port: str) -> bool:
        """Whether this is plugged into that socket, written as the kernel or as udev does."""
        return bool(self.usb_path) and (
            port in (self.usb_path, self.udev_port) or port.endswith(f"-{self.udev_port}")
        )

    def is_meant_by(self, wanted: UsbAddress) -> bool:
        """Whether these settings mean the device of this node."""
        return self.usb_id == wanted.usb_id and (not wanted.port or self.is_on(wanted.port))


def input_nodes(root: Path = Path("/")) -> list[InputNode]:
    """Every event node, in the order of their names."""
    by_path = {real(link).name: f"/{BY_PATH}/{link.name}" for link in listed(root / BY_PATH)}
    return [
        _node(entry, real(entry), by_path.get(entry.name, ""))
        for entry in listed(root / CLASS)
        if entry.name.startswith("event")
    ]


def input_ports(root: Path = Path("/")) -> list[FoundPort]:
    """Devices that type as ports: one for each, named by id and socket as the settings want it."""
    found: dict[str, FoundPort] = {}
    for one in input_nodes(root):
        if one.types and one.is_plugged:
            vendor, _, product = one.usb_id.partition(":")
            port = FoundPort(
                node=one.node,
                by_path=one.address,
                vendor=vendor,
                product=product,
                model=one.name,
                usb_path=one.usb_path,
                scheme="evdev",
            )
            found.setdefault(one.address, port)
    return list(found.values())


def same_device(nodes: Sequence[InputNode], one: InputNode) -> list[InputNode]:
    """The node, then the others of its USB device."""
    others = [other for other in nodes if other.usb_path == one.usb_path and other.node != one.node]
    return [one, *others] if one.usb_path else [one]


def _node(entry: Path, place: Path, by_path: str) -> InputNode:
    device = place.parent
    usb = next((up for up in device.parents if (up / "idVendor").is_file()), None)
    identity = device / "id"
    vendor = text_of(usb / "idVendor") if usb else text_of(identity / "vendor")
    product = text_of(usb / "idProduct") if usb else text_of(identity / "product")
    return InputNode(
        node=f"/dev/input/{clean(entry.name)}",
        usb_id=f"{vendor}:{product}".lower(),
        usb_path=clean(usb.name) if usb else "",
        udev_port=udev_port(usb) if usb else "",
        name=text_of(device / "name"),
        bus=_hex(text_of(identity / "bustype")),
        types=_can_type(device / "capabilities/key"),
        by_path=by_path,
    )


def _can_type(keys: Path) -> bool:
    """From the kernel's bit map: words of 64 bits in hex, the highest first."""
    try:
        with keys.open("rb") as file:
            words = file.read(MAP_BYTES).decode("ascii", "replace")
    except OSError:
        return False
    bits: int = 0
    for word in words.split():
        bits = bits << WORD_BITS | _hex(word)
    typing: int = sum(bits >> key & 1 for key in TYPING_KEYS)
    return typing >= TYPING_LEAST


def _hex(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0
