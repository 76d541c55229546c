"""A page as bands of raster for printers that take the picture in pieces.

Owns: how large a band is, inverting, and what ends a band or a line that was cut off.
Must not know: the commands around a band, links, status.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.printers.label_device import CUT_SHORT
from edge_agent.sdk.values import Page

BAND_BYTES = 8_192  # a small clone's receive buffer; also the most that a parser can be left waiting for
WHITE_IS_ONE = bytes(value ^ 0xFF for value in range(256))  # a translation table
# Fills a band that a parser waits for, and means nothing elsewhere; but a line that an earlier session left
# half said is one that nothing obeys now, or that label would come out with the next one.
WAKE_LINES = CUT_SHORT + b"\r\n" * (BAND_BYTES // 2)


def inverted(data: bytes) -> bytes:
    """White and black exchanged."""
    return data.translate(WHITE_IS_ONE)


def banded(data: bytes, page: Page) -> Iterator[tuple[int, int, bytes]]:
    """First row, number of rows and bytes of each band, from the top."""
    rows = max(1, BAND_BYTES // page.stride)
    for top in range(0, page.height, rows):
        count = min(rows, page.height - top)
        yield top, count, data[top * page.stride : (top + count) * page.stride]


def filling(length: int) -> bytes:
    """Ends whatever line or raster of at most so many bytes a parser may be in, and orders nothing."""
    return CUT_SHORT + b"\r\n" * (length // 2 + 1)


def rest_of_lines(segment: bytes, sent: int, *, raster: bytes, order: bytes) -> bytes:
    """What ends a cut-off piece of a language of lines: settings as they are, raster as line ends.

    The order to print is made one that nothing obeys: a label that was given up must not come out later.
    """
    if not 0 < sent < len(segment):
        return b""
    if segment == order:
        return CUT_SHORT + b"\r\n"
    if segment.startswith(raster):
        return b"\r\n" * ((len(segment) - sent) // 2 + 1)
    return segment[sent:]
