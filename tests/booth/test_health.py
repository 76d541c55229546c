"""How a scale is doing: age, rate, bad frames with the likely cause, drift of the zero."""

from __future__ import annotations

from decimal import Decimal

from edge_agent.health import ScaleWatch
from edge_agent.live import Thinned
from edge_agent.sdk.values import ClockQuality, Reading, Stamp, Status, Weight


def weight(ms: int, text: str = "1.235", device: str = "scale-1") -> Weight:
    reading = Reading(Status.OK, Decimal(text), "kg", True, False)
    return Weight(device, Stamp(ms, ms, ClockQuality.NTP), ms, reading)


def test_before_the_first_frame_nothing_is_claimed() -> None:
    health = ScaleWatch().health(1000)
    assert (health.last_good_age_ms, health.frames_per_10_s, health.zero_drift) == (None, 0, None)


def test_rates_are_those_of_the_last_ten_seconds() -> None:
    watch = ScaleWatch()
    for ms in range(0, 20_000, 500):
        watch.good(weight(ms))
    health = watch.health(20_000)
    assert health.frames_per_10_s == 20
    assert health.last_good_age_ms == 500


def test_mostly_bad_frames_name_the_likely_cause() -> None:
    watch = ScaleWatch()
    for ms in range(10):
        watch.bad(ms)
    watch.good(weight(10))
    health = watch.health(20)
    assert health.bad_percent == 90
    assert "baud" in health.hint


def test_a_few_bad_frames_accuse_nobody() -> None:
    watch = ScaleWatch()
    watch.bad(1)
    assert watch.health(2).hint == ""


def test_the_drift_of_the_zero_is_from_the_oldest_to_the_newest_empty_pan() -> None:
    watch = ScaleWatch()
    for text in ("0.000", "0.005", "0.010"):
        watch.empty(Reading(Status.OK, Decimal(text), "kg", True, False))
    assert watch.health(0).zero_drift == "0.010 kg"


def test_a_flood_stays_bounded() -> None:
    watch = ScaleWatch()
    for _ in range(100_000):
        watch.bad(0)
    assert watch.health(0).frames_per_10_s <= 512


def test_live_weights_are_thinned_for_each_device_and_off_by_default() -> None:
    told: list[object] = []
    live = Thinned(2, told.append)
    for ms in range(0, 2000, 100):
        live.see(weight(ms))
    live.see(weight(1950, device="scale-2"))
    assert len(told) == 5
    silent: list[object] = []
    Thinned(0, silent.append).see(weight(0))
    assert silent == []
