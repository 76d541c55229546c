"""A scanner that answers in another mode than the settings say: as a keyboard, a serial port, or in reports.

Owns: finding it on its socket, and the words that name the fix. Must not know: how ports are opened.

A set-up code, scanned by mistake or out of malice, turns a scanner from one mode into another: its port is
then absent, and something of the same maker sits on the same socket. Reads sysfs: call it from a thread.
"""

from __future__ import annotations

import re
from pathlib import Path

from edge_agent.links.find_input import input_nodes
from edge_agent.links.find_usb import HID, SCANNER_PAGE, UsbInterface, usb_interfaces

SOCKET = re.compile(r"usb-[0-9a-z]+:([0-9.]+?)(?::[0-9]+\.[0-9]+)?(?:[-/].*)?$")
KERNEL_SOCKET = re.compile(r"@[0-9]+-([0-9.]+)")
USB_ID = re.compile(r"^[a-z]+:([0-9a-f]{4}):[0-9a-f]{4}", re.IGNORECASE)
CDC = "02"  # interface class of serial ports; that of HID stands in find_usb
MAKERS = frozenset(["05e0", "0c2e", "0536", "05f9", "080c", "1eab", "065a"])  # of scanners alone (usb.ids)
MODES = {"evdev": "USB keyboard", "serial": "USB serial (CDC, virtual COM)", "hidraw": "USB HID-POS"}
SHOWN = {"evdev": "a keyboard", "serial": "a serial port", "hidraw": "a HID-POS device"}


def other_mode(url: str, root: Path = Path("/")) -> str:
    """What to do where the scanner of this port is there in another mode; empty where it is not."""
    scheme = url.partition(":")[0]
    if scheme not in MODES:
        return ""
    for interface in usb_interfaces(root):
        now = _mode(interface, root)
        if now and now != scheme and _is_it(url, interface):
            return (
                f"the scanner answers as {SHOWN[now]} now ({interface.usb_id}): scan its set-up code "
                f"'{MODES[scheme]}', or take it as it is: edge-agent devices adopt --scanner"
            )
    return ""


def _is_it(url: str, here: UsbInterface) -> bool:
    """Of the same maker, and on the same socket where the settings name one."""
    maker = USB_ID.match(url)
    socket = KERNEL_SOCKET.search(url) or SOCKET.search(url)
    if maker and maker[1].lower() != here.vendor:
        return False
    if socket:
        return here.udev_port.endswith(f":{socket[1]}")
    return bool(maker) or here.vendor in MAKERS


def _mode(interface: UsbInterface, root: Path) -> str:
    """How the settings would name this interface; empty for what is no scanner's."""
    if interface.kind == CDC:
        return "serial"
    if interface.kind != HID:
        return ""
    if interface.usage_page == SCANNER_PAGE:
        return "hidraw"
    types = any(node.types and node.usb_path == interface.usb_path for node in input_nodes(root))
    return "evdev" if types else ""
