"""EPL2 from the host's side: a page as one form of short lines and counted raster.

Owns: every command that we send (device half: epl2_device), banding and polarity.
Must not know: links, status, time. Document: Zebra EPL Programming Guide 14245L-003 (N, q, Q, R, S, D, ZT,
O, GW on page 110, P, US); Intermec ESim reference (^ee: page 132; what US answers: page 130).

    US          answer each print command: ACK, or NAK and a code
    N           empty picture
    qw Qh,g     width and length in dots, gap; Qh,Bg for marks, Qh,0 for endless paper
    R0,0 ZT     no offset, printed from the top
    Sn Dn       speed, density
    O OD OC OP  options: none, thermal paper, cutter, peel
    GWx,y,bytes,rows,raster     0 is black: the other way round than on a page
    P1          one label

Immediate commands are not looked for inside of raster data (ESim, page 132), so it is sent as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.printers.bands import WAKE_LINES, banded, inverted, rest_of_lines
from drivers.printers.media import Media
from edge_agent.sdk.values import Page

ERROR_REPORT = b"^ee\r\n"
ACKNOWLEDGE = b"US\r\n"
WAKE = WAKE_LINES
RASTER, ORDER = b"GW", b"P1\r\n"


def label(page: Page, media: Media, *, cut: bool) -> Iterator[bytes]:
    """The commands of one label: settings, the picture in bands, the order to print."""
    yield b"\r\n".join((b"", b"N", *_settings(page, media, cut=cut), b""))
    for top, rows, data in banded(inverted(page.data), page):
        yield b"GW0,%d,%d,%d,%b\r\n" % (top, page.stride, rows, data)
    yield ORDER


def rest_of(segment: bytes, sent: int) -> bytes:
    """What makes the parser listen again after a command was cut off, and orders no label."""
    return rest_of_lines(segment, sent, raster=RASTER, order=ORDER)


def _settings(page: Page, media: Media, *, cut: bool) -> Iterator[bytes]:
    yield b"q%d" % page.width
    gap = int(media.gap_mm * media.dots_per_mm)
    match media.sensor:
        case "mark":
            yield b"Q%d,B%d" % (page.height, gap)
        case "gap":
            yield b"Q%d,%d" % (page.height, gap)
        case _:
            yield b"Q%d,0" % page.height
    yield b"R0,0"
    yield b"ZT"
    if media.speed is not None:
        yield b"S%d" % media.speed
    if media.density is not None:
        yield b"D%d" % media.density
    after = {"cut": b"C" if cut else b"", "peel": b"P"}.get(media.after, b"")
    yield b"O" + (b"" if media.ribbon else b"D") + after
