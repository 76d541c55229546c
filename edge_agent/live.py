"""The live weight for those who only look: thinned to a rate, apart from anything that is accepted.

Owns: the rate. Must not know: who looks, what a parcel is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edge_agent.events.model import JsonValue
from edge_agent.sdk.driver import show
from edge_agent.sdk.values import Weight


def as_shown(weight: Weight) -> dict[str, JsonValue]:
    """A weight as a page, a monitor or `up/live` carries it."""
    reading = weight.reading
    return {
        "device": weight.device,
        "status": reading.status.value,
        "weight": show(reading) or None,
        "unit": reading.unit,
        "stable": reading.stable,
        "uptimems": weight.at.uptime_ms,
    }


class Thinned:
    """Passes at most so many weights a second of each device."""

    def __init__(self, per_s: int, tell: Callable[[Mapping[str, JsonValue]], None]) -> None:
        """`per_s` 0 passes none."""
        self._gap_ms = 1000 // per_s if per_s else None
        self._tell = tell
        self._told_ms: dict[str, int] = {}

    def see(self, weight: Weight) -> None:
        """A weight came."""
        if self._gap_ms is None:
            return
        told_ms = self._told_ms.get(weight.device)
        if told_ms is None or weight.at.uptime_ms - told_ms >= self._gap_ms:
            self._told_ms[weight.device] = weight.at.uptime_ms
            self._tell(as_shown(weight))
