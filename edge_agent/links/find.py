"""Which serial ports the box has, and by which name each can be found again after a re-plug.

Owns: reading /dev/serial and sysfs. Must not know: how ports are opened, which device hangs on one.

Reads small files and may wait for a sleeping USB device: call it from the command line or a worker, not from
the loop. `root` is "/" but for tests. What a USB device says of itself is foreign text and is cleaned.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

PORTS_LIMIT = 256  # a full USB bus has 127 devices; more is no box of ours
TEXT_LIMIT = 126  # the longest string that a USB descriptor can hold
ANCESTORS_LIMIT = 4  # port, interface, device; one more for drivers that add a level
UNKNOWN_UART = "0"  # a legacy port that the board does not have


@dataclass(frozen=True, slots=True)
class FoundPort:
    """One port. Everything but `node` is empty where the box does not tell it.

    `scheme` is that of its URL. `usage_page` tells what a HID device is for; `usb_url` is the way to it
    through libusb.
    """

    node: str
    by_id: str = ""
    by_path: str = ""
    driver: str = ""
    vendor: str = ""
    product: str = ""
    serial: str = ""
    maker: str = ""
    model: str = ""
    interface: str = ""
    usb_path: str = ""
    twins: bool = False
    scheme: str = "serial"
    usage_page: int = 0
    usb_url: str = ""

    @property
    def url(self) -> str:
        """The port to configure."""
        return f"{self.scheme}:{self.stable_name}"

    @property
    def usb_id(self) -> str:
        """VID:PID in hex, as in udev rules."""
        return f"{self.vendor}:{self.product}" if self.vendor else ""

    @property
    def stable_name(self) -> str:
        """The path to configure: by-id only where a serial number makes it the adapter's own, else by-path.

        Two adapters without serial numbers, or with the same one, share a by-id name: whichever was plugged
        last has it.
        """
        if self.by_id and self.serial and not self.twins:
            return self.by_id
        return self.by_path or self.node


def serial_ports(root: Path = Path("/")) -> list[FoundPort]:
    """The serial ports that exist now, in the order of their node names."""
    by_id = _links(root, "by-id")
    by_path = _links(root, "by-path")
    ports = [
        _port(root, entry, by_id.get(entry.name, ""), by_path.get(entry.name, ""))
        for entry in _tty_entries(root)
    ]
    alike = Counter(_identity(port) for port in ports)
    return [replace(port, twins=alike[_identity(port)] > 1) for port in ports]


def _tty_entries(root: Path) -> Iterator[Path]:
    """Terminals behind which there is hardware."""
    for entry in listed(root / "sys/class/tty"):
        if (entry / "device").is_dir() and text_of(entry / "type") != UNKNOWN_UART:
            yield entry


def _port(root: Path, entry: Path, by_id: str, by_path: str) -> FoundPort:
    place = real(entry / "device")
    usb = next((up for up in ancestors(root, place) if (up / "idVendor").is_file()), None)
    driver = clean(real(place / "driver").name) if (place / "driver").exists() else ""
    if usb is None:
        return FoundPort(f"/dev/{entry.name}", by_id, by_path, driver)
    face = next((up for up in ancestors(root, place) if (up / "bInterfaceNumber").is_file()), usb)
    return FoundPort(
        node=f"/dev/{entry.name}",
        by_id=by_id,
        by_path=by_path,
        driver=driver,
        vendor=text_of(usb / "idVendor"),
        product=text_of(usb / "idProduct"),
        serial=text_of(usb / "serial"),
        maker=text_of(usb / "manufacturer"),
        model=text_of(usb / "product"),
        interface=text_of(face / "bInterfaceNumber"),
        usb_path=clean(usb.name),
    )


def _identity(port: FoundPort) -> tuple[str, str, str, str]:
    """What two adapters that cannot be told apart have in common; ports without USB are their own."""
    own = "" if port.vendor else port.node
    return (port.usb_id, port.serial, port.interface, own)


def _links(root: Path, kind: str) -> dict[str, str]:
    """Node name → the first of its names in /dev/serial/<kind>."""
    names: dict[str, str] = {}
    for link in listed(root / "dev/serial" / kind):
        names.setdefault(real(link).name, f"/dev/serial/{kind}/{link.name}")
    return names


def listed(folder: Path) -> list[Path]:
    """What is in a folder of names. A name that udev is just making begins with ".#"."""
    try:
        return sorted(name for name in folder.iterdir() if not name.name.startswith("."))[:PORTS_LIMIT]
    except OSError:
        return []


def ancestors(root: Path, place: Path) -> Iterator[Path]:
    """The place and what it hangs on, never outside of sysfs."""
    top = real(root / "sys")
    for up in (place, *place.parents)[:ANCESTORS_LIMIT]:
        if up != top and up.is_relative_to(top):
            yield up


def real(path: Path) -> Path:
    """Where links lead in the end; one that leads in a circle is left as it is."""
    return Path(os.path.realpath(path))


def text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return clean(file.read(4 * TEXT_LIMIT).decode("utf-8", "replace"))
    except OSError:
        return ""


def clean(text: str) -> str:
    """Foreign text without anything that could steer a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text.strip())[:TEXT_LIMIT]
