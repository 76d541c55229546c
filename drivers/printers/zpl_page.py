"""ZPL II from the host's side: a page as one label format of plain ASCII.

Owns: every command that we send (device half: zpl_device) and the three ways to write a graphic.
Must not know: links, status, time. Document: Zebra ZPL II Programming Guide 45541L-004 (^GF and its
compression, ^JZ, ^MM, ^MN, ^PQ, ~HS, ~JX); the check of :Z64: is CRC-16/CCITT from 0 over the base64 text.

    ~JX                      cancel a format that was cut off
    ~SDnn                    darkness, 00 to 30
    ^XA … ^XZ                one format
    ^PW ^LL ^LH ^LT ^LS      width and length in dots, home, offsets
    ^PO ^PM ^LR              orientation, mirror, reverse: none
    ^MN ^MT ^MM              media: gap, mark or endless; direct or ribbon; tear, peel or cut
    ^JZN                     a label that an error interrupted is not printed again by the printer itself
    ^GFA,n,n,w,data          the picture: n bytes in rows of w
    ^PQ1                     one label

Every value that the printer could remember from another program is told, so that no label depends on it.
All data of a graphic is ASCII without ^ and ~, so nothing on a page can become a command.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator

from drivers.printers.media import Media
from edge_agent.sdk.values import Page

CANCEL = b"~JX"
HOST_STATUS = b"~HS"
ERROR_STATUS = b"~HQES"
LABEL_COUNT = b'! U1 getvar "odometer.total_label_count"\r\n'

SENSORS = {"gap": b"Y", "mark": b"M", "endless": b"N"}
AFTER = {"tear": b"T", "peel": b"P", "cut": b"C"}
ZLIB_LEVEL = 6  # level 9 makes a label 3 % smaller in six times the time
RUN = re.compile(rb"([0-9A-F])\1{2,}")  # shorter ones would not get any shorter
LONGEST_RUN = 419  # z and Y
ENCODINGS = ("z64", "rle", "hex")


def label(page: Page, media: Media, encoding: str, *, cut: bool) -> Iterator[bytes]:
    """The commands of one label: settings first, then the format."""
    if media.density is not None:
        yield b"~SD%02d" % media.density
    after = media.after if cut or media.after != "cut" else "tear"
    yield b"".join(
        (
            b"^XA^PW%d^LL%d^LH0,0^LT0^LS0^PON^PMN^LRN" % (page.width, page.height),
            b"^MN" + SENSORS[media.sensor],
            b"^MTT" if media.ribbon else b"^MTD",
            b"^MM" + AFTER[after],
            b"^JZN",
            b"" if media.speed is None else b"^PR%d" % media.speed,
            b"^FO0,0^GFA,%d,%d,%d," % (len(page.data), len(page.data), page.stride),
            graphic(page, encoding),
            b"^FS^PQ1^XZ",
        )
    )


def graphic(page: Page, encoding: str) -> bytes:
    """The data of ^GFA: z64, rle or hex."""
    if encoding == "z64":
        text = base64.b64encode(zlib.compress(page.data, ZLIB_LEVEL))
        return b":Z64:%b:%04X" % (text, binascii.crc_hqx(text, 0))
    rows = binascii.hexlify(page.data).upper()
    return rows if encoding == "hex" else b"".join(_run_lengths(rows, page.stride * 2))


def _run_lengths(digits: bytes, width: int) -> Iterator[bytes]:
    """Row by row: the same as above, filled up with white, runs of a digit as counts."""
    above = b""
    for at in range(0, len(digits), width):
        row = digits[at : at + width]
        yield b":" if row == above else _row(row)
        above = row


def _row(row: bytes) -> bytes:
    """A row's end that is all white is one character; it begins at a whole byte.

    The same for black (an exclamation mark) is not used: printers and emulations disagree about it.
    """
    kept = row.rstrip(b"0")
    kept += b"0" * (len(kept) % 2)
    return RUN.sub(_run, kept) + b"," if len(kept) < len(row) else RUN.sub(_run, row)


def _run(run: re.Match[bytes]) -> bytes:
    length, digit = len(run[0]), run[1]
    whole, rest = divmod(length, LONGEST_RUN)
    return (b"zY" + digit) * whole + (_count(rest) + digit if rest else b"")


def _count(number: int) -> bytes:
    """G to Y stand for 1 to 19, g to z for 20 to 400 in steps of 20."""
    twenties, ones = divmod(number, 20)
    return (bytes([ord("f") + twenties]) if twenties else b"") + (bytes([ord("F") + ones]) if ones else b"")
