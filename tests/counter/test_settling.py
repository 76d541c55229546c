"""When a weight is settled: by flag, by window, and what starts the run anew."""

from __future__ import annotations

from decimal import Decimal

import pytest

from edge_agent.counter.settling import Settler, SettleRules, kilograms
from edge_agent.sdk.values import ClockQuality, Reading, Stamp, Status, Weight


def weight(ms: int, text: str | None, *, stable: bool | None = True, status: Status = Status.OK) -> Weight:
    at = Stamp(ms, 1_790_000_000_000 + ms, ClockQuality.NTP)
    number = None if text is None else Decimal(text)
    unit = None if text is None else "kg"
    return Weight("scale-1", at, ms, Reading(status, number, unit, stable, False, raw=b"x"))


def settle(*weights: Weight) -> list[bool]:
    settler = Settler(SettleRules())
    return [settler.feed(w) is not None for w in weights]


def test_two_equal_flagged_readings_settle() -> None:
    assert settle(weight(0, "1.234"), weight(200, "1.234")) == [False, True]


def test_a_different_numeral_starts_anew_even_if_it_is_the_same_number() -> None:
    assert settle(weight(0, "1.20"), weight(200, "1.200")) == [False, False]


@pytest.mark.parametrize(
    "between",
    [
        weight(200, None, stable=False, status=Status.MOTION),
        weight(200, None, stable=True, status=Status.OVERLOAD),
        weight(200, None, stable=True, status=Status.ERROR),
        weight(200, None, stable=True, status=Status.OK),
        weight(200, "1.234", stable=False, status=Status.OK),
    ],
)
def test_whatever_is_no_weight_at_rest_starts_anew(between: Weight) -> None:
    assert settle(weight(0, "1.234"), between, weight(400, "1.234")) == [False, False, False]


def test_a_gap_starts_anew() -> None:
    assert settle(weight(0, "1.234"), weight(3000, "1.234")) == [False, False]


def test_readings_that_go_back_in_time_start_anew() -> None:
    assert settle(weight(1000, "1.234"), weight(900, "1.234")) == [False, False]


def test_without_a_flag_five_equal_readings_over_a_second_are_needed() -> None:
    fast = [weight(i * 100, "1.234", stable=None) for i in range(12)]
    assert settle(*fast).index(True) == 10
    slow = [weight(i * 400, "1.234", stable=None) for i in range(6)]
    assert settle(*slow).index(True) == 4


def test_a_bad_frame_starts_anew() -> None:
    settler = Settler(SettleRules())
    settler.feed(weight(0, "1.234"))
    settler.reset()
    assert settler.feed(weight(200, "1.234")) is None


@pytest.mark.parametrize(
    ("text", "empty"), [("0.000", True), ("0.005", True), ("-0.004", True), ("0.006", False)]
)
def test_the_pan_is_empty_within_the_limit(text: str, empty: bool) -> None:
    settler = Settler(SettleRules())
    settler.feed(weight(0, text))
    found = settler.feed(weight(200, text))
    assert found is not None
    assert found.empty is empty


def test_kilograms_are_exact() -> None:
    assert kilograms(Reading(Status.OK, Decimal("2.5"), "lb", True)) == Decimal("1.133980925")
    assert kilograms(Reading(Status.COUNT, Decimal(5), "pcs", True)) is None


def test_the_spread_is_the_span_of_what_was_shown_since_the_beginning() -> None:
    settler = Settler(SettleRules())
    settler.feed(weight(0, "9.000"))
    settler.begin()
    settler.feed(weight(200, "1.250", stable=False, status=Status.MOTION))
    settler.feed(weight(400, "1.235"))
    found = settler.feed(weight(600, "1.235"))
    assert found is not None
    assert found.spread == Decimal("0.015")


def test_a_unit_that_changed_on_the_way_gives_no_spread() -> None:
    settler = Settler(SettleRules())
    settler.begin()
    grams = Reading(Status.OK, Decimal(1235), "g", True, False)
    settler.feed(Weight("scale-1", Stamp(0, 0, ClockQuality.NTP), 1, grams))
    settler.feed(weight(200, "1.235"))
    found = settler.feed(weight(400, "1.235"))
    assert found is not None
    assert found.spread is None
