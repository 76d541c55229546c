"""Time as drivers and flows see it: a monotonic clock, a wall clock with a quality, and sleeping.

Owns: the Clock port, waiting with a limit, the system clock and the manual clock of tests.
Must not know: where the quality of the wall clock comes from (edge_agent.clock asks the system).
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Coroutine
from typing import Protocol, TypeVar

from edge_agent.sdk.values import ClockQuality, Stamp

SETTLE_ROUNDS = (
    60  # loop turns after each manual tick: a driver's longest exchange with its device takes about 25
)


ResultT = TypeVar("ResultT")


class Clock(Protocol):
    """What a driver may know of time. Timers use `monotonic_s`; UTC is only for records."""

    def monotonic_s(self) -> float:
        """Seconds since boot, never stepped (CLOCK_BOOTTIME)."""

    def stamp(self) -> Stamp:
        """Now, as a record carries it."""

    async def sleep(self, seconds: float) -> None:
        """Wait in monotonic time."""


async def within(clock: Clock, seconds: float, work: Coroutine[object, object, ResultT]) -> ResultT:
    """The result of `work`, or TimeoutError once `seconds` of `clock` have passed. Leaves nothing running.

    Work that is done in the very moment of the time-out counts as done.
    """
    doing = asyncio.ensure_future(work)
    limit = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((doing, limit), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        raise TimeoutError(f"not done within {seconds} s")
    finally:
        doing.cancel()
        limit.cancel()
        await asyncio.gather(doing, limit, return_exceptions=True)


class SystemClock:
    """The box's own clock. `quality` is asked at each stamp and must be cheap."""

    def __init__(self, quality: Callable[[], ClockQuality] = lambda: ClockQuality.NONE) -> None:
        self._quality = quality

    def monotonic_s(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def stamp(self) -> Stamp:
        return Stamp(
            uptime_ms=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
            utc_ms=time.time_ns() // 1_000_000,
            quality=self._quality(),
        )

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that moves only when told to; sleepers wake in the order of their deadlines."""

    def __init__(self, *, utc_ms: int = 1_800_000_000_000, uptime_ms: int = 60_000) -> None:
        self._utc_ms = utc_ms
        self._uptime_ms = uptime_ms
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = 0
        self.quality = ClockQuality.NTP

    def monotonic_s(self) -> float:
        return self._uptime_ms / 1000

    def stamp(self) -> Stamp:
        return Stamp(uptime_ms=self._uptime_ms, utc_ms=self._utc_ms, quality=self.quality)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._order += 1
        due = self._uptime_ms + max(1, round(seconds * 1000))
        heapq.heappush(self._sleepers, (due, self._order, woken))
        await woken

    @property
    def asleep(self) -> int:
        """How many sleep now; who waits for a thread or a port meanwhile does not."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    def jump_utc(self, milliseconds: int) -> None:
        """Step the wall clock only, as NTP or a technician does."""
        self._utc_ms += milliseconds

    async def advance(self, seconds: float) -> None:
        """Move both clocks on, waking each sleeper at its own moment."""
        await self._settle()
        end = self._uptime_ms + round(seconds * 1000)
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, woken = heapq.heappop(self._sleepers)
            self._move_to(max(due, self._uptime_ms))
            if not woken.done():
                woken.set_result(None)
                await self._settle()
        self._move_to(end)
        await self._settle()

    def _move_to(self, uptime_ms: int) -> None:
        self._utc_ms += uptime_ms - self._uptime_ms
        self._uptime_ms = uptime_ms

    async def _settle(self) -> None:
        for _ in range(SETTLE_ROUNDS):
            await asyncio.sleep(0)
