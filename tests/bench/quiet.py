"""Waiting for a moment in which nobody else uses the machine.

Owns: that wait, how busy the others were. Must not know: lanes, figures.
"""

from __future__ import annotations

import time
from pathlib import Path

LOOK_S = 2.0  # a burst of another program is longer than the gaps within it
QUIET = 0.1  # share of all processors that others may use: less than one lane's noise


class Quiet:
    """Waits at most `patience_s` in all, and remembers how busy the others were when it stopped waiting."""

    def __init__(self, patience_s: float) -> None:
        self._left_s = patience_s
        self.busiest = 0.0

    def wait(self) -> None:
        """Until the others rest, or patience is at its end. Nothing of ours runs meanwhile."""
        busy = _busy_share()
        while busy > QUIET and self._left_s > 0:
            begin = time.monotonic()
            busy = _busy_share()
            self._left_s -= time.monotonic() - begin
        self.busiest = max(self.busiest, busy)

    def in_words(self) -> str:
        return f"others used up to {self.busiest:.0%} of the processors just before a lane"


def _busy_share() -> float:
    """Share of all processors' time that was not idle, over the next seconds."""
    busy, whole = _times()
    time.sleep(LOOK_S)
    busy_then, whole_then = _times()
    return (busy_then - busy) / max(1, whole_then - whole)


def _times() -> tuple[int, int]:
    """Ticks of all processors since boot: busy ones and all. Waiting for a disk is somebody's work, too."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(ticks) - ticks[3], sum(ticks)
