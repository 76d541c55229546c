"""A weighing pan: load, settling, zero, tare and the limits that a legal scale keeps.

Owns: what the scale indicates at each moment. Must not know: protocols, ports, clocks (time comes as dt).
Document: OIML R 76-1:2006, 4.4.2 (no zero or tare out of equilibrium), 4.2.3 and 4.5 (zero ranges, blanking).

The analogue signal is a float in divisions; what is indicated is an exact multiple of the division.
"""

from __future__ import annotations

import math
import random
from decimal import ROUND_CEILING, Decimal

from edge_agent.sdk.driver import Indication
from edge_agent.sdk.errors import ConfigError

GRAMS = {
    "mg": Decimal("0.001"),
    "g": Decimal(1),
    "kg": Decimal(1000),
    "t": Decimal(1_000_000),
    "lb": Decimal("453.59237"),
    "oz": Decimal("28.349523125"),
}
MOST_DIVISIONS = 1_000_000  # a laboratory balance; ten times a class II scale
ZERO_RANGE = 0.02  # of Max: the keyed zero, R 76 allows 4 % from end to end
START_ZERO_RANGE = 0.10  # of Max: the zero at power-on, R 76 allows 20 % from end to end
BLANK_ABOVE = 9  # divisions over Max at which the digits go out
SATURATION = 20  # divisions beyond the blanking where the converter ends: digits stay within their field
CRUSHING = 10  # times Max: nothing heavier is told apart, and floats stay exact
SETTLED = 0.25  # divisions from the end value that count as equilibrium
STILL_S = 0.3  # equilibrium must last this long before it is called stable
START_S = 2.0  # from power-on to the first indication
STEPS = (Decimal(1), Decimal(2), Decimal(5))  # the only divisions allowed, times a power of ten


class ScalePhysics:
    """One scale. `advance` it, then ask `indicate`."""

    def __init__(
        self,
        capacity: Decimal = Decimal(30),
        division: Decimal = Decimal("0.005"),
        unit: str = "kg",
        *,
        settle_s: float = 0.15,
        noise: float = 0.2,
        seed: int = 0,
    ) -> None:
        finite = division.is_finite() and capacity.is_finite()
        if unit not in GRAMS or not finite or not 0 < division <= capacity <= division * MOST_DIVISIONS:
            raise ConfigError("sim.scale", f"no scale has {capacity} by {division} {unit}")
        self.unit = unit
        self.division = division + 0  # without a positive exponent: 1E+1 is shown as 10
        self.capacity = capacity
        self.powered = True
        self.fault = False
        self._tau_s = settle_s
        self._noise = noise
        self._dice = random.Random(seed)
        self._start_left_s = 0.0
        self._load = 0.0  # all of these in divisions
        self._residual = 0.0
        self._creep = 0.0
        self._drift = 0.0  # per second
        self._zero = 0.0
        self._tare = 0
        self._still_s = STILL_S
        self._stuck: Indication | None = None

    @property
    def answering(self) -> bool:
        """Whether the electronics run: powered and past their self-test."""
        return self.powered and self._start_left_s <= 0

    @property
    def moving(self) -> bool:
        return self._still_s < STILL_S

    def put(self, load: Decimal) -> None:
        """Have this load on the pan, in the current unit, whatever lay there before."""
        if not load.is_finite():
            raise ConfigError("sim.load", f"{load} is no load")
        most = self.capacity * CRUSHING
        target = float(max(-most, min(load, most)) / self.division)
        self._residual += target - self._load
        self._load = target
        self._still_s = 0.0 if abs(self._residual) >= SETTLED else self._still_s

    def disturb(self, divisions: float) -> None:
        """A knock on the table or a draught: the signal swings by so much and settles again."""
        self._residual += divisions
        self._still_s = 0.0 if abs(self._residual) >= SETTLED else self._still_s

    def drift(self, per_minute: Decimal) -> None:
        """Have the zero creep by so much a minute."""
        self._drift = float(per_minute / self.division) / 60

    def stick(self, stuck: bool) -> None:
        """Have the indication frozen as it is now, or follow the load again."""
        self._stuck = self.indicate() if stuck else None

    def advance(self, dt_s: float) -> None:
        """Let time pass; one long step gives the same as many short ones."""
        if self._start_left_s > 0:
            self._start_left_s -= dt_s
            if self._start_left_s <= 0:
                self._zero_at_start()
        self._creep += self._drift * dt_s
        before = abs(self._residual)
        self._residual *= math.exp(-dt_s / self._tau_s)
        if abs(self._residual) >= SETTLED:
            self._still_s = 0.0
        elif before < SETTLED:
            self._still_s += dt_s
        else:
            self._still_s = dt_s - self._tau_s * math.log(before / SETTLED)

    def indicate(self) -> Indication:
        """What the scale shows now. In overload `gross` is only the end of the range: no weight."""
        if self._stuck is not None:
            return self._stuck
        top = self._divisions_of_max() + BLANK_ABOVE
        gross = math.floor(self._signal() + self._swing() + 0.5)
        return Indication(
            gross=self._weight(max(-top, min(gross, top + SATURATION))),
            unit=self.unit,
            tare=self._weight(self._tare),
            motion=self.moving,
            overload=gross > top,
            fault=self.fault,
        )

    def zero(self) -> bool:
        """Set to zero; refused in motion, outside of 2 % of Max around the first zero, or with a fault."""
        raw = self._load + self._creep
        if self.moving or self.fault or abs(raw) > ZERO_RANGE * self._divisions_of_max():
            return False
        self._zero = raw
        self._tare = 0
        return True

    def tare(self) -> bool:
        """Take the present load as tare; refused in motion, below zero or in overload."""
        now = self.indicate()
        if now.motion or now.overload or now.fault or now.gross < 0:
            return False
        self._tare = int(now.gross / self.division)
        return True

    def preset_tare(self, tare: Decimal) -> bool:
        """Take a tare that was keyed in; refused below zero, above Max, or between two divisions."""
        if not tare.is_finite() or not 0 <= tare <= self.capacity or tare % self.division:
            return False
        self._tare = int(tare / self.division)
        return True

    def clear_tare(self) -> bool:
        self._tare = 0
        return True

    def power(self, on: bool) -> None:
        """Switch; the tare is lost, and a small load on the pan at power-on becomes the zero."""
        if on and not self.powered:
            self._start_left_s = START_S
        self.powered = on
        self._tare = 0
        self._stuck = None

    def change_unit(self, unit: str) -> None:
        """Indicate in another unit, by the next allowed division; the tare is lost."""
        if unit not in GRAMS:
            raise ConfigError("sim.unit", f"unknown unit {unit!r}; known: {', '.join(GRAMS)}")
        factor = GRAMS[self.unit] / GRAMS[unit]
        division = _allowed_step(self.division * factor)
        scale = float(self.division * factor / division)
        self.capacity = (self.capacity * factor // division) * division
        self.unit, self.division = unit, division
        self._load *= scale
        self._residual *= scale
        self._creep *= scale
        self._drift *= scale
        self._zero *= scale
        self._tare = 0
        self._stuck = None

    def _signal(self) -> float:
        return self._load + self._creep - self._zero - self._residual

    def _swing(self) -> float:
        """Noise that dies away with the movement and is nothing at rest."""
        return self._residual * self._noise * self._dice.uniform(-1, 1) if self.moving else 0.0

    def _zero_at_start(self) -> None:
        raw = self._load + self._creep
        self._zero = raw if abs(raw) <= START_ZERO_RANGE * self._divisions_of_max() else 0.0

    def _divisions_of_max(self) -> int:
        return int(self.capacity / self.division)

    def _weight(self, divisions: int) -> Decimal:
        return divisions * self.division


def _allowed_step(wanted: Decimal) -> Decimal:
    """The smallest of 1, 2, 5 times a power of ten that is not below the wanted division."""
    power = Decimal(1).scaleb(wanted.adjusted())
    factor = (wanted / power).to_integral_value(ROUND_CEILING)
    step = next((one for one in STEPS if one >= factor), Decimal(10))
    return step * power + 0  # without a positive exponent
