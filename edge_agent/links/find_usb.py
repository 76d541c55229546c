"""Which USB interfaces the box has that are no serial ports: HID devices and printers.

Owns: reading sysfs and the names that our udev rules make. Must not know: how a port is opened.

Reads small files of sysfs: call it from a thread or the command line. `root` is "/" but for tests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.links.find import FoundPort, clean, listed, real, text_of
from edge_agent.links.usb_address import UsbAddress, is_usb_address, parse_usb_address
from edge_agent.sdk.errors import EdgeError, LinkError
from edge_agent.sdk.ieee1284 import ID_LIMIT, device_id_text

DEVICES = "sys/bus/usb/devices"
NAMES = "dev/edge-agent"  # made by systemd/70-edge-agent.rules
HID, PRINTER = "03", "07"  # interface classes
NODES = {HID: ("hidraw", "/dev"), PRINTER: ("usbmisc", "/dev/usb")}
SCHEMES = {HID: "hidraw", PRINTER: "lp"}
USAGE_PAGE_1, USAGE_PAGE_2 = 0x05, 0x06  # a report descriptor's item "usage page", with one byte or two
DESCRIPTOR_LIMIT = 4096  # HID_MAX_DESCRIPTOR_SIZE of the kernel
SCANNER_PAGE, SCALE_PAGE = 0x8C, 0x8D  # USB HID Point of Sale Usage Tables 1.02


@dataclass(frozen=True, slots=True)
class UsbInterface:
    """One interface of a USB device, with the kernel's node for it where there is one."""

    vendor: str
    product: str
    number: int
    kind: str
    bus: int
    address: int
    usb_path: str
    udev_port: str
    node: str = ""
    by_path: str = ""
    usage_page: int = 0
    maker: str = ""
    model: str = ""
    serial: str = ""

    @property
    def usb_id(self) -> str:
        return f"{self.vendor}:{self.product}"

    @property
    def usb_url(self) -> str:
        """How libusb is told of it."""
        return f"usb:{self.address_text}"

    @property
    def address_text(self) -> str:
        """Its name by id and port, as in edge_agent.links.usb_address."""
        return f"{self.usb_id}@{self.udev_port}/{self.number}"

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """Lowest first: what is meant where a device has several interfaces and the settings tell none."""
        return (self.usage_page not in (SCANNER_PAGE, SCALE_PAGE), self.kind not in SCHEMES, self.number)

    def is_meant_by(self, wanted: UsbAddress) -> bool:
        """Whether these settings mean this interface."""
        return (
            self.usb_id == wanted.usb_id
            and wanted.interface in (None, self.number)
            and (not wanted.port or wanted.port == self.usb_path or _ends(wanted.port, self.udev_port))
        )


def usb_interfaces(root: Path = Path("/")) -> list[UsbInterface]:
    """Every interface of every USB device, in the order of their paths."""
    names = _names(root)
    return [
        interface
        for entry in listed(root / DEVICES)
        if ":" in entry.name and (interface := _interface(real(entry), names)) is not None
    ]


def only(found: Sequence[UsbInterface], wanted: UsbAddress, url: str, device: str) -> UsbInterface:
    """The one interface that is meant. Raises LinkError link.absent or link.ambiguous.

    Of a device with several interfaces the one is meant that is told, or that looks most like a scale,
    scanner or printer.
    """
    meant = sorted((one for one in found if one.is_meant_by(wanted)), key=lambda one: one.rank)
    ports = list(dict.fromkeys(one.udev_port for one in meant))
    if not meant:
        raise LinkError(
            "link.absent", f"cannot open {url}: no such device", device=device, hint="plug the device in"
        )
    if len(ports) > 1:
        raise LinkError(
            "link.ambiguous",
            f"cannot open {url}: {len(ports)} such devices",
            device=device,
            hint=f"tell which: {' or '.join(f'{wanted.usb_id}@{port}' for port in ports[:4])}",
        )
    return meant[0]


def printer_id(printer: UsbInterface, root: Path = Path("/")) -> str:
    """The device id that the kernel has read from a printer; empty where it has none."""
    if not printer.node:
        return ""
    file = root / "sys/class/usbmisc" / Path(printer.node).name / "device/ieee1284_id"
    try:
        with file.open("rb") as told:
            return device_id_text(told.read(ID_LIMIT))
    except OSError:
        return ""  # it went while we looked


def usb_ports(root: Path = Path("/")) -> list[FoundPort]:
    """HID devices and printers as ports: by node where the kernel has one, else through libusb."""
    ports = [_as_port(one) for one in usb_interfaces(root) if one.kind in SCHEMES]
    alike = Counter((port.usb_id, port.serial, port.interface) for port in ports)
    return [
        replace(port, twins=alike[port.usb_id, port.serial, port.interface] > 1)
        for port in sorted(ports, key=lambda port: (port.scheme, port.node))
    ]


def hidraw_node(address: str, root: Path = Path("/")) -> str:
    """The node that a hidraw address means now; empty where there is none, or more than one."""
    if not is_usb_address(address):
        return str(real(Path(address)))
    try:
        wanted = parse_usb_address(address)
        found = [one for one in usb_interfaces(root) if one.kind == HID and one.node]
        return only(found, wanted, address, "").node
    except EdgeError:
        return ""


def _as_port(one: UsbInterface) -> FoundPort:
    return FoundPort(
        node=one.node or one.address_text,
        by_path=one.by_path or (one.address_text if one.kind == HID else ""),
        driver=SCHEMES[one.kind] if one.node else "",
        vendor=one.vendor,
        product=one.product,
        serial=one.serial,
        maker=one.maker,
        model=one.model,
        interface=f"{one.number:02x}",
        usb_path=one.usb_path,
        scheme=SCHEMES[one.kind] if one.node else "usb",
        usage_page=one.usage_page,
        usb_url=one.usb_url,
    )


def _interface(place: Path, names: Mapping[str, str]) -> UsbInterface | None:
    usb = place.parent
    try:
        number = int(text_of(place / "bInterfaceNumber"), 16)
        bus, address = int(text_of(usb / "busnum")), int(text_of(usb / "devnum"))
    except ValueError:
        return None  # it went while we looked
    kind = text_of(place / "bInterfaceClass")
    node = _node(place, kind)
    return UsbInterface(
        vendor=text_of(usb / "idVendor").lower(),
        product=text_of(usb / "idProduct").lower(),
        number=number,
        kind=kind,
        bus=bus,
        address=address,
        usb_path=clean(usb.name),
        udev_port=udev_port(usb),
        node=node,
        by_path=names.get(node, ""),
        usage_page=_usage_page(place) if kind == HID else 0,
        maker=text_of(usb / "manufacturer"),
        model=text_of(usb / "product"),
        serial=text_of(usb / "serial"),
    )


def _node(place: Path, kind: str) -> str:
    subsystem, folder = NODES.get(kind, ("", ""))
    if not subsystem:
        return ""
    found = [*place.glob(f"{subsystem}/*"), *place.glob(f"*/{subsystem}/*")]
    return f"{folder}/{clean(min(found).name)}" if found else ""


def udev_port(usb: Path) -> str:
    """The controller and the sockets on the way, as in udev's ID_PATH; a bus number may change, this not."""
    ports = usb.name.partition("-")[2]
    buses = [up for up in usb.parents if up.name.startswith("usb") and up.name[3:].isdecimal()]
    controller = clean(buses[0].parent.name) if buses else ""
    return f"{controller}-usb-0:{ports}" if controller else f"usb-0:{ports}"


def _ends(written: str, port: str) -> bool:
    """udev's own name has a prefix for each bus on the way to the controller."""
    return written == port or written.endswith(f"-{port}")


def _usage_page(place: Path) -> int:
    """What the first item of the report descriptor says that the device is for; 0 if it does not."""
    for file in place.glob("*/report_descriptor"):
        try:
            with file.open("rb") as descriptor:
                head = descriptor.read(DESCRIPTOR_LIMIT)
        except OSError:
            continue
        if len(head) > 2 and head[0] in (USAGE_PAGE_1, USAGE_PAGE_2):
            return int.from_bytes(head[1 : 1 + (head[0] & 3)], "little")
    return 0


def _names(root: Path) -> dict[str, str]:
    """Node → the name by USB port that our udev rules give it."""
    return {f"/{real(link).relative_to(real(root))}": f"/{NAMES}/{link.name}" for link in _links(root)}


def _links(root: Path) -> Iterator[Path]:
    for link in listed(root / NAMES):
        if link.is_symlink() and real(link).is_relative_to(real(root)):
            yield link
