"""A program under test in a process of its own, and what it costs.

Owns: start, stop, kill, the kernel's counters of it. Must not know: which program it is.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

STOP_S = 10.0
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Usage:
    """Counters of a process with all its threads, since its start; `rss_mib` is of this moment."""

    at_s: float
    rss_mib: float
    cpu_s: float
    wakeups: int
    written_bytes: int
    threads: int


class ProgramUnderTest:
    """One command. Its output goes to `log`; `start` after `kill` begins anew in the same folder."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self._command = list(command)
        self._folder = folder
        self.log = folder / "program.log"
        self.started_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.started_s = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that does not end it."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def last_words(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-800:]

    def usage(self) -> Usage:
        """Its counters now. Raises ProcessLookupError when it has ended."""
        if self._process is None or not self.running:
            raise ProcessLookupError(f"the program ended: {self.last_words()}")
        proc = Path("/proc") / str(self._process.pid)
        cpu_ns, wakeups, threads = 0, 0, 0
        for task in (proc / "task").iterdir():
            with contextlib.suppress(OSError):  # a thread may end while we look
                cpu_ns += int((task / "schedstat").read_text().split()[0])
                wakeups += _number(task / "status", r"^voluntary_ctxt_switches:\s+(\d+)")
                threads += 1
        return Usage(
            at_s=time.monotonic(),
            rss_mib=_number(proc / "smaps_rollup", r"^Rss:\s+(\d+)") * 1024 / MIB,
            cpu_s=cpu_ns / 1e9,
            wakeups=wakeups,
            written_bytes=_number(proc / "io", r"^write_bytes: (\d+)"),
            threads=threads,
        )


def _number(file: Path, pattern: str) -> int:
    found = re.search(pattern, file.read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


class DeviceCounter:
    """Bytes that the disk under a folder was asked to write, by the disk's own counter."""

    def __init__(self, folder: Path) -> None:
        number = folder.stat().st_dev
        self._counter = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}/stat")

    @property
    def available(self) -> bool:
        return self._counter.exists()

    def written_bytes(self) -> int:
        os.sync()
        return int(self._counter.read_text().split()[6]) * 512  # the kernel counts sectors of 512 bytes
