"""A barcode scanner in HID point-of-sale mode: whole barcodes with their symbology, byte for byte.

Owns: the report descriptor (HID POS usage tables 1.02, section 3), one report for each poll.
Must not know: what is in a report (drivers.scanners.hid_pos), which barcodes exist.
"""

from __future__ import annotations

from drivers.scanners.hid_pos import REPORT_BYTES, reports
from edge_agent.sdk.errors import CommandError
from simulators.usb.descriptors import Identity
from simulators.usb.hid import HidFunction

SCANNER = Identity(0x1EAB, 0x1D10, "Booth", "Sim POS scanner", "HP0001")

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
        self.send(reports(data, symbology))

    def send(self, encoded: bytes) -> None:
        """Send the reports of one barcode."""
        self.push(*(encoded[at : at + REPORT_BYTES] for at in range(0, len(encoded), REPORT_BYTES)))
