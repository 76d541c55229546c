"""The same label as it is usually made: Pillow draws it, python-escpos's image() sends it.

Owns: the floor of the label lane. Must not know: how ours is drawn; it takes only places, sizes and words
from the template, chooses no sizes, breaks no lines and checks nothing.
"""

from __future__ import annotations

from typing import Any

import qrcode
from escpos.printer import Dummy
from PIL import Image, ImageDraw, ImageFont

from edge_agent.labels import code128
from edge_agent.labels import elements as keys
from edge_agent.labels.faces import DEBIAN_FONTS
from edge_agent.labels.fields import Record
from edge_agent.labels.placing import Placed, Template

DOTS_PER_MM = 8
FRAGMENT_ROWS = 512  # with its default of 960 rows the command's length overflows at this width


class PillowLabel:
    """One template, drawn the usual way; fonts are opened once."""

    def __init__(self, template: Template, head_dots: int) -> None:
        self._template = template
        self._width = min(head_dots, int(template.label.size_mm[0] * DOTS_PER_MM))
        self._height = int(template.label.size_mm[1] * DOTS_PER_MM)
        self._fonts: dict[tuple[int, int], ImageFont.FreeTypeFont] = {}

    def job(self, data: dict[str, Any]) -> bytes:
        """The bytes of one label."""
        record = Record(self._template.fields, data)
        picture = Image.new("L", (self._width, self._height), 255)
        draw = ImageDraw.Draw(picture)
        for placed in self._template.placed:
            if all(map(record.has, placed.when)) and not any(map(record.has, placed.unless)):
                self._draw(placed, record, picture, draw)
        printer = Dummy()
        printer.profile.profile_data["media"]["width"]["pixels"] = self._width
        printer.image(picture, impl="bitImageRaster", fragment_height=FRAGMENT_ROWS)
        return bytes(printer.output)

    def _draw(self, placed: Placed, record: Record, picture: Image.Image, draw: ImageDraw.ImageDraw) -> None:
        element, bounds = placed.element, placed.bounds()
        left, top = int(bounds.left * DOTS_PER_MM), int(bounds.top * DOTS_PER_MM)
        right, bottom = int(bounds.right * DOTS_PER_MM), int(bounds.bottom * DOTS_PER_MM)
        if isinstance(element, keys.Text):
            font = self._font(int(element.floor_mm * DOTS_PER_MM), element.weight)
            draw.text((left, top), element.value.filled(record), font=font, fill=0)
        elif isinstance(element, keys.Linear):
            bars = code128.modules(element.value.filled(record))
            wide = (right - left) // (len(bars) + 20)
            for place, bar in enumerate(bars, start=10):
                if bar == "1":
                    x = left + place * wide
                    draw.rectangle((x, top, x + wide - 1, bottom), fill=0)
        elif isinstance(element, keys.Qr):
            code = qrcode.QRCode(box_size=4, border=4, error_correction=qrcode.constants.ERROR_CORRECT_M)
            code.add_data(element.value.filled(record))
            picture.paste(code.make_image().get_image().convert("L"), (left, top))
        elif isinstance(element, keys.Line | keys.Box):
            draw.rectangle((left, top, right, bottom), outline=0, width=element.stroke_dots)

    def _font(self, size: int, weight: int) -> ImageFont.FreeTypeFont:
        found = self._fonts.get((size, weight))
        if found is None:
            found = self._fonts[size, weight] = ImageFont.truetype(str(DEBIAN_FONTS.bangla[weight]), size)
        return found
