"""Text into placed glyphs: scripts told apart, each run shaped by its own rules, words kept ready.

Owns: itemising, shaping, and drawing one line. Must not know: boxes, templates, printers.

HarfBuzz never guesses the script of a mixed line: it would take the whole of "To: প্রাপক" for Latin and break
the Bangla. Each run gets its script, language and face before it is shaped; a character that no face has is
an error, never an empty box on paper.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_agent.labels.characters import clusters, code_point
from edge_agent.labels.faces import (
    BANGLA_SCRIPT,
    BLACK_FROM,
    BOLD,
    DEBIAN_FONTS,
    EM,
    LATIN_SCRIPT,
    REGULAR,
    Faces,
    FontFiles,
    GlyphDots,
)
from edge_agent.sdk.errors import ConfigError

MAX_LINES = 512  # shaped texts remembered: the fixed texts of ten templates and those of the last labels
MISSING_GLYPH = 0  # every font draws the box of an unknown character as its first glyph
SPACE_EM = 260  # of 1000: the space of all four Noto faces
MAX_LINE_EM = 4  # the tallest honest line is 1.5 em; a pile of combining marks would cost a second to draw
GOLDEN_CONJUNCT = "ক্ষ"  # three characters that a Bangla face must join into one glyph

_LANGUAGES = {BANGLA_SCRIPT: "bn", LATIN_SCRIPT: "en"}
_LEADING_SCRIPT = {"bn": BANGLA_SCRIPT, "en": LATIN_SCRIPT}


class MissingGlyphError(ValueError):
    """No face has this character; `args[0]` names it by its number."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """One glyph: its face, its number, its place from the pen in thousandths of the em (up is positive)."""

    face: int
    number: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one script and one face."""

    script: str
    face: int
    text: str


@dataclass(frozen=True, slots=True)
class Word:
    """Text between two spaces, shaped; `advance` is its width in thousandths of the em."""

    runs: tuple[Run, ...]
    glyphs: tuple[Glyph, ...]
    advance: int

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)

    @property
    def bangla(self) -> bool:
        return any(run.script == BANGLA_SCRIPT for run in self.runs)


@dataclass(frozen=True, slots=True)
class Ink:
    """One drawn line: where its ink begins from the pen (down is positive) and its rows of the page's pitch.

    The left-most inked column is the most significant bit of the first row. A line wider than the pitch or
    taller than MAX_LINE_EM keeps its bounds but has no bits: no box can hold it.
    """

    left: int
    top: int
    width: int
    height: int
    bits: int


class Fonts:
    """Shapes and draws text. Opens the font files at first use; not to be shared between threads.

    Raises ConfigError("fonts.missing") where a font file is absent.
    """

    def __init__(self, files: FontFiles = DEBIAN_FONTS, *, black_from: int = BLACK_FROM) -> None:
        self._faces = Faces(files, black_from=black_from)
        self._lines: dict[tuple[str, str, int], tuple[Word, ...]] = {}

    def words(self, text: str, *, lang: str = "bn", weight: int = REGULAR) -> tuple[Word, ...]:
        """One line's words, scripts told apart over the whole line; raises MissingGlyphError."""
        key = (text, lang, weight)
        found = self._lines.get(key)
        if found is None:
            found = self._shaped_words(text, lang, weight)
            if len(self._lines) >= MAX_LINES:
                self._lines.pop(next(iter(self._lines)))
            self._lines[key] = found
        return found

    def _shaped_words(self, text: str, lang: str, weight: int) -> tuple[Word, ...]:
        words: list[Word] = []
        runs: list[Run] = []
        for cluster, script in self._itemised(text, _LEADING_SCRIPT[lang]):
            if cluster != " ":
                _extend(runs, self._run(cluster, script, weight))
            elif runs:
                words.append(self._shaped(tuple(runs)))
                runs = []
        return (*words, self._shaped(tuple(runs))) if runs else tuple(words)

    def draw(self, line: Sequence[Word], size: int, pitch: int) -> Ink | None:
        """The line at `size` dots to the em, for rows of `pitch` bits; None where nothing is inked."""
        placed: list[tuple[int, int, GlyphDots]] = []
        pen = 0
        for word in line:
            for glyph in word.glyphs:
                dots = self._faces.dots(glyph.face, glyph.number, size, pitch)
                if dots.width:
                    x, y = _to_dots(pen + glyph.x, size), _to_dots(-glyph.y, size)
                    placed.append((x + dots.left, y + dots.top, dots))
            pen += word.advance + SPACE_EM
        return _joined(placed, size, pitch) if placed else None

    def self_test(self) -> None:
        """Prove that shaping works in both weights; raises ConfigError where a label would be misspelt."""
        for weight in (REGULAR, BOLD):
            if not self._joins(weight):
                raise ConfigError(
                    "fonts.unshaped",
                    f"the Bangla font of weight {weight} does not join conjuncts",
                    hint="install the package fonts-noto-core",
                )

    def _joins(self, weight: int) -> bool:
        try:
            return len(self.words(GOLDEN_CONJUNCT, weight=weight)[0].glyphs) == 1
        except MissingGlyphError:
            return False

    def _itemised(self, text: str, leading: str) -> Iterator[tuple[str, str]]:
        """Clusters with their script; what has none takes it from before, at the start from behind."""
        pieces = clusters(text)
        scripts = [self._faces.script(piece[0]) for piece in pieces]
        current = next(filter(None, scripts), leading)
        for piece, script in zip(pieces, scripts, strict=True):
            current = script or current
            yield piece, current

    def _run(self, cluster: str, script: str, weight: int) -> Run:
        face = self._faces.choose(cluster, script, weight)
        if face is None:
            missing = next((c for c in cluster if self._faces.choose(c, script, weight) is None), cluster[0])
            raise MissingGlyphError(f"holds {code_point(missing)}, which no font has")
        return Run(script, face, cluster)

    def _shaped(self, runs: tuple[Run, ...]) -> Word:
        import uharfbuzz  # loaded by now: a face was opened before

        glyphs: list[Glyph] = []
        pen = 0
        for run in runs:
            buffer = uharfbuzz.Buffer()
            buffer.add_str(run.text)
            buffer.script, buffer.language = run.script, _LANGUAGES.get(run.script, "en")
            buffer.direction = "ltr"
            uharfbuzz.shape(self._faces.face(run.face).font, buffer)
            for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
                if info.codepoint == MISSING_GLYPH:
                    raise MissingGlyphError(f"holds {code_point(run.text[info.cluster])}, which no font has")
                glyphs.append(Glyph(run.face, info.codepoint, pen + place.x_offset, place.y_offset))
                pen += place.x_advance
        return Word(runs, tuple(glyphs), pen)


def line_advance(line: Sequence[Word]) -> int:
    """The width of a line in thousandths of the em."""
    return sum(word.advance for word in line) + SPACE_EM * max(0, len(line) - 1)


def _extend(runs: list[Run], piece: Run) -> None:
    if runs and (runs[-1].script, runs[-1].face) == (piece.script, piece.face):
        piece = Run(piece.script, piece.face, runs.pop().text + piece.text)
    runs.append(piece)


def _to_dots(units: int, size: int) -> int:
    return (2 * units * size + EM) // (2 * EM)


def _joined(placed: list[tuple[int, int, GlyphDots]], size: int, pitch: int) -> Ink:
    left = min(x for x, _, _ in placed)
    top = min(y for _, y, _ in placed)
    right = max(x + dots.width for x, _, dots in placed)
    bottom = max(y + dots.height for _, y, dots in placed)
    bits = 0
    if right - left > pitch or bottom - top > MAX_LINE_EM * size:
        return Ink(left, top, right - left, bottom - top, bits)
    for x, y, dots in placed:
        bits |= dots.bits << ((bottom - y - dots.height) * pitch + pitch - (x - left) - dots.width)
    return Ink(left, top, right - left, bottom - top, bits)
