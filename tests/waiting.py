"""Waiting in tests: until it is so, and until it is so while a manual clock goes on.

Owns: the deadline after which a test gives up. Must not know: what is waited for.

A manual clock and real input or output (a socket, a thread, a disk) know nothing of each other: a step of the
clock may come before the sleep that it should have ended. So a test that has moved the clock and waits for
what comes of it over a real port or file lets the clock go on: `passing`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from edge_agent.sdk.clock import ManualClock, SystemClock

DEADLINE_S = 45.0  # of two slow cores with other work beside; below the time-out of a whole test
LOOK_S = 0.005


class Unhurried(SystemClock):
    """The system's clock for a driver on a real port: what it takes for a silence, no busy machine makes."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(20 * seconds)


async def until(condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """Look until it is so; a manual clock stands still meanwhile."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s:g} s"
        await asyncio.sleep(LOOK_S)


async def passing(clock: ManualClock, condition: Callable[[], object], *, step_s: float = 1.0) -> None:
    """Look until it is so, and let time go on whenever somebody sleeps."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"not within {DEADLINE_S:g} s, {clock.monotonic_s():g} s by the clock"
        if clock.asleep:
            await clock.advance(step_s)
        await asyncio.sleep(LOOK_S)


async def asleep(clock: ManualClock) -> None:
    """Wait until somebody sleeps on this clock: all that was under way elsewhere has come to its end."""
    await until(lambda: clock.asleep)
