"""The weighing pan: settling, equilibrium, zero and tare limits, blanking."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.sdk.errors import ConfigError
from simulators.scale_physics import BLANK_ABOVE, ScalePhysics

LONG_S = 30.0  # many settling times

divisions = st.integers(min_value=0, max_value=6000)
steps = st.floats(min_value=0.001, max_value=0.5)


def calm(load: str | Decimal = "0", **given_: object) -> ScalePhysics:
    physics = ScalePhysics(noise=0.0, **given_)  # type: ignore[arg-type]
    physics.put(Decimal(load))
    physics.advance(LONG_S)
    return physics


@given(load=divisions, before=divisions, dt=steps)
def test_without_noise_the_indication_walks_straight_to_the_load(load: int, before: int, dt: float) -> None:
    physics = calm(before * Decimal("0.005"))
    target = load * Decimal("0.005")
    physics.put(target)
    away = [abs(physics.indicate().gross - target)]
    for _ in range(40):
        physics.advance(dt)
        away.append(abs(physics.indicate().gross - target))
    assert away == sorted(away, reverse=True)


@given(load=divisions, seed=st.integers(0, 1000), dts=st.lists(steps, max_size=40))
def test_never_stable_while_far_from_the_load(load: int, seed: int, dts: list[float]) -> None:
    physics = ScalePhysics(noise=0.9, seed=seed)
    physics.put(load * Decimal("0.005"))
    for dt in dts:
        physics.advance(dt)
        now = physics.indicate()
        assert now.motion or now.gross == load * Decimal("0.005")


@given(load=divisions)
def test_a_load_in_whole_divisions_is_indicated_exactly(load: int) -> None:
    physics = calm(load * Decimal("0.005"))
    assert physics.indicate().gross == load * Decimal("0.005")
    assert not physics.indicate().motion


@given(dts=st.lists(steps, min_size=1, max_size=30))
def test_one_long_step_gives_the_same_as_many_short_ones(dts: list[float]) -> None:
    short, long = ScalePhysics(noise=0.0), ScalePhysics(noise=0.0)
    for physics in (short, long):
        physics.put(Decimal("7.650"))
    for dt in dts:
        short.advance(dt)
    long.advance(sum(dts))
    assert abs(short.indicate().gross - long.indicate().gross) <= short.division


def test_the_same_seed_swings_the_same_way() -> None:
    def walk(seed: int) -> list[Decimal]:
        physics = ScalePhysics(noise=0.9, seed=seed)
        physics.put(Decimal(12))
        shown = []
        for _ in range(10):
            physics.advance(0.05)
            shown.append(physics.indicate().gross)
        return shown

    assert walk(7) == walk(7)
    assert walk(7) != walk(8)


def test_the_decimals_are_those_of_the_division() -> None:
    assert str(calm("7.65").indicate().gross) == "7.650"
    assert str(calm("7", division=Decimal("1E+0")).indicate().gross) == "7"
    assert str(calm("70", division=Decimal("1E+1"), capacity=Decimal(1000)).indicate().gross) == "70"


def test_zero_has_no_minus_sign() -> None:
    assert str(calm("-0.001").indicate().gross) == "0.000"


@given(over=st.integers(min_value=-20, max_value=100_000))
def test_overload_begins_nine_divisions_above_max(over: int) -> None:
    physics = calm(Decimal(30) + over * Decimal("0.005"))
    assert physics.indicate().overload == (over > BLANK_ABOVE)


def test_overload_digits_stay_within_their_field() -> None:
    assert calm(Decimal("1E+50")).indicate().gross < Decimal(31)


def test_below_zero_is_underload() -> None:
    now = calm("-0.100").indicate()
    assert (now.gross, now.underload) == (Decimal("-0.100"), True)


@pytest.mark.parametrize("load", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_a_load_that_is_no_number_is_refused(load: str) -> None:
    with pytest.raises(ConfigError):
        ScalePhysics().put(Decimal(load))


def test_zero_is_taken_within_two_percent_of_max() -> None:
    physics = calm("0.600")
    assert physics.zero()
    assert physics.indicate().centre_zero


def test_zero_is_refused_beyond_two_percent_of_max() -> None:
    physics = calm("0.605")
    assert not physics.zero()
    assert physics.indicate().gross == Decimal("0.605")


def test_zero_cannot_wander_off_in_small_steps() -> None:
    physics = calm("0.600")
    physics.zero()
    physics.put(Decimal("1.200"))
    physics.advance(LONG_S)
    assert not physics.zero()


def test_zero_is_refused_in_motion() -> None:
    physics = calm("0.5")
    physics.put(Decimal(0))
    physics.advance(0.05)
    assert not physics.zero()


def test_tare_takes_the_present_load() -> None:
    physics = calm("1.250")
    assert physics.tare()
    now = physics.indicate()
    assert (now.gross, now.tare, now.net) == (Decimal("1.250"), Decimal("1.250"), Decimal(0))


def test_tare_is_refused_in_motion_below_zero_and_in_overload() -> None:
    moving = calm()
    moving.put(Decimal(5))
    moving.advance(0.01)
    assert not moving.tare()
    assert not calm("-0.5").tare()
    assert not calm("31").tare()


@pytest.mark.parametrize(
    ("keyed", "taken"), [("0.250", True), ("0.251", False), ("-1", False), ("31", False), ("NaN", False)]
)
def test_a_keyed_tare_must_be_a_weight_of_this_scale(keyed: str, taken: bool) -> None:
    assert calm().preset_tare(Decimal(keyed)) is taken


def test_drift_creeps_without_motion() -> None:
    physics = calm()
    physics.drift(Decimal("0.010"))
    physics.advance(120)
    now = physics.indicate()
    assert (now.gross, now.motion) == (Decimal("0.020"), False)


def test_a_knock_is_motion_and_heals() -> None:
    physics = calm("2")
    physics.disturb(40)
    assert physics.indicate().motion
    physics.advance(LONG_S)
    assert physics.indicate().gross == Decimal("2.000")


def test_a_stuck_scale_shows_its_last_value_until_freed() -> None:
    physics = calm("2")
    physics.stick(True)
    physics.put(Decimal(3))
    physics.advance(LONG_S)
    assert physics.indicate().gross == 2
    physics.stick(False)
    assert physics.indicate().gross == 3


def test_power_up_under_a_small_load_swallows_it() -> None:
    physics = calm("2.5")
    answering = []
    for on, seconds in ((False, 0.0), (True, 1.0), (True, LONG_S)):
        physics.power(on)
        physics.advance(seconds)
        answering.append(physics.answering)
    assert answering == [False, False, True]
    assert physics.indicate().gross == 0
    physics.put(Decimal(0))
    physics.advance(LONG_S)
    assert physics.indicate().gross == Decimal("-2.500")


def test_power_up_under_a_big_load_keeps_the_first_zero() -> None:
    physics = calm("5")
    physics.power(False)
    physics.power(True)
    physics.advance(LONG_S)
    assert physics.indicate().gross == 5


def test_power_loss_forgets_the_tare() -> None:
    physics = calm("5")
    physics.tare()
    physics.power(False)
    physics.power(True)
    physics.advance(LONG_S)
    assert physics.indicate().tare == 0


def test_another_unit_has_an_allowed_division_and_the_same_load() -> None:
    physics = calm("4.535")
    physics.change_unit("lb")
    now = physics.indicate()
    assert (now.unit, physics.division, now.gross) == ("lb", Decimal("0.02"), Decimal("10.00"))
    physics.change_unit("mg")
    assert str(physics.division) == "10000"


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(ConfigError, match="stone"):
        ScalePhysics().change_unit("stone")


@pytest.mark.parametrize(
    ("capacity", "division"), [("0", "1"), ("30", "0"), ("30", "-1"), ("1", "NaN"), ("1E9", "1")]
)
def test_a_scale_that_cannot_be_is_refused(capacity: str, division: str) -> None:
    with pytest.raises(ConfigError):
        ScalePhysics(Decimal(capacity), Decimal(division))
