"""How the settings name a USB device that has no file name of its own: VVVV:PPPP[@PORT][/INTERFACE].

Owns: that form. Must not know: which devices there are.

VVVV:PPPP is what `lsusb` shows; it is enough where there is one such device. PORT tells two identical ones
apart by the socket that they are plugged into: `1-1.4` as the kernel counts, whose bus numbers may change at
the next start, or `fd500000.pcie-pci-0000:01:00.0-usb-0:1.4` as udev does, which names the controller.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_agent.sdk.errors import ConfigError

EXAMPLE = "0922:8003 or 0922:8003@1-1.4"
FORM = re.compile(r"([0-9a-fA-F]{4}):([0-9a-fA-F]{4})(?:@([\w.:+-]{1,200}))?(?:/([0-9]{1,3}))?", re.ASCII)
BUS_PORT = re.compile(r"[0-9]{1,3}-[0-9.]{1,40}")
UDEV_PORT = re.compile(r"(?:.*-)?usb-[0-9a-z]+:[0-9.]{1,40}")


@dataclass(frozen=True, slots=True)
class UsbAddress:
    """One USB device, or one interface of it."""

    vendor: str
    product: str
    port: str = ""
    interface: int | None = None

    @property
    def usb_id(self) -> str:
        return f"{self.vendor}:{self.product}"


def is_usb_address(text: str) -> bool:
    """Whether this is meant to be one: a path begins with a slash."""
    return not text.startswith("/")


def parse_usb_address(text: str) -> UsbAddress:
    """The parts. Raises ConfigError."""
    found = FORM.fullmatch(text)
    port = (found[3] or "") if found else ""
    if found is None or (port and not BUS_PORT.fullmatch(port) and not UDEV_PORT.fullmatch(port)):
        raise ConfigError(
            "config.port_url",
            f"{text[:80]!a} names no USB device",
            hint=f"write vendor:product as lsusb shows them, and where there are two its port: {EXAMPLE}",
        )
    interface = int(found[4]) if found[4] else None
    return UsbAddress(found[1].lower(), found[2].lower(), port, interface)
