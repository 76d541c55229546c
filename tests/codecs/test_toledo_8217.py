"""Toledo 8217: both halves of the page against each other."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scales.toledo_8217 import (
    SPEC,
    Toledo8217Decoder,
    Toledo8217DeviceHalf,
    encode_preset_tare,
    encode_probe,
)
from edge_agent.sdk.driver import Ask, Indication, Options, Request, show
from edge_agent.sdk.errors import ConfigError, ProtocolError
from edge_agent.sdk.testing import byte_by_byte, random_split, run_codec
from edge_agent.sdk.values import Reading, Status

PLACES = {"kg": 3, "lb": 2}
WEIGHT = Request(Ask.WEIGHT, raw=b"W")


def options(unit: str = "kg") -> Options:
    return Options(SPEC.options, {"unit": unit})


@st.composite
def indications(draw: st.DrawFn) -> Indication:
    unit = draw(st.sampled_from(("kg", "lb")))
    gross = Decimal(draw(st.integers(-200_000, 200_000))).scaleb(-PLACES[unit])
    tare = Decimal(draw(st.integers(0, 9_999))).scaleb(-PLACES[unit])
    flags = [draw(st.booleans()) for _ in range(3)]
    return Indication(gross, unit, tare, motion=flags[0], overload=flags[1], fault=flags[2])


def answer(request: Request, now: Indication, *, done: bool = True) -> Reading:
    frame = Toledo8217DeviceHalf(options(now.unit)).reply(request, now, done=done)
    (reading,) = run_codec(Toledo8217Decoder(options(now.unit)), [frame])
    assert isinstance(reading, Reading)
    return reading


@given(indications())
def test_a_weight_is_told_exactly_or_not_at_all(now: Indication) -> None:
    reading = answer(WEIGHT, now)
    if reading.weight is not None:
        assert (reading.weight, reading.unit, reading.net) == (now.net, now.unit, now.tare != 0)
        assert show(reading) == format(now.net, f".{PLACES[now.unit]}f")
        assert reading.stable


@given(indications())
def test_motion_overload_underload_and_faults_never_carry_a_weight(now: Indication) -> None:
    reading = answer(WEIGHT, now)
    if now.motion or now.overload or now.underload or now.fault:
        assert reading.weight is None
        assert reading.status in (Status.MOTION, Status.OVERLOAD, Status.UNDERLOAD, Status.ERROR)
        assert reading.stable is not now.motion


@given(indications(), st.sampled_from((Ask.ZERO, Ask.TARE, Ask.CLEAR_TARE, Ask.UNKNOWN)), st.booleans())
def test_commands_are_answered_by_a_status(now: Indication, ask: Ask, done: bool) -> None:
    reading = answer(Request(ask), now, done=done)
    assert reading.weight is None
    assert reading.net is (now.tare != 0)


@given(st.lists(indications(), max_size=6), st.integers(0, 1 << 32))
def test_any_chunking_gives_the_same_readings(shown: list[Indication], seed: int) -> None:
    half = Toledo8217DeviceHalf(options())
    stream = b"".join(half.reply(WEIGHT, now) for now in shown)
    whole = run_codec(Toledo8217Decoder(options()), [stream])
    assert run_codec(Toledo8217Decoder(options()), byte_by_byte(stream)) == whole
    assert run_codec(Toledo8217Decoder(options()), random_split(stream, seed)) == whole


@pytest.mark.parametrize(
    ("letter", "ask"),
    [
        (b"W", Ask.WEIGHT),
        (b"Z", Ask.ZERO),
        (b"T", Ask.TARE),
        (b"C", Ask.CLEAR_TARE),
        (b"H", Ask.UNKNOWN),
        (b"w", Ask.UNKNOWN),
        (b"\xd7", Ask.WEIGHT),
    ],
)
def test_the_scale_understands_each_letter(letter: bytes, ask: Ask) -> None:
    (request,) = Toledo8217DeviceHalf(options()).feed(letter)
    assert isinstance(request, Request)
    assert request.ask is ask


@given(st.integers(0, 99_999), st.sampled_from(("kg", "lb")))
def test_a_preset_tare_arrives_as_it_was_meant(digits: int, unit: str) -> None:
    tare = Decimal(digits).scaleb(-PLACES[unit])
    (request,) = Toledo8217DeviceHalf(options(unit)).feed(encode_preset_tare(tare, unit))
    assert isinstance(request, Request)
    assert (request.ask, Decimal(request.value)) == (Ask.TARE, tare)


@pytest.mark.parametrize("tare", ["100", "-0.001", "0.0005"])
def test_a_tare_that_cannot_be_shown_is_refused(tare: str) -> None:
    with pytest.raises(ConfigError):
        encode_preset_tare(Decimal(tare), "kg")


def test_a_tare_cut_off_by_another_command_is_no_tare() -> None:
    broken, weight = Toledo8217DeviceHalf(options()).feed(b"T01W")
    assert isinstance(broken, ProtocolError)
    assert weight == WEIGHT


def test_the_probe_is_answered_with_its_echo() -> None:
    half = Toledo8217DeviceHalf(options())
    requests = half.feed(encode_probe() + b"F")
    now = Indication(Decimal("1.234"))
    reply = b"".join(half.reply(request, now) for request in requests if isinstance(request, Request))
    assert reply == b"\x02E\rhello\x02F\r"
    readings = run_codec(Toledo8217Decoder(options()), [reply])
    assert [reading.status for reading in readings] == [Status.INFO] * 3
    assert [reading.info for reading in readings] == [None, "hello", None]


def test_other_text_than_the_probe_is_noise_even_in_echo_mode() -> None:
    values = run_codec(Toledo8217Decoder(options()), [b"\x02E\rjunk"])
    assert isinstance(values[-1], ProtocolError)


def test_a_wrong_unit_setting_is_named_in_the_hint() -> None:
    (error,) = run_codec(Toledo8217Decoder(options("lb")), [b"\x0201.234\r"])
    assert isinstance(error, ProtocolError)
    assert "unit" in error.hint


def test_a_scale_indicating_grams_is_refused_whatever_the_setting() -> None:
    frame = Toledo8217DeviceHalf(options()).reply(WEIGHT, Indication(Decimal(1234), "g"))
    assert run_codec(Toledo8217Decoder(options()), [frame])[0].weight is None
