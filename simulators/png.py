"""A 1-bit page as a PNG file. Owns: the file format. Must not know: printers, folders.

Document: W3C Portable Network Graphics, second edition, clauses 5.3 and 11.2.
"""

from __future__ import annotations

import struct
import zlib

from edge_agent.sdk.values import Page

SIGNATURE = b"\x89PNG\r\n\x1a\n"
DOTS_PER_METRE = 8000  # 203 dpi heads have 8 dots a millimetre


def png_of(page: Page) -> bytes:
    """The page at its true size: black is 0 in PNG, and 1 on the page."""
    white_is_one = bytes(byte ^ 0xFF for byte in page.data)
    rows = (white_is_one[at : at + page.stride] for at in range(0, len(white_is_one), page.stride))
    picture = b"".join(b"\0" + row for row in rows)
    return b"".join(
        (
            SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", page.width, page.height, 1, 0, 0, 0, 0)),
            _chunk(b"pHYs", struct.pack(">IIB", DOTS_PER_METRE, DOTS_PER_METRE, 1)),
            _chunk(b"IDAT", zlib.compress(picture)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
