"""ESC/POS from the printer's side: what a strict printer makes of the byte stream.

Owns: parsing of exactly the commands that our encoder may send (anything else is reported as Refused), and
the page that they draw. Must not know: time, paper transport, links; when a reply is sent, or withheld, is
the simulator's matter. The replies stand beside their decoder, in escpos_status.

    device = EscposDevice()
    for event in device.feed(data):
        match event:
            case StatusAsked(n): send(eot_reply(n, condition))
            case PaperAsked(n): send(paper_reply(condition))     # in order, only while not offline
            case ProcessIdAsked(id): send(process_id_reply(id))  # once the rows before it are on paper
            case AsbSet(n): send(asb_reply(condition))           # and at each change, while n is not 0
            case RowsDrawn(rows): …                              # device.take_page() gives the page so far

Real-time commands (DLE EOT, DLE ENQ, DLE DC4) act wherever they stand, inside raster data too, as on a real
printer: there each is an InRaster event, because no encoder may let that happen (only a question that is
asked after a job was cut off may), and DLE EOT is also answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.sdk.values import Page

DLE, ESC, GS = 0x10, 0x1B, 0x1D
HAZARD = re.compile(rb"\x10[\x04\x05\x14]")
QUESTION = re.compile(rb"\x10\x04([\x01-\x04])")

PAGE_ROWS = (
    16_384  # two metres of paper: more without a cut is a fault of the host, and would fill the memory
)
ROW_LIMIT = 2303  # GS v 0 takes no more rows (Epson TM-T81); clones up to 4,095


# Events


@dataclass(frozen=True, slots=True)
class Initialised:
    """ESC @"""


@dataclass(frozen=True, slots=True)
class BandBegun:
    """GS v 0: so many rows of so many bytes follow."""

    stride: int
    rows: int


@dataclass(frozen=True, slots=True)
class RowsDrawn:
    """Complete rows of a GS v 0 band arrived, from the top."""

    rows: int


@dataclass(frozen=True, slots=True)
class Fed:
    """ESC J n: paper moved by n dots."""

    dots: int


@dataclass(frozen=True, slots=True)
class HeatSet:
    """GS ( K function 49 (density, -6 to 8) or 50 (speed, from 1)"""

    function: int
    value: int


@dataclass(frozen=True, slots=True)
class Cut:
    """GS V: fed to the cutter and cut."""

    partial: bool


@dataclass(frozen=True, slots=True)
class StatusAsked:
    """DLE EOT n"""

    n: int


@dataclass(frozen=True, slots=True)
class PaperAsked:
    """GS r n"""

    n: int


@dataclass(frozen=True, slots=True)
class ProcessIdAsked:
    """GS ( H function 48"""

    id: bytes


@dataclass(frozen=True, slots=True)
class AsbSet:
    """GS a n"""

    n: int


@dataclass(frozen=True, slots=True)
class InRaster:
    """A real-time command was executed out of the middle of raster data."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """Bytes that our encoder has no business sending."""

    data: bytes


Event = (
    Initialised
    | BandBegun
    | RowsDrawn
    | Fed
    | HeatSet
    | Cut
    | StatusAsked
    | PaperAsked
    | ProcessIdAsked
    | AsbSet
    | InRaster
    | Refused
)


class EscposDevice:
    """A strict parser: the same events whatever the chunking. NUL between commands is ignored.

    A band that is wider than the head is Refused, then drawn as far as the head reaches.
    """

    def __init__(self, width_dots: int = 576) -> None:
        self._stride = (width_dots + 7) // 8
        self._held = b""
        self._rows = bytearray()
        self._band = 0
        self._band_stride = 0
        self._last = b""
        self._partial_row = b""

    @property
    def in_raster(self) -> bool:
        """Whether the parser still waits for bytes of a band."""
        return self._band > 0

    @property
    def rows(self) -> int:
        """Rows drawn since the page was last taken."""
        return len(self._rows) // self._stride

    def feed(self, data: bytes) -> list[Event]:
        """What these bytes made the printer do."""
        events: list[Event] = []
        while data:
            data = self._draw(data, events) if self._band else self._command(data, events)
        return events

    def take_page(self) -> Page | None:
        """The rows drawn so far as a page of the head's width, or None; the next page starts empty."""
        rows, self._rows = bytes(self._rows), bytearray()
        return Page(self._stride * 8, len(rows) // self._stride, rows) if rows else None

    def power_cycle(self) -> None:
        """Lose everything but the paper that is out."""
        self._held = self._last = self._partial_row = b""
        self._band = 0

    def _draw(self, data: bytes, events: list[Event]) -> bytes:
        piece, rest = data[: self._band], data[self._band :]
        self._band -= len(piece)
        seen, old = self._last + piece, len(self._last)
        events += [InRaster(hit.group()) for hit in HAZARD.finditer(seen) if hit.end() > old]
        events += [StatusAsked(hit[1][0]) for hit in QUESTION.finditer(seen) if hit.end() > old]
        self._last = seen[-2:] if self._band else b""
        self._partial_row += piece
        whole = len(self._partial_row) // self._band_stride
        for row in range(whole):
            self._append(self._partial_row[row * self._band_stride : (row + 1) * self._band_stride])
        self._partial_row = self._partial_row[whole * self._band_stride :]
        if whole:
            events.append(RowsDrawn(whole))
        return rest

    def _append(self, row: bytes) -> None:
        if self.rows < PAGE_ROWS:
            self._rows += row[: self._stride].ljust(self._stride, b"\0")

    def _command(self, data: bytes, events: list[Event]) -> bytes:
        """Take the bytes of one command, or all that came of it; gives what is left."""
        held = self._held + data
        self._held = b""
        if not held.strip(b"\0"):
            return b""
        held = held.lstrip(b"\0")
        for prefix, length, understand in COMMANDS:
            if held.startswith(prefix) and len(held) >= length:
                self._take(understand(held[:length]), events)
                return held[length:]
            if held.startswith(prefix) or prefix.startswith(held):
                self._held = held
                return b""
        start = NEXT_COMMAND.search(held, 1)
        end = start.start() if start else len(held)
        events.append(Refused(held[:end]))
        return held[end:]

    def _take(self, event: Event, events: list[Event]) -> None:
        events.append(event)
        if isinstance(event, BandBegun):
            self._band_stride, self._band = event.stride, event.stride * event.rows
            if event.stride > self._stride:
                events.append(Refused(b""))


def _band(command: bytes) -> BandBegun | Refused:
    stride = int.from_bytes(command[4:6], "little")
    rows = int.from_bytes(command[6:8], "little")
    if command[3] or not stride or not 0 < rows <= ROW_LIMIT:
        return Refused(command)
    return BandBegun(stride, rows)


def _heat(command: bytes) -> HeatSet | Refused:
    function, value = command[5], command[6] - 256 * (command[6] > 127)
    allowed = {49: range(-6, 9), 50: range(1, 14)}.get(function, range(0))
    return HeatSet(function, value) if value in allowed else Refused(command)


def _cut(command: bytes) -> Cut | Refused:
    return Cut(partial=command[2] == 66) if command[2] in (65, 66) else Refused(command)


def _status(command: bytes) -> StatusAsked | Refused:
    return StatusAsked(command[2]) if 1 <= command[2] <= 4 else Refused(command)


def _process_id(command: bytes) -> ProcessIdAsked | Refused:
    id_ = command[7:]
    return ProcessIdAsked(id_) if all(32 <= value <= 126 for value in id_) else Refused(command)


# Prefix, whole length, meaning: all that our encoder sends.
COMMANDS: tuple[tuple[bytes, int, Callable[[bytes], Event]], ...] = (
    (b"\x10\x04", 3, _status),
    (b"\x1b@", 2, lambda _: Initialised()),
    (b"\x1bJ", 3, lambda command: Fed(command[2])),
    (b"\x1dV", 4, _cut),
    (b"\x1d(K\x02\x00", 7, _heat),
    (b"\x1da", 3, lambda command: AsbSet(command[2])),
    (b"\x1dr", 3, lambda command: PaperAsked(command[2]) if command[2] == 1 else Refused(command)),
    (b"\x1d(H\x06\x0000", 11, _process_id),
    (b"\x1dv0", 8, _band),
)
NEXT_COMMAND = re.compile(rb"[\x10\x1b\x1d]")
