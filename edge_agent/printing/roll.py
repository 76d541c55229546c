"""How much paper is left on the roll: by what was fed since it was put in, and by the printer's own sensor.

Owns: the forecast and when it is told. Must not know: printers' protocols, the ledger, pages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge_agent.sdk.values import Page, Paper, PrinterState

GAP_MM = 3  # between die-cut labels, or fed before the cut
NEAR_END_MM = 2_000  # some 15 parcel labels: time enough to fetch a roll
USUAL_DPI = 203  # of a head of which nobody said otherwise
NO_PAPER = frozenset({Paper.OUT, Paper.NEAR_END})


@dataclass(frozen=True, slots=True)
class Roll:
    """`length_mm` of a full roll, 0 where nobody told; `fed_mm` since it was put in; `paper` as last sensed.

    `told` says that its near end has been told.
    """

    length_mm: int = 0
    fed_mm: int = 0
    paper: Paper = Paper.UNKNOWN
    told: bool = False

    @property
    def left_mm(self) -> int | None:
        """What should be left; None where the roll's length is not known."""
        return max(0, self.length_mm - self.fed_mm) if self.length_mm else None

    @property
    def is_near_end(self) -> bool:
        """By the sensor, or else by the forecast, which is the less sure of the two."""
        if self.paper in NO_PAPER:
            return True
        return self.left_mm is not None and self.left_mm < NEAR_END_MM

    def fed(self, mm: int) -> Roll:
        """So much more paper has left; negative where it had not, after all."""
        return replace(self, fed_mm=max(0, self.fed_mm + mm))

    def sensed(self, state: PrinterState) -> Roll:
        """The printer tells how its paper is: after an end, paper means another roll."""
        if state.paper is Paper.UNKNOWN:
            return self
        if self.paper in NO_PAPER and state.paper is Paper.OK:
            return self.renewed()
        return replace(self, paper=state.paper)

    def renewed(self) -> Roll:
        """A new roll is in."""
        return Roll(self.length_mm, paper=Paper.OK if self.paper is not Paper.UNKNOWN else self.paper)


def length_mm(page: Page, dpi: int = USUAL_DPI) -> int:
    """The paper that a page takes at this resolution, rounded up, with the gap after it."""
    return -(-page.height * 254 // (dpi * 10)) + GAP_MM
