"""A Symbol scanner in "simple COM port emulation": no serial port, but a HID device of a vendor's own page.

Owns: its identity, its report descriptor, packets of 64 bytes. Must not know: what is in a packet.
"""

from __future__ import annotations

from simulators.usb.descriptors import Identity
from simulators.usb.hid import HidFunction

SCANNER = Identity(0x05E0, 0x0600, "Booth", "Sim Symbol scanner", "SY0001")

PACKET_BYTES = 64
DESCRIPTOR = bytes.fromhex(
    "0600ff0901a101"  # a page of the vendor's, application
    "150026ff007508"
    "954009018102"  # 64 bytes to the host, without a report number
    "954009019102"  # and from it
    "c0"
)


class SymbolHid(HidFunction):
    """`send` takes whole packets, one or several."""

    def __init__(self) -> None:
        super().__init__(DESCRIPTOR)

    def send(self, packets: bytes) -> None:
        """One report for each packet."""
        self.push(*(packets[at : at + PACKET_BYTES] for at in range(0, len(packets), PACKET_BYTES)))
