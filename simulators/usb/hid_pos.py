"""A barcode scanner in HID point-of-sale mode: whole barcodes with their symbology, byte for byte.

Owns: scanned-data reports (HID POS usage tables 1.02, section 3; layout of the Newland FM420 guide, page 47).
Must not know: which barcodes exist.

    02 length data[56] reserved[4] symbology flags      64 bytes; flag bit 0: the rest follows
"""

from __future__ import annotations

from edge_agent.sdk.errors import CommandError
from simulators.usb.descriptors import Identity
from simulators.usb.hid import HidFunction

SCANNER = Identity(0x1EAB, 0x1D10, "Booth", "Sim POS scanner", "HP0001")

SCANNED_DATA = 2
DATA_BYTES = 56
CONTINUED = 0x01
MAX_SCAN_BYTES = 4096  # a full QR code holds 2,953
DESCRIPTOR = bytes.fromhex(
    "058c0902a101"  # bar code scanner page, scanner, application
    "85020912a102"  # report 2: scanned data
    "150026ff007508"
    "9501" + "0501093b8102"  # length
    "9538" + "058c09fe82" + "0201"  # 56 bytes of data
    "9504" + "0666ff" + "09038102"  # reserved
    "9501" + "09048102"  # symbology
    "058c" + "7501" + "25019501" + "09ff8102"  # continued
    "9507" + "8103"  # padding
    "c0c0"
)


class HidPos(HidFunction):
    """`scan` takes bytes: nothing is lost on the way, GS and NUL included."""

    def __init__(self) -> None:
        super().__init__(DESCRIPTOR)

    def scan(self, data: bytes, *, symbology: int = 0) -> None:
        """Send one barcode, in as many reports as it takes. Raises CommandError above 4,096 bytes."""
        if len(data) > MAX_SCAN_BYTES:
            raise CommandError("sim.too_long", f"a scan of {len(data)} bytes; at most {MAX_SCAN_BYTES}")
        pieces = [data[at : at + DATA_BYTES] for at in range(0, max(1, len(data)), DATA_BYTES)]
        last = len(pieces) - 1
        self.push(*(_report(piece, symbology, more=at < last) for at, piece in enumerate(pieces)))


def _report(piece: bytes, symbology: int, *, more: bool) -> bytes:
    head = bytes((SCANNED_DATA, len(piece)))
    return head + piece.ljust(DATA_BYTES, b"\0") + bytes((0, 0, 0, 0, symbology, CONTINUED if more else 0))
