"""Linear and square codes as bitmaps of whole dots, quiet zones included.

Owns: module sizes and quiet zones on paper. Must not know: what a code means, templates, text.

A module is always a whole number of dots: a fraction would make bars of unequal width. The largest module
that fits is taken, between the two that the template allows; the box includes the quiet zone.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.labels import code128, datamatrix, qr
from edge_agent.labels.page import Bitmap, NoRoomError, from_rows, striped


@dataclass(frozen=True, slots=True)
class Module:
    """The dots of one module: the largest wished for, and the smallest that the scanner still reads."""

    most: int
    least: int

    def fitting(self, modules: int, dots: int) -> int:
        """The dots for each of so many modules in so much room; raises NoRoomError."""
        size = min(self.most, dots // modules)
        if size < self.least:
            raise NoRoomError(f"needs {modules * self.least} dots for its code, has {dots}")
        return size


@dataclass(frozen=True, slots=True)
class Symbol:
    """A code's modules as rows of 0 and 1, and how many modules around it stay free.

    A linear code has one row, drawn over the whole height of its box, and is free left and right only.
    """

    rows: tuple[str, ...]
    quiet: int

    @property
    def is_linear(self) -> bool:
        return len(self.rows) == 1

    def dots(self, module: Module, width: int, height: int) -> int:
        """The dots of each module in so much room; raises NoRoomError."""
        room = width if self.is_linear else min(width, height)
        return module.fitting(len(self.rows[0]) + 2 * self.quiet, room)

    def drawn(self, module: Module, width: int, height: int, pitch: int) -> Bitmap:
        """The code in the middle of its box; raises NoRoomError."""
        size = self.dots(module, width, height)
        wide = [_centred(_widened(row, size), width) for row in self.rows]
        if self.is_linear:
            return striped(wide[0], height, pitch)
        above = (height - size * len(wide)) // 2
        blank = "0" * width
        rows = [blank] * above + [row for row in wide for _ in range(size)]
        return from_rows(rows + [blank] * (height - len(rows)), pitch)


def symbol(kind: str, text: str, level: str = "M") -> Symbol:
    """The code of this kind; `level` is the error correction of a QR code. Raises CodeError."""
    if kind == "qr":
        return Symbol(tuple(qr.modules(text, level)), qr.QUIET_MODULES)
    if kind == "datamatrix":
        return Symbol(tuple(datamatrix.modules(text)), datamatrix.QUIET_MODULES)
    bars = code128.modules(code128.gs1(text) if kind == "gs1_128" else text)
    return Symbol((bars,), code128.QUIET_MODULES)


def _widened(row: str, size: int) -> str:
    return row.replace("0", "0" * size).replace("1", "1" * size)


def _centred(row: str, width: int) -> str:
    left = (width - len(row)) // 2
    return ("0" * left + row).ljust(width, "0")
