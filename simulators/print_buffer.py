"""What a printer has received and not yet printed, in order and measured in bytes.

Owns: the kinds of work, the queue and its size. Must not know: time, paper, languages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

COMMAND_BYTES = 3  # what a command without data takes in the buffer
SHEETS_HELD = 4  # whole labels that a label printer draws ahead


class Answer(StrEnum):
    """What a printer may know how to answer; clones know less."""

    EOT = "eot"
    ASB = "asb"
    GS_R = "gs_r"
    GS_H = "gs_h"
    HS = "hs"
    HQES = "hqes"
    COUNT = "count"
    STATUS = "status"
    FULL_STATUS = "full_status"
    REPORT = "report"
    ACK = "ack"


@dataclass(frozen=True, slots=True)
class Rows:
    """Raster rows that wait to be printed."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Feed:
    """Paper that is to be moved by so many dots."""

    dots: int


@dataclass(frozen=True, slots=True)
class Sever:
    """The piece of paper ends here."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole label, `left` of it not yet on paper; an interrupted one begins `again`, or is given up."""

    data: bytes
    left: bytes
    again: bool

    @property
    def begun(self) -> bool:
        return len(self.left) < len(self.data)


@dataclass(frozen=True, slots=True)
class Reply:
    """Something that is answered when everything before it is done."""

    answer: Answer
    make: Callable[[], bytes]


Work = Rows | Feed | Sever | Sheet | Reply


class PrintBuffer:
    """First in, first out; whoever fills it looks at `size` and `sheets` first."""

    def __init__(self) -> None:
        self._work: deque[Work] = deque()
        self.size = 0

    def __bool__(self) -> bool:
        return bool(self._work)

    @property
    def sheets(self) -> int:
        """Whole labels that wait or are being printed."""
        return sum(isinstance(work, Sheet) for work in self._work)

    @property
    def first(self) -> Work | None:
        """What is printed next, or is being printed."""
        return self._work[0] if self._work else None

    def add(self, work: Work) -> None:
        self._work.append(work)
        self.size += _size(work)

    def put_back(self, work: Rows | Feed | Sheet) -> None:
        """Have this as the next work, if anything is left of it."""
        if _is_left(work):
            self._work.appendleft(work)
            self.size += _size(work)

    def take(self) -> Work:
        work = self._work.popleft()
        self.size -= _size(work)
        return work

    def clear(self) -> None:
        self._work.clear()
        self.size = 0


def _is_left(work: Rows | Feed | Sheet) -> bool:
    match work:
        case Rows(data):
            return bool(data)
        case Feed(dots):
            return dots > 0
        case Sheet(left=left):
            return bool(left)


def _size(work: Work) -> int:
    match work:
        case Rows(data):
            return len(data)
        case Feed(dots):
            return dots and COMMAND_BYTES
        case Sheet():
            return 0  # drawn in the memory for pictures, not in the receive buffer
        case _:
            return COMMAND_BYTES
