"""Line scanners: what the device half sends, the decoder reads, whatever the framing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.scanners.line import SPEC, LineDecoder, LineScannerDevice
from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.framing import SCAN_LINE_LIMIT
from edge_agent.sdk.testing import byte_by_byte, good, random_split, run_codec
from edge_agent.sdk.values import ScanText

TERMINATORS = ("any", "cr", "lf", "crlf", "etx")
TEXT = st.text(st.characters(exclude_characters="\r\n\x02\x03", codec="utf-8"), min_size=1)


def options(**given_: object) -> Options:
    return Options(SPEC.options, given_)


@given(st.lists(TEXT, max_size=5), st.sampled_from(TERMINATORS), st.booleans(), st.integers(0, 1 << 32))
def test_texts_arrive_exactly_however_they_are_split(
    texts: list[str], terminator: str, aim: bool, seed: int
) -> None:
    settings = options(terminator=terminator, aim=aim, prefix="<<", suffix=">>")
    device = LineScannerDevice(settings)
    stream = b"".join(device.encode(text, "]C1") for text in texts)
    whole = run_codec(LineDecoder(settings), [stream])
    assert [(value.text, value.aim) for value in whole] == [(t, "]C1" if aim else None) for t in texts]
    assert run_codec(LineDecoder(settings), byte_by_byte(stream)) == whole
    assert run_codec(LineDecoder(settings), random_split(stream, seed)) == whole


@given(TEXT, st.integers(0, 1 << 32))
def test_without_terminator_silence_completes_a_text(text: str, seed: int) -> None:
    settings = options(terminator="none")
    codec = LineDecoder(settings)
    for chunk in random_split(LineScannerDevice(settings).encode(text), seed):
        assert codec.feed(chunk) == []
    (value,) = codec.flush()
    assert isinstance(value, ScanText)
    assert value.text == text


def test_with_a_terminator_silence_drops_and_reports_what_is_torn() -> None:
    codec = LineDecoder(options())
    codec.feed(b"RB1234")
    (error,) = codec.flush()
    assert isinstance(error, ProtocolError)
    assert (error.code, error.data) == ("frame.torn", b"RB1234")
    assert "suffix" in error.hint
    assert codec.held == 0


def test_a_text_of_the_greatest_length_is_read_and_one_more_is_not() -> None:
    codec = LineDecoder(options())
    (full,) = codec.feed(b"x" * SCAN_LINE_LIMIT + b"\r")
    assert isinstance(full, ScanText)
    (error,) = codec.feed(b"x" * (SCAN_LINE_LIMIT + 1) + b"\r")
    assert isinstance(error, ProtocolError)
    assert error.code == "frame.too_long"


def test_after_a_line_without_end_the_next_one_is_read() -> None:
    for terminator in TERMINATORS:
        settings = options(terminator=terminator)
        good_line = LineScannerDevice(settings).encode("RB123456785GB")
        endless = [
            LineScannerDevice(settings).encode("x" * 100_000)[i : i + 999] for i in range(0, 100_100, 999)
        ]
        values = run_codec(LineDecoder(settings), [*endless, good_line])
        assert [value.text for value in good(values)] == ["RB123456785GB"], terminator
        assert (
            sum(isinstance(value, ProtocolError) and value.code == "frame.too_long" for value in values) == 1
        )


def test_what_stays_in_memory_of_an_endless_line_is_bounded() -> None:
    for terminator in (*TERMINATORS, "none"):
        codec = LineDecoder(options(terminator=terminator))
        for _ in range(100):
            codec.feed(b"\x02" + b"x" * 10_000)
            assert codec.held <= SCAN_LINE_LIMIT + 1, terminator


def test_the_raw_bytes_of_each_read_are_kept() -> None:
    settings = options(aim=True, prefix="~")
    (value,) = run_codec(LineDecoder(settings), [b"~]C1123\r"])
    assert value == ScanText("123", "]C1", b"~]C1123")


def test_a_burst_as_long_as_a_read_loses_nothing() -> None:
    codec = LineDecoder(options())
    burst = b"4006381333931\r" * 4_681
    assert sum(len(codec.feed(burst)) for _ in range(10)) == 46_810
