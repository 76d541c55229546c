"""How many bytes a day the booth may send over a metered link, and who has to stop first.

Owns: the count, its day, the shares. Must not know: messages, the ledger's file.

A day is 24 hours of the monotonic clock, so that a clock that jumps gives nothing away; only over a boot the
wall clock has to do. What is counted is our own publishes; TCP, TLS and what comes down are not.
"""

from __future__ import annotations

import json

from edge_agent.sdk.clock import Clock
from edge_agent.sdk.values import Stamp

DAY_MS = 86_400_000
MIB = 1 << 20
TELEMETRY_PERCENT = 80  # from here on only events leave
KEEP_STEPS = 20  # of a day's budget: so many small writes a day keep the count over a restart


class Budget:
    """`daily_mib` 0 is no limit."""

    def __init__(self, daily_mib: int, clock: Clock, boot: str = "") -> None:
        self._limit = daily_mib * MIB
        self._clock = clock
        self._boot = boot
        self._day_began = clock.stamp()
        self._kept_step = 0
        self.used = 0

    def spend(self, size: int) -> None:
        self._roll()
        self.used += size

    @property
    def limited(self) -> bool:
        return self._limit > 0

    @property
    def telemetry(self) -> bool:
        """Whether metrics and live weights may leave."""
        self._roll()
        return not self._limit or self.used * 100 < self._limit * TELEMETRY_PERCENT

    @property
    def records(self) -> bool:
        """Whether events other than those of accepted parcels may leave."""
        self._roll()
        return not self._limit or self.used < self._limit

    def to_keep(self) -> str:
        """The count as text when it has grown by a step worth a write, else nothing."""
        step = self.used * KEEP_STEPS // self._limit if self._limit else 0
        if step <= self._kept_step:
            return ""
        self._kept_step = step
        began = self._day_began
        return json.dumps(
            {"used": self.used, "boot": self._boot, "uptime_ms": began.uptime_ms, "utc_ms": began.utc_ms}
        )

    def restore(self, kept: str) -> None:
        """Go on with the count of the last run; over a boot the day goes on by the wall clock."""
        try:
            value = json.loads(kept)
            used, boot = int(value["used"]), str(value["boot"])
            began = (int(value["uptime_ms"]), int(value["utc_ms"]))
        except (ValueError, TypeError, KeyError):
            return
        now = self._clock.stamp()
        age_ms = now.uptime_ms - began[0] if boot == self._boot else now.utc_ms - began[1]
        if age_ms >= DAY_MS:
            return
        age_ms = max(0, age_ms)  # a clock that went back: the day is not older than nothing
        self.used += used
        self._day_began = Stamp(now.uptime_ms - age_ms, now.utc_ms - age_ms, now.quality)
        self._kept_step = self.used * KEEP_STEPS // self._limit if self._limit else 0

    def _age_ms(self) -> int:
        return self._clock.stamp().uptime_ms - self._day_began.uptime_ms

    def _roll(self) -> None:
        if self._limit and self._age_ms() >= DAY_MS:
            self._day_began = self._clock.stamp()
            self.used = self._kept_step = 0
