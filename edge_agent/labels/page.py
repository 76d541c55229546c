"""Ink on a 1-bit page: bitmaps, the canvas they are drawn on, and PNG both ways.

Owns: how dots are kept, placed, turned and packed. Must not know: text, codes, templates, printers.

A bitmap is one big integer, so placing a line of text costs a shift and an OR instead of a loop over dots.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import Page

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PNG_BYTES = 1_048_576  # 100 x 150 mm at 300 dpi is 0.26 MB even if nothing compresses
MAX_PNG_DOTS = 4_000_000  # the same label twice; unpacked in four colours it costs 16 MB, Pillow's guard 350
MAX_PNG_HEIGHT = (
    3_544  # 300 mm at 300 dpi, the longest label: a strip of one dot by four million is no picture
)
MAX_BLACK = 0.9  # of the picture: one that is nearly all black has its colours the wrong way round, and heats
DARK_BELOW = 128  # of 255: a gray or coloured picture is cut in the middle

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_BEGIN = PNG_SIGNATURE + b"\0\0\0\rIHDR"  # the size stands first in every PNG
PNG_PICTURE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})  # all that dots are made of
PNG_LEVEL = 6  # level 9 is six times slower for 3 % fewer bytes

UNPACKING = (OSError, SyntaxError, ValueError, EOFError, zlib.error, struct.error)  # what Pillow may raise


class NoRoomError(ValueError):
    """Something does not fit its box; `args[0]` says how much is missing, never the content."""


@dataclass(frozen=True, slots=True)
class Bitmap:
    """Rows of `pitch` bits in one integer: top row and left column most significant, 1 = black.

    Only the left `width` columns may hold ink, so that a shift to the right places it on a canvas.
    """

    width: int
    height: int
    pitch: int
    bits: int


def whole_bytes(dots: int) -> int:
    """The next multiple of eight: a row's pitch in bits."""
    return (dots + 7) // 8 * 8


def from_rows(rows: Sequence[str], pitch: int) -> Bitmap:
    """A bitmap from rows of the characters 0 and 1, all of one length."""
    text = "".join(row.ljust(pitch, "0") for row in rows)
    return Bitmap(len(rows[0]), len(rows), pitch, int(text, 2))


def striped(row: str, height: int, pitch: int) -> Bitmap:
    """The same row of 0 and 1 repeated downwards, as in a linear code."""
    one = int(row.ljust(pitch, "0"), 2).to_bytes(pitch // 8, "big")
    return Bitmap(len(row), height, pitch, int.from_bytes(one * height, "big"))


def solid(width: int, height: int, pitch: int) -> Bitmap:
    """A black rectangle."""
    return striped("1" * width, height, pitch)


def moved(bitmap: Bitmap, left: int, top: int, width: int, height: int) -> Bitmap:
    """The bitmap in a larger one of the given size, `left` and `top` dots from its corner."""
    below = height - top - bitmap.height
    return Bitmap(width, height, bitmap.pitch, bitmap.bits << below * bitmap.pitch >> left)


def inverted(bitmap: Bitmap) -> Bitmap:
    """White on black within the bitmap's own columns."""
    black = solid(bitmap.width, bitmap.height, bitmap.pitch)
    return Bitmap(bitmap.width, bitmap.height, bitmap.pitch, bitmap.bits ^ black.bits)


def turned(bitmap: Bitmap, degrees: int, pitch: int) -> Bitmap:
    """The bitmap rotated clockwise by 0, 90, 180 or 270 degrees, in rows of another pitch."""
    if degrees == 0 and pitch == bitmap.pitch:
        return bitmap
    text = format(bitmap.bits, f"0{bitmap.pitch * bitmap.height}b")
    starts = range(0, len(text), bitmap.pitch)
    if degrees == 0:
        return from_rows([text[start : start + bitmap.width] for start in starts], pitch)
    if degrees == 180:
        return from_rows([text[start : start + bitmap.width][::-1] for start in reversed(starts)], pitch)
    columns = [text[column :: bitmap.pitch] for column in range(bitmap.width)]
    if degrees == 90:
        return from_rows([column[::-1] for column in columns], pitch)
    return from_rows(columns[::-1], pitch)


class Canvas:
    """A page being drawn. What does not fit on it is refused, never cut."""

    def __init__(self, width: int, height: int, ground: bytes = b"") -> None:
        """`ground` is what is drawn already: the data of a page of this size."""
        self.width = width
        self.height = height
        self.pitch = whole_bytes(width)
        self._rows = bytearray(ground or self.pitch // 8 * height)

    def draw(self, bitmap: Bitmap, left: int, top: int) -> None:
        """OR the bitmap's ink onto the page; its pitch must be the page's."""
        inside = left >= 0 and top >= 0 and left + bitmap.width <= self.width
        if not inside or top + bitmap.height > self.height or bitmap.pitch != self.pitch:
            raise ValueError("a bitmap must lie wholly on its canvas")
        stride = self.pitch // 8
        band = slice(top * stride, (top + bitmap.height) * stride)
        ink = int.from_bytes(self._rows[band], "big") | (bitmap.bits >> left)
        self._rows[band] = ink.to_bytes(bitmap.height * stride, "big")

    def fill(self, left: int, top: int, width: int, height: int) -> None:
        """A black rectangle on the page: the columns of a tall one, the rows of a wide one."""
        if left < 0 or top < 0 or left + width > self.width or top + height > self.height:
            raise ValueError("a rectangle must lie wholly on its canvas")
        stride = self.pitch // 8
        ink = int(("0" * left + "1" * width).ljust(self.pitch, "0"), 2).to_bytes(stride, "big")
        if height < width:
            for row in range(top * stride, (top + height) * stride, stride):
                old = int.from_bytes(self._rows[row : row + stride], "big")
                self._rows[row : row + stride] = (old | int.from_bytes(ink, "big")).to_bytes(stride, "big")
            return
        for column in range(left // 8, (left + width + 7) // 8):
            dots = slice(top * stride + column, (top + height) * stride, stride)
            self._rows[dots] = self._rows[dots].translate(_blackened(ink[column]))

    def page(self, rows: int | None = None) -> Page:
        """What is drawn, or its first so many rows."""
        height = self.height if rows is None else max(1, min(rows, self.height))
        return Page(self.width, height, bytes(self._rows[: height * self.pitch // 8]))


def to_png(page: Page) -> bytes:
    """The page as a 1-bit gray PNG: the preview, dot for dot what the printer gets."""
    white = int.from_bytes(page.data, "big") ^ ((1 << 8 * len(page.data)) - 1)
    rows = white.to_bytes(len(page.data), "big")
    scan = b"".join(b"\0" + rows[start : start + page.stride] for start in range(0, len(rows), page.stride))
    header = struct.pack(">IIBBBBB", page.width, page.height, 1, 0, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(scan, PNG_LEVEL)) + _chunk(b"IEND", b"")
    return PNG_SIGNATURE + chunks


def from_png(data: bytes) -> Page:
    """A page from a PNG of any colour type; raises CommandError("label.bad_png").

    Its claimed size is checked before anything is unpacked, and only what makes its dots is: texts and colour
    profiles, which grow a thousandfold, never are. Transparent counts as white.
    """
    if len(data) > MAX_PNG_BYTES:
        raise _bad_png(f"it is larger than {MAX_PNG_BYTES} bytes")
    if len(data) < 24 or not data.startswith(PNG_BEGIN):
        raise _bad_png("it is no PNG")
    width, height = struct.unpack(">II", data[16:24])
    if not 0 < width * height <= MAX_PNG_DOTS:
        raise _bad_png(f"it is {width} x {height} dots, more than {MAX_PNG_DOTS} in all")
    if height > MAX_PNG_HEIGHT:
        raise _bad_png(f"it is {height} dots tall, more than {MAX_PNG_HEIGHT}")
    page = _decoded(_bare(data), (width, height))
    if black_ratio(page) > MAX_BLACK:
        raise _bad_png(f"more than {MAX_BLACK:.0%} of it is black")
    return page


def black_ratio(page: Page) -> float:
    """The part of the page that is black, 0 to 1: an all-black page is a polarity mistake."""
    return int.from_bytes(page.data, "big").bit_count() / (page.width * page.height)


def as_bitmap(page: Page, width: int, height: int, pitch: int) -> Bitmap:
    """A picture scaled to the given dots, in rows of `pitch` bits."""
    from PIL import Image  # here, so that an idle daemon never loads it

    picture = Image.frombytes("1", (page.width, page.height), page.data)
    if picture.size != (width, height):
        gray = picture.convert("L").resize((width, height), Image.Resampling.BOX)
        picture = gray.point([255 if level >= DARK_BELOW else 0 for level in range(256)], "1")
    stride = (width + 7) // 8
    packed = picture.tobytes()
    rows = [
        packed[start : start + stride].ljust(pitch // 8, b"\0") for start in range(0, len(packed), stride)
    ]
    return Bitmap(width, height, pitch, int.from_bytes(b"".join(rows), "big"))


def _bare(data: bytes) -> bytes:
    """The PNG without the chunks that say something about it; what is cut off stays cut off.

    Of its sizes only the first one, which was checked: Pillow goes by the last.
    """
    kept, at = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")  # its length, name and check
        kind = data[at + 4 : at + 8]
        if kind in PNG_PICTURE and (kind != b"IHDR" or len(kept) == 1):
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def _decoded(data: bytes, size: tuple[int, int]) -> Page:
    from PIL import Image  # here, so that an idle daemon never loads it

    try:
        with Image.open(BytesIO(data), formats=["PNG"]) as picture:
            if picture.size != size:
                raise ValueError("another size than its header says")
            gray = _gray(picture)
            if picture.has_transparency_data:
                solid_part = picture.convert("RGBA").getchannel("A")
                gray = Image.composite(gray, Image.new("L", gray.size, 255), solid_part)
    except (Image.DecompressionBombError, *UNPACKING) as cause:
        raise _bad_png("it cannot be unpacked") from cause
    ink = gray.point([255 if level < DARK_BELOW else 0 for level in range(256)], "1")
    return Page(ink.width, ink.height, ink.tobytes())


def _gray(picture: Image) -> Image:
    """In 256 steps; raises ValueError for what Pillow would show wrongly, or stumble over."""
    if picture.mode == "P" and picture.palette is None:
        raise ValueError("a palette picture without a palette")
    if not picture.mode.startswith("I"):
        return picture.convert("L")
    if picture.has_transparency_data:
        raise ValueError("a transparent gray of 16 bits, which Pillow forgets")
    return picture.point(lambda level: level / 256).convert("L")  # else all above 255 would be white


def _bad_png(why: str) -> CommandError:
    return CommandError(
        "label.bad_png", f"the picture cannot be used: {why}", hint="use a PNG no larger than the label"
    )


@lru_cache(maxsize=256)
def _blackened(ink: int) -> bytes:
    """What each byte becomes under this ink."""
    return bytes(old | ink for old in range(256))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
