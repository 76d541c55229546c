"""Scanners of the USB HID point-of-sale class (usage page 0x8C): exact bytes, no keyboard layout.

Owns: both ends of the scanned-data report, and the driver. Must not know: USB, ports, what a barcode means.
Documents: USB HID Point of Sale Usage Tables 1.02, section 3 (usages 0x12, 0xFB to 0xFF); layout as in the
Newland FM420 integration guide, page 47. Each read is one report of 64 bytes:

    02, length, 56 bytes of data, 4 reserved, symbology (byte 62), flags (byte 63, bit 0: continued)

A barcode of more than 56 bytes goes on in the next report, whose symbology is the same or not told.

Faults survived: reports of other kinds, lengths that do not fit, a barcode whose last report never comes, one
that does not end (dropped at 4,096 bytes), the end of a barcode whose beginning was refused.
"""

from __future__ import annotations

from drivers.scanners.content import CONTENT_OPTIONS, ERROR_BYTES, Content
from drivers.scanners.listening import Listening
from drivers.scanners.reports import ReportFramer, torn_scan
from edge_agent.sdk.driver import Context, DriverSpec, Kind, Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.framing import SCAN_LINE_LIMIT
from edge_agent.sdk.values import ScanText

REPORT_BYTES = 64
SCANNED_DATA = 0x02
DATA_AT, DATA_BYTES = 2, 56
SYMBOLOGY_AT, FLAGS_AT = 62, 63
CONTINUED = 0x01
TORN_SILENCE_S = 2.0  # the reports of one barcode follow each other within milliseconds
DEFAULT_AIM = "]C0"  # Code 128: what the device half says where the test does not care


class HidPosDecoder:
    """Barcodes out of reports. What was refused in the middle is refused whole."""

    def __init__(self, options: Options) -> None:
        self._content = Content(options)
        self._framer = ReportFramer(REPORT_BYTES)
        self.reset()

    @property
    def held(self) -> int:
        """More than 0 while a barcode waits for its last report, or a piece of a report for the rest."""
        return self._framer.held + self._begun

    @property
    def silence_s(self) -> float:
        """After this long nothing more of a barcode comes."""
        return TORN_SILENCE_S

    def reset(self) -> None:
        self._framer.reset()
        self._forget()

    def feed(self, data: bytes) -> list[ScanText | ProtocolError]:
        found: list[ScanText | ProtocolError] = []
        for frame in self._framer.feed(data):
            found += [self._piece(frame)] if isinstance(frame, ProtocolError) else self._report(frame)
        return found

    def flush(self) -> list[ScanText | ProtocolError]:
        found = [held for held in self._framer.flush() if isinstance(held, ProtocolError)]
        if self._begun and not self._refused:
            found.append(ProtocolError("frame.torn", "a barcode without its last report", self._sample()))
        self._forget()
        return list(found)

    def _forget(self) -> None:
        self._held = b""
        self._begun = False
        self._refused = False
        self._symbology = 0

    def _sample(self) -> bytes:
        return self._held[:ERROR_BYTES]

    def _piece(self, error: ProtocolError) -> ProtocolError:
        """A report cut short may have been part of the barcode: nothing of that is kept."""
        self._refused = self._begun
        self._held = b""
        return error

    def _report(self, report: bytes) -> list[ScanText | ProtocolError]:
        if report[0] != SCANNED_DATA:
            return [ProtocolError("frame.report", "no scanned-data report", report)]
        continued = bool(report[FLAGS_AT] & CONTINUED)
        refusal = None if self._refused else self._take(report)
        found: list[ScanText | ProtocolError] = []
        if refusal is not None:
            self._refused, self._held = True, b""
            found.append(refusal)
        self._begun = True
        if continued:
            return found
        if not self._refused:
            raw = self._held if len(self._held) > DATA_BYTES else report
            found.append(self._content.read(self._held, raw))
        self._forget()
        return found

    def _take(self, report: bytes) -> ProtocolError | None:
        """Add the report's data; or why the barcode is refused."""
        length, symbology = report[1], report[SYMBOLOGY_AT]
        if length > DATA_BYTES:
            return ProtocolError("frame.length", f"a length of more than {DATA_BYTES}", report)
        if self._begun and symbology and self._symbology and symbology != self._symbology:
            return ProtocolError("frame.torn", "the symbology changes within a barcode", report)
        self._symbology = self._symbology or symbology
        self._held += report[DATA_AT : DATA_AT + length]
        if len(self._held) > SCAN_LINE_LIMIT:
            return ProtocolError("frame.too_long", f"no end within {SCAN_LINE_LIMIT} bytes", self._sample())
        return None


# The driver


def build(context: Context) -> Listening:
    """Listens to one scanner."""
    return Listening(context, HidPosDecoder(context.options), torn=torn_scan)


# The scanner's own side


class HidPosDevice:
    """What a scanner of this class sends for a barcode."""

    def __init__(self, options: Options) -> None:
        self._content = Content(options)

    def encode(self, text: str, aim: str = DEFAULT_AIM, symbology: int = 0) -> bytes:
        """One report or as many as the text needs, 64 bytes each."""
        return reports(self._content.write(text, aim), symbology)


def reports(body: bytes, symbology: int = 0) -> bytes:
    """The reports of one barcode, whatever its bytes are."""
    pieces = [body[at : at + DATA_BYTES] for at in range(0, len(body), DATA_BYTES)] or [b""]
    return b"".join(_report(p, symbology, last=n == len(pieces)) for n, p in enumerate(pieces, 1))


def _report(piece: bytes, symbology: int, *, last: bool) -> bytes:
    head = bytes([SCANNED_DATA, len(piece)]) + piece.ljust(DATA_BYTES, b"\0")
    return head.ljust(SYMBOLOGY_AT, b"\0") + bytes([symbology, 0 if last else CONTINUED])


SPEC = DriverSpec(
    name="hid_pos",
    kind=Kind.SCANNER,
    title="Barcode scanner of the USB HID point-of-sale class (HID-POS mode of most makes)",
    decoder=HidPosDecoder,
    build=build,
    transports=frozenset({"hidraw", "usb"}),
    options=CONTENT_OPTIONS,
    sources=(
        "USB HID Point of Sale Usage Tables 1.02, section 3 (usage page 0x8C)",
        "Newland FM420 integration guide, page 47 (report 02)",
    ),
    extra={"device": "drivers.scanners.hid_pos:HidPosDevice"},
)
