"""The log of a disk's writes, and what a disk with a volatile cache may have kept of them at a power cut.

Owns: QEMU's blklogwrites format (that of the kernel's dm-log-writes), replaying it with loss.
Must not know: file systems.

Everything up to the last flush is on the disk. Of the writes after it any subset may be, in any order; writes
that ask to be forced (FUA) always are. QEMU logs a write when it is done, a flush likewise.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tests.vm.machine import copy_disk

MAGIC = 0x6A736677736872
SUPER = struct.Struct("<QQQI")  # magic, version, entries, sector size
ENTRY = struct.Struct("<QQQQ")  # sector, sectors, flags, length of inline data
FLUSH, FUA, DISCARD = 1, 2, 4
SECTOR_BYTES = 512  # as QEMU is told to log (tests.vm.machine)
LOG_BYTES = 1 << 30  # sparse; a run writes some 20 MiB


@dataclass(frozen=True, slots=True)
class Write:
    """One entry: a write of `sectors`, or a mere flush."""

    sector: int
    sectors: int
    flags: int
    data_at: int

    @property
    def end(self) -> int:
        """Where the next entry begins."""
        return self.data_at + (0 if self.flags & DISCARD else self.sectors * SECTOR_BYTES)


def make_log(path: Path) -> None:
    """An empty log to be written to."""
    with path.open("wb") as log:
        log.truncate(LOG_BYTES)


class Growing:
    """The log of a disk in use: looked at again and again, each entry once."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._at = SECTOR_BYTES
        self.flushes = 0
        self.unflushed = 0

    def look(self) -> None:
        """Count what has been added: flushes, and the writes since the last of them."""
        with self._log.open("rb", buffering=0) as file:
            while entry := _entry(file, self._at):
                self._at = entry.end
                flush = bool(entry.flags & FLUSH)
                self.flushes += flush
                if flush:
                    self.unflushed = 0
                elif entry.sectors and not entry.flags & (DISCARD | FUA):
                    self.unflushed += 1


def writes(log: Path) -> tuple[list[Write], bool]:
    """All whole entries, and whether they are all that there were.

    QEMU may be killed between handing out two places in the log and filling the first: what lies behind the
    hole cannot be found, though a flush may be among it.
    """
    entries: list[Write] = []
    with log.open("rb") as file:
        magic, _, claimed, sector_bytes = SUPER.unpack(file.read(SUPER.size))
        if magic != MAGIC:
            return [], True
        assert sector_bytes == SECTOR_BYTES
        at = SECTOR_BYTES
        while entry := _entry(file, at):
            entries.append(entry)
            at = entry.end
    return entries, len(entries) >= claimed


def _entry(file: BinaryIO, at: int) -> Write | None:
    file.seek(at)
    head = file.read(ENTRY.size)
    if len(head) < ENTRY.size:
        return None
    sector, sectors, flags, _ = ENTRY.unpack(head)
    return Write(sector, sectors, flags, at + SECTOR_BYTES) if sectors or flags else None


@dataclass(frozen=True, slots=True)
class Loss:
    """What a cut did to a disk; `torn`: the log was, so that nothing could be taken away."""

    unflushed: int
    lost: int
    torn: bool = False

    def __str__(self) -> str:
        if self.torn:
            return "the log is torn, nothing lost"
        return f"{self.lost} of {self.unflushed} unflushed writes lost"


def after_cut(before: Path, written: Path, log: Path, after: Path, *, loss: float, seed: int) -> Loss:
    """Make the disk as the cut left it: each unflushed write is lost by that chance.

    `before` is the disk before the run, `written` the file that QEMU wrote to.
    """
    entries, whole = writes(log)
    if not whole:
        copy_disk(written, after)
        return Loss(0, 0, torn=True)
    copy_disk(before, after)
    flushed = max((at for at, entry in enumerate(entries) if entry.flags & FLUSH), default=-1)
    dice = random.Random(seed)
    unflushed = lost = 0
    with log.open("rb") as source, after.open("r+b") as target:
        for at, entry in enumerate(entries):
            if entry.flags & DISCARD or not entry.sectors:
                continue
            if at > flushed and not entry.flags & FUA:
                unflushed += 1
                if dice.random() < loss:
                    lost += 1
                    continue
            source.seek(entry.data_at)
            target.seek(entry.sector * SECTOR_BYTES)
            target.write(source.read(entry.sectors * SECTOR_BYTES))
    return Loss(unflushed, lost)
