"""A machine that is slow at the worst moments, as a plugin of pytest: `make shake`.

Owns: the delays. Must not know: any test, any part of the agent but the manual clock.

Threads begin and end late, what they tell the loop comes late, some of the sockets that are ready wait for
the next round, the loop stands still now and then, a manual clock settles for longer, a program that was
started is heard of late. No machine promises anything else: what fails here will fail in CI one day.
`SHAKE_SEED` repeats a run as far as threads can be repeated.
"""

from __future__ import annotations

import asyncio
import os
import random
import selectors
import subprocess
import threading
import time
from asyncio import base_events
from concurrent.futures import thread as executor
from typing import Any

import pytest

from edge_agent.sdk.clock import SETTLE_ROUNDS, ManualClock

PAUSES_S = (*[0.0] * 8, 0.001, 0.004, 0.02, 0.08)  # of a thread; most have none
LONGEST_S = 0.3
HOLD_BACK = 0.15  # of all looks at the sockets some that are ready are overlooked
STALL_SHORT, STALL_LONG = 0.002, 0.00015  # of all looks the loop stands still

_dice = random.Random(os.environ.get("SHAKE_SEED") or os.urandom(8))
_sleep = time.sleep  # a test may replace the other one


def pytest_configure(config: pytest.Config) -> None:
    """Shake everything, for as long as this process lives."""
    _shake_threads()
    _shake_loop()
    _shake_programs()
    ManualClock._settle = _settle  # type: ignore[method-assign]


def _pause() -> None:
    pause_s = _dice.choice((*PAUSES_S, LONGEST_S * _dice.random()))
    if pause_s:
        _sleep(pause_s)


def _shake_threads() -> None:
    run, work = threading.Thread.run, executor._WorkItem.run  # type: ignore[attr-defined]
    tell = base_events.BaseEventLoop.call_soon_threadsafe

    def late_run(self: threading.Thread) -> None:
        _pause()
        try:
            run(self)
        finally:
            _pause()

    def late_work(self: object) -> None:
        _pause()
        work(self)

    def late_tell(self: Any, *args: Any, **more: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            _pause()
        return tell(self, *args, **more)

    threading.Thread.run = late_run  # type: ignore[method-assign]
    executor._WorkItem.run = late_work  # type: ignore[attr-defined]
    base_events.BaseEventLoop.call_soon_threadsafe = late_tell  # type: ignore[method-assign]


def _shake_loop() -> None:
    look = selectors.EpollSelector.select

    def late_look(self: selectors.EpollSelector, timeout: float | None = None) -> list[Any]:
        ready = look(self, timeout)
        chance = _dice.random()
        if chance < HOLD_BACK:
            ready = [one for one in ready if _dice.random() < 0.6]
            _dice.shuffle(ready)
        elif chance > 1 - STALL_LONG:
            _sleep(LONGEST_S * _dice.random())
        elif chance > 1 - STALL_SHORT:
            _sleep(0.02 * _dice.random())
        return ready

    selectors.EpollSelector.select = late_look  # type: ignore[method-assign]


def _shake_programs() -> None:
    start = subprocess.Popen.__init__

    def late_start(self: Any, *args: Any, **more: Any) -> None:
        start(self, *args, **more)
        _pause()

    subprocess.Popen.__init__ = late_start  # type: ignore[method-assign]


async def _settle(_clock: ManualClock) -> None:
    for _ in range(_dice.choice((1, 1, 1, 2, 7)) * SETTLE_ROUNDS):
        await asyncio.sleep(0)
    if _dice.random() < 0.03:
        await asyncio.sleep(0.05 * _dice.random())
