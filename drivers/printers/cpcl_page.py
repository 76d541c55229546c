"""CPCL from the host's side: a page as one session of lines, its raster as hex or counted bytes.

Owns: every command that we send (device half: cpcl_device), banding, and keeping escape commands out of
raster data. Must not know: links, status, time. Document: Zebra Mobile Printer CPCL Programming Manual
(sessions, EG and CG graphics, ON-OUT-OF-PAPER; <ESC>h and <ESC>i: pages 11-3 and 11-4).

    ! 0 dpi dpi rows 1      begins a session for one label
    ON-OUT-OF-PAPER PURGE   a label that an error interrupted is not printed again by the printer itself
    PAGE-WIDTH n            in dots
    SPEED n · TONE n
    GAP-SENSE · BAR-SENSE   how a label's end is found; neither on endless paper
    EG bytes rows x y hex   1 is black, as on a page
    CG bytes rows x y raster
    FORM                    feed to the next label
    PRINT                   ends the session
    ABORT                   ends it without a label

<ESC> begins a command that acts at once (one switches the printer off), so in counted raster every 1B gets
one dot more.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator

from drivers.printers.bands import banded, rest_of_lines
from drivers.printers.label_device import CANCEL
from drivers.printers.media import DPI, Media
from edge_agent.sdk.values import Page

STATUS = b"\x1bh"
EXTENDED_STATUS = b"\x1bi"
ABORT = b"\r\nABORT\r\n"
WAKE = CANCEL + b"\r\n"  # an order to print that an earlier session left half said is obeyed no more
RASTER, ORDER = b"CG ", b"PRINT\r\n"
ESCAPE, NUDGED = b"\x1b", b"\x1f"  # 0001 1011: the white dot between black ones becomes black
TONE_STEP = 20  # density 0 to 10 as TONE 0 to 200
GRAPHICS = ("hex", "bytes")


def label(page: Page, media: Media, graphics: str) -> Iterator[bytes]:
    """The commands of one label: settings, the picture in bands, the order to print."""
    yield b"\r\n".join((b"", *_settings(page, media), b""))
    data = page.data if graphics == "hex" else page.data.replace(ESCAPE, NUDGED)
    for top, rows, band in banded(data, page):
        where = b"%d %d 0 %d " % (page.stride, rows, top)
        if graphics == "hex":
            yield b"EG " + where + binascii.hexlify(band).upper() + b"\r\n"
        else:
            yield RASTER + where + band + b"\r\n"
    yield b"FORM\r\n"
    yield ORDER


def rest_of(segment: bytes, sent: int) -> bytes:
    """What makes the parser listen again after a command was cut off, and orders no label."""
    return rest_of_lines(segment, sent, raster=RASTER, order=ORDER)


def _settings(page: Page, media: Media) -> Iterator[bytes]:
    dpi = DPI[media.dots_per_mm]
    yield b"! 0 %d %d %d 1" % (dpi, dpi, page.height)
    yield b"ON-OUT-OF-PAPER PURGE"
    yield b"PAGE-WIDTH %d" % page.width
    if media.speed is not None:
        yield b"SPEED %d" % media.speed
    if media.density is not None:
        yield b"TONE %d" % (media.density * TONE_STEP)
    if media.sensor != "endless":
        yield b"GAP-SENSE" if media.sensor == "gap" else b"BAR-SENSE"
