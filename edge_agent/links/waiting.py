"""What has arrived on a link and waits for its reader: bytes that run together, or reports that do not.

Owns: how much may wait, and what one read gives. Must not know: descriptors, threads, who reads.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

WAITING_LIMIT = (
    16 * 1024
)  # what one read may give: four times what a tty holds; what it decodes to is in memory at one time
REPORTS_LIMIT = 256  # four times what the kernel keeps for one reader; two seconds of the fastest scale


class Waiting(Protocol):
    """Somewhere to put what arrives."""

    @property
    def room(self) -> int:
        """How many bytes may arrive now; none: the link is not read until somebody took something."""

    def add(self, data: bytes) -> None:
        """Something arrived."""

    def take(self) -> bytes:
        """What one read gives; empty if nothing waits."""

    def clear(self) -> int:
        """Forget everything; gives how many bytes that was."""

    def __len__(self) -> int:
        """How many bytes wait."""


class Stream:
    """Bytes without borders: one read gives all of them."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    @property
    def room(self) -> int:
        return max(0, WAITING_LIMIT - len(self._bytes))

    def add(self, data: bytes) -> None:
        self._bytes += data

    def take(self) -> bytes:
        data = bytes(self._bytes)
        self._bytes.clear()
        return data

    def clear(self) -> int:
        return len(self.take())

    def __len__(self) -> int:
        return len(self._bytes)


class Reports:
    """Reports, each whole: one read gives one, the oldest."""

    def __init__(self) -> None:
        self._reports: deque[bytes] = deque()
        self._bytes = 0

    @property
    def room(self) -> int:
        full = len(self._reports) >= REPORTS_LIMIT or self._bytes >= WAITING_LIMIT
        return 0 if full else WAITING_LIMIT

    def add(self, data: bytes) -> None:
        self._reports.append(data)
        self._bytes += len(data)

    def take(self) -> bytes:
        data = self._reports.popleft() if self._reports else b""
        self._bytes -= len(data)
        return data

    def clear(self) -> int:
        dropped, self._bytes = self._bytes, 0
        self._reports.clear()
        return dropped

    def __len__(self) -> int:
        return self._bytes
