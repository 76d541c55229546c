"""How old something is, over restarts of the box and with clocks that may be wrong.

Owns: that one answer. Must not know: what is old, what follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.sdk.values import ClockQuality, Stamp


@dataclass(frozen=True, slots=True)
class Moment:
    """A stamp and the boot that it belongs to."""

    boot: str
    at: Stamp


@dataclass(frozen=True, slots=True)
class Age:
    """At least so many milliseconds; `known` tells whether it is not more."""

    least_ms: int
    known: bool


def age(then: Moment, now: Moment) -> Age:
    """By the time since boot where both have the same one; else by UTC if both vouch for it.

    What was before this boot is at least as old as the boot. How long the box was off, only UTC can tell.
    """
    if then.boot == now.boot:
        return Age(max(0, now.at.uptime_ms - then.at.uptime_ms), known=True)
    since_boot_ms = now.at.uptime_ms
    apart_ms = now.at.utc_ms - then.at.utc_ms
    trusted = ClockQuality.NONE not in {then.at.quality, now.at.quality}
    if not trusted or apart_ms < 0:
        return Age(since_boot_ms, known=False)
    return Age(max(since_boot_ms, apart_ms), known=True)
