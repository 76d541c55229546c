"""Symbol and Zebra scanners in the mode "simple COM port emulation" (05e0:0600), which is no serial port.

Owns: both ends of the 64-byte packet, and the driver. Must not know: USB, ports, what a barcode means.
Described at fragmentationneeded.net (2016/10) and linux22.com (archives/106927); no public manual. Each read
is one packet:

    length, that many bytes of the barcode, NUL to the 64th byte

A packet is a barcode of up to 63 bytes. How a longer one would go on is not documented: such labels need the
mode CDC or HID-POS. The CR, LF or both that the scanner may be set to send last is taken off.

Faults survived: packets cut short, lengths that do not fit, padding that is none.
"""

from __future__ import annotations

from drivers.scanners.content import CONTENT_OPTIONS, Content
from drivers.scanners.listening import Listening
from drivers.scanners.reports import ReportFramer, torn_scan
from edge_agent.sdk.driver import Context, DriverSpec, Kind, Options
from edge_agent.sdk.errors import CommandError, ProtocolError
from edge_agent.sdk.values import ScanText

PACKET_BYTES = 64
MOST_DATA = PACKET_BYTES - 1
ENDS = ((b"\r\n", "crlf"), (b"\r", "cr"), (b"\n", "lf"))
TORN_SILENCE_S = 2.0  # a packet comes in one read: what is cut off here came over a network, or not at all
DEFAULT_AIM = "]C0"  # Code 128: what the device half says where the test does not care


class SymbolHid64Decoder:
    """Barcodes out of packets, one of each."""

    def __init__(self, options: Options) -> None:
        self._content = Content(options)
        self._framer = ReportFramer(PACKET_BYTES)

    @property
    def held(self) -> int:
        """How many bytes of an unfinished packet wait."""
        return self._framer.held

    @property
    def silence_s(self) -> float:
        """After this long nothing more of a packet comes."""
        return TORN_SILENCE_S

    def reset(self) -> None:
        self._framer.reset()

    def feed(self, data: bytes) -> list[ScanText | ProtocolError]:
        return [f if isinstance(f, ProtocolError) else self._packet(f) for f in self._framer.feed(data)]

    def flush(self) -> list[ScanText | ProtocolError]:
        return [held for held in self._framer.flush() if isinstance(held, ProtocolError)]

    def _packet(self, packet: bytes) -> ScanText | ProtocolError:
        end = 1 + packet[0]
        if end > PACKET_BYTES or packet[end:].strip(b"\0"):
            return ProtocolError("frame.length", "length and padding do not fit each other", packet)
        sent = packet[1:end]
        for ending, name in ENDS:
            if sent.endswith(ending):
                return self._content.read(sent.removesuffix(ending), packet, name)
        return self._content.read(sent, packet)


# The driver


def build(context: Context) -> Listening:
    """Listens to one scanner."""
    return Listening(context, SymbolHid64Decoder(context.options), torn=torn_scan)


# The scanner's own side


class SymbolHid64Device:
    """What a scanner in this mode sends for a barcode."""

    def __init__(self, options: Options) -> None:
        self._content = Content(options)

    def encode(self, text: str, aim: str = DEFAULT_AIM) -> bytes:
        """One packet. Raises CommandError for a text that does not fit one."""
        body = self._content.write(text, aim)
        if len(body) > MOST_DATA:
            raise CommandError("scan.too_long", f"{len(body)} bytes do not fit a packet of {MOST_DATA}")
        return (bytes([len(body)]) + body).ljust(PACKET_BYTES, b"\0")


SPEC = DriverSpec(
    name="symbol_hid64",
    kind=Kind.SCANNER,
    title="Symbol and Zebra scanners in 'simple COM port emulation' (05e0:0600)",
    decoder=SymbolHid64Decoder,
    build=build,
    transports=frozenset({"hidraw", "usb"}),
    options=CONTENT_OPTIONS,
    sources=(
        "fragmentationneeded.net/2016/10 (Symbol LS2208, packets of 64 bytes)",
        "linux22.com/archives/106927 (the same layout)",
    ),
    extra={"device": "drivers.scanners.symbol_hid64:SymbolHid64Device"},
)
