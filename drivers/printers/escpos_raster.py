"""ESC/POS from the host's side: a page and a job as the bytes that a printer is sent.

Owns: every command byte that we send (device half: escpos_device), banding, and keeping real-time commands
out of raster data. Must not know: links, status, time. Commands: Epson ESC/POS command reference; GS v 0 in
bands is what every clone understands.

    ESC @                    1B 40                      modes as after power-on, line buffer empty
    GS v 0 m xL xH yL yH     1D 76 30 00 …              x bytes wide, y rows of raster follow
    GS ( K fn 49 m           1D 28 4B 02 00 31 m        density, m from -6 to 8 around the usual
    GS ( K fn 50 m           1D 28 4B 02 00 32 m        speed, m from 1 (slowest) on
    ESC J n                  1B 4A n                    feed n dots
    GS V 65|66 n             1D 56 41|42 n              feed to the cutter and n dots on, full or partial cut
    DLE EOT n                10 04 n                    status n, in real time
    GS a n                   1D 61 n                    push status at each change
    GS r 1                   1D 72 01                   paper status, in order
    GS ( H fn 48             1D 28 48 06 00 30 30 id×4  report the id when all before it is on paper
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from drivers.printers.placing import checked
from edge_agent.sdk.values import Page

INITIALISE = b"\x1b@"
PAPER_STATUS = b"\x1dr\x01"
PUSH_STATUS = b"\x1da\x0e"  # offline, error and paper sensor; not the drawer
DENSITY, SPEED = b"\x1d(K\x02\x001", b"\x1d(K\x02\x002"  # until the next ESC @
USUAL_DENSITY = 6  # of ours, which begin at the palest: what the printer takes for 0
BAND = b"\x1dv0\0"
BAND_HEADER = 8  # then come the rows
CUTS = {"full": 65, "partial": 66}

BAND_ROWS = 256  # clones stumble over taller bands long before the 2,303 rows that Epson allows
BAND_BYTES = (
    8_192  # a small clone's receive buffer; also what an interrupted band can leave the parser waiting for
)
FEED_LIMIT = 255  # ESC J and GS V take one byte
ID_ALPHABET = range(32, 127)  # GS ( H allows these for each of the four bytes of an id

HAZARD = re.compile(rb"\x10[\x04\x05\x14]")  # DLE EOT, DLE ENQ, DLE DC4: executed even inside raster data
NUDGED = {
    0x04: 0x0C,
    0x05: 0x07,
    0x14: 0x1C,
}  # one dot beside a black dot becomes black, and the command is gone


def bands(page: Page, head_dots: int) -> Iterator[bytes]:
    """The page as GS v 0 commands. Raises CommandError if it is wider than the head, or absurdly long."""
    return _bands(checked(page, head_dots))


def rest_of(segment: bytes, sent: int) -> bytes:
    """What makes the parser listen again after a command was cut off: its rest, with its rows white."""
    if segment.startswith(BAND):
        segment = segment[:BAND_HEADER] + bytes(len(segment) - BAND_HEADER)
    return segment[sent:] if sent else b""


def heat(density: int, speed: int) -> bytes:
    """How black and how fast it prints from here on; what is negative stays as it is set at the printer."""
    black = DENSITY + bytes([(density - USUAL_DENSITY) % 256]) if density >= 0 else b""
    return black + (SPEED + bytes([speed]) if speed > 0 else b"")


def end_of_page(cut: str, feed_dots: int) -> bytes:
    """Feed and cut; without a cut the paper moves on so that it can be torn off."""
    if cut in CUTS:
        return bytes([0x1D, 0x56, CUTS[cut], min(feed_dots, FEED_LIMIT)])
    steps, rest = divmod(feed_dots, FEED_LIMIT)
    return b"".join(bytes([0x1B, 0x4A, dots]) for dots in [FEED_LIMIT] * steps + [rest] if dots)


def status_question(n: int) -> bytes:
    """DLE EOT n, n from 1 to 4."""
    return bytes([0x10, 0x04, n])


def process_id(number: int) -> bytes:
    """Four bytes for GS ( H that grow with the number, and start over after 81,450,625."""
    size = len(ID_ALPHABET)
    return bytes(ID_ALPHABET[number // size**place % size] for place in (3, 2, 1, 0))


def report_printed(id_: bytes) -> bytes:
    """GS ( H function 48."""
    return b"\x1d(H\x06\x0000" + id_


def _bands(page: Page) -> Iterator[bytes]:
    data = HAZARD.sub(_nudge, page.data)
    rows = max(1, min(BAND_ROWS, BAND_BYTES // page.stride))
    for top in range(0, page.height, rows):
        count = min(rows, page.height - top)
        header = BAND + page.stride.to_bytes(2, "little") + count.to_bytes(2, "little")
        yield header + data[top * page.stride : (top + count) * page.stride]


def _nudge(pair: re.Match[bytes]) -> bytes:
    return bytes([0x10, NUDGED[pair.group()[1]]])
