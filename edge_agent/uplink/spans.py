"""A set of event numbers as ranges: what the centre has beyond the gapless beginning.

Owns: joining, asking, bounding. Must not know: why. Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

SPANS_LIMIT = 512  # of single parcels between records: a day's drain; what is forgotten is only sent twice


class Spans:
    """Numbers above a rising floor."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] = []

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._spans, (number, 1 << 62)) - 1
        return at >= 0 and self._spans[at][0] <= number <= self._spans[at][1]

    def __len__(self) -> int:
        return len(self._spans)

    def add(self, first: int, last: int) -> None:
        """Both ends included."""
        if first > last:
            return
        kept = [span for span in self._spans if span[1] < first - 1 or span[0] > last + 1]
        joined = [span for span in self._spans if not (span[1] < first - 1 or span[0] > last + 1)]
        first = min([first, *(span[0] for span in joined)])
        last = max([last, *(span[1] for span in joined)])
        self._spans = sorted([*kept, (first, last)])[:SPANS_LIMIT]

    def add_all(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.add(number, number)

    def above(self, floor: int) -> int:
        """Forget what is not above `floor`; gives the floor raised over a span that follows it directly."""
        while self._spans and self._spans[0][0] <= floor + 1:
            floor = max(floor, self._spans.pop(0)[1])
        return floor
