"""Text into its box: shrink, wrap or shorten, or say that it does not fit. Nothing is cut off in silence.

Owns: line breaking, sizes, alignment. Must not know: templates, data, pages, what the text means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.labels.characters import clusters
from edge_agent.labels.faces import EM
from edge_agent.labels.page import Bitmap, NoRoomError
from edge_agent.labels.shaping import SPACE_EM, Fonts, Ink, Word, line_advance

ELLIPSIS = "…"

_BANGLA_EM = (920, 410)  # above and below the base line: the tallest and deepest Noto Sans Bengali glyphs
_LATIN_EM = (780, 250)  # ascenders and descenders without accents, which may reach into the space above
_LATIN_LEADING_EM = 1200  # from base line to base line; Bangla lines just touch at 1330

Line = Sequence[Word]


class Fit(StrEnum):
    """How text that is too long gives way, always down to the floor size first."""

    SHRINK = "shrink"
    WRAP = "wrap"
    ELLIPSIS = "ellipsis"


class Align(StrEnum):
    START = "start"
    CENTER = "center"
    END = "end"


@dataclass(frozen=True, slots=True)
class Style:
    """How a text is set: sizes in dots to the em, largest first."""

    size: int
    floor: int
    fit: Fit = Fit.SHRINK
    align: Align = Align.START
    valign: Align = Align.START
    lang: str = "bn"
    weight: int = 400


@dataclass(frozen=True, slots=True)
class Box:
    """The room there is, in dots, and the pitch of the rows to fill."""

    width: int
    height: int
    pitch: int


class Typesetter:
    """Sets one text in one box; raises NoRoomError or MissingGlyphError."""

    def __init__(self, fonts: Fonts, style: Style, box: Box) -> None:
        self._fonts = fonts
        self._style = style
        self._box = box

    def set(self, text: str) -> Bitmap:
        """The box with the text in it, at the largest size that fits."""
        wraps = self._style.fit is Fit.WRAP
        paragraphs = text.split("\n") if wraps else [text.replace("\n", " ")]
        words: list[Line] = [self._words(paragraph) for paragraph in paragraphs]
        for size in range(self._style.size, self._style.floor - 1, -1):
            drawn = self._drawn(self._broken(words, size) if wraps else words, size)
            if drawn is not None:
                return drawn
        return self._at_the_floor(paragraphs)

    def _words(self, text: str) -> Line:
        return self._fonts.words(text, lang=self._style.lang, weight=self._style.weight)

    def _at_the_floor(self, paragraphs: list[str]) -> Bitmap:
        floor = self._style.floor
        drawn: Bitmap | None = None
        if self._style.fit is Fit.ELLIPSIS:
            drawn = self._shortened(paragraphs[0], floor)
        elif self._style.fit is Fit.WRAP:
            pieces = [self._divided(paragraph, floor) for paragraph in paragraphs]
            drawn = self._drawn(self._broken(pieces, floor), floor)
        if drawn is None:
            raise NoRoomError("does not fit its box")
        return drawn

    def _room(self, size: int) -> int:
        return self._box.width * EM // size

    def _broken(self, paragraphs: Sequence[Line], size: int) -> list[Line]:
        """Lines filled word by word; a word wider than the box stands alone on its line."""
        room = self._room(size)
        lines: list[Line] = []
        for words in paragraphs:
            line: list[Word] = []
            used = 0
            for word in words:
                if line and used + SPACE_EM + word.advance > room:
                    lines.append(line)
                    line, used = [], 0
                used += word.advance + (SPACE_EM if line else 0)
                line.append(word)
            lines.append(line)
        return lines

    def _divided(self, paragraph: str, size: int) -> list[Word]:
        """The paragraph's words, those wider than the box cut between clusters."""
        room = self._room(size)
        words: list[Word] = []
        for word in self._words(paragraph):
            if word.advance <= room:
                words.append(word)
            else:
                words += [piece for part in self._parts(word.text, room) for piece in self._words(part)]
        return words

    def _parts(self, text: str, room: int) -> list[str]:
        parts = [""]
        used = 0
        for cluster in clusters(text):
            wide = line_advance(self._words(cluster)) or SPACE_EM
            if parts[-1] and used + wide > room:
                parts.append("")
                used = 0
            parts[-1] += cluster
            used += wide
        return parts

    def _shortened(self, text: str, size: int) -> Bitmap | None:
        kept = clusters(self._parts(text, self._room(size))[0])
        while kept:
            drawn = self._drawn([self._words("".join(kept).rstrip() + ELLIPSIS)], size)
            if drawn is not None:
                return drawn
            kept.pop()
        return None

    def _drawn(self, lines: list[Line], size: int) -> Bitmap | None:
        """The lines in the box, or None where their room or their ink is larger than it."""
        room = self._room(size)
        above, below, leading = self._metrics(lines)
        tall = (above + below + (len(lines) - 1) * leading) * size // EM
        if tall > self._box.height or any(line_advance(line) > room for line in lines):
            return None
        first = above * size // EM + _spare(self._style.valign, self._box.height - tall)
        inks: list[tuple[int, int, Ink]] = []
        for number, line in enumerate(lines):
            ink = self._fonts.draw(line, size, self._box.pitch)
            if ink is not None:
                left = _spare(self._style.align, self._box.width - line_advance(line) * size // EM)
                inks.append((left + ink.left, first + number * leading * size // EM + ink.top, ink))
        return self._composed(inks)

    def _metrics(self, lines: list[Line]) -> tuple[int, int, int]:
        if self._style.lang == "bn" or any(word.bangla for line in lines for word in line):
            return (*_BANGLA_EM, sum(_BANGLA_EM))
        return (*_LATIN_EM, _LATIN_LEADING_EM)

    def _composed(self, inks: list[tuple[int, int, Ink]]) -> Bitmap | None:
        """All lines in one bitmap, pushed inside where a glyph leans out; None where ink would meet ink."""
        box = self._box
        drop = _push([(top, ink.height) for _, top, ink in inks], box.height, self._style.valign)
        bits = 0
        for left, top, ink in inks:
            x = max(0, min(left, box.width - ink.width))
            y = top + drop
            if ink.width > box.width or y < 0 or y + ink.height > box.height:
                return None
            line = (ink.bits << (box.height - y - ink.height) * box.pitch) >> x
            if bits & line:
                return None
            bits |= line
        return Bitmap(box.width, box.height, box.pitch, bits)


def _spare(align: Align, room: int) -> int:
    """How much of the free room lies before the text."""
    return {Align.START: 0, Align.CENTER: room // 2, Align.END: room}[align]


def _push(spans: list[tuple[int, int]], height: int, valign: Align) -> int:
    """How far to move the lines down (or up): to centre their ink, else only to bring it inside."""
    highest = min((top for top, _ in spans), default=0)
    lowest = max((top + tall for top, tall in spans), default=0)
    if valign is Align.CENTER:
        return (height - lowest + highest) // 2 - highest
    return -highest if highest < 0 else min(0, height - lowest)
