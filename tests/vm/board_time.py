"""How long something in the guest would have taken on the booth's board, a Raspberry Pi 4.

Owns: telling waiting from working, and how much slower than the board the guest works.
Must not know: what is timed. Runs in the guest.

A promise in seconds is about the board. Work takes the emulated guest about twice as long as the board, by
its own clock, which counts instructions (see machine.py); waiting for a timer takes both as long. So what
counts is the time in which the guest had nothing to do, and the rest divided by how slowly it works.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PI_LOOP, PI_LOOP_S = 400_000, 0.025  # a plain loop, and how long that board takes for it
IDLE_FIELDS = slice(4, 6)  # of a processor's line in /proc/stat: idle, waiting for a disk


class Stopwatch:
    """What a block took; the figures stand once it has ended."""

    wall_s = waited_s = 0.0
    slowness = 1.0

    @property
    def board_s(self) -> float:
        """Seconds on the board."""
        return self.waited_s + (self.wall_s - self.waited_s) / self.slowness

    def __str__(self) -> str:
        told = f"{self.wall_s:.2f} s, {self.waited_s:.2f} s of them idle"
        return f"{told}, {self.slowness:.0f} times slower: {self.board_s:.2f} s on the board"


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Time a block. Polling in it shall be rare: it passes for work."""
    ours = Stopwatch()
    before = slowness()
    start, idle = time.monotonic(), _idle_s()
    yield ours
    ours.wall_s, idle = time.monotonic() - start, _idle_s() - idle
    worked_s = ours.wall_s * (os.cpu_count() or 1) - idle  # of all processors together
    ours.waited_s = min(ours.wall_s, max(0.0, ours.wall_s - worked_s))
    ours.slowness = (before + slowness()) / 2


def slowness() -> float:
    """How many times slower than the board a program runs here just now; at least 1."""
    start = time.monotonic()
    sum(range(PI_LOOP))
    return max(1.0, (time.monotonic() - start) / PI_LOOP_S)


def _idle_s() -> float:
    lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    idle = [line.split()[IDLE_FIELDS] for line in lines if line.startswith("cpu") and line[3].isdigit()]
    return sum(int(ticks) for pair in idle for ticks in pair) / os.sysconf("SC_CLK_TCK")
