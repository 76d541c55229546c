"""A file that only holds space, given up when the disk is full so that what was begun can be finished.

Owns: the reserve file. Must not know: what is written with the space.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

MIB = 1 << 20


class Reserve:
    """`size_mib` of disk kept back. `release` is called in the ledger's thread, the rest before it starts."""

    def __init__(self, path: Path, size_mib: int) -> None:
        self._path = path
        self._bytes = size_mib * MIB
        self.spent = False

    @property
    def directory(self) -> Path:
        """Where space has to be freed."""
        return self._path.parent

    def fill(self) -> None:
        """Take the space if the disk has it (twice over: a reserve that fills the disk helps nobody).

        Called again after it was spent, it takes it back once somebody has freed the disk.
        """
        try:
            if self._path.exists() and self._path.stat().st_size == self._bytes:
                self._become(spent=False)
                return
            self._path.unlink(missing_ok=True)
            room = os.statvfs(self._path.parent)
            if room.f_bavail * room.f_frsize < 2 * self._bytes:
                self._become(spent=True)
                return
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._bytes)
            self._become(spent=False)
        except OSError:
            self._path.unlink(missing_ok=True)
            self._become(spent=True)

    def free_mib(self) -> int:
        """Free space on the ledger's disk; 0 when it cannot be told."""
        try:
            room = os.statvfs(self._path.parent)
        except OSError:
            return 0
        return room.f_bavail * room.f_frsize // MIB

    def release(self) -> bool:
        """Give the space back; True the first time, when there was any."""
        if self.spent:
            return False
        self._become(spent=True)
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def _become(self, *, spent: bool) -> None:
        """Log each change once; it is looked at every few seconds."""
        if spent == self.spent:
            return
        self.spent = spent
        if spent:
            log.warning("no room for the ledger, its reserve is spent: free space in %s", self.directory)
        else:
            log.info("the ledger has room again, its reserve in %s is taken back", self.directory)
