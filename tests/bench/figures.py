"""What one measurement says, and whether its promise holds.

Owns: figures, holds, the verdict. Must not know: how anything is measured or shown.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """`NEAR`: beyond the number, but within what a shared machine may add; it does not fail the run."""

    OK = "ok"
    NEAR = "near"
    OVER = "over"
    SHOWN = "-"


@dataclass(frozen=True, slots=True)
class Hold:
    """A number to hold. `of_floor` judges the ratio to the floor, else the value; `least` turns it round.

    `margin` is the share by which a noisy machine may miss it.
    """

    limit: float
    of_floor: bool = False
    least: bool = False
    margin: float = 0.15


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `floor` is the same thing done in the barest way, in the same run."""

    lane: str
    what: str
    value: float
    unit: str
    floor: float | None = None
    hold: Hold | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        if self.floor is None or not self.floor:
            return None
        return self.value / self.floor

    @property
    def verdict(self) -> Verdict:
        hold = self.hold
        if hold is None:
            return Verdict.SHOWN
        judged = self.ratio if hold.of_floor else self.value
        if judged is None or not math.isfinite(judged):
            return Verdict.OVER
        if hold.least:
            judged, limit, slack = -judged, -hold.limit, hold.limit * hold.margin
        else:
            limit, slack = hold.limit, hold.limit * hold.margin
        if judged <= limit:
            return Verdict.OK
        return Verdict.NEAR if judged <= limit + slack else Verdict.OVER


def middle(values: Sequence[float]) -> float:
    """The median; of nothing, not a number."""
    return statistics.median(values) if values else math.nan


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed; of nothing, not a number."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]
