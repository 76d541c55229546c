"""SSI, the packet protocol of Symbol and Zebra scanners on a serial line.

Owns: both halves of the packet, decode data put together, the answers to it.
Must not know: ports, time, what a barcode means.
Manual: Symbol SE-923 integration guide, pages 6-4 and 6-15; continuation as in Zebra's Simple Serial
Interface programmer's guide 72E-40451. Line: 9600 8N1. Each packet:

    length, opcode, source (0 decoder, 4 host), status (bit 0 sent again, bit 1 more follows), data, checksum

The length counts itself but not the checksum, which makes the sum of all a multiple of 65,536, high byte
first. The first byte of decode data is the symbology. Each packet of decode data is to be acknowledged, or
the scanner sends it again with bit 0 set; a copy of what was understood before is told as a packet, not as a
scan.

Faults survived: noise between packets, wrong checksums (dropped whole; the scanner repeats), packets cut off
by silence, a barcode whose last packet never comes, one that does not end (dropped at 4,096 bytes).
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.scanners.content import CONTENT_OPTIONS, ERROR_BYTES, Content
from drivers.scanners.listening import Listening
from edge_agent.sdk.driver import Context, DriverSpec, Kind, Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.framing import SCAN_LINE_LIMIT
from edge_agent.sdk.values import ScanText

ACK, NAK, DECODE_DATA = 0xD0, 0xD1, 0xF3
RESEND, DENIED, BAD_CONTEXT = 1, 6, 2  # why a packet is refused: the data of a NAK
DECODER, HOST = 0, 4
RETRANSMITTED, CONTINUED = 0x01, 0x02
HEADER_BYTES, CHECKSUM_BYTES, MOST_LENGTH = 4, 2, 255
CODE_128 = 0x03  # the symbology that the device half tells where the test does not care
DEFAULT_AIM = "]C0"
PACKET_SILENCE_S = 2.0  # the scanner's own time-out for an answer; after it, it sends the packet again
UNDERSTOOD = frozenset({"scan.empty", "frame.too_long"})  # refused for good: asking again would not help
MOST_TEXT = MOST_LENGTH - HEADER_BYTES - 1  # beside the symbology


@dataclass(frozen=True, slots=True)
class SsiPacket:
    """A packet that is no barcode: an answer, a command, decode data that goes on or was sent twice."""

    length: int
    opcode: int
    source_host: bool
    retransmitted: bool
    continued: bool
    data: bytes
    raw: bytes
    type: str = "ssi"


def packet(opcode: int, data: bytes = b"", *, source: int = HOST, status: int = 0) -> bytes:
    """One packet with its checksum. `data` has at most 251 bytes."""
    body = bytes([HEADER_BYTES + len(data), opcode, source, status]) + data
    return body + _checksum(body)


def encode_ack() -> bytes:
    """The host understood a packet."""
    return packet(ACK)


def encode_nak(cause: int = RESEND) -> bytes:
    """The host did not: send it again."""
    return packet(NAK, bytes([cause]))


def _checksum(body: bytes) -> bytes:
    return (-sum(body) & 0xFFFF).to_bytes(CHECKSUM_BYTES, "big")


# Scanner to host


class SsiDecoder:
    """Barcodes and other packets out of the byte stream."""

    silence_s = PACKET_SILENCE_S

    def __init__(self, options: Options) -> None:
        self._content = Content(options)
        self.reset()

    @property
    def held(self) -> int:
        """How many bytes of an unfinished packet and an unfinished barcode wait."""
        return len(self._held) + len(self._text) + len(self._noise)

    def reset(self) -> None:
        self._held = b""
        self._noise = b""
        self._previous = b""
        self._lost = False
        self._forget()

    def _forget(self) -> None:
        self._text = b""
        self._begun = False
        self._refused = False

    def feed(self, data: bytes) -> list[ScanText | SsiPacket | ProtocolError]:
        found: list[ScanText | SsiPacket | ProtocolError] = []
        self._held += data
        at = 0
        while at + 1 <= len(self._held):
            head = self._held[at : at + HEADER_BYTES]
            if not _may_begin(head):
                self._noise = (self._noise + head[:1])[:ERROR_BYTES]
                at += 1
                continue
            whole = head[0] + CHECKSUM_BYTES
            if len(self._held) - at < whole:
                break
            found += self._told_noise()
            found += self._packet(self._held[at : at + whole])
            at += whole
        self._held = self._held[at:]
        return found

    def flush(self) -> list[ScanText | SsiPacket | ProtocolError]:
        found: list[ScanText | SsiPacket | ProtocolError] = [*self._told_noise()]
        if self._held:
            found.append(ProtocolError("frame.torn", "a packet cut off", self._held))
        if self._begun:
            self._previous, self._lost = b"", True
        if self._begun and not self._refused:
            text = "a barcode without its last packet"
            found.append(ProtocolError("frame.torn", text, self._text[:ERROR_BYTES]))
        self._held = b""
        self._forget()
        return found

    def _told_noise(self) -> list[ProtocolError]:
        noise, self._noise = self._noise, b""
        return [ProtocolError("frame.noise", "bytes outside a packet", noise)] if noise else []

    def _packet(self, raw: bytes) -> list[ScanText | SsiPacket | ProtocolError]:
        body = raw[:-CHECKSUM_BYTES]
        scan = body[1] == DECODE_DATA and body[2] == DECODER
        if raw[-CHECKSUM_BYTES:] != _checksum(body):
            if not body[3] & RETRANSMITTED:  # a new packet was broken: its copy is no copy of what was read
                self._previous = b""
            if scan and body[3] & CONTINUED and not self._begun:
                self._begun = self._refused = True
            return [ProtocolError("frame.checksum", "the checksum is wrong", raw)]
        if not scan:
            return [_other(body, raw)]
        return self._scan(body, raw)

    def _scan(self, body: bytes, raw: bytes) -> list[ScanText | SsiPacket | ProtocolError]:
        status, content = body[3], bytes([body[3] & CONTINUED]) + body[4:]
        if status & RETRANSMITTED and content == self._previous:
            return [_other(body, raw)]
        if status & RETRANSMITTED and self._refused and not self._text:
            self._forget()
        if self._lost and not self._begun and status & RETRANSMITTED:
            self._refused = True  # the rest of what a silence cut in two
        self._previous, self._lost = content, False
        error = None if self._refused else self._take(body[4:], raw)
        self._begun = True
        if error:
            self._refused, self._text = True, b""
        if status & CONTINUED:
            return [error or _other(body, raw)]
        refused, text = self._refused, self._text
        self._forget()
        if refused:
            return [error or _other(body, raw)]
        return [self._content.read(text, raw)]

    def _take(self, data: bytes, raw: bytes) -> ProtocolError | None:
        if not data:
            return ProtocolError("scan.empty", "decode data without symbology", raw)
        self._text += data[1:]
        if len(self._text) > SCAN_LINE_LIMIT:
            return ProtocolError("frame.too_long", f"no end within {SCAN_LINE_LIMIT} bytes", raw)
        return None


def _may_begin(head: bytes) -> bool:
    return head[0] >= HEADER_BYTES and (len(head) < 3 or head[2] in (DECODER, HOST))


def _other(body: bytes, raw: bytes) -> SsiPacket:
    return SsiPacket(
        length=body[0],
        opcode=body[1],
        source_host=body[2] == HOST,
        retransmitted=bool(body[3] & RETRANSMITTED),
        continued=bool(body[3] & CONTINUED),
        data=body[HEADER_BYTES:],
        raw=raw,
    )


# The driver


def build(context: Context) -> Listening:
    """Listens to one scanner. A packet is acknowledged once the agent has dealt with what it completed."""
    return Listening(context, SsiDecoder(context.options), answer, torn=_cut_off)


def answer(value: object) -> bytes:
    """What the scanner is told of a packet; nothing of answers and of what is no packet."""
    if isinstance(value, ScanText):
        return encode_ack()
    if isinstance(value, ProtocolError):
        if value.code in UNDERSTOOD:
            return encode_ack()
        return encode_nak() if value.code == "frame.checksum" else b""
    if isinstance(value, SsiPacket) and not value.source_host and value.opcode not in (ACK, NAK):
        return encode_ack()
    return b""


def _cut_off(scan: ScanText) -> ProtocolError:
    return ProtocolError("frame.torn", "a barcode that only the hang-up ended", scan.raw)


# The scanner's own side


class SsiDevice:
    """What a scanner that sends packeted data sends for a barcode."""

    def __init__(self, options: Options) -> None:
        self._content = Content(options)

    def encode(self, text: str, aim: str = DEFAULT_AIM, *, again: bool = False) -> bytes:
        """One packet or as many as the text needs; `again` marks them as sent before."""
        body = self._content.write(text, aim)
        pieces = [body[at : at + MOST_TEXT] for at in range(0, len(body), MOST_TEXT)] or [b""]
        mark = RETRANSMITTED if again else 0
        more = [CONTINUED] * (len(pieces) - 1) + [0]
        return b"".join(
            packet(DECODE_DATA, bytes([CODE_128]) + piece, source=DECODER, status=mark | continued)
            for piece, continued in zip(pieces, more, strict=True)
        )


SPEC = DriverSpec(
    name="ssi",
    kind=Kind.SCANNER,
    title="Symbol and Zebra scanners with SSI packets on a serial line",
    decoder=SsiDecoder,
    build=build,
    options=CONTENT_OPTIONS,
    sources=(
        "Symbol SE-923 integration guide 70-37052-01, pages 6-4 and 6-15",
        "Zebra Simple Serial Interface programmer's guide 72E-40451 (continuation, symbologies)",
    ),
    extra={"device": "drivers.scanners.ssi:SsiDevice"},
)
