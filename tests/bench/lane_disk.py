"""The disk: bytes that one event costs, and how long a commit takes beside the disk's own flush.

Owns: these lanes, and a file system of their own where that is allowed. Must not know: the ledger's tables.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from edge_agent.clock import boot_id
from edge_agent.events.model import EventDraft
from edge_agent.ledger import outbox
from edge_agent.ledger.ledger import Entry, Ledger
from edge_agent.ledger.store import open_ledger
from edge_agent.sdk.clock import SystemClock
from tests.bench.figures import Figure, Hold, middle
from tests.bench.process import DeviceCounter, ProgramUnderTest
from tests.bench.workbench import Command, Effort, agent, floor, workbench

IMAGE_MIB = 256
SINGLE_LINES = 150
SINGLE_RATE = 10.0
WARM_LINES = 400  # until the write-ahead log has its size and is used again
BURST_LINES = 10_000
QUIET_S = 2.0  # marks and checkpoints are written by then
COMMITS = 150
PAGE_BYTES = 4096

Counted = tuple[float, float]


def disk(effort: Effort) -> list[Figure]:
    """Bytes that the disk is asked to write for one event: one by one, and in a burst."""
    with _own_disk(effort) as place:
        single, burst = _bytes_per_event(effort, agent, place)
        bare_single, bare_burst = _bytes_per_event(effort, floor, place)
    note = "" if place else "counted by the process: without root there is no disk of its own to count on"
    return [
        Figure(
            "disk", "written for an event alone", single, "bytes", bare_single,
            Hold(8 * 1024), note or "device counter of an ext4 of its own, at ten events a second",
        ),
        Figure(
            "disk", "written for an event in a burst", burst, "bytes", bare_burst, Hold(1.5 * 1024), note,
        ),
    ]  # fmt: skip


def commit(effort: Effort) -> list[Figure]:
    """One small event on disk, beside one page and the disk's flush, in the same folder."""
    rows, asked, bare = [], [], []
    for _ in range(effort.runs(5)):
        with tempfile.TemporaryDirectory(prefix="bench-", dir=effort.folder) as place:
            bare.append(middle(_flushes_ms(Path(place))))
            rows.append(middle(_transactions_ms(Path(place))))
            asked.append(middle(asyncio.run(_commits_ms(Path(place)))))
    floor_ms = middle(bare)
    hold = Hold(2.0, of_floor=True, margin=0.3)
    return [
        Figure("commit", "transaction of one event, p50", middle(rows), "ms", floor_ms, hold),
        Figure(
            "commit", "the same asked from the loop: to the ledger's thread and back", middle(asked), "ms",
            floor_ms, note="the way to the thread and back is what a disk of 5 ms makes invisible",
        ),
    ]  # fmt: skip


def _bytes_per_event(effort: Effort, command: Command, place: Path | None) -> Counted:
    """(one by one, in a burst)."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=place or effort.folder) as folder:
        files = Path(folder)
        with workbench(effort, command, files) as bench:
            counter = DeviceCounter(files) if place else None
            bench.up()
            bench.feed.paced(200.0, WARM_LINES)
            bench.settle(QUIET_S)
            before = _written(bench.program, counter)
            bench.feed.paced(SINGLE_RATE, SINGLE_LINES)
            bench.settle(QUIET_S)
            between = _written(bench.program, counter)
            bench.feed.burst(BURST_LINES)
            bench.settle(QUIET_S)
            after = _written(bench.program, counter)
    return (between - before) / SINGLE_LINES, (after - between) / BURST_LINES


def _written(program: ProgramUnderTest, counter: DeviceCounter | None) -> int:
    time.sleep(QUIET_S)
    return counter.written_bytes() if counter else program.usage().written_bytes


@contextlib.contextmanager
def _own_disk(effort: Effort) -> Iterator[Path | None]:
    """A small ext4 on a loop device, so that nobody else writes to it; None where not allowed."""
    image, place = effort.folder / "disk.img", effort.folder / "disk"
    place.mkdir(exist_ok=True)
    with image.open("wb") as file:
        file.truncate(IMAGE_MIB << 20)
    mounted = os.geteuid() == 0 and all(
        subprocess.run(command, capture_output=True, check=False).returncode == 0
        for command in (
            ["mkfs.ext4", "-q", "-b", "4096", str(image)],
            ["mount", "-o", "loop", str(image), str(place)],
        )
    )
    try:
        yield place if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", str(place)], check=True)
        image.unlink()


def _transactions_ms(folder: Path) -> list[float]:
    clock, took = SystemClock(), []
    with contextlib.closing(open_ledger(folder / "rows.db").connection) as rows:
        for number in range(COMMITS):
            draft = EventDraft("scan.read", "scanner-1", clock.stamp(), {"text": f"EV{number:010d}"})
            begin = time.perf_counter()
            rows.execute("BEGIN IMMEDIATE")
            outbox.append(rows, [draft], epoch="bench", boot=boot_id(), acked=0)
            rows.execute("COMMIT")
            took.append((time.perf_counter() - begin) * 1000)
    return took[COMMITS // 3 :]


async def _commits_ms(folder: Path) -> list[float]:
    clock, took = SystemClock(), []
    ledger = await Ledger.open(folder / "ledger.db", boot_id())
    try:
        for number in range(COMMITS):
            draft = EventDraft("scan.read", "scanner-1", clock.stamp(), {"text": f"EV{number:010d}"})
            begin = time.perf_counter()
            await ledger.commit(Entry([draft]))
            took.append((time.perf_counter() - begin) * 1000)
    finally:
        await ledger.close()
    return took[COMMITS // 3 :]  # by then the write-ahead log has its size


def _flushes_ms(folder: Path) -> list[float]:
    took = []
    with (folder / "page").open("wb", buffering=0) as file:
        file.write(bytes(PAGE_BYTES * 16))
        os.fsync(file.fileno())
        for number in range(COMMITS):
            begin = time.perf_counter()
            os.pwrite(file.fileno(), bytes((number % 251,)) * PAGE_BYTES, number % 16 * PAGE_BYTES)
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - begin) * 1000)
    return took
