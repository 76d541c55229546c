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
from tests.vm.machine import Machine

AT_ONCE = "at once when something was saved"
IN_COMMIT = "in the middle of a commit"
LATER = "at some time"
MOMENTS = (AT_ONCE, IN_COMMIT, LATER)
COMMIT_LOOK_S = 0.001  # between looks at the write log: a commit takes some ten milliseconds here
FLUSHES = 20  # of a parcel: one of these commits is cut
LINES = 120  # what the host hears from waking up to the second parcel: after one of these lines


def choose(
    moment: str, counter: Counter, machine: Machine, log: Path, dice: random.Random
) -> asyncio.Task[None] | None:
    """Cut the machine's power at that moment; the task that watches for it, where there is one."""
    cut = machine.process.kill
    if moment == IN_COMMIT:
        return asyncio.create_task(_cut_a_commit(counter, machine, Growing(log), dice.randrange(FLUSHES)))
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


async def _cut_a_commit(counter: Counter, machine: Machine, log: Growing, skip: int) -> None:
    """After a scan and so many flushes more, while something is written and not flushed.

    Seen is not enough: the commit may end before the cut, so the machine is held for a second look.
    """
    scanned = asyncio.Event()
    counter.on_scan = lambda _item: scanned.set()
    await scanned.wait()
    log.look()
    wanted = log.flushes + skip
    while True:
        log.look()
        if log.unflushed and log.flushes >= wanted:
            machine.freeze()
            log.look()
            if log.unflushed:
                machine.process.kill()
                return
            machine.thaw()
        await asyncio.sleep(COMMIT_LOOK_S)
