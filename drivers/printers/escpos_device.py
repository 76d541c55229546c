"""ESC/POS from the printer's side: what a strict printer makes of the byte stream, and what it answers.

Owns: parsing of exactly the commands that our encoder may send (anything else is reported as Refused), the page
that they draw, and the encoding of every status reply from one PrinterCondition.
Must not know: time, paper transport, links; when a reply is sent, or withheld, is the simulator's matter.

    device = EscposDevice()
    for event in device.feed(data):
        match event:
            case StatusAsked(n): send(eot_reply(n, condition))
            case PaperAsked(n): send(paper_reply(condition))       # in order, only while not offline
            case ProcessIdAsked(id): send(process_id_reply(id))    # once the rows before it are on paper
            case AsbSet(n): send(asb_reply(condition))             # and again at each change, while n is not 0
            case RowsDrawn(rows): …                                # device.take_page() gives the page so far

Real-time commands (DLE EOT, DLE ENQ, DLE DC4) act wherever they stand, inside raster data too, as on a real
printer: inside raster data each is an InRaster event, because no encoder may let that happen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.sdk.values import Page

DLE, ESC, GS = 0x10, 0x1B, 0x1D
HAZARD = re.compile(rb"\x10[\x04\x05\x14]")

PAGE_ROWS = 16_384  # two metres of paper: more without a cut is a fault of the host, and would fill the memory
ROW_LIMIT = 2303  # GS v 0 takes no more rows (Epson TM-T81); clones up to 4,095


@dataclass(frozen=True, slots=True)
class PrinterCondition:
    """What the printer's sensors say. Any of the first five puts it offline."""

    paper_out: bool = False
    cover_open: bool = False
    cutter_jammed: bool = False
    unrecoverable: bool = False
    overheated: bool = False
    near_end: bool = False
    feed_button: bool = False

    @property
    def error(self) -> bool:
        return self.cutter_jammed or self.unrecoverable or self.overheated

    @property
    def offline(self) -> bool:
        return self.paper_out or self.cover_open or self.error


# Events


@dataclass(frozen=True, slots=True)
class Initialised:
    """ESC @"""


@dataclass(frozen=True, slots=True)
class RowsDrawn:
    """Complete rows of a GS v 0 band arrived, from the top."""

    rows: int


@dataclass(frozen=True, slots=True)
class Fed:
    """ESC J n: paper moved by n dots."""

    dots: int


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
    """A real-time command was executed out of the middle of raster data: the host's fault."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """Bytes that our encoder has no business sending."""

    data: bytes


Event = (
    Initialised
    | RowsDrawn
    | Fed
    | Cut
    | StatusAsked
    | PaperAsked
    | ProcessIdAsked
    | AsbSet
    | InRaster
    | Refused
)


class EscposDevice:
    """A strict parser: events in the order of the bytes, whatever the chunking. NUL between commands is ignored."""

    def __init__(self, width_dots: int = 576) -> None:
        self._stride = width_dots // 8
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
        seen = self._last + piece
        events += [InRaster(hit.group()) for hit in HAZARD.finditer(seen)]
        self._last = seen[-1:] if self._band else b""
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
        """Take bytes up to the end of one command, or all of them."""
        self._held = (self._held + data).lstrip(b"\0") if not self._held else self._held + data
        if not self._held:
            return b""
        form = _form(self._held)
        if form is None:
            return b""
        length, understand = form
        if len(self._held) < length:
            return b""
        command, rest = self._held[:length], self._held[length:]
        self._held = b""
        events += understand(self, command)
        return rest

    def _begin_band(self, command: bytes) -> list[Event]:
        stride = int.from_bytes(command[4:6], "little")
        rows = int.from_bytes(command[6:8], "little")
        if command[3] or not 0 < stride <= self._stride or not 0 < rows <= ROW_LIMIT:
            return [Refused(command)]
        self._band_stride = stride
        self._band = stride * rows
        return []


Understand = Callable[[EscposDevice, bytes], list[Event]]
