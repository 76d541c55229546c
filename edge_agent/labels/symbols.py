"""Linear and square codes as bitmaps of whole dots, quiet zones included.

Owns: module sizes and quiet zones on paper. Must not know: what a code means, templates, text.

A module is always a whole number of dots: a fraction would make bars of unequal width. The largest module
that fits is taken, between the two that the template allows; the box includes the quiet zone.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.labels import code128
from edge_agent.labels.page import Bitmap, NoRoomError, from_rows, striped

QR_QUIET_MODULES = 4
MAX_QR_BYTES = 512  # version 18 at level M: still 2 dots a module in 30 mm; longer is no label's content


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


def linear_modules(text: str, *, is_gs1: bool) -> str:
    """The bars of Code 128 or GS1-128 as 0 and 1; raises CodeError."""
    return code128.modules(code128.gs1(text) if is_gs1 else text)


def linear_dots(bars: str, module: Module, width: int) -> int:
    """The dots of each module of these bars in so much width; raises NoRoomError."""
    return module.fitting(len(bars) + 2 * code128.QUIET_MODULES, width)


def linear(bars: str, module: Module, width: int, height: int, pitch: int) -> Bitmap:
    """Bars over the whole height, in the middle of the width; raises NoRoomError."""
    size = linear_dots(bars, module, width)
    row = "".join(bar * size for bar in bars)
    return striped(_centred(row, width), height, pitch)


def qr_rows(text: str, ecc: str) -> list[str]:
    """A QR code's modules, row by row, without quiet zone; raises CodeError."""
    import segno  # here, so that an idle daemon never loads it

    if not 0 < len(text.encode()) <= MAX_QR_BYTES:
        raise code128.CodeError(f"must have 1 to {MAX_QR_BYTES} bytes, has {len(text.encode())}")
    encoding = None if text.isascii() else "utf-8"
    symbol = segno.make_qr(text, error=ecc, encoding=encoding)
    return ["".join("1" if module else "0" for module in row) for row in symbol.matrix]


def square_dots(rows: list[str], module: Module, side: int) -> int:
    """The dots of each module of this code in so much room; raises NoRoomError."""
    return module.fitting(len(rows) + 2 * QR_QUIET_MODULES, side)


def square(rows: list[str], module: Module, width: int, height: int, pitch: int) -> Bitmap:
    """A square code in the middle of its box; raises NoRoomError."""
    size = square_dots(rows, module, min(width, height))
    wide = [_centred(row.replace("0", "0" * size).replace("1", "1" * size), width) for row in rows]
    above = (height - size * len(rows)) // 2
    below = height - above - size * len(rows)
    blank = "0" * width
    return from_rows(
        [blank] * above + [row for row in wide for _ in range(size)] + [blank] * below,
        pitch,
    )


def _centred(row: str, width: int) -> str:
    left = (width - len(row)) // 2
    return ("0" * left + row).ljust(width, "0")
