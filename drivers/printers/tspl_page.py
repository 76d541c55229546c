"""TSPL/TSPL2 from the host's side: a page as one label of lines and counted raster.

Owns: every command that we send (device half: tspl_device), banding, polarity, and keeping immediate commands
out of raster data. Must not know: links, status, time. Document: TSC TSPL/TSPL2 programming manual (TTP-345,
2013: SIZE, GAP, BLINE, BITMAP, SET, <ESC>! commands from page 83 on).

    SIZE w mm,h mm · GAP g mm,0 mm · BLINE g mm,0 mm       the label, and what is between labels
    DIRECTION 0,0 · REFERENCE 0,0 · OFFSET 0 mm · SHIFT 0  no rotation, no mirror, no offsets
    SPEED n · DENSITY n
    SET TEAR|PEEL ON|OFF, SET CUTTER OFF|1, SET RIBBON ON|OFF
    SET REPRINT OFF     a label that an error interrupted is not printed again by the printer itself
    CLS                 empty picture
    BITMAP x,y,bytes,rows,0,raster     0 is black: the other way round than on a page
    PRINT 1,1           one label

<ESC>! and ~! begin commands that act at once, wherever they stand: `!` after either gets one dot more.
A band is counted: whatever comes after a cut-off one is swallowed by it, so bands are small, and empty lines
fill the one that an earlier session may have left open. CLS then takes away what they drew.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.printers.bands import WAKE_LINES, banded, inverted, rest_of_lines
from drivers.printers.media import Media, mm, plain
from edge_agent.sdk.values import Page

STATUS = b"\x1b!?"
FULL_STATUS = b"\x1b!S"
WAKE = WAKE_LINES
BITMAP, ORDER = b"BITMAP ", b"PRINT 1,1\r\n"
IMMEDIATE = (b"\x1b!", b"~!")
NUDGED = b"\x01"  # ! is 0010 0001: its one white dot between two black ones becomes black


def label(page: Page, media: Media, *, cut: bool) -> Iterator[bytes]:
    """The commands of one label: settings, the picture in bands, the order to print."""
    yield _settings(page, media, cut=cut)
    raster = inverted(page.data)
    for begin in IMMEDIATE:
        raster = raster.replace(begin, begin[:1] + NUDGED)
    for top, rows, data in banded(raster, page):
        yield b"BITMAP 0,%d,%d,%d,0,%b\r\n" % (top, page.stride, rows, data)
    yield ORDER


def rest_of(segment: bytes, sent: int) -> bytes:
    """What makes the parser listen again after a command was cut off, and orders no label."""
    return rest_of_lines(segment, sent, raster=BITMAP, order=ORDER)


def _settings(page: Page, media: Media, *, cut: bool) -> bytes:
    lines = [
        b"",
        b"SIZE %b mm,%b mm" % (mm(page.width, media), mm(page.height, media)),
        _between(media),
        b"DIRECTION 0,0",
        b"REFERENCE 0,0",
        b"OFFSET 0 mm",
        b"SHIFT 0",
        *([] if media.speed is None else [b"SPEED %d" % media.speed]),
        *([] if media.density is None else [b"DENSITY %d" % media.density]),
        b"SET RIBBON ON" if media.ribbon else b"SET RIBBON OFF",
        b"SET PEEL ON" if media.after == "peel" else b"SET PEEL OFF",
        b"SET TEAR ON" if media.after == "tear" else b"SET TEAR OFF",
        b"SET CUTTER 1" if media.after == "cut" and cut else b"SET CUTTER OFF",
        b"SET REPRINT OFF",
        b"CLS",
        b"",
    ]
    return b"\r\n".join(lines)


def _between(media: Media) -> bytes:
    match media.sensor:
        case "mark":
            return b"BLINE %b mm,0 mm" % plain(media.gap_mm)
        case "gap":
            return b"GAP %b mm,0 mm" % plain(media.gap_mm)
        case _:
            return b"GAP 0 mm,0 mm"
