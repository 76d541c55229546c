"""Marks and guesses from recorded bytes: what is strong, what stays open, what is told as ambiguous."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanners.line import SPEC as LINE
from drivers.scanners.line import LineScannerDevice
from edge_agent.discovery.recording import Chunk, Recording
from edge_agent.discovery.verdict import Display, Verdict, judge
from edge_agent.sdk.driver import DriverSpec, Kind, Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import Reading
from tests.discovery.stand import catalogue, frames_of, heard, speakers

SPECS = list(catalogue().values())
REVERSED = [b"=000.3000", b"=000.3000", b"=053.2100", b"=053.2100", b"=000.0000"] * 3
TOLEDO = [b"\x0201.234\r", b"\x0201.234\r", b"\x02?A\r", b"\x0202.000\r"]


def verdict_on(*pieces: bytes, start_ms: int = 0, **known: str) -> Verdict:
    return judge([heard(*pieces, start_ms=start_ms)], SPECS, known)


def names(verdict: Verdict) -> list[str]:
    return [guess.name for guess in verdict.strong]


def test_silence_gives_no_guess() -> None:
    assert judge([Recording(None, ())], SPECS) == Verdict()


def test_an_answer_of_each_kind_is_counted() -> None:
    (guess,) = verdict_on(*TOLEDO, *TOLEDO).strong
    assert guess.name == "toledo_8217"
    assert (guess.score.good, guess.score.bad) == (7, 0)


def test_the_first_frame_of_a_stream_that_was_joined_does_not_count() -> None:
    whole = verdict_on(*TOLEDO, start_ms=300).strong[0]
    joined = verdict_on(*TOLEDO).strong[0]
    assert (whole.score.good, joined.score.good) == (4, 3)


@pytest.mark.parametrize("cut", range(1, 17))
def test_a_stream_that_is_joined_anywhere_is_found(cut: int) -> None:
    frames = frames_of(catalogue()["st_gs"], "generic")
    verdict = verdict_on(frames[0][cut:], *frames[1:])
    assert names(verdict) == ["st_gs (generic)"]
    assert verdict.strong[0].score.bad == 0


@pytest.mark.parametrize("size", [1, 3, 7])
def test_the_cutting_of_the_bytes_changes_nothing(size: int) -> None:
    data = b"".join(frames_of(catalogue()["st_gs"], "generic"))
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    verdict = judge([heard(*pieces, pace_ms=5)], SPECS)
    assert names(verdict) == ["st_gs (generic)"]
    assert verdict.strong[0].score.share == 100


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_frames_prove_nothing(count: int) -> None:
    verdict = verdict_on(*TOLEDO[:count], start_ms=300)
    assert verdict.strong == ()
    assert verdict.guesses[0].name == "toledo_8217"


def test_spoilt_frames_count_against() -> None:
    clean = verdict_on(*TOLEDO * 3).guesses[0].score.mark
    spoilt = verdict_on(*[*TOLEDO, b"\x02rubbish\r"] * 3).guesses[0].score.mark
    assert spoilt < clean


def test_frames_in_much_noise_are_weak() -> None:
    assert verdict_on(*[b"\x00\xff\x55" * 30, *TOLEDO] * 3).strong == ()


def test_frames_with_a_proved_check_character_weigh_more() -> None:
    checked = verdict_on(*frames_of(catalogue()["toledo_cont"], weights=["1.250"])).strong[0]
    plain = verdict_on(*frames_of(catalogue()["st_gs"], "generic", ["1.250"])).strong[0]
    assert checked.score.good == plain.score.good
    assert checked.score.mark > plain.score.mark
    assert "each proved by its check character" in checked.score.reasons


def test_the_flag_that_suits_the_frames_is_found() -> None:
    without = [frame[:-1] for frame in frames_of(catalogue()["toledo_cont"])]
    (guess,) = verdict_on(*without).strong
    assert guess.candidate.given == {"checksum": False}
    assert not guess.score.checked


def test_a_unit_that_the_frames_refute_is_not_open() -> None:
    (kilograms,) = verdict_on(*TOLEDO * 2).strong
    (pounds,) = verdict_on(*[b"\x02001.23\r", b"\x02012.34\r"] * 3).strong
    assert (kilograms.opens, dict(kilograms.candidate.given)) == ((), {})
    assert (pounds.opens, dict(pounds.candidate.given)) == ((), {"unit": "lb"})


def test_a_unit_that_is_not_on_the_wire_is_open() -> None:
    (guess,) = verdict_on(*frames_of(catalogue()["yaohua"], "a9_tf0")).strong
    (opened,) = guess.opens
    assert opened.name == "unit"
    assert opened.readings["lb"] == "2.475 lb"


def test_decimals_that_are_not_on_the_wire_are_open() -> None:
    verdict = verdict_on(*[b"\x0201234\r", b"\x0200000\r"] * 4, unit="kg")
    (guess,) = [guess for guess in verdict.strong if guess.name == "cas_pd2 (ecr_2)"]
    assert {opened.name for opened in guess.opens} == {"decimals"}
    assert "1234 kg" not in guess.opens[0].readings[3]


def test_what_is_known_is_not_open() -> None:
    (guess,) = verdict_on(*frames_of(catalogue()["yaohua"], "a9_tf0"), unit="g").strong
    assert guess.opens == ()
    assert {reading.unit for reading in guess.score.readings} == {"g"}


def test_a_unit_that_is_on_the_wire_after_all_is_not_open() -> None:
    (guess,) = verdict_on(*frames_of(catalogue()["yaohua"], "a12e_checked")).strong
    assert guess.opens == ()


@pytest.mark.parametrize(
    "frames",
    [REVERSED, [b"=000.0000"] * 9, [b"=543.2100"] * 9, [b"=00.1000-"] * 9],
    ids=lambda f: f[-1].decode(),
)
def test_equals_lines_are_ambiguous_whatever_they_say(frames: list[bytes]) -> None:
    assert set(names(verdict_on(*frames))) == {"yaohua (forward_eq)", "yaohua (reversed_eq)"}


def test_the_display_decides_the_order() -> None:
    verdict = judge([heard(*REVERSED)], SPECS, {"unit": "kg"}, Display(Decimal("3.000"), "kg"))
    assert names(verdict) == ["yaohua (reversed_eq)"]


def test_a_display_that_both_orders_show_decides_nothing() -> None:
    verdict = judge([heard(*[b"=000.0000"] * 9)], SPECS, {}, Display(Decimal("0.000")))
    assert len(verdict.strong) <= 2
    assert verdict.decided is None or verdict.decided.score.readings[0].weight == 0


@pytest.mark.parametrize("shown", ["3.00", "3.0000", "4.000"])
def test_a_display_that_shows_something_else_refutes_all(shown: str) -> None:
    assert judge([heard(*REVERSED)], SPECS, {}, Display(Decimal(shown), "kg")).guesses == ()


def test_a_known_dialect_decides() -> None:
    assert names(verdict_on(*REVERSED, dialect="reversed_eq")) == ["yaohua (reversed_eq)"]


def test_two_protocols_that_read_the_same_frames_are_ambiguous() -> None:
    verdict = verdict_on(*frames_of(catalogue()["adam"], "mdw"))
    assert {guess.spec.name for guess in verdict.strong} >= {"nci", "adam"}
    assert verdict.decided is None


def test_dialects_that_never_disagree_are_one_guess() -> None:
    (guess,) = verdict_on(*frames_of(catalogue()["st_gs"], "and18")).strong
    assert guess.name == "st_gs (generic)"
    assert "st_gs (and18)" in guess.alike


def test_dialects_are_not_one_guess_before_a_number_was_heard() -> None:
    verdict = verdict_on(*[b"OL,GS,+       \r\n"] * 9)
    assert len(verdict.strong) > 1
    assert not any(guess.alike for guess in verdict.strong)


def test_a_line_that_any_scale_may_print_proves_no_protocol() -> None:
    verdict = verdict_on(*[b"WGross   0.010 lb\r\n", b"SNWNet    -0.915 lb\r\n"] * 5)
    assert verdict.strong == ()
    assert [guess.name for guess in verdict.guesses] == ["print_line"]


SCANNED = [
    "RR123456785BD",
    "96385074",
    "4006381333931",
    "15BAEB8A",
    "https://example.com/x?y=1",
    "2.5 kg",
    "W",
]


@pytest.mark.parametrize("text", SCANNED)
def test_a_scanner_is_no_scale(text: str) -> None:
    frame = LineScannerDevice(Options(LINE.options)).encode(text)
    assert verdict_on(*[frame] * 10, start_ms=300).strong == ()


def test_digits_alone_are_told_to_be_what_a_scanner_sends() -> None:
    verdict = judge([heard(*[b"96385074\r\n"] * 9)], SPECS, {"unit": "kg"})
    assert any("barcode scanner" in reason for guess in verdict.guesses for reason in guess.score.reasons)


@given(st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=60)), max_size=20))
def test_rubbish_never_raises_and_is_no_scale(pieces: list[tuple[int, bytes]]) -> None:
    at, chunks = 0, []
    for gap, data in pieces:
        at += gap
        if data:
            chunks.append(Chunk(at, data))
    verdict = judge([Recording(None, tuple(chunks))], SPECS)
    assert all(0 <= guess.score.mark <= 99 for guess in verdict.guesses)
    assert verdict.strong == ()


@given(st.sampled_from(speakers()), st.data())
def test_frames_with_turned_bits_never_raise(form: tuple[DriverSpec, str], data: st.DataObject) -> None:
    frames = [bytearray(frame) for frame in frames_of(*form)]
    for _ in range(data.draw(st.integers(0, 30))):
        frame = data.draw(st.sampled_from(frames))
        frame[data.draw(st.integers(0, len(frame) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    verdict = judge([heard(*map(bytes, frames))], SPECS)
    assert all(guess.score.good + guess.score.bad > 0 for guess in verdict.guesses[:1])


class Broken:
    """A stranger's codec with a bug."""

    def __init__(self, options: Options) -> None:
        del options

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        raise KeyError(data)

    def flush(self) -> list[Reading | ProtocolError]:
        return []

    def reset(self) -> None:
        """Nothing is held."""


def test_a_driver_that_breaks_spoils_nothing() -> None:
    broken = DriverSpec(name="broken", kind=Kind.SCALE, title="breaks", decoder=Broken)
    verdict = judge([heard(*TOLEDO * 2)], [broken, *SPECS])
    assert names(verdict) == ["toledo_8217"]
