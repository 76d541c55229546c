"""How a scale is doing, from the frames it sends: age, rate, share of bad frames, drift of its zero.

Owns: the counts and what they mean for a person. Must not know: protocols, the flow, where it is shown.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal

from edge_agent.sdk.values import Reading, Weight

WINDOW_MS = 10_000  # rates over ten seconds: long enough for a slow poll, short enough to notice a change
WINDOW_FRAMES = 512  # more than 50 frames a second is no scale
ZEROS_KEPT = 100  # about half a day of parcels: a trend, not noise
BAD_SHARE_PERCENT = 50  # above this the line settings or the protocol are wrong; a bad cable stays below
BAD_FRAMES_LEAST = 5  # before this many nobody can tell


@dataclass(frozen=True, slots=True)
class ScaleHealth:
    """`last_good_age_ms` None: no good frame yet. `zero_drift` from the oldest to the newest empty pan."""

    last_good_age_ms: int | None
    frames_per_10_s: int
    bad_percent: int
    zero_drift: str | None
    hint: str


class ScaleWatch:
    """Follows one scale; told of every frame."""

    def __init__(self) -> None:
        self._frames: deque[tuple[int, bool]] = deque(maxlen=WINDOW_FRAMES)
        self._zeros: deque[tuple[Decimal, str]] = deque(maxlen=ZEROS_KEPT)
        self._last_good_ms: int | None = None

    def good(self, weight: Weight) -> None:
        """A frame of the protocol."""
        self._frames.append((weight.at.uptime_ms, True))
        self._last_good_ms = weight.at.uptime_ms

    def empty(self, reading: Reading) -> None:
        """The pan was found empty, and this is what the scale showed."""
        if reading.weight is not None and reading.unit is not None:
            self._zeros.append((reading.weight, reading.unit))

    def bad(self, at_ms: int) -> None:
        """Bytes that were no frame."""
        self._frames.append((at_ms, False))

    def health(self, now_ms: int) -> ScaleHealth:
        """What is known now."""
        recent = [good for at_ms, good in self._frames if now_ms - at_ms <= WINDOW_MS]
        bad = recent.count(False)
        percent = 100 * bad // len(recent) if recent else 0
        age = None if self._last_good_ms is None else now_ms - self._last_good_ms
        return ScaleHealth(age, len(recent), percent, self._drift(), _hint(bad, percent))

    def _drift(self) -> str | None:
        """How far the zero has wandered; None while the unit changed or there are fewer than two."""
        units = {unit for _, unit in self._zeros}
        if len(self._zeros) < 2 or len(units) != 1:
            return None
        return f"{self._zeros[-1][0] - self._zeros[0][0]:f} {units.pop()}"


def _hint(bad: int, percent: int) -> str:
    if bad >= BAD_FRAMES_LEAST and percent >= BAD_SHARE_PERCENT:
        return "most bytes are no frames: check baud rate, parity and protocol of the scale"
    return ""
