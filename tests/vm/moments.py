"""When the power goes: always in the wake of something that happened, never by the clock.

Owns: the three moments. Must not know: disks, what becomes of the booth.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

from tests.vm.counter import Counter
from tests.vm.disk_log import Growing

AT_ONCE = "at once when something was saved"
IN_COMMIT = "in the middle of a commit"
LATER = "at some time"
MOMENTS = (AT_ONCE, IN_COMMIT, LATER)
COMMIT_LOOK_S = 0.001  # between looks at the write log: a commit takes some ten milliseconds here
FLUSHES = 20  # of a parcel: one of these commits is cut
LINES = 120  # what the host hears from waking up to the second parcel: after one of these lines


def choose(
    moment: str, counter: Counter, cut: Callable[[], None], log: Path, dice: random.Random
) -> asyncio.Task[None] | None:
    """Have `cut` called at that moment; the task that watches for it, where there is one."""
    if moment == IN_COMMIT:
        return asyncio.create_task(_cut_a_commit(counter, cut, Growing(log), dice.randrange(FLUSHES)))
    if moment == AT_ONCE:
        left = Countdown(dice.randint(1, 2), cut)
        counter.on_saved = lambda _item: left.one_less()
    else:
        counter.on_line = Countdown(dice.randint(0, LINES), cut).one_less
    return None


class Countdown:
    """Does something when it has been counted down, once."""

    def __init__(self, left: int, action: Callable[[], None]) -> None:
        self._left = left
        self._action = action

    def one_less(self) -> None:
        self._left -= 1
        if self._left <= 0:
            self._action()
            self._action = lambda: None


async def _cut_a_commit(counter: Counter, cut: Callable[[], None], log: Growing, skip: int) -> None:
    """After a scan and so many flushes more, as soon as something is written and not flushed."""
    scanned = asyncio.Event()
    counter.on_scan = lambda _item: scanned.set()
    await scanned.wait()
    log.look()
    wanted = log.flushes + skip
    while not log.unflushed or log.flushes < wanted:
        await asyncio.sleep(COMMIT_LOOK_S)
        log.look()
    cut()
