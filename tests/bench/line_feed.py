"""A pseudo-terminal that plays a scanner: numbered lines, at a pace or as fast as they are read.

Owns: the pty, and when each line left. Must not know: who reads it.
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios
import time
import tty

AT_ONCE = 50  # lines of one write in a burst; together less than a pty holds


class LineFeed:
    """Lines `EV0000000000` onwards on the pty `path`."""

    def __init__(self) -> None:
        self._ours, self._theirs = os.openpty()
        tty.setraw(
            self._theirs
        )  # our own handle of their end stays open: a restart of the reader loses nothing
        self.path = os.ttyname(self._theirs)
        self.sent: dict[int, float] = {}

    @property
    def count(self) -> int:
        """How many lines were written, which is also the number of the next one."""
        return len(self.sent)

    def send(self, lines: int = 1) -> None:
        first, now = self.count, time.monotonic()
        self.sent.update((number, now) for number in range(first, first + lines))
        rest = b"".join(b"EV%010d\r\n" % number for number in range(first, first + lines))
        while rest:
            rest = rest[os.write(self._ours, rest) :]

    def paced(self, per_second: float, lines: int) -> None:
        begin = time.monotonic()
        for number in range(lines):
            time.sleep(max(0.0, begin + number / per_second - time.monotonic()))
            self.send()

    def burst(self, lines: int) -> None:
        """As fast as the reader takes them: a pty that is full makes us wait."""
        for first in range(0, lines, AT_ONCE):
            self.send(min(AT_ONCE, lines - first))

    def unread(self) -> int:
        """Bytes that the reader has not taken yet."""
        answer = fcntl.ioctl(self._theirs, termios.FIONREAD, b"\0" * 4)
        return int(struct.unpack("i", answer)[0])

    def wait_read(self, timeout_s: float = 60.0) -> None:
        """Wait until the reader has taken everything. Raises TimeoutError."""
        end = time.monotonic() + timeout_s
        while self.unread():
            if time.monotonic() > end:
                raise TimeoutError("the lines are not read")
            time.sleep(0.01)

    def close(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)
