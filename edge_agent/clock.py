"""How far the box's wall clock can be trusted, and which boot this is.

Owns: the quality of UTC, the clock floor, the boot id. Must not know: what is stamped.

The kernel's own answer (adjtimex) is closed to a sandboxed service, so the evidence is read from files:
  ntp   systemd-timesyncd touched its mark within two of its longest poll intervals
  held  the mark is older: synchronised in this boot, running free since
  rtc   never synchronised in this boot, but set from a hardware clock that still agrees
  none  nothing vouches for it, or it is earlier than the floor, or it was stepped since the last mark
Another time service leaves no mark: such a box is judged by its hardware clock, so it never claims too much.
Everything here answers; nothing raises.
"""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path

from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.values import ClockQuality, Stamp

BUILT_UTC_MS = 1_793_491_200_000  # 2026-11-01, before this release: no honest clock shows an earlier time
FLOOR_MAX_MS = BUILT_UTC_MS + 20 * 365 * 86_400_000  # a saved floor beyond the box's life is a broken file
FLOOR_STEP_MS = 3_600_000  # one small write an hour: what matters after a boot is the day
MARK = Path("run/systemd/timesync/synchronized")
RTC = Path("sys/class/rtc/rtc0")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
ASK_AGAIN_S = 10.0  # a stamp must be cheap; a clock does not go bad faster than anybody notices
SYNC_FRESH_MS = (2 * 2048 + 300) * 1000  # timesyncd asks at least every 2048 s; one answer may be lost
STEP_MS = 2_000  # a slewed clock keeps its distance to the time since boot; more than a leap second is a step
RTC_AGREES_MS = 60_000  # a cheap crystal is off by some minutes a year, not since boot
SMALL_FILE = 64  # bytes; all that is read here is one number or one id
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ClockFloor:
    """The earliest time that can be now: the build's date, or later what a synchronised clock once showed.

    The caller decides when to save, in a worker: saving waits for the disk.
    """

    def __init__(self, path: Path, saved_utc_ms: int = 0) -> None:
        self._path = path
        self._saved_utc_ms = saved_utc_ms

    @classmethod
    def load(cls, path: Path) -> ClockFloor:
        """The floor of the last run; a missing or broken file counts as none."""
        digits = _read(path)
        saved = int(digits) if digits.isascii() and digits.isdecimal() else 0
        return cls(path, saved if saved <= FLOOR_MAX_MS else 0)

    @property
    def utc_ms(self) -> int:
        return max(BUILT_UTC_MS, self._saved_utc_ms)

    def save(self, now: Stamp) -> bool:
        """Raise the floor, at most once an hour and only by a synchronised clock; tells whether it did."""
        told_by_network = now.quality is ClockQuality.NTP and now.utc_ms <= FLOOR_MAX_MS
        if not told_by_network or now.utc_ms < self.utc_ms + FLOOR_STEP_MS:
            return False
        beside = self._path.with_name(self._path.name + ".new")
        try:
            with beside.open("w", encoding="ascii") as file:
                file.write(str(now.utc_ms))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError:
            return False  # a full or read-only disk: the old floor still holds
        self._saved_utc_ms = now.utc_ms
        return True


class TimeEvidence:
    """Tells the quality of the wall clock; asks the files at most every ASK_AGAIN_S."""

    def __init__(
        self,
        floor: ClockFloor,
        root: Path = Path("/"),
        *,
        utc_ns: Callable[[], int] = time.time_ns,
        uptime_s: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._floor = floor
        self._root = root
        self._utc_ns = utc_ns
        self._uptime_s = uptime_s
        self._asked_s: float | None = None
        self._evidence = ClockQuality.NONE
        self._mark_ms = 0
        self._distance_ms = 0

    def __call__(self) -> ClockQuality:
        utc_ms, uptime_s = self._utc_ns() // 1_000_000, self._uptime_s()
        if self._asked_s is None or uptime_s - self._asked_s >= ASK_AGAIN_S:
            self._asked_s = uptime_s
            self._evidence = self._ask(utc_ms, round(uptime_s * 1000))
        return ClockQuality.NONE if utc_ms < self._floor.utc_ms else self._evidence

    def _ask(self, utc_ms: int, uptime_ms: int) -> ClockQuality:
        mark_ms = self._synchronised_ms()
        if mark_ms and not self._stepped(mark_ms, utc_ms, uptime_ms):
            return ClockQuality.NTP if utc_ms - mark_ms <= SYNC_FRESH_MS else ClockQuality.HELD
        if self._hardware_clock_agrees(utc_ms):
            return ClockQuality.RTC
        return ClockQuality.NONE

    def _synchronised_ms(self) -> int:
        """When the clock was last set by the network, 0 if never in this boot."""
        try:
            return (self._root / MARK).stat().st_mtime_ns // 1_000_000
        except OSError:
            return 0

    def _stepped(self, mark_ms: int, utc_ms: int, uptime_ms: int) -> bool:
        """Whether somebody set the clock since this mark: UTC moved against the time since boot."""
        distance_ms = utc_ms - uptime_ms
        if mark_ms != self._mark_ms:
            self._mark_ms, self._distance_ms = mark_ms, distance_ms
        return abs(distance_ms - self._distance_ms) > STEP_MS or mark_ms > utc_ms + STEP_MS

    def _hardware_clock_agrees(self, utc_ms: int) -> bool:
        rtc = self._root / RTC
        if _read(rtc / "hctosys") != "1":
            return False
        seconds = _read(rtc / "since_epoch")
        return (
            seconds.isascii() and seconds.isdecimal() and abs(int(seconds) * 1000 - utc_ms) <= RTC_AGREES_MS
        )


def system_clock(floor: ClockFloor, root: Path = Path("/")) -> SystemClock:
    """The box's clock with its honest quality."""
    return SystemClock(TimeEvidence(floor, root))


@cache
def boot_id(path: Path = BOOT_ID) -> str:
    """The kernel's id of this boot; where a sandbox hides it, a random one that holds for this process."""
    told = _read(path)
    return told if UUID.fullmatch(told) else str(uuid.uuid4())


def _read(path: Path) -> str:
    """The one short value in a small file, or nothing."""
    try:
        with path.open("rb") as file:
            return file.read(SMALL_FILE).decode("ascii", "replace").strip()
    except OSError:
        return ""
