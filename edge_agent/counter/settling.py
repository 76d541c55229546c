"""When a weight has settled, and when the pan is empty. Pure: readings in, findings out.

Owns: the rule of stillness. Must not know: parcels, prompts, time other than the readings' own stamps.

With the device's own flag: two equal readings flagged stable, one after the other. Without a flag: equal
readings over a window of time and number. Whatever is no weight (motion, overload, error, a bad frame, a gap)
starts anew. Equality is on the numeral as sent. Reasons: OIML R 76-1:2006 4.4.2 asks for stable equilibrium
before a value is stored; the window's length is set for 5 to 20 readings a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from edge_agent.sdk.values import Reading, Stamp, Status, Weight

IN_KG = {
    "kg": Decimal(1),
    "g": Decimal("0.001"),
    "mg": Decimal("0.000001"),
    "t": Decimal(1000),
    "lb": Decimal("0.45359237"),
    "oz": Decimal("0.028349523125"),
}
WEIGHING = frozenset({Status.OK, Status.ZERO})
SHOWN = WEIGHING | {Status.MOTION}


@dataclass(frozen=True, slots=True)
class SettleRules:
    """How still is still, and how little is nothing. Times in milliseconds, `empty_below` in kilograms."""

    flagged_readings: int = 2
    unflagged_readings: int = 5
    unflagged_window_ms: int = 1000
    gap_ms: int = 2500  # slower than the slowest poll: readings further apart are no run
    empty_below: Decimal = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class Settled:
    """A run of equal readings: the reading, when it began and ended, how many, and by what it is stable.

    `spread` is the span of all numerals since the settler was last begun, in the reading's unit; None where
    the unit changed meanwhile.
    """

    reading: Reading
    device: str
    first: Stamp
    last: Stamp
    count: int
    by_flag: bool
    empty: bool
    spread: Decimal | None = None


def kilograms(reading: Reading) -> Decimal | None:
    """The weight in kilograms, for comparing with limits only; None where there is none."""
    if reading.weight is None or reading.unit not in IN_KG:
        return None
    return reading.weight * IN_KG[reading.unit]


class Settler:
    """Follows one scale."""

    def __init__(self, rules: SettleRules) -> None:
        self._rules = rules
        self._run: list[Weight] = []
        self._count = 0
        self._seen: set[Decimal] = set()
        self._units: set[str | None] = set()

    def begin(self) -> None:
        """Only what comes from now on counts, for the run and for the spread."""
        self.reset()
        self._seen.clear()
        self._units.clear()

    def reset(self) -> None:
        """A bad frame, a lost link: what came before proves nothing."""
        self._run.clear()
        self._count = 0

    def feed(self, weight: Weight) -> Settled | None:
        """The run that this reading completes, or continues; None while it is not still."""
        reading = weight.reading
        self._note(reading)
        if reading.status not in WEIGHING or reading.weight is None or reading.stable is False:
            self.reset()
            return None
        if self._run and not self._continues(weight):
            self.reset()
        self._run = [self._run[0], weight] if self._run else [weight]
        self._count += 1
        return self._finding() if self._still() else None

    def _note(self, reading: Reading) -> None:
        """Keep the two ends of what was shown."""
        if reading.weight is not None and reading.status in SHOWN:
            self._seen = {min(self._seen | {reading.weight}), max(self._seen | {reading.weight})}
            self._units.add(reading.unit)

    def _continues(self, weight: Weight) -> bool:
        before = self._run[-1]
        gap = weight.at.uptime_ms - before.at.uptime_ms
        return 0 <= gap <= self._rules.gap_ms and _indication(weight.reading) == _indication(before.reading)

    def _still(self) -> bool:
        if self._run[-1].reading.stable:
            return self._count >= self._rules.flagged_readings
        span = self._run[-1].at.uptime_ms - self._run[0].at.uptime_ms
        return self._count >= self._rules.unflagged_readings and span >= self._rules.unflagged_window_ms

    def _finding(self) -> Settled:
        first, last = self._run[0], self._run[-1]
        weighed = kilograms(last.reading)
        empty = weighed is not None and abs(weighed) <= self._rules.empty_below
        return Settled(
            reading=last.reading,
            device=last.device,
            first=first.at,
            last=last.at,
            count=self._count,
            by_flag=bool(last.reading.stable),
            empty=empty or last.reading.status is Status.ZERO,
            spread=max(self._seen) - min(self._seen) if len(self._units) == 1 else None,
        )


def _indication(reading: Reading) -> tuple[str, str | None, bool | None, bool | None]:
    return (str(reading.weight), reading.unit, reading.net, reading.stable)
