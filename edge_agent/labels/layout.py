"""A template and one label's data into one 1-bit page: what the preview shows is what the printer gets.

Owns: drawing each element into its box, and refusing with the element's name. Must not know: printers, files.

Anything that does not fit, is missing or cannot be drawn stops the whole label: there is no half-right label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from functools import lru_cache

from edge_agent.labels import elements as keys
from edge_agent.labels.characters import UnprintableError, code_text, printable_text
from edge_agent.labels.code128 import CodeError
from edge_agent.labels.fields import FieldError, Record
from edge_agent.labels.fitting import Box, Fit, Style, Typesetter
from edge_agent.labels.formats import bn_digits
from edge_agent.labels.page import (
    Bitmap,
    Canvas,
    NoRoomError,
    as_bitmap,
    inverted,
    moved,
    turned,
    whole_bytes,
)
from edge_agent.labels.placing import DOTS_PER_MM, Placed, Rect, Template
from edge_agent.labels.shaping import Fonts, MissingGlyphError
from edge_agent.labels.symbols import Module, symbol
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import Page

DPI = 203
MIN_DPI, MAX_DPI = 150, 600  # of the thermal heads that are sold; bounds the memory of one page to 3 MB
MAX_REPRINT = 999  # far above what a print queue allows; the mark has room for three digits
MAX_CHARACTERS = 1000  # of one text: a full page of 3 mm letters holds about 1,200, and no field needs it all

KEPT_GROUNDS = 4  # a booth's label, receipt, bag label and slip; one has up to 0.3 MB

INVERTED_EDGE_MM = Decimal("0.5")  # black around white letters: without it they merge with the paper's edge

_MM_IN_INCH = Decimal("25.4")
_HINTS = {
    "label.missing_field": "give the missing information",
    "label.field_type": "the central system must correct the data",
    "label.unprintable": "type the text again by hand",
    "label.missing_glyph": "type the text again in Bangla or English",
    "label.overflow": "shorten the text",
    "label.code": "scan or type the number again",
}


def render(
    template: Template,
    data: Mapping[str, object],
    *,
    fonts: Fonts,
    dpi: int = DPI,
    reprint: int = 0,
) -> Page:
    """Draw one label; `reprint` is 0 for the original, n for its n-th reprint, which is marked.

    Raises CommandError("label.…") that names the element, and never holds the data itself.
    """
    if not MIN_DPI <= dpi <= MAX_DPI or not 0 <= reprint <= MAX_REPRINT:
        raise CommandError(
            "label.request",
            f"dpi {dpi} or reprint {reprint} is outside {MIN_DPI}-{MAX_DPI} or 0-{MAX_REPRINT}",
        )
    if reprint and not template.marks_reprints:
        raise CommandError(
            "label.no_reprint_mark",
            f"template {template.name!r} has no element of type 'reprint' without condition",
            hint="a second one would look like the first: order a new job, or mend the template",
        )
    drawing = _Drawing(template, Record(template.fields, data), fonts, dpi, reprint)
    drawing.check_lists()
    drawing.begin(_ground(template, fonts, dpi))
    for placed in template.placed:
        if not placed.is_fixed:
            drawing.draw(placed)
    return drawing.page()


@lru_cache(maxsize=KEPT_GROUNDS)
def _ground(template: Template, fonts: Fonts, dpi: int) -> Ground:
    """What is the same on every label of this template; raises CommandError as `render` does."""
    drawing = _Drawing(template, Record(template.fields, {}), fonts, dpi, 0)
    drawing.begin(Ground(b"", Decimal(0)))
    for placed in template.placed:
        if placed.is_fixed:
            drawing.draw(placed)
    return drawing.ground()


@dataclass(frozen=True, slots=True)
class Ground:
    """Dots that are drawn already, and the lower edge of what they show."""

    rows: bytes
    lowest: Decimal


class _Drawing:
    """One label being drawn."""

    def __init__(self, template: Template, record: Record, fonts: Fonts, dpi: int, reprint: int) -> None:
        self._template = template
        self._record = record
        self._fonts = fonts
        self._reprint = reprint
        self._dots_per_mm = Decimal(DOTS_PER_MM) if dpi == DPI else Decimal(dpi) / _MM_IN_INCH

    def begin(self, ground: Ground) -> None:
        """Start from what is drawn already."""
        width, height = self._template.label.size_mm
        self.canvas = Canvas(self._dots(width), self._dots(height), ground.rows)
        self._lowest = ground.lowest

    def ground(self) -> Ground:
        return Ground(self.canvas.page().data, self._lowest)

    def page(self) -> Page:
        label = self._template.label
        return self.canvas.page(self._dots(self._lowest + label.margin_mm) if label.trim else None)

    def check_lists(self) -> None:
        """Refuse a list with more entries than the label has room for; raises CommandError."""
        for repeat in self._template.repeats:
            try:
                entries = self._record.entries(repeat.path)
            except FieldError as problem:
                raise self._refused(repeat.group, "field_type", problem) from None
            if entries > repeat.most:
                why = NoRoomError(
                    f"has {entries} entries of {repeat.path!r}, there is room for {repeat.most}"
                )
                raise self._refused(repeat.group, "overflow", why)

    def draw(self, placed: Placed) -> None:
        """Draw the element if its conditions hold; raises CommandError with its name."""
        if not self._is_shown(placed):
            return
        name = placed.element.id
        self._lowest = max(self._lowest, placed.bounds().bottom)
        try:
            self._drawn(placed)
        except FieldError as problem:
            code = "missing_field" if problem.missing else "field_type"
            raise self._refused(name, code, problem) from None
        except UnprintableError as problem:
            raise self._refused(name, "unprintable", problem) from None
        except MissingGlyphError as problem:
            raise self._refused(name, "missing_glyph", problem) from None
        except CodeError as problem:
            raise self._refused(name, "code", problem) from None
        except NoRoomError as problem:
            raise self._refused(name, "overflow", problem) from None

    def _is_shown(self, placed: Placed) -> bool:
        if isinstance(placed.element, keys.Reprint) and not self._reprint:
            return False
        has = self._record.has
        return all(map(has, placed.when)) and not any(map(has, placed.unless))

    def _drawn(self, placed: Placed) -> None:
        element = placed.element
        if isinstance(element, keys.Line | keys.Box):
            for stroke in placed.inked():
                self.canvas.fill(*self._area(stroke))
        else:
            left, top, width, height = self._area(placed.bounds())
            content = self._content(element, *self._inner(element, width, height))
            self.canvas.draw(turned(content, element.rotate, self.canvas.pitch), left, top)

    def _area(self, bounds: Rect) -> tuple[int, int, int, int]:
        """Both edges are rounded, not the size: neighbours meet without gap or overlap at any resolution."""
        left, top = self._dots(bounds.left), self._dots(bounds.top)
        width = max(1, self._dots(bounds.right) - left)
        height = max(1, self._dots(bounds.bottom) - top)
        return min(left, self.canvas.width - width), min(top, self.canvas.height - height), width, height

    def _inner(self, element: keys.Boxed, width: int, height: int) -> tuple[int, int, int]:
        """The box as the content sees it before it is turned, and the pitch to draw it in."""
        if element.rotate in {90, 270}:
            width, height = height, width
        return width, height, self.canvas.pitch if element.rotate == 0 else whole_bytes(width)

    def _content(self, element: keys.Boxed, width: int, height: int, pitch: int) -> Bitmap:
        if isinstance(element, keys.Lettering):
            return self._lettering(element, width, height, pitch)
        if isinstance(element, keys.Image):
            return as_bitmap(self._template.pictures[element.file], width, height, pitch)
        if isinstance(element, keys.Coded):
            return self._code(element, width, height, pitch)
        raise TypeError(f"no way to draw {type(element).__name__}")

    def _lettering(self, element: keys.Lettering, width: int, height: int, pitch: int) -> Bitmap:
        edge = self._dots(INVERTED_EDGE_MM) if element.invert else 0
        room = Box(width - 2 * edge, height - 2 * edge, pitch)
        words = Typesetter(self._fonts, self._style(element), room).set(self._words(element))
        return inverted(moved(words, edge, edge, width, height)) if element.invert else words

    def _words(self, element: keys.Lettering) -> str:
        if not isinstance(element, keys.Text):
            return f"REPRINT {self._reprint} / পুনর্মুদ্রণ {bn_digits(str(self._reprint))}"
        return printable_text(_bounded(element.value.filled(self._record)))

    def _style(self, element: keys.Lettering) -> Style:
        return Style(
            size=int(element.font_mm * self._dots_per_mm),
            floor=int(element.floor_mm * self._dots_per_mm),
            fit=element.fit if isinstance(element, keys.Text) else Fit.SHRINK,
            align=element.align,
            valign=element.valign,
            lang=element.lang if isinstance(element, keys.Text) else "bn",
            weight=element.weight,
        )

    def _code(self, element: keys.Coded, width: int, height: int, pitch: int) -> Bitmap:
        text = code_text(_bounded(element.value.filled(self._record)))
        module = Module(self._scaled(element.module_dots), self._least(element.least_dots))
        return symbol(element.type, text, element.level).drawn(module, width, height, pitch)

    def _dots(self, mm: Decimal) -> int:
        return int((mm * self._dots_per_mm).to_integral_value(ROUND_HALF_UP))

    def _scaled(self, dots: int) -> int:
        """Module dots of a 203 dpi head as whole dots of this one, never none."""
        return max(1, int((dots * self._dots_per_mm / DOTS_PER_MM).to_integral_value(ROUND_HALF_UP)))

    def _least(self, dots: int) -> int:
        """The same of a minimum: one less is allowed, but never below two thirds, which nobody could read."""
        exact = dots * self._dots_per_mm / DOTS_PER_MM
        fewer = int(exact.to_integral_value(ROUND_FLOOR))
        return max(1, fewer if 3 * fewer >= 2 * exact else fewer + 1)

    def _refused(self, element: str, code: str, problem: ValueError) -> CommandError:
        return CommandError(
            f"label.{code}",
            f"label {self._template.name!r}, element {element!r}: {problem}",
            hint=_HINTS[f"label.{code}"],
        )


def _bounded(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise NoRoomError(f"has {len(text)} characters, more than {MAX_CHARACTERS}")
    return text
