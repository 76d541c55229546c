"""Scanners that send text lines: serial, USB-CDC and TCP, whatever the make.

Owns: both ends of the line (framing, prefix, suffix, AIM identifier) and the driver that listens.
Must not know: what a barcode means, which symbologies exist, how a port is opened.
Described in the configuration guides of Honeywell 1450g, Zebra DS4308 and Datalogic (suffix, prefix, AIM
identifier of ISO/IEC 15424). A scanner that frames nothing is read by its silences.

Faults survived: lines torn over any number of reads, a line without end (dropped at 4,096 bytes), a line
that stays unfinished (dropped after two seconds, or at hang-up), an unknown character set (kept as Latin-1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from drivers.scanners.listening import Listening
from edge_agent.sdk.driver import Context, DriverSpec, Kind, Option, Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.framing import SCAN_LINE_LIMIT, LineFramer, SilenceFramer, StartEndFramer
from edge_agent.sdk.values import ScanText

STX, ETX = 0x02, 0x03
AIM = re.compile(r"\][A-Za-z][0-9A-Za-z]")  # "]", the symbology's letter, its modifier
DEFAULT_AIM = "]C0"  # Code 128: what the device half says where the test does not care
TORN_SILENCE_S = 2.0  # no scanner, cable or network pauses this long inside a barcode and then goes on
MISSING_SUFFIX = "scan the set-up code 'suffix CR', or set terminator = \"none\""

_ENDINGS = {"any": b"\r", "cr": b"\r", "lf": b"\n", "crlf": b"\r\n", "etx": bytes([ETX]), "none": b""}


# Scanner to host


class LineDecoder:
    """Barcodes out of the byte stream. Silence completes a line only where no terminator is set."""

    def __init__(self, options: Options) -> None:
        self._framer = _framer(options.text("terminator"))
        self._silent_end = options.text("terminator") == "none"
        self.silence_s = options.integer("idle_gap_ms") / 1000 if self._silent_end else TORN_SILENCE_S
        self._prefix = options.text("prefix").encode()
        self._suffix = options.text("suffix").encode()
        self._aim = options.flag("aim")
        self._inner = slice(1, -1) if options.text("terminator") == "etx" else slice(None)

    @property
    def held(self) -> int:
        """How many bytes of an unfinished line wait."""
        return self._framer.held

    def reset(self) -> None:
        self._framer.reset()

    def feed(self, data: bytes) -> list[ScanText | ProtocolError]:
        return self._read(self._framer.feed(data))

    def flush(self) -> list[ScanText | ProtocolError]:
        held = self._framer.flush()
        return self._read(held if self._silent_end else [_torn(frame) for frame in held])

    def _read(self, frames: Sequence[bytes | ProtocolError]) -> list[ScanText | ProtocolError]:
        return [f if isinstance(f, ProtocolError) else self._text(f) for f in frames]

    def _text(self, frame: bytes) -> ScanText | ProtocolError:
        body = frame[self._inner].removeprefix(self._prefix).removesuffix(self._suffix)
        try:
            text = body.decode()
        except UnicodeDecodeError:
            text = body.decode("latin-1")
        aim = None
        if self._aim and AIM.match(text):
            aim, text = text[:3], text[3:]
        if not text:
            return ProtocolError("scan.empty", "a barcode without content", frame)
        return ScanText(text, aim, frame)


def _framer(terminator: str) -> LineFramer | SilenceFramer | StartEndFramer:
    if terminator == "etx":
        return StartEndFramer(STX, bytes([ETX]), SCAN_LINE_LIMIT)
    if terminator == "none":
        return SilenceFramer(SCAN_LINE_LIMIT)
    if terminator == "any":
        return LineFramer(b"\r\n", SCAN_LINE_LIMIT)
    return LineFramer(_ENDINGS[terminator], SCAN_LINE_LIMIT, sequence=True)


def _torn(frame: bytes | ProtocolError) -> ProtocolError:
    if isinstance(frame, ProtocolError):
        return frame
    return ProtocolError("frame.torn", "a barcode without its end", frame, hint=MISSING_SUFFIX)


# The driver


def build(context: Context) -> Listening:
    """Listens to one scanner. Each read becomes one call of the sink, however many barcodes it held."""
    return Listening(context, LineDecoder(context.options), torn=lambda scan: _torn(scan.raw))


# Host to scanner is empty: a line scanner takes no requests. Its own side:


class LineScannerDevice:
    """What a scanner with these settings sends for a barcode."""

    def __init__(self, options: Options) -> None:
        self._terminator = options.text("terminator")
        self._prefix = options.text("prefix")
        self._suffix = options.text("suffix")
        self._aim = options.flag("aim")

    def encode(self, text: str, aim: str = DEFAULT_AIM) -> bytes:
        """One read: prefix, AIM identifier if it is on, the text as UTF-8, suffix, terminator."""
        body = f"{self._prefix}{aim if self._aim else ''}{text}{self._suffix}".encode()
        start = bytes([STX]) if self._terminator == "etx" else b""
        return start + body + _ENDINGS[self._terminator]


SPEC = DriverSpec(
    name="line",
    kind=Kind.SCANNER,
    title="Barcode scanner that sends text lines (serial, USB-CDC, TCP)",
    decoder=LineDecoder,
    build=build,
    options=(
        Option(
            "terminator",
            "any",
            "what ends a barcode: any of CR and LF, exactly one of them, STX … ETX (etx), or nothing (none)",
            choices=tuple(_ENDINGS),
        ),
        Option(
            "idle_gap_ms",
            100,
            "with terminator none: the silence in milliseconds that ends a barcode",
            minimum=5,
            maximum=5000,
        ),
        Option("aim", False, "the scanner sends the AIM identifier (]C1 …) before each barcode"),
        Option("prefix", "", "text that the scanner is set to send first; removed"),
        Option("suffix", "", "text that the scanner is set to send last, before the terminator; removed"),
    ),
    sources=(
        "Honeywell Voyager 1450g user's guide (prefix and suffix, menu commands)",
        "Zebra DS4308 product reference guide (AIM code identifiers, suffix)",
        "Datalogic KA-01477 (AIM identifiers of ISO/IEC 15424)",
    ),
    extra={"device": "drivers.scanners.line:LineScannerDevice"},
)
