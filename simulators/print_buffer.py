"""What a printer has received and not yet printed, in order and measured in bytes.

Owns: the queue and its size. Must not know: time, paper, where the work comes from.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from drivers.printers.escpos_device import Cut, Fed, PaperAsked, ProcessIdAsked

COMMAND_BYTES = 3  # what a command without data takes in the buffer


@dataclass(frozen=True, slots=True)
class Rows:
    """Raster rows that wait to be printed."""

    data: bytes


Work = Rows | Fed | Cut | PaperAsked | ProcessIdAsked


class PrintBuffer:
    """First in, first out; whoever fills it looks at `size` first."""

    def __init__(self) -> None:
        self._work: deque[Work] = deque()
        self.size = 0

    def __bool__(self) -> bool:
        return bool(self._work)

    def add(self, work: Work) -> None:
        self._work.append(work)
        self.size += _size(work)

    def put_back(self, work: Rows | Fed) -> None:
        """Have this as the next work, if anything is left of it."""
        if _size(work):
            self._work.appendleft(work)
            self.size += _size(work)

    def take(self) -> Work:
        work = self._work.popleft()
        self.size -= _size(work)
        return work

    def clear(self) -> None:
        self._work.clear()
        self.size = 0


def _size(work: Work) -> int:
    match work:
        case Rows(data):
            return len(data)
        case Fed(dots):
            return dots and COMMAND_BYTES
        case _:
            return COMMAND_BYTES
