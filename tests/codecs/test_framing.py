"""The framers of the SDK: the same frames whatever the chunking, and never more held than the bound."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.framing import LineFramer, SilenceFramer, StartEndFramer
from edge_agent.sdk.testing import byte_by_byte, random_split

LIMIT = 8
STREAM = st.lists(st.sampled_from(b"\x02\x03\r\nabc"), max_size=80).map(bytes)
Framer = LineFramer | SilenceFramer | StartEndFramer
MAKERS: dict[str, Callable[[], Framer]] = {
    "lines": lambda: LineFramer(b"\r\n", LIMIT),
    "lines, one terminator": lambda: LineFramer(b"\r", LIMIT),
    "lines, a pair": lambda: LineFramer(b"\r\n", LIMIT, sequence=True),
    "lines, anchored": lambda: LineFramer(b"\r\n", LIMIT, anchored=True),
    "start and end": lambda: StartEndFramer(0x02, b"\x03", LIMIT),
    "start and ends with trailer": lambda: StartEndFramer(0x02, b"\r\x03", LIMIT, trailer=2),
    "silence": lambda: SilenceFramer(LIMIT),
}


def cut(framer: Framer, chunks: list[bytes]) -> list[bytes | ProtocolError]:
    return [frame for chunk in chunks for frame in framer.feed(chunk)] + list(framer.flush())


@pytest.mark.parametrize("name", MAKERS)
@given(data=STREAM, seed=st.integers(0, 1 << 32))
def test_frames_do_not_depend_on_the_chunks(name: str, data: bytes, seed: int) -> None:
    whole = cut(MAKERS[name](), [data])
    assert cut(MAKERS[name](), byte_by_byte(data)) == whole
    assert cut(MAKERS[name](), random_split(data, seed)) == whole


@pytest.mark.parametrize("name", MAKERS)
@given(data=STREAM)
def test_no_frame_and_no_error_is_longer_than_the_limit(name: str, data: bytes) -> None:
    for frame in cut(MAKERS[name](), [data]):
        content = frame.data if isinstance(frame, ProtocolError) else frame
        assert len(content) <= LIMIT + 2


@pytest.mark.parametrize("name", MAKERS)
@given(data=STREAM)
def test_what_is_held_is_bounded(name: str, data: bytes) -> None:
    framer = MAKERS[name]()
    for byte in byte_by_byte(data):
        framer.feed(byte)
        assert framer.held <= LIMIT + 2


@given(st.lists(st.binary(min_size=1, max_size=LIMIT).filter(lambda line: not set(line) & set(b"\r\n"))))
def test_lines_come_back_as_they_were_joined(lines: list[bytes]) -> None:
    for end in (b"\r", b"\n", b"\r\n"):
        assert cut(LineFramer(b"\r\n", LIMIT), [b"".join(line + end for line in lines)]) == lines


def test_blank_lines_are_no_frames() -> None:
    assert cut(LineFramer(), [b"\r\n\r\nA\r\r\n\nB\n"]) == [b"A", b"B"]


def test_a_pair_ends_a_frame_only_as_a_pair() -> None:
    assert cut(LineFramer(b"\r\n", sequence=True), [b"A\rB\n", b"C\r", b"\nD\r\n"]) == [b"A\rB\nC", b"D"]


def test_a_stream_joined_in_mid_frame_is_anchored_first() -> None:
    assert cut(LineFramer(anchored=True), [b"20.7g\r\nS 20.8g\r\n"]) == [b"S 20.8g"]


def test_a_line_too_long_is_reported_once_and_dropped_up_to_its_end() -> None:
    framer = LineFramer(b"\r\n", LIMIT)
    (error,) = framer.feed(b"123456789")
    assert isinstance(error, ProtocolError)
    assert (error.code, error.data) == ("frame.too_long", b"12345678")
    assert framer.feed(b"abc" * 100) == []
    assert framer.feed(b"rest\rnext\r") == [b"next"]


def test_a_start_byte_inside_a_frame_begins_a_new_one() -> None:
    torn, frame = cut(StartEndFramer(0x02, b"\r"), [b"\x02old\x02new\r"])
    assert isinstance(torn, ProtocolError)
    assert (torn.code, torn.data, frame) == ("frame.torn", b"\x02old", b"\x02new\r")


def test_noise_between_frames_is_reported_once_for_each_gap() -> None:
    noise, frame, after = cut(StartEndFramer(0x02, b"\r"), [b"xy", b"z\x02A\r", b"!"])
    assert frame == b"\x02A\r"
    assert [getattr(error, "data", None) for error in (noise, after)] == [b"xyz", b"!"]


def test_a_trailer_belongs_to_the_frame_whatever_its_bytes() -> None:
    assert cut(StartEndFramer(0x02, b"\r", trailer=1), [b"\x02A\r\x02\x02B\r\r"]) == [
        b"\x02A\r\x02",
        b"\x02B\r\r",
    ]


def test_a_whole_read_of_lines_is_cut_into_all_of_them() -> None:
    framer = LineFramer(limit=4096)
    assert framer.feed(b"4006381333931\r" * 4_681) == [b"4006381333931"] * 4_681
