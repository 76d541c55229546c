"""The printer's side of languages made of lines and counted raster: TSPL, EPL2, CPCL.

Owns: cutting a byte stream into lines, rasters and immediate commands; drawing a raster.
Must not know: what a line means.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from drivers.printers.bands import inverted
from drivers.printers.label_device import CANCEL, CUT_SHORT, Asked, InRaster, LabelEvent, Picture, Refused

LINE_LIMIT = 20_000  # a CPCL band as hex has 16,384 digits
MEANINGLESS = (CANCEL, CUT_SHORT)  # lines of nothing else: there was no half line to spoil
RASTER_LIMIT = 1_000_000  # a counted raster is a band of 8 KiB; a clone's host may send a whole label


@dataclass(frozen=True, slots=True)
class Raster:
    """A counted raster that has arrived whole."""

    top: int
    stride: int
    data: bytes


class LineParser:
    """Lines without their ends, rasters, and events of immediate commands, whatever the chunking.

    `raster` is the pattern of a line's beginning that raster follows, with groups top, stride and rows;
    `immediate` that of commands that act wherever they stand; `questions` what each of them asks.
    """

    def __init__(
        self, raster: re.Pattern[bytes], immediate: re.Pattern[bytes], questions: Mapping[bytes, str]
    ) -> None:
        self._raster = raster
        self._immediate = immediate
        self._questions = questions
        self.reset()

    def reset(self) -> None:
        self._held = b""
        self._begun: tuple[int, int] | None = None
        self._missing = 0
        self._data = bytearray()

    @property
    def in_raster(self) -> bool:
        """Whether bytes of a raster are still to come."""
        return self._begun is not None

    def feed(self, data: bytes) -> list[bytes | Raster | LabelEvent]:
        found: list[bytes | Raster | LabelEvent] = []
        rest = self._held + data
        self._held = b""
        while rest:
            if self._begun:
                rest = self._grow(rest, found)
                continue
            told = len(found)
            rest = self._line(rest, found)
            if len(found) == told and not self._begun:
                self._held, rest = rest, b""
        return found

    def _grow(self, data: bytes, found: list[bytes | Raster | LabelEvent]) -> bytes:
        piece, rest = data[: self._missing], data[self._missing :]
        tail = bytes(self._data[-2:])
        seen = tail + piece
        for hit in self._immediate.finditer(seen):
            if hit.end() > len(tail):
                found += [InRaster(hit[0]), Asked(self._questions[hit[0]])]
        self._data += piece
        self._missing -= len(piece)
        if not self._missing and self._begun:
            found.append(Raster(*self._begun, bytes(self._data)))
            self._begun = None
            self._data.clear()
        return rest

    def _line(self, held: bytes, found: list[bytes | Raster | LabelEvent]) -> bytes:
        """Take one whole thing out of what is held, if it is there; gives what is left. Empty lines go."""
        held = held.lstrip(b"\r\n")
        if begun := self._raster.match(held):
            return self._begin(begun, held, found)
        end = held.find(b"\n")
        at_once = self._immediate.search(held, 0, len(held) if end < 0 else end)
        if at_once:
            found.append(Asked(self._questions[at_once[0]]))
            return held[: at_once.start()] + held[at_once.end() :]
        if end >= 0:
            found.append(held[:end].removesuffix(b"\r"))
            return held[end + 1 :]
        if len(held) > LINE_LIMIT:
            found.append(Refused(held))
            return b""
        return held

    def _begin(self, begun: re.Match[bytes], held: bytes, found: list[bytes | Raster | LabelEvent]) -> bytes:
        size = int(begun["stride"]) * int(begun["rows"])
        if not 0 < size <= RASTER_LIMIT:
            found.append(Refused(begun[0]))
        else:
            self._begun = (int(begun["top"]), int(begun["stride"]))
            self._missing = size
        return held[begun.end() :]


class LineDevice(ABC):
    """A strict parser: the same events whatever the chunking. A language adds what its lines mean.

    What raster draws outside of the label is lost; raster that nothing has made room for is Refused.
    """

    RASTER: re.Pattern[bytes]
    IMMEDIATE = re.compile(rb"(?!)")
    QUESTIONS: ClassVar[Mapping[bytes, str]] = {}
    WHITE_IS_ONE = True

    def __init__(self, width_dots: int) -> None:
        self._picture = Picture(width_dots)
        self._parser = LineParser(self.RASTER, self.IMMEDIATE, self.QUESTIONS)
        self.power_cycle()

    @property
    def half_way(self) -> bool:
        """Whether the parser waits for the rest of something."""
        return self._parser.in_raster

    def power_cycle(self) -> None:
        """Forget everything, settings too."""
        self._parser.reset()
        self._picture.clear(0)

    def feed(self, data: bytes) -> list[LabelEvent]:
        """What these bytes made the printer do."""
        events: list[LabelEvent] = []
        for found in self._parser.feed(data):
            if isinstance(found, Raster):
                self.draw(found, events)
            elif not isinstance(found, bytes):
                events.append(found)
            elif found and found not in MEANINGLESS:
                events += self.obey(found)
        return events

    @abstractmethod
    def obey(self, line: bytes) -> list[LabelEvent]:
        """What a line makes the printer do."""

    def draw(self, raster: Raster, events: list[LabelEvent]) -> None:
        """Put raster on the picture."""
        if not self._picture.rows or raster.stride > self._picture.stride:
            events.append(Refused(raster.data[:8]))
        data = inverted(raster.data) if self.WHITE_IS_ONE else raster.data
        self._picture.draw(raster.top, raster.stride, data)
