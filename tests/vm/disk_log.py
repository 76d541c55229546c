"""The log of a disk's writes, and what a disk with a volatile cache may have kept of them at a power cut.

Owns: QEMU's blklogwrites format (that of the kernel's dm-log-writes), replaying it with loss.
Must not know: file systems.

Everything up to the last flush is on the disk. Of the writes after it any subset may be, in any order; writes
that ask to be forced (FUA) always are.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.vm.machine import copy_disk

MAGIC = 0x6A736677736872
SUPER = struct.Struct("<QQQI")  # magic, version, entries, sector size
ENTRY = struct.Struct("<QQQQ")  # sector, sectors, flags, length of inline data
FLUSH, FUA, DISCARD = 1, 2, 4
LOG_BYTES = 1 << 30  # sparse; a run writes some 20 MiB


@dataclass(frozen=True, slots=True)
class Write:
    """One entry: a write of `sectors`, or a mere flush."""

    sector: int
    sectors: int
    flags: int
    data_at: int


def make_log(path: Path) -> None:
    """An empty log to be written to."""
    with path.open("wb") as log:
        log.truncate(LOG_BYTES)


def writes(log: Path) -> Iterator[Write]:
    """All whole entries; the count in the head may lag behind a kill, so it is not believed."""
    size = log.stat().st_size
    with log.open("rb") as file:
        magic, _, _, sector_bytes = SUPER.unpack(file.read(SUPER.size))
        if magic != MAGIC:
            return
        at = sector_bytes
        while at + sector_bytes <= size:
            file.seek(at)
            sector, sectors, flags, _ = ENTRY.unpack(file.read(ENTRY.size))
            if not sectors and not flags:
                return
            yield Write(sector, sectors, flags, at + sector_bytes)
            at += sector_bytes + (0 if flags & DISCARD else sectors * sector_bytes)


def after_cut(before: Path, log: Path, after: Path, *, loss: float, seed: int) -> int:
    """Make the disk as the cut left it: each unflushed write is lost by that chance; gives how many were."""
    copy_disk(before, after)
    entries = list(writes(log))
    flushed = max((at for at, entry in enumerate(entries) if entry.flags & FLUSH), default=-1)
    dice = random.Random(seed)
    lost = 0
    with log.open("rb") as source, after.open("r+b") as target:
        for at, entry in enumerate(entries):
            if entry.flags & DISCARD or not entry.sectors:
                continue
            if at > flushed and not entry.flags & FUA and dice.random() < loss:
                lost += 1
                continue
            source.seek(entry.data_at)
            target.seek(entry.sector * 512)
            target.write(source.read(entry.sectors * 512))
    return lost
