"""Bitmaps, the canvas and PNG: dots stay where they are put, and nothing hostile is unpacked."""

from __future__ import annotations

import random
import struct
import tracemalloc
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from edge_agent.labels.page import (
    MAX_BLACK,
    MAX_PNG_BYTES,
    MAX_PNG_HEIGHT,
    Bitmap,
    Canvas,
    as_bitmap,
    black_ratio,
    from_png,
    from_rows,
    inverted,
    moved,
    solid,
    to_png,
    turned,
)
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import Page
from tests.labels.paper import page_of, pixels, rows_of

STAIRS = from_rows(["111", "100"], 8)


@st.composite
def pages(draw: st.DrawFn) -> Page:
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 20))
    row = st.text(".#", min_size=width, max_size=width)
    return page_of(draw(st.lists(row, min_size=height, max_size=height)))


@pytest.mark.parametrize(
    ("degrees", "rows"),
    [
        (0, ["###", "#.."]),
        (90, ["##", ".#", ".#"]),
        (180, ["..#", "###"]),
        (270, ["#.", "#.", "##"]),
    ],
)
def test_a_bitmap_turns_clockwise(degrees: int, rows: list[str]) -> None:
    assert rows_of(turned(STAIRS, degrees, 16)) == rows


def test_four_quarter_turns_change_nothing() -> None:
    bitmap = STAIRS
    for _ in range(4):
        bitmap = turned(bitmap, 90, 8)
    assert bitmap == STAIRS


def test_inverting_stays_within_the_bitmap() -> None:
    assert rows_of(inverted(STAIRS)) == ["...", ".##"]
    assert inverted(STAIRS).bits >> 13 == 0


def test_a_bitmap_moves_into_a_larger_one() -> None:
    assert rows_of(moved(STAIRS, 1, 1, 5, 4)) == [".....", ".###.", ".#...", "....."]


def test_drawing_adds_ink_and_takes_none_away() -> None:
    canvas = Canvas(5, 3)
    canvas.fill(0, 0, 5, 1)
    canvas.draw(STAIRS, 1, 1)
    assert canvas.page() == page_of(["#####", ".###.", ".#..."])


@pytest.mark.parametrize(("left", "top"), [(-1, 0), (0, -1), (3, 0), (0, 2)])
def test_what_would_leave_the_canvas_is_refused(left: int, top: int) -> None:
    with pytest.raises(ValueError, match="wholly"):
        Canvas(5, 3).draw(STAIRS, left, top)


def test_a_bitmap_of_another_pitch_is_refused() -> None:
    with pytest.raises(ValueError, match="wholly"):
        Canvas(5, 3).draw(Bitmap(1, 1, 16, 1 << 15), 0, 0)


@settings(max_examples=50, deadline=None)
@given(pages())
def test_a_page_survives_png(page: Page) -> None:
    assume(black_ratio(page) <= MAX_BLACK)
    assert from_png(to_png(page)) == page


def test_the_png_shows_the_same_dots_to_another_reader() -> None:
    page = page_of(["#..#.....#", ".#........"])
    with Image.open(BytesIO(to_png(page))) as picture:
        assert picture.mode == "1"
        assert list(picture.convert("L").tobytes()) == pixels(page).flatten().tolist()


def test_black_ratio_counts_dots_not_padding() -> None:
    assert black_ratio(page_of(["#.", "##"])) == 0.75


def test_transparent_counts_as_white() -> None:
    picture = Image.new("RGBA", (3, 1), (0, 0, 0, 0))
    picture.putpixel((1, 0), (0, 0, 0, 255))
    packed = BytesIO()
    picture.save(packed, "PNG")
    assert from_png(packed.getvalue()) == page_of([".#."])


def test_a_picture_is_scaled_to_its_box() -> None:
    assert rows_of(as_bitmap(page_of(["#.", ".#"]), 4, 4, 8)) == ["##..", "##..", "..##", "..##"]


def test_a_picture_of_the_right_size_is_taken_dot_for_dot() -> None:
    assert rows_of(as_bitmap(page_of(["#.#", ".##"]), 3, 2, 16)) == ["#.#", ".##"]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


GRAY, PALETTE = 0, 3  # two of PNG's colour types


def png(
    width: int, height: int, rows: bytes, *, bits: int = 1, colours: int = GRAY, extra: bytes = b""
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + bytes(40),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        png(9000, 9000, bytes(10)),
        png(2001, 2000, bytes(251 * 2000)),
        png(0, 10, b""),
        png(100, 100, b"\0"),
        to_png(Page(64, 64, bytes(range(256)) * 2))[:60],
        png(8, 8, bytes(16)).replace(b"IDAT", b"IDAX"),
        to_png(Page(8, 8, bytes(8))) + bytes(MAX_PNG_BYTES),
        to_png(Page(8, MAX_PNG_HEIGHT + 1, bytes(MAX_PNG_HEIGHT + 1))),
        to_png(Page(8, 8, b"\xff" * 8)),
        png(8, 2, bytes((0, 0xF0)) * 2, colours=PALETTE),
        png(1, 1, bytes(3), bits=16, extra=chunk(b"tRNS", bytes(2))),
    ],
    ids=[
        *(
            "empty",
            "gif",
            "zeros",
            "bomb",
            "one-row-of-dots-more",
            "no-width",
            "short",
            "cut",
            "no-data",
            "long",
            "tall",
            "black",
        ),
        *("no-palette", "transparent-16-bit"),
    ],
)
def test_a_bad_picture_is_refused_before_it_is_unpacked(data: bytes) -> None:
    with pytest.raises(CommandError) as refusal:
        from_png(data)
    assert refusal.value.code == "label.bad_png"


@pytest.mark.parametrize(
    ("kind", "head"),
    [(b"zTXt", b"k\0\0"), (b"iTXt", b"k\0\1\0\0\0"), (b"iCCP", b"k\0\0")],
)
def test_what_a_picture_says_beside_its_dots_is_never_unpacked(kind: bytes, head: bytes) -> None:
    """A mebibyte of text packs into one kilobyte, and forty of them into a small file."""
    plain = png(8, 2, bytes((0, 0xF0)) * 2)
    talking = png(8, 2, bytes((0, 0xF0)) * 2, extra=chunk(kind, head + zlib.compress(bytes(1 << 20))) * 40)
    from_png(plain)  # with its imports
    tracemalloc.start()
    try:
        page = from_png(talking)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert page == from_png(plain)
    assert peak < 1 << 20


def white(width: int, height: int) -> bytes:
    """A picture of one bit a dot, packed a thousandfold."""
    return png(width, height, (b"\0" + b"\xff" * ((width + 7) // 8)) * height)


@pytest.mark.parametrize("side", [11_000, 16_000], ids=["beyond-our-guard", "beyond-pillows"])
@pytest.mark.parametrize("kind", [b"tEXt", b"IHDR"])
def test_a_picture_is_as_large_as_its_own_header_says(kind: bytes, side: int) -> None:
    """Pillow goes by the last header that it meets, whatever a first chunk says in its place."""
    whole = white(side, side)
    small = struct.pack(">IIBBBBB", 8, 8, 1, GRAY, 0, 0, 0)
    decoyed = whole[:8] + chunk(kind, small) + whole[8:]
    assert len(decoyed) < 100_000
    assert outcome(to_png(Page(8, 8, bytes(8)))) == "page"  # with its imports
    tracemalloc.start()
    try:
        assert outcome(decoyed) == "label.bad_png"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_picture_as_large_as_may_be_is_read() -> None:
    assert from_png(to_png(Page(2000, 2000, bytes(250 * 2000)))).height == 2000
    assert from_png(to_png(Page(8, MAX_PNG_HEIGHT, bytes(MAX_PNG_HEIGHT)))).height == MAX_PNG_HEIGHT


def test_a_picture_of_16_bits_is_black_where_it_is_dark() -> None:
    grays = (0, 255, 256, 20_000, 0x7FFF, 0x8000, 60_000, 0xFFFF)
    page = from_png(png(8, 1, b"\0" + struct.pack(">8H", *grays), bits=16))
    assert rows_of(as_bitmap(page, 8, 1, 8)) == ["#####..."]


def outcome(data: bytes) -> str:
    try:
        from_png(data)
    except CommandError as refusal:
        return refusal.code
    return "page"


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200))
def test_damaged_pictures_are_read_or_refused(noise: bytes, place: int) -> None:
    whole = to_png(page_of(["#..#.....#", ".#........"] * 8))
    damaged = whole[:place] + noise + whole[place + len(noise) :]
    assert outcome(damaged) in {"page", "label.bad_png"}


@settings(max_examples=100)
@given(
    st.sampled_from((1, 2, 4, 8, 16)), st.sampled_from((0, 2, 3, 4, 6)), st.binary(max_size=9), st.randoms()
)
def test_a_picture_of_any_kind_is_read_or_refused(
    bits: int, colours: int, noise: bytes, dice: random.Random
) -> None:
    kind = dice.choice((b"PLTE", b"tRNS", b"gAMA", b"iCCP", b"zTXt", b"fcTL", b"pHYs", b"IHDR", b"bKGD"))
    rows = dice.randbytes(dice.choice((0, 9, 17, 33, 65, 129)) * 4)
    assert outcome(png(8, 4, rows, bits=bits, colours=colours, extra=chunk(kind, noise))) in {
        "page",
        "label.bad_png",
    }


def test_a_solid_rectangle_is_black() -> None:
    assert rows_of(solid(3, 2, 8)) == ["###", "###"]


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (40, 3), (9, 9), (64, 1), (1, 48), (64, 48), (17, 30)])
def test_a_rectangle_blackens_its_own_dots_and_no_other(size: tuple[int, int]) -> None:
    width, height = size
    left, top = 64 - width, 48 - height
    canvas = Canvas(64, 48)
    canvas.fill(0, 0, 2, 2)
    canvas.fill(left, top, width, height)
    expected = np.full((48, 64), 255)
    expected[:2, :2] = 0
    expected[top : top + height, left : left + width] = 0
    assert (pixels(canvas.page()) == expected).all()


@pytest.mark.parametrize("place", [(-1, 0, 5, 5), (0, -1, 5, 5), (60, 0, 5, 5), (0, 44, 5, 5)])
def test_a_rectangle_beyond_the_page_is_refused(place: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="wholly"):
        Canvas(64, 48).fill(*place)
