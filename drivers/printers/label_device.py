"""What a strict label printer makes of a byte stream, whatever its language: the events of its parser.

Owns: the events, and the picture that a label is drawn on. Must not know: any language, time, paper.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.sdk.values import Page

ROWS_LIMIT = 16_384  # two metres of paper: more is a fault of the host, and would fill the memory
CUT_SHORT = b"#"  # our host ends an order to print that was cut off with this, so that it orders nothing
CANCEL = b"\x18"  # the same where a line outside of a label is printed as text: a control character is not


@dataclass(frozen=True, slots=True)
class LabelOrdered:
    """One label is to be printed; after an error once more by itself, if that was not switched off."""

    page: Page
    again_after_error: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that is answered at once."""

    question: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The printer was told to answer, and answers, that it has understood."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What was begun of a label is forgotten."""


@dataclass(frozen=True, slots=True)
class InRaster:
    """An immediate command was executed out of the middle of raster data."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """Bytes that our encoder has no business sending."""

    data: bytes


LabelEvent = LabelOrdered | Asked | Acknowledged | Cancelled | InRaster | Refused


class Picture:
    """The image buffer of a label printer: white until something is drawn, as wide as its head."""

    def __init__(self, width_dots: int) -> None:
        self.stride = (width_dots + 7) // 8
        self.clear(0)

    def clear(self, rows: int) -> None:
        """White paper of so many rows."""
        self._rows = min(rows, ROWS_LIMIT)
        self._data = bytearray(self._rows * self.stride)

    @property
    def rows(self) -> int:
        return self._rows

    def draw(self, top: int, stride: int, data: bytes) -> None:
        """Rows from the left edge; what lies beyond the head or below the label is lost."""
        kept = min(stride, self.stride)
        for number, at in enumerate(range(0, len(data), stride)):
            row = (top + number) * self.stride
            if row >= len(self._data):
                return
            piece = data[at : at + kept]
            self._data[row : row + len(piece)] = piece

    def page(self) -> Page:
        """The label as it would be printed."""
        rows = max(1, self._rows)
        return Page(self.stride * 8, rows, bytes(self._data).ljust(rows * self.stride, b"\0"))
