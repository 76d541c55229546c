"""The quality of the wall clock from a fake /run and /sys, the clock floor, the boot id."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.clock import (
    BUILT_UTC_MS,
    FLOOR_MAX_MS,
    FLOOR_STEP_MS,
    MARK,
    RTC,
    SYNC_FRESH_MS,
    ClockFloor,
    TimeEvidence,
    boot_id,
    system_clock,
)
from edge_agent.sdk.values import ClockQuality, Stamp

NOW_MS = BUILT_UTC_MS + 100 * 86_400_000
DAY_MS = 86_400_000


class Box:
    """A box whose clocks and files the test sets."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.utc_ms = NOW_MS
        self.uptime_s = 60.0
        self.floor = ClockFloor(root / "floor")
        self.evidence = TimeEvidence(
            self.floor, root, utc_ns=lambda: self.utc_ms * 1_000_000, uptime_s=lambda: self.uptime_s
        )

    def pass_s(self, seconds: float) -> None:
        self.utc_ms += round(seconds * 1000)
        self.uptime_s += seconds

    def synchronise(self) -> None:
        mark = self.root / MARK
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        os.utime(mark, ns=(self.utc_ms * 1_000_000,) * 2)

    def hardware_clock(self, utc_ms: int, *, was_set_from: bool = True) -> None:
        rtc = self.root / RTC
        rtc.mkdir(parents=True, exist_ok=True)
        (rtc / "hctosys").write_text(f"{int(was_set_from)}\n")
        (rtc / "since_epoch").write_text(f"{utc_ms // 1000}\n")


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_a_clock_that_nothing_vouches_for_has_no_quality(box: Box) -> None:
    assert box.evidence() is ClockQuality.NONE


def test_a_fresh_synchronisation_is_ntp(box: Box) -> None:
    box.synchronise()
    assert box.evidence() is ClockQuality.NTP


def test_an_old_synchronisation_is_held(box: Box) -> None:
    box.synchronise()
    assert box.evidence() is ClockQuality.NTP
    box.pass_s(SYNC_FRESH_MS / 1000 + 1)
    assert box.evidence() is ClockQuality.HELD


def test_a_new_synchronisation_is_ntp_again(box: Box) -> None:
    box.synchronise()
    box.pass_s(SYNC_FRESH_MS / 1000 + 1)
    assert box.evidence() is ClockQuality.HELD
    box.synchronise()
    box.pass_s(11)
    assert box.evidence() is ClockQuality.NTP


@pytest.mark.parametrize("days", [400, -3])
def test_a_clock_stepped_by_hand_after_synchronisation_has_no_quality(box: Box, days: int) -> None:
    box.synchronise()
    assert box.evidence() is ClockQuality.NTP
    box.utc_ms += days * DAY_MS
    box.pass_s(11)
    assert box.evidence() is ClockQuality.NONE


def test_a_mark_from_the_future_vouches_for_nothing(box: Box) -> None:
    box.synchronise()
    box.utc_ms -= DAY_MS
    assert box.evidence() is ClockQuality.NONE


def test_a_clock_set_from_the_hardware_clock_is_rtc(box: Box) -> None:
    box.hardware_clock(box.utc_ms)
    assert box.evidence() is ClockQuality.RTC


def test_a_hardware_clock_that_disagrees_vouches_for_nothing(box: Box) -> None:
    box.hardware_clock(box.utc_ms - DAY_MS)
    assert box.evidence() is ClockQuality.NONE


def test_a_hardware_clock_that_was_not_used_vouches_for_nothing(box: Box) -> None:
    box.hardware_clock(box.utc_ms, was_set_from=False)
    assert box.evidence() is ClockQuality.NONE


def test_a_boot_in_the_past_has_no_quality_whatever_the_files_say(box: Box) -> None:
    box.utc_ms = 1_577_836_800_000  # 2020-01-01
    box.synchronise()
    box.hardware_clock(box.utc_ms)
    assert box.evidence() is ClockQuality.NONE


def test_a_time_before_the_saved_floor_has_no_quality(tmp_path: Path) -> None:
    (tmp_path / "floor").write_text(str(NOW_MS))
    box = Box(tmp_path)
    box.floor = ClockFloor.load(tmp_path / "floor")
    box.evidence = TimeEvidence(box.floor, tmp_path, utc_ns=lambda: box.utc_ms * 1_000_000)
    box.utc_ms = NOW_MS - 1
    box.synchronise()
    assert box.evidence() is ClockQuality.NONE
    box.utc_ms = NOW_MS
    assert box.evidence() is ClockQuality.NTP


def test_the_files_are_asked_once_in_ten_seconds(box: Box) -> None:
    assert box.evidence() is ClockQuality.NONE
    box.synchronise()
    box.pass_s(9)
    assert box.evidence() is ClockQuality.NONE
    box.pass_s(1)
    assert box.evidence() is ClockQuality.NTP


@given(st.binary(max_size=200), st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_rubbish_in_the_files_never_raises(tmp_path: Path, hctosys: bytes, seconds: bytes) -> None:
    box = Box(tmp_path)
    box.hardware_clock(0)
    (tmp_path / RTC / "hctosys").write_bytes(hctosys)
    (tmp_path / RTC / "since_epoch").write_bytes(seconds)
    assert box.evidence() in {ClockQuality.NONE, ClockQuality.RTC}


def test_the_system_clock_carries_the_quality(tmp_path: Path) -> None:
    stamp = system_clock(ClockFloor.load(tmp_path / "none"), tmp_path).stamp()
    assert stamp.quality is ClockQuality.NONE
    assert stamp.uptime_ms > 0


def at(utc_ms: int, quality: ClockQuality = ClockQuality.NTP) -> Stamp:
    return Stamp(uptime_ms=1, utc_ms=utc_ms, quality=quality)


def test_a_saved_floor_is_there_at_the_next_start(tmp_path: Path) -> None:
    floor = ClockFloor.load(tmp_path / "floor")
    assert floor.utc_ms == BUILT_UTC_MS
    assert floor.save(at(NOW_MS))
    assert ClockFloor.load(tmp_path / "floor").utc_ms == floor.utc_ms == NOW_MS
    assert [path.name for path in tmp_path.iterdir()] == ["floor"]


@pytest.mark.parametrize("quality", [ClockQuality.RTC, ClockQuality.HELD, ClockQuality.NONE])
def test_only_a_synchronised_clock_raises_the_floor(tmp_path: Path, quality: ClockQuality) -> None:
    assert not ClockFloor.load(tmp_path / "floor").save(at(NOW_MS, quality))
    assert not (tmp_path / "floor").exists()


def test_the_floor_is_written_once_an_hour_at_most_and_never_sinks(tmp_path: Path) -> None:
    floor = ClockFloor.load(tmp_path / "floor")
    assert floor.save(at(NOW_MS))
    assert not floor.save(at(NOW_MS + FLOOR_STEP_MS - 1))
    assert not floor.save(at(NOW_MS - DAY_MS))
    assert floor.save(at(NOW_MS + FLOOR_STEP_MS))


def test_an_absurd_time_does_not_become_the_floor(tmp_path: Path) -> None:
    assert not ClockFloor.load(tmp_path / "floor").save(at(FLOOR_MAX_MS + 1))


@pytest.mark.parametrize(
    "content", [b"", b"soon", b"-5", b"9" * 60, b"9" * 10_000, b"\xff\x00", "১২৩".encode(), b"1e13"]
)
def test_a_broken_floor_file_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "floor").write_bytes(content)
    assert ClockFloor.load(tmp_path / "floor").utc_ms == BUILT_UTC_MS


def test_a_disk_that_takes_nothing_is_no_error(tmp_path: Path) -> None:
    floor = ClockFloor.load(tmp_path / "missing" / "floor")
    assert not floor.save(at(NOW_MS))
    assert floor.utc_ms == BUILT_UTC_MS


def test_the_boot_id_is_the_kernels(tmp_path: Path) -> None:
    (tmp_path / "boot_id").write_text("b857439a-a3ee-4802-8fc1-7a2f12765cef\n")
    assert boot_id(tmp_path / "boot_id") == "b857439a-a3ee-4802-8fc1-7a2f12765cef"


@pytest.mark.parametrize("content", [None, b"", b"x" * 36, b"\xff" * 36])
def test_a_hidden_boot_id_is_replaced_by_one_that_holds_for_the_process(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "boot_id"
    if content is not None:
        path.write_bytes(content)
    assert re.fullmatch(r"[0-9a-f-]{36}", boot_id(path))
    assert boot_id(path) == boot_id(path)
