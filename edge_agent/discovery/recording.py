"""What was heard on a port: the bytes as they came, when, and on which line; and its form in a file.

Owns: Chunk, Recording, and the JSON form that is described in docs/how-to/identify-a-scale.md.
Must not know: ports, protocols, what the bytes mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from edge_agent.barcodes.display import display
from edge_agent.sdk.checksums import even_parity
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import ConfigError

PAUSE_MS = 250  # no scale rests as long within a frame, and no person prints as fast
BYTES_LIMIT = 4096  # two hundred lines: more would say the same again
CHUNKS_LIMIT = 4096  # a byte each at worst
WEIGHINGS_LIMIT = 16  # nobody puts more known weights on a pan
FILE_LIMIT = 4 << 20  # sixteen full weighings, a byte in each chunk, take half of it
TIME_LIMIT_MS = 3_600_000  # an hour; nothing is listened to for longer
SHOWN_CHARACTERS = 256  # a recording is shown by its first lines
PARITY_PROOF_BYTES = 16  # by chance so many bytes agree with a parity once in 65,536 times
WEIGHT = re.compile(r"[+-]?\d{1,9}(?:\.\d{1,9})?", re.ASCII)

BAUD_RANGE, BITS, PARITIES, STOPS = range(50, 4_000_001), (7, 8), ("N", "E", "O"), (1, 2)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of one read, and how many milliseconds after the port was opened they came."""

    at_ms: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Recording:
    """Everything heard at one setting of the line; `line` is None where a port has no such settings.

    `asked` are the bytes that were sent before: empty where we only listened.
    """

    line: SerialSettings | None
    chunks: tuple[Chunk, ...]
    asked: bytes = b""

    @property
    def data(self) -> bytes:
        return b"".join(chunk.data for chunk in self.chunks)

    @property
    def begins_whole(self) -> bool:
        """Whether silence came before the first byte, so that it is not the middle of something."""
        return bool(self.chunks) and (bool(self.asked) or self.chunks[0].at_ms >= PAUSE_MS)

    def bursts(self) -> list[list[bytes]]:
        """The chunks, parted where the line was silent for as long as no frame is."""
        parted: list[list[bytes]] = []
        before_ms = -PAUSE_MS
        for chunk in self.chunks:
            if chunk.at_ms - before_ms >= PAUSE_MS or not parted:
                parted.append([])
            parted[-1].append(chunk.data)
            before_ms = chunk.at_ms
        return parted


@dataclass(frozen=True, slots=True)
class Weighing:
    """A recording made while a known weight lay on the pan; the numeral as the display showed it."""

    weight: Decimal
    recording: Recording


def with_parity_seen(recording: Recording) -> Recording:
    """The recording as a port of the right parity hears it.

    Bytes of a 7-bit line that is read with eight bits carry their parity in bit 7: if all of them agree with
    one parity, the line has seven bits, and the bit is taken away.
    """
    line, data = recording.line, recording.data
    if line is None or line.bits != 8 or line.parity != "N" or len(data) < PARITY_PROOF_BYTES:
        return recording
    if max(data) < 0x80:
        return recording
    even = sum(byte == even_parity(byte) for byte in data)
    if even not in (0, len(data)) and min(data) < 0x80:
        return recording
    parity, stop = ("N", 2) if min(data) >= 0x80 else ("E" if even else "O", 1)
    seven = tuple(Chunk(chunk.at_ms, bytes(byte & 0x7F for byte in chunk.data)) for chunk in recording.chunks)
    return Recording(SerialSettings(line.baud, 7, parity, stop), seven, recording.asked)


def shown_line(line: SerialSettings | None) -> str:
    """The settings as people write them: 9600 7E1."""
    return f"{line.baud} {line.bits}{line.parity}{line.stop}" if line else "no line settings"


def shown_bytes(data: bytes) -> str:
    """The bytes as text in quotes, all that is no printable ASCII escaped."""
    text = display(data.decode("latin-1"), SHOWN_CHARACTERS)
    return f'"{text.encode("ascii", "backslashreplace").decode("ascii")}"'


def parse_line(text: str) -> SerialSettings:
    """The settings from 9600-8N1 or `9600 8N1`. Raises ConfigError."""
    found = re.fullmatch(r"(\d{2,7})[- ]?([78])([NEOneo])([12])", text)
    if not found or int(found[1]) not in BAUD_RANGE:
        raise ConfigError(
            "devices.line", f"{text[:40]!a} is no setting of a line", hint="write it as 9600-8N1"
        )
    return SerialSettings(int(found[1]), int(found[2]), found[3].upper(), int(found[4]))


def to_json(weighings: Sequence[Weighing]) -> str:
    """The weighings as a file keeps them."""
    line = weighings[0].recording.line if weighings else None
    document = {
        "schema": 1,
        "line": None if line is None else [line.baud, line.bits, line.parity, line.stop],
        "weighings": [
            {
                "weight": format(weighing.weight, "f"),
                "chunks": [[chunk.at_ms, chunk.data.hex()] for chunk in weighing.recording.chunks],
            }
            for weighing in weighings
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def from_json(text: str) -> list[Weighing]:
    """The weighings of a file. Raises ConfigError with the place of what is wrong."""
    if len(text) > FILE_LIMIT:
        raise _unreadable(f"is longer than {FILE_LIMIT} characters")
    try:
        document = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise _unreadable("is no JSON") from None
    if not isinstance(document, dict) or document.get("schema") != 1:
        raise _unreadable('needs "schema": 1')
    line = _line(document.get("line"))
    weighings = document.get("weighings")
    if not isinstance(weighings, list) or not 0 < len(weighings) <= WEIGHINGS_LIMIT:
        raise _unreadable(f'needs 1 to {WEIGHINGS_LIMIT} entries in "weighings"')
    return [_weighing(entry, line, f"weighings[{number}]") for number, entry in enumerate(weighings)]


def parse_weight(text: str) -> Decimal:
    """A weight as a display shows it. Raises ConfigError."""
    if not WEIGHT.fullmatch(text):
        raise ConfigError("devices.weight", f"{text[:40]!a} is no weight", hint="write it as 1.250")
    return Decimal(text)


def _weighing(entry: object, line: SerialSettings | None, where: str) -> Weighing:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("weight"), str):
        raise _unreadable(f'{where} needs "weight" as text')
    try:
        weight = parse_weight(entry["weight"])
    except (ConfigError, InvalidOperation):
        raise _unreadable(f"{where}.weight is no weight") from None
    chunks = entry.get("chunks")
    if not isinstance(chunks, list) or len(chunks) > CHUNKS_LIMIT:
        raise _unreadable(f'{where} needs at most {CHUNKS_LIMIT} entries in "chunks"')
    heard = tuple(_chunk(chunk, f"{where}.chunks[{number}]") for number, chunk in enumerate(chunks))
    if sum(len(chunk.data) for chunk in heard) > BYTES_LIMIT:
        raise _unreadable(f"{where} has more than {BYTES_LIMIT} bytes")
    return Weighing(weight, Recording(line, heard))


def _chunk(entry: object, where: str) -> Chunk:
    match entry:
        case [int(at_ms), str(shown)] if 0 <= at_ms <= TIME_LIMIT_MS and not isinstance(at_ms, bool):
            try:
                return Chunk(at_ms, bytes.fromhex(shown))
            except ValueError:
                raise _unreadable(f"{where} is not hexadecimal") from None
    raise _unreadable(f"{where} is no [milliseconds, hex]")


def _line(entry: object) -> SerialSettings | None:
    match entry:
        case None:
            return None
        case [int(baud), int(bits), str(parity), int(stop)] if (
            baud in BAUD_RANGE and bits in BITS and parity in PARITIES and stop in STOPS
        ):
            return SerialSettings(baud, bits, parity, stop)
    raise _unreadable('"line" is no [baud, bits, parity, stop]')


def _unreadable(why: str) -> ConfigError:
    return ConfigError(
        "devices.recording", f"the recording {why}", hint="docs/how-to/identify-a-scale.md shows its form"
    )
