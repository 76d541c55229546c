"""HID scales and scanners: what such a device is stands in its report descriptor, so that nothing is guessed.

Owns: from a HID port to the driver that it needs. Must not know: reports, how ports are found.
"""

from __future__ import annotations

from pathlib import Path

from edge_agent.links.find import FoundPort
from edge_agent.links.find_usb import SCALE_PAGE, SCANNER_PAGE, usb_ports

BY_PAGE = {SCALE_PAGE: "hid_scale", SCANNER_PAGE: "hid_pos"}
BY_ID = {"05e0:0600": "symbol_hid64"}  # its report descriptor is the vendor's own


def driver_of(port: FoundPort) -> str:
    """The driver for the device on this port; empty where it does not tell."""
    return BY_ID.get(port.usb_id) or BY_PAGE.get(port.usage_page, "")


def hid_ports(root: Path = Path("/")) -> list[FoundPort]:
    """Scales and scanners that speak in reports: no keyboards, mice or remote controls."""
    return [port for port in usb_ports(root) if driver_of(port)]
