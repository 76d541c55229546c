"""Pages in ZPL, TSPL, EPL2 and CPCL: what an encoder sends is what the strict printer draws."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.printers import cpcl_page, epl2_page, tspl_page, zpl_page
from drivers.printers.bands import BAND_BYTES, WAKE_LINES, banded
from drivers.printers.cpcl_device import CpclDevice
from drivers.printers.epl2_device import Epl2Device
from drivers.printers.label_device import Asked, InRaster, LabelOrdered, Refused
from drivers.printers.media import Media
from drivers.printers.placing import PAGE_ROWS, checked, placed
from drivers.printers.tspl_device import TsplDevice
from drivers.printers.zpl_device import ZplDevice, unpacked
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.testing import byte_by_byte, random_split, whole
from edge_agent.sdk.values import Page

HEAD = 832
MEDIA = Media(
    head_dots=HEAD,
    dots_per_mm=8,
    sensor="gap",
    gap_mm=Decimal(3),
    ribbon=False,
    after="tear",
    density=None,
    speed=None,
    x_offset_dots=0,
    y_offset_dots=0,
)
CORNERS = Page(16, 3, bytes.fromhex("80010ff0ffff"))

Encode = Callable[[Page, Media], Iterator[bytes]]
LANGUAGES: dict[str, tuple[Encode, type]] = {
    "zpl z64": (lambda page, media: zpl_page.label(page, media, "z64", cut=True), ZplDevice),
    "zpl rle": (lambda page, media: zpl_page.label(page, media, "rle", cut=True), ZplDevice),
    "zpl hex": (lambda page, media: zpl_page.label(page, media, "hex", cut=True), ZplDevice),
    "tspl": (lambda page, media: tspl_page.label(page, media, cut=True), TsplDevice),
    "epl2": (lambda page, media: epl2_page.label(page, media, cut=True), Epl2Device),
    "cpcl hex": (lambda page, media: cpcl_page.label(page, media, "hex"), CpclDevice),
    "cpcl bytes": (lambda page, media: cpcl_page.label(page, media, "bytes"), CpclDevice),
}
ALL = pytest.mark.parametrize("language", LANGUAGES)
SETTINGS = [
    replace(MEDIA, sensor=sensor, ribbon=ribbon, after=after, density=density, speed=speed, gap_mm=gap)
    for sensor, ribbon, after, (density, speed), gap in itertools.product(
        ("gap", "mark", "endless"),
        (False, True),
        ("tear", "peel", "cut"),
        ((None, None), (10, 4)),
        (Decimal("2.5"),),
    )
]


@st.composite
def pages(draw: st.DrawFn) -> Page:
    """Pages of every width, full of the bytes that are commands somewhere, white and black stretches too."""
    width = draw(st.sampled_from((1, 7, 8, 16, 130, 384, 812, 832)))
    height = draw(st.integers(1, 60))
    stride = (width + 7) // 8
    pool = st.sampled_from(
        (0x1B, 0x21, 0x3F, 0x7E, 0xE4, 0xDE, 0x81, 0x0D, 0x0A, 0x5E, 0x00, 0xFF, 0x00, 0xFF)
    )
    pattern = bytes(draw(st.lists(pool, min_size=1, max_size=stride * 2 + 1)))
    data = (pattern * (stride * height // len(pattern) + 1))[: stride * height]
    return placed(Page(width, height, data), 0, 0)


def printed(
    language: str, page: Page, media: Media = MEDIA, chunks: Callable[[bytes], list[bytes]] = whole
) -> list[Any]:
    """What the strict printer makes of a label."""
    encode, device = LANGUAGES[language]
    printer = device(width_dots=HEAD)
    return [event for chunk in chunks(b"".join(encode(page, media))) for event in printer.feed(chunk)]


def cropped(page: Page, width: int) -> Page:
    """The left part of a printed label, which is as wide as the head."""
    stride = (width + 7) // 8
    rows = (page.data[at : at + stride] for at in range(0, len(page.data), page.stride))
    return Page(width, page.height, b"".join(rows))


def changed(before: Page, after: Page) -> list[tuple[int, int]]:
    assert (before.width, before.height) == (after.width, after.height)
    return [pair for pair in zip(before.data, after.data, strict=True) if pair[0] != pair[1]]


@ALL
@settings(max_examples=30)
@given(page=pages(), seed=st.integers(0, 1 << 32))
def test_the_printer_draws_the_page_and_one_label(language: str, page: Page, seed: int) -> None:
    events = printed(language, page, chunks=lambda data: random_split(data, seed) if seed % 2 else [data])
    assert [type(event) for event in events] == [LabelOrdered]
    dots = changed(page, cropped(events[0].page, page.width))
    assert not dots or language in ("tspl", "cpcl bytes")
    assert all((old ^ new).bit_count() == 1 and old & ~new == 0 for old, new in dots)


@ALL
@settings(max_examples=30)
@given(page=pages())
def test_without_command_bytes_not_one_dot_is_changed(language: str, page: Page) -> None:
    # What stands in place of command bytes becomes none where the page's width cuts it.
    harmless = Page(page.width, page.height, page.data.replace(b"\x1b", b"\x00").replace(b"\xde", b"\xff"))
    (label,) = printed(language, placed(harmless, 0, 0))
    assert changed(placed(harmless, 0, 0), cropped(label.page, page.width)) == []


@ALL
def test_byte_by_byte_gives_the_same_label(language: str) -> None:
    page = Page(100, 30, random.Random(1).randbytes(13 * 30))
    assert printed(language, placed(page, 0, 0)) == printed(language, placed(page, 0, 0), chunks=byte_by_byte)


@ALL
def test_every_setting_is_a_command_that_the_printer_knows(language: str) -> None:
    for media in SETTINGS:
        assert [type(event) for event in printed(language, CORNERS, media)] == [LabelOrdered], media


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "epl2"])
def test_an_interrupted_label_is_left_to_a_person(language: str) -> None:
    (label,) = printed(language, CORNERS)
    assert not label.again_after_error


@settings(max_examples=50)
@given(page=pages())
def test_nothing_that_a_page_holds_is_an_immediate_command_of_tspl(page: Page) -> None:
    settings, *bands, order = tspl_page.label(page, MEDIA, cut=True)
    assert not any(re.search(rb"[\x1b~]!", part) for part in (settings, *bands, order))


@settings(max_examples=50)
@given(page=pages())
def test_nothing_that_a_page_holds_is_an_escape_command_of_cpcl(page: Page) -> None:
    assert b"\x1b" not in b"".join(cpcl_page.label(page, MEDIA, "bytes"))


@pytest.mark.parametrize("encoding", zpl_page.ENCODINGS)
@settings(max_examples=30)
@given(page=pages())
def test_a_graphic_of_zpl_is_plain_text_without_prefixes(encoding: str, page: Page) -> None:
    assert re.fullmatch(rb"[0-9A-Za-z+/=:,]+", zpl_page.graphic(page, encoding))


@settings(max_examples=50)
@given(page=pages())
def test_run_lengths_say_what_hex_says(page: Page) -> None:
    assert unpacked(zpl_page.graphic(page, "rle"), page.stride) == page.data
    assert unpacked(zpl_page.graphic(page, "hex"), page.stride) == page.data


def test_a_long_run_is_written_in_counts() -> None:
    row = b"\x00" + b"\xaa" * 500 + b"\x01"
    assert zpl_page.graphic(Page(len(row) * 8, 1, row), "hex") == row.hex().upper().encode()
    line = Page(8 * 600, 1, b"\x11" * 600)
    assert zpl_page.graphic(line, "rle") == b"zY1zY1xH1"  # 419 + 419 + 360 + 2


def test_equal_rows_and_white_ends_are_one_character() -> None:
    page = Page(32, 5, bytes.fromhex("f0000000f00000000fffffff0000000012345678"))
    assert zpl_page.graphic(page, "rle") == b"F0,:0MF,12345678"


# The whole job, as a golden text: changing one byte of it is a decision


def test_a_label_of_zpl() -> None:
    assert b"".join(LANGUAGES["zpl hex"][0](CORNERS, replace(MEDIA, density=8, speed=4))) == (
        b"~SD08^XA^PW16^LL3^LH0,0^LT0^LS0^PON^PMN^LRN^MNY^MTD^MMT^JZN^PR4"
        b"^FO0,0^GFA,6,6,2,80010FF0FFFF^FS^PQ1^XZ"
    )


def test_a_label_of_zpl_is_cut_only_where_the_job_wants_it() -> None:
    media = replace(MEDIA, after="cut")
    assert b"^MMC" in b"".join(zpl_page.label(CORNERS, media, "hex", cut=True))
    assert b"^MMT" in b"".join(zpl_page.label(CORNERS, media, "hex", cut=False))


def test_a_label_of_tspl_has_black_as_zero() -> None:
    assert b"".join(LANGUAGES["tspl"][0](CORNERS, replace(MEDIA, density=8, speed=4))) == (
        b"\r\nSIZE 2 mm,0.375 mm\r\nGAP 3 mm,0 mm\r\nDIRECTION 0,0\r\nREFERENCE 0,0\r\n"
        b"OFFSET 0 mm\r\nSHIFT 0\r\n"
        b"SPEED 4\r\nDENSITY 8\r\nSET RIBBON OFF\r\nSET PEEL OFF\r\nSET TEAR ON\r\nSET CUTTER OFF\r\n"
        b"SET REPRINT OFF\r\nCLS\r\n"
        b"BITMAP 0,0,2,3,0,\x7f\xfe\xf0\x0f\x00\x00\r\n"
        b"PRINT 1,1\r\n"
    )


def test_a_label_of_epl2_has_black_as_zero() -> None:
    assert b"".join(LANGUAGES["epl2"][0](CORNERS, replace(MEDIA, density=8, speed=4))) == (
        b"\r\nN\r\nq16\r\nQ3,24\r\nR0,0\r\nZT\r\nS4\r\nD8\r\nOD\r\n"
        b"GW0,0,2,3,\x7f\xfe\xf0\x0f\x00\x00\r\n"
        b"P1\r\n"
    )


def test_a_label_of_cpcl_has_black_as_one() -> None:
    settings = (
        b"\r\n! 0 203 203 3 1\r\nON-OUT-OF-PAPER PURGE\r\nPAGE-WIDTH 16\r\n"
        b"SPEED 4\r\nTONE 160\r\nGAP-SENSE\r\n"
    )
    media = replace(MEDIA, density=8, speed=4)
    assert b"".join(LANGUAGES["cpcl hex"][0](CORNERS, media)) == (
        settings + b"EG 2 3 0 0 80010FF0FFFF\r\nFORM\r\nPRINT\r\n"
    )
    assert b"".join(LANGUAGES["cpcl bytes"][0](CORNERS, media)) == (
        settings + b"CG 2 3 0 0 \x80\x01\x0f\xf0\xff\xff\r\nFORM\r\nPRINT\r\n"
    )


@pytest.mark.parametrize(
    ("dots_per_mm", "width", "height"), [(8, 800, 1200), (12, 1181, 1772), (24, 2362, 3543)]
)
def test_a_label_of_tspl_is_as_large_on_every_head(dots_per_mm: int, width: int, height: int) -> None:
    """Never smaller than its page, whether the printer counts 12 dots to the mm or the 11.8 that it has."""
    page = Page(width, height, bytes((width + 7) // 8 * height))
    settings, *_ = tspl_page.label(page, replace(MEDIA, dots_per_mm=dots_per_mm), cut=True)
    size = re.search(rb"SIZE ([\d.]+) mm,([\d.]+) mm\r\n", settings)
    assert size is not None
    across, down = (Decimal(side.decode()) for side in size.groups())
    assert (round(across), round(down)) == (100, 150)
    dots_in_mm = {8: Decimal(8), 12: 300 / Decimal("25.4"), 24: 600 / Decimal("25.4")}[dots_per_mm]
    assert across * dots_in_mm >= width
    assert down * dots_in_mm >= height


# Limits and offsets


@pytest.mark.parametrize("height", [1, 100, PAGE_ROWS])
def test_bands_are_bounded_and_together_the_page(height: int) -> None:
    page = Page(HEAD, height, bytes(HEAD // 8 * height))
    parts = list(banded(page.data, page))
    assert all(len(data) <= BAND_BYTES < len(WAKE_LINES) + 1 for _, _, data in parts)
    assert sum(rows for _, rows, _ in parts) == height
    assert b"".join(data for _, _, data in parts) == page.data


@pytest.mark.parametrize(("width", "height", "code"), [(833, 1, "wide"), (8, PAGE_ROWS + 1, "long")])
def test_a_page_that_does_not_fit_is_refused(width: int, height: int, code: str) -> None:
    with pytest.raises(CommandError) as refused:
        checked(Page(width, height, bytes((width + 7) // 8 * height)), HEAD)
    assert refused.value.code == f"printer.page_too_{code}"


def dots(page: Page) -> set[tuple[int, int]]:
    return {
        (x, y)
        for y in range(page.height)
        for x in range(page.width)
        if page.data[y * page.stride + x // 8] >> (7 - x % 8) & 1
    }


@given(st.integers(-6, 6), st.integers(-6, 6), st.sampled_from((20, 24, 29)))
def test_an_offset_moves_every_dot_or_refuses(x: int, y: int, width: int) -> None:
    data = bytearray((width + 7) // 8 * 16)
    for row, byte, value in ((5, 0, 0x01), (9, 1, 0xF0), (10, 1, 0x18)):
        data[row * ((width + 7) // 8) + byte] = value
    page = Page(width, 16, bytes(data))
    moved = {(a + x, b + y) for a, b in dots(page)}
    inside = all(0 <= a < width and 0 <= b < 16 for a, b in moved)
    if inside:
        assert dots(placed(page, x, y)) == moved
    else:
        with pytest.raises(CommandError, match="fall off"):
            placed(page, x, y)


def test_what_lies_beyond_the_width_is_white() -> None:
    assert placed(Page(12, 2, b"\xff\xff\xff\xff"), 0, 0).data == b"\xff\xf0\xff\xf0"


# The strict printers


# For each language what would be a good label but for the foreign command in the middle, and such commands.
FOREIGN: dict[type, tuple[bytes, bytes, tuple[bytes, ...]]] = {
    ZplDevice: (
        b"^XA^LL5",
        b"^FS^PQ1^XZ",
        (
            *(
                b"^FDHello",
                b"^PQ2",
                b"^DFR:A",
                b"^IDR:*.*",
                b"^CI28",
                b"^A0N,30",
                b"^BCN",
                b"^BQN,2,4",
            ),
            *(b"^GB9,9", b"^MNW", b"^FO1,0", b"^LL", b"^PW0", b"^JUS", b"^HH", b"^RO1", b"^GFA,2,2,1,AAAA"),
            *(b"~JR", b"~JA", b"~SD31", b"~HI", b"~DGR:A,1,1,00"),
        ),
    ),
    TsplDevice: (
        b"SIZE 1 mm,9 mm\r\nCLS\r\n",
        b"\r\nPRINT 1,1\r\n",
        (
            *(b'TEXT 1,1,"1",0,1,1,"x"', b'BARCODE 1,1,"128",9,0,0,2,2,"x"', b'QRCODE 1,1,L,4,A,0,"x"'),
            *(b"SELFTEST", b"PRINT 2,1", b"PRINT 1,2", b"FORMFEED", b"HOME", b"SOUND 1,1", b"EOP"),
            *(b'DOWNLOAD "A.BAS"', b"KILL *", b"SET RESPONSE ON", b"~!T", b"SHIFT 1", b"DIRECTION 1,0"),
            b"BITMAP 1,0,1,1,0,x",
            b"BITMAP 0,0,1,1,1,x",
        ),
    ),
    Epl2Device: (
        b"Q9,0\r\nN\r\n",
        b"\r\nP1\r\n",
        (
            *(b'A1,1,0,1,1,1,N,"x"', b'B1,1,0,1,2,2,9,N,"x"', b"^@", b"P2", b"U", b"UP", b'FS"A"', b'GK"*"'),
            *(b"LO1,1,1,1", b"GW1,0,1,1,x", b"D16", b"S0", b"R1,0"),
        ),
    ),
    CpclDevice: (
        b"! 0 203 203 9 1\r\n",
        b"\r\nPRINT\r\n",
        (
            *(
                b"TEXT 1 2 3 4 x",
                b"BARCODE 128 1 1 9 0 0 x",
                b"! 0 200 200 9 1",
                b"! 0 203 203 9 2",
                b"BEEP 9",
            ),
            *(
                b"! U1 do",
                b"BOX 1 1 2 2 1",
                b"CG 1 1 1 0 x",
                b"EG 1 1 1 0 00",
                b"EG 1 2 0 0 00",
                b"END",
                b"hello",
            ),
        ),
    ),
}


@pytest.mark.parametrize(("device", "around"), FOREIGN.items())
def test_nothing_but_our_own_commands_is_accepted(
    device: type, around: tuple[bytes, bytes, tuple[bytes, ...]]
) -> None:
    before, after, commands = around
    assert [type(event) for event in device(width_dots=HEAD).feed(before + after)] == [LabelOrdered]
    for foreign in commands:
        events = device(width_dots=HEAD).feed(before + foreign + after)
        refused = [event.data.rstrip() for event in events if isinstance(event, Refused)]
        assert refused == [foreign], foreign


def test_an_order_to_print_what_was_never_drawn_is_refused() -> None:
    for device, order in ((TsplDevice, b"PRINT 1,1"), (Epl2Device, b"P1"), (CpclDevice, b"PRINT")):
        assert device(width_dots=HEAD).feed(order + b"\r\n") == [Refused(order)]
    assert ZplDevice(width_dots=HEAD).feed(b"hello^FS^XZ") == [
        Refused(part) for part in (b"hello", b"^FS", b"^XZ")
    ]


def test_a_graphic_with_a_wrong_check_is_not_drawn() -> None:
    (job,) = zpl_page.label(CORNERS, MEDIA, "z64", cut=True)
    spoiled = re.sub(rb":([0-9A-F]{4})\^FS", b":0000^FS", job)
    refused, label = ZplDevice().feed(spoiled)
    assert isinstance(refused, Refused)
    assert not any(label.page.data)


def test_a_question_in_mid_raster_is_seen_and_answered() -> None:
    device = TsplDevice()
    device.feed(b"SIZE 100 mm,10 mm\r\nCLS\r\n")
    assert device.feed(b"BITMAP 0,0,10,2,0,abc\x1b!?defg") == [InRaster(b"\x1b!?"), Asked("<ESC>!?")]


@pytest.mark.parametrize("device", [ZplDevice, TsplDevice, Epl2Device, CpclDevice])
def test_a_strict_printer_survives_rubbish_in_bounded_memory(device: type) -> None:
    choose = random.Random(7)
    printer = device(width_dots=HEAD)
    for _ in range(200):
        for event in printer.feed(choose.randbytes(choose.choice((1, 30, 2000)))):
            assert event is not None
