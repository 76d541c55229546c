"""When the power goes: always in the wake of something that happened, never by the clock.

Owns: the five moments. Must not know: disks, what becomes of the booth.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

from edge_agent.sdk.values import Page
from tests.system.clerk import mark_on
from tests.vm.counter import Counter
from tests.vm.disk_log import Growing
from tests.vm.machine import Machine
from tests.vm.orders import Orders

AT_ONCE = "at once when something was saved"
IN_COMMIT = "in the middle of a commit"
LATER = "at some time"
IN_ORDER = "in the middle of a commit about a label that was ordered"
ON_LABEL = "at once when a label that was ordered came out"
MOMENTS = (IN_ORDER, AT_ONCE, IN_COMMIT, ON_LABEL, LATER)
ORDERING = frozenset({IN_ORDER, ON_LABEL})  # in which the centre orders
COMMIT_LOOK_S = 0.001  # between looks at the write log: a commit takes some ten milliseconds here
FLUSHES = 20  # of a parcel: one of these commits is cut
ORDER_FLUSHES = 8  # of an ordered label, likewise: entered, drawn, sending, ended, and the answers to it
LINES = 120  # what the host hears from waking up to the second parcel: after one of these lines


def choose(
    moment: str, counter: Counter, orders: Orders, machine: Machine, log: Path, dice: random.Random
) -> asyncio.Task[None] | None:
    """Cut the machine's power at that moment; the task that watches for it, where there is one."""
    cut = machine.process.kill
    if moment in {IN_COMMIT, IN_ORDER}:
        begun = asyncio.Event()
        if moment == IN_ORDER:
            orders.on_order = begun.set
        else:
            counter.on_scan = lambda _item: begun.set()
        skip = dice.randrange(FLUSHES if moment == IN_COMMIT else ORDER_FLUSHES)
        return asyncio.create_task(_cut_a_commit(begun, machine, Growing(log), skip))
    if moment == ON_LABEL:
        counter.on_label = lambda: _cut_if_ordered(counter.labels[-1].page, orders, machine)
    elif moment == AT_ONCE:
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


def _cut_if_ordered(page: Page, orders: Orders, machine: Machine) -> None:
    """The machine is held while the label is read: the agent must not learn yet that it is out."""
    machine.freeze()
    if mark_on(page).rpartition(":")[2] in orders.names:
        machine.process.kill()
    else:
        machine.thaw()


async def _cut_a_commit(begun: asyncio.Event, machine: Machine, log: Growing, skip: int) -> None:
    """After that and so many flushes more, while something is written and not flushed.

    Seen is not enough: the commit may end before the cut, so the machine is held for a second look.
    """
    await begun.wait()
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
