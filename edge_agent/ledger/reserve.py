"""A file that only holds space, given up when the disk is full so that what was begun can be finished.

Owns: the reserve file. Must not know: what is written with the space.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

MIB = 1 << 20
# A ledger that is full by its own limit, on a disk with room, is emptied by the centre, not by a person: to
# try every few seconds whether it is full still would turn the booth's state on and off.
OWN_LIMIT_AGAIN_S = 600.0
OWN_LIMIT_TOLD_S = 86_400.0  # and this is said once a day


class Reserve:
    """`size_mib` of disk kept back. `release` is called in the ledger's thread, the rest before it starts."""

    def __init__(self, path: Path, size_mib: int, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._bytes = size_mib * MIB
        self._monotonic_s = monotonic_s
        self._own_limit_s: float | None = None  # since when it is the ledger's own limit
        self._told_s: float | None = None
        self._silent = False
        self.spent = False

    @property
    def directory(self) -> Path:
        """Where space has to be freed."""
        return self._path.parent

    def fill(self) -> None:
        """Take the space if the disk has it.

        Called again after it was spent, it takes it back once somebody has freed the disk.
        """
        since_s = self._own_limit_s
        if self.spent and since_s is not None and self._monotonic_s() - since_s < OWN_LIMIT_AGAIN_S:
            return
        try:
            if self._path.exists() and self._path.stat().st_size == self._bytes:
                self._become(spent=False)
                return
            self._path.unlink(missing_ok=True)
            if not self._disk_has_room():
                self._become(spent=True)
                return
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._bytes)
            self._become(spent=False)
        except OSError:
            with contextlib.suppress(OSError):  # a disk that has become read-only
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
        own = self._path.exists() and self._disk_has_room()
        self._own_limit_s = self._monotonic_s() if own else None
        self._become(spent=True)
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def _disk_has_room(self) -> bool:
        """Twice over: a reserve that fills the disk helps nobody."""
        try:
            room = os.statvfs(self._path.parent)
        except OSError:
            return False
        return room.f_bavail * room.f_frsize >= 2 * self._bytes

    def _become(self, *, spent: bool) -> None:
        """Log each change once; it is looked at every few seconds."""
        if spent == self.spent:
            return
        self.spent = spent
        if spent:
            self._silent = self._own_limit_s is not None and self._was_told()
        if self._silent:
            return
        if spent and self._own_limit_s is not None:
            log.warning(
                "the ledger has reached its own limit (ledger.quota_mib): no more until the centre has some"
            )
        elif spent:
            log.warning("no room for the ledger, its reserve is spent: free space in %s", self.directory)
        else:
            log.info("the ledger has room again, its reserve in %s is taken back", self.directory)

    def _was_told(self) -> bool:
        """Whether this was said a short while ago; if not, it is now."""
        now_s, told_s = self._monotonic_s(), self._told_s
        if told_s is not None and now_s - told_s < OWN_LIMIT_TOLD_S:
            return True
        self._told_s = now_s
        return False
