"""ESC/POS pages: what the encoder sends is what the strict printer draws, and never a real-time command."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.printers.escpos_device import (
    BandBegun,
    Cut,
    EscposDevice,
    Fed,
    HeatSet,
    Initialised,
    InRaster,
    Refused,
    RowsDrawn,
)
from drivers.printers.escpos_raster import (
    BAND_BYTES,
    BAND_ROWS,
    ID_ALPHABET,
    bands,
    end_of_page,
    heat,
    process_id,
    report_printed,
)
from drivers.printers.placing import PAGE_ROWS
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.testing import random_split
from edge_agent.sdk.values import Page

REAL_TIME = re.compile(rb"\x10[\x04\x05\x14]")
HEADER = 8


@st.composite
def pages(draw: st.DrawFn) -> Page:
    """Small pages full of the bytes that make real-time commands, within rows and across them."""
    width = draw(st.sampled_from((8, 16, 24, 128, 570, 576)))
    height = draw(st.integers(1, 40))
    size = (width + 7) // 8 * height
    pool = st.sampled_from((0x10, 0x10, 0x04, 0x05, 0x14, 0x00, 0xFF))
    pattern = draw(st.lists(pool, min_size=1, max_size=97))
    data = bytes(pattern) * (size // len(pattern) + 1)
    return Page(width, height, data[:size])


def drawn(stream: bytes, seed: int, width_dots: int = 576) -> tuple[EscposDevice, list[object]]:
    device = EscposDevice(width_dots)
    events: list[object] = []
    for chunk in random_split(stream, seed) if seed else [stream]:
        events += device.feed(chunk)
    return device, events


def payload(band: bytes) -> bytes:
    return band[HEADER:]


@given(pages(), st.integers(0, 1 << 32))
def test_the_printer_draws_the_page(page: Page, seed: int) -> None:
    device, events = drawn(b"".join(bands(page, 576)), seed, page.stride * 8)
    printed = device.take_page()
    assert printed is not None
    assert not any(isinstance(event, Refused | InRaster) for event in events)
    assert sum(event.rows for event in events if isinstance(event, RowsDrawn)) == page.height
    changed = [(old, new) for old, new in zip(page.data, printed.data, strict=True) if old != new]
    assert all(old in b"\x04\x05\x14" and (old ^ new).bit_count() == 1 for old, new in changed)
    assert len(changed) == len(REAL_TIME.findall(page.data))


@given(pages())
def test_no_real_time_command_stands_anywhere_in_what_is_sent(page: Page) -> None:
    assert REAL_TIME.search(b"".join(bands(page, 576))) is None


@given(pages())
def test_without_real_time_bytes_not_one_dot_is_changed(page: Page) -> None:
    harmless = Page(page.width, page.height, page.data.replace(b"\x10", b"\x30"))
    assert b"".join(payload(band) for band in bands(harmless, 576)) == harmless.data


@pytest.mark.parametrize("second", [0x04, 0x05, 0x14])
@pytest.mark.parametrize("width", [8, 576])
def test_a_command_across_two_rows_or_two_bands_is_broken_up(width: int, second: int) -> None:
    stride = width // 8
    row = bytes([second]) + bytes(stride - 2) + b"\x10" if stride > 1 else b""
    data = row * 600 if row else bytes([0x10, second]) * 300
    stream = b"".join(bands(Page(width, 600, data), width))
    assert REAL_TIME.search(stream) is None


@pytest.mark.parametrize(("width", "height"), [(1, 1), (576, 255), (576, 257), (2048, 2000), (64, PAGE_ROWS)])
def test_bands_are_bounded_in_rows_and_bytes(width: int, height: int) -> None:
    page = Page(width, height, bytes((width + 7) // 8 * height))
    rows = 0
    for band in bands(page, 2048):
        (begun,) = EscposDevice(2048).feed(band[:HEADER])
        assert isinstance(begun, BandBegun)
        assert begun.rows <= BAND_ROWS
        assert len(payload(band)) == begun.rows * begun.stride <= BAND_BYTES
        rows += begun.rows
    assert rows == height


def test_a_page_wider_than_the_head_is_refused_not_cropped() -> None:
    with pytest.raises(CommandError) as refused:
        bands(Page(577, 1, bytes(73)), 576)
    assert refused.value.code == "printer.page_too_wide"


def test_a_page_of_more_than_a_metre_is_refused() -> None:
    with pytest.raises(CommandError) as refused:
        bands(Page(8, PAGE_ROWS + 1, bytes(PAGE_ROWS + 1)), 576)
    assert refused.value.code == "printer.page_too_long"


@pytest.mark.parametrize(
    ("cut", "feed", "events"),
    [
        ("partial", 24, [Cut(partial=True)]),
        ("full", 999, [Cut(partial=False)]),
        ("none", 0, []),
        ("none", 255, [Fed(255)]),
        ("none", 300, [Fed(255), Fed(45)]),
    ],
)
def test_the_page_ends_as_it_was_set(cut: str, feed: int, events: list[object]) -> None:
    assert EscposDevice().feed(end_of_page(cut, feed)) == events


@pytest.mark.parametrize(
    ("density", "speed", "events"),
    [
        (-1, -1, []),
        (0, -1, [HeatSet(49, -6)]),
        (6, 1, [HeatSet(49, 0), HeatSet(50, 1)]),
        (14, 13, [HeatSet(49, 8), HeatSet(50, 13)]),
    ],
)
def test_density_and_speed_are_said_where_they_are_set(
    density: int, speed: int, events: list[object]
) -> None:
    assert EscposDevice().feed(heat(density, speed)) == events


def test_density_and_speed_are_the_bytes_of_the_manual() -> None:
    assert heat(0, 3) == bytes.fromhex("1d284b020031fa 1d284b02003203")
    for wrong in ("1d284b02003109", "1d284b020031f9", "1d284b02003200", "1d284b0200320e", "1d284b02003000"):
        assert isinstance(EscposDevice().feed(bytes.fromhex(wrong))[0], Refused), wrong


@given(st.integers(0, 95**4 - 2))
def test_process_ids_grow_and_hold_no_control_character(number: int) -> None:
    id_, following = process_id(number), process_id(number + 1)
    assert id_ < following
    assert all(value in ID_ALPHABET for value in id_)
    assert REAL_TIME.search(report_printed(id_)) is None


def test_nothing_but_our_own_commands_is_accepted() -> None:
    for foreign in (
        b"Hello\n",
        b"\x1bt\x00",
        b"\x1dv0\x01\x01\x00\x01\x00",
        b"\x10\x05\x01",
        b"\x10\x14\x01\x00\x01",
    ):
        events = EscposDevice().feed(foreign)
        assert events
        assert isinstance(events[0], Refused), foreign


def test_a_command_inside_raster_data_is_seen_across_chunks() -> None:
    device = EscposDevice(16)
    assert device.feed(b"\x1dv0\x00\x02\x00\x02\x00\x00\x10") == [BandBegun(2, 2), RowsDrawn(1)]
    assert device.feed(b"\x04\x00") == [InRaster(b"\x10\x04"), RowsDrawn(1)]


def test_filling_with_nul_ends_a_broken_band_and_does_nothing_else() -> None:
    device = EscposDevice(16)
    device.feed(b"\x1dv0\x00\x02\x00\x03\x00\xff")
    assert device.feed(bytes(BAND_BYTES + HEADER)) == [RowsDrawn(3)]
    assert device.feed(b"\x1b@") == [Initialised()]
