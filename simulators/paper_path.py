"""The inside of a printer: roll, head, cover, cutter, and the strip of paper that comes out.

Owns: what is on paper, how much paper is left, why nothing can be printed now.
Must not know: protocols, ports, clocks, files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.sdk.errors import ConfigError
from edge_agent.sdk.values import Page

DOTS_PER_MM = 8  # of a head of 203 dpi
ROLL_MM = 50_000  # a usual 80 mm roll
LONGEST_ROLL_MM = 1_000_000  # no roll is a kilometre long
NEAR_END_MM = 1_000  # the sensor looks through the core: some turns are left
STRIP_ROWS = 16_384  # two metres without a cut are a fault of the host; more would fill the memory


class Mark(StrEnum):
    """How a piece of paper came to be."""

    WHOLE = "whole"
    TORN = "torn"  # ended by lack of paper or power
    REST = "rest"  # begun in the middle, after the paper was replaced


@dataclass(frozen=True, slots=True)
class Label:
    """A piece of paper that left the printer."""

    page: Page
    mark: Mark


class PaperPath:
    """One printer's mechanism. Each finished piece of paper is handed to `out`."""

    def __init__(
        self,
        out: Callable[[Label], None],
        width_dots: int = 576,
        roll_mm: int = ROLL_MM,
        dots_per_mm: int = DOTS_PER_MM,
    ) -> None:
        if width_dots < 8 or width_dots % 8:
            raise ConfigError("sim.printer_width", f"a head has a multiple of 8 dots, not {width_dots}")
        self.width_dots = width_dots
        self.dots_per_mm = dots_per_mm
        self.cover_open = False
        self.cutter_jammed = False
        self.unrecoverable = False
        self.overheated = False
        self.paused = False
        self._out = out
        self._stride = width_dots // 8
        self._strip = bytearray()
        self._drawn = False
        self._begun_in_the_middle = False
        self._worn: bytes | None = None
        self._roll_dots = 0
        self.load_roll(roll_mm)

    @property
    def paper_out(self) -> bool:
        return self._roll_dots <= 0

    @property
    def near_end(self) -> bool:
        return self._roll_dots < NEAR_END_MM * self.dots_per_mm

    @property
    def left_mm(self) -> int:
        return self._roll_dots // self.dots_per_mm

    @property
    def halted(self) -> bool:
        """Whether the mechanism stands still, whatever is asked of it."""
        return (
            self.paper_out
            or self.cover_open
            or self.cutter_jammed
            or self.unrecoverable
            or self.overheated
            or self.paused
        )

    def load_roll(self, length_mm: int = ROLL_MM) -> None:
        """Put in another roll; nothing of it means that the paper is taken out."""
        if not 0 <= length_mm <= LONGEST_ROLL_MM:
            raise ConfigError("sim.roll", f"a roll has 0 to {LONGEST_ROLL_MM} mm, not {length_mm}")
        self.end_after(length_mm * self.dots_per_mm)

    def end_after(self, rows: int) -> None:
        """Have the paper end after so many more rows."""
        self._roll_dots = max(0, rows)
        if self.paper_out:
            self._interrupt()

    def wear_out(self, columns: Iterable[int]) -> None:
        """Have these dots of the head print nothing any more."""
        bits = int.from_bytes(bytes([0xFF]) * self._stride)
        for column in columns:
            bits &= ~(1 << (self.width_dots - 1 - column % self.width_dots))
        self._worn = bits.to_bytes(self._stride)

    def draw(self, rows: bytes) -> int:
        """Print rows of the head's width; gives how many came out before the paper ended."""
        wanted = len(rows) // self._stride
        count = min(wanted, self._roll_dots)
        self._drawn = self._drawn or count > 0
        self._append(self._worn_away(rows[: count * self._stride]))
        self._use(count)
        return count

    def feed(self, dots: int) -> int:
        """Move paper; gives how many dots it moved before the paper ended."""
        count = min(dots, self._roll_dots)
        self._append(bytes(count * self._stride))
        self._use(count)
        return count

    def cut(self) -> None:
        """End the piece of paper, if anything is on it."""
        mark = Mark.REST if self._begun_in_the_middle else Mark.WHOLE
        self._begun_in_the_middle = False
        self._deliver(mark)

    def tear(self) -> None:
        """Power or paper is gone: what came out so far is all there is of it."""
        self._begun_in_the_middle = False
        self._deliver(Mark.TORN)

    def _worn_away(self, rows: bytes) -> bytes:
        if self._worn is None:
            return rows
        alive = int.from_bytes(self._worn * (len(rows) // self._stride))
        return (int.from_bytes(rows) & alive).to_bytes(len(rows))

    def _append(self, rows: bytes) -> None:
        room = STRIP_ROWS * self._stride - len(self._strip)
        self._strip += rows[:room]

    def _use(self, dots: int) -> None:
        had_paper = not self.paper_out
        self._roll_dots -= dots
        if had_paper and self.paper_out:
            self._interrupt()

    def _interrupt(self) -> None:
        """The paper ends: what comes later goes on new paper."""
        middle = self._drawn
        self._deliver(Mark.TORN)
        self._begun_in_the_middle = middle

    def _deliver(self, mark: Mark) -> None:
        rows, drawn = bytes(self._strip), self._drawn
        self._strip.clear()
        self._drawn = False
        if drawn:
            self._out(Label(Page(self.width_dots, len(rows) // self._stride, rows), mark))
