"""The font files of a label: which face holds which character, and the dots of one glyph.

Owns: font files, fall-back order, the glyph cache. Must not know: lines, boxes, templates.

Faces come from the Debian package fonts-noto-core; HarfBuzz maps the files, shapes and rasterises. Glyphs are
drawn gray without hinting and cut at a fixed coverage: that keeps even strokes where dithering frays them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.labels.characters import is_ascii_letter, is_bangla, needs_glyph
from edge_agent.sdk.errors import ConfigError

if TYPE_CHECKING:
    import uharfbuzz

EM = 1000  # units in which lines are measured; the Noto faces are drawn on the same grid
BLACK_FROM = 110  # of 255: the coverage at which thin Bangla strokes neither break nor clog at 203 dpi
MAX_CACHE_BYTES = (
    2_097_152  # about 700 glyphs of body text: some ten templates; keeps the daemon below 50 MiB
)
MAX_SCRIPTS = 4096  # characters whose script or face is remembered; a hostile feed may send them all

BANGLA_SCRIPT, LATIN_SCRIPT = "Beng", "Latn"
REGULAR, BOLD = 400, 700

FONT_KINDS = frozenset({b"\0\1\0\0", b"OTTO", b"true", b"ttcf"})  # how TrueType and OpenType files begin

_NOTO = Path("/usr/share/fonts/truetype/noto")


@dataclass(frozen=True, slots=True)
class FontFiles:
    """One Bangla and one Latin file for each weight; each serves as the other's fall-back."""

    bangla: Mapping[int, Path]
    latin: Mapping[int, Path]


DEBIAN_FONTS = FontFiles(
    bangla={REGULAR: _NOTO / "NotoSansBengali-Regular.ttf", BOLD: _NOTO / "NotoSansBengali-Bold.ttf"},
    latin={REGULAR: _NOTO / "NotoSans-Regular.ttf", BOLD: _NOTO / "NotoSans-Bold.ttf"},
)


def check_fonts(files: FontFiles) -> None:
    """Raise ConfigError("fonts.missing") where a file is absent or cannot be a font; loads nothing."""
    for path in (*files.bangla.values(), *files.latin.values()):
        try:
            with path.open("rb") as file:
                kind = file.read(4)
        except OSError as cause:
            raise _no_font(path) from cause
        if kind not in FONT_KINDS:
            raise _no_font(path)


@dataclass(frozen=True, slots=True)
class GlyphDots:
    """One rasterised glyph: `left` and `top` from the pen (down is positive); empty where width is 0.

    `bits` are rows of the page's pitch; the right-most column of the last row is the lowest bit.
    """

    left: int
    top: int
    width: int
    height: int
    bits: int


_NO_DOTS = GlyphDots(0, 0, 0, 0, 0)


class Face:
    """One font file, opened."""

    def __init__(self, path: Path) -> None:
        import uharfbuzz  # here, so that an idle daemon never loads it

        try:
            blob = uharfbuzz.Blob.from_file_path(str(path))
        except uharfbuzz.HarfBuzzError as cause:
            raise _no_font(path) from cause
        face = uharfbuzz.Face(blob)
        if face.glyph_count == 0:
            raise _no_font(path)
        self.font: uharfbuzz.Font = uharfbuzz.Font(face)
        self.font.scale = (EM, EM)

    def has(self, char: str) -> bool:
        return bool(self.font.get_nominal_glyph(ord(char)))


class Faces:
    """The faces that labels are set in, known by number and opened at first use.

    Raises ConfigError("fonts.missing") where a file is absent or is no font.
    """

    def __init__(self, files: FontFiles, *, black_from: int = BLACK_FROM) -> None:
        self._paths = [files.bangla[REGULAR], files.bangla[BOLD], files.latin[REGULAR], files.latin[BOLD]]
        self._table = bytes(48 + (level >= black_from) for level in range(256))
        self._faces: dict[int, Face] = {}
        self._scripts: dict[str, str] = {}
        self._dots: dict[tuple[int, int, int, int], GlyphDots] = {}
        self._cached_bytes = 0
        self._raster: uharfbuzz.RasterDraw | None = None

    def face(self, number: int) -> Face:
        found = self._faces.get(number)
        if found is None:
            found = self._faces[number] = Face(self._paths[number])
        return found

    def chain(self, script: str, weight: int) -> tuple[int, int]:
        """The faces to ask for a character of this script, in order."""
        bangla, latin = (1, 3) if weight == BOLD else (0, 2)
        return (bangla, latin) if script == BANGLA_SCRIPT else (latin, bangla)

    def choose(self, cluster: str, script: str, weight: int) -> int | None:
        """The first face of the chain that has the whole cluster; None where none has."""
        for number in self.chain(script, weight):
            face = self.face(number)
            if all(face.has(char) for char in cluster if needs_glyph(char)):
                return number
        return None

    def script(self, char: str) -> str:
        """The script a character belongs to; empty for digits and signs, which take their neighbour's."""
        if is_bangla(char):
            return BANGLA_SCRIPT
        if char.isascii():
            return LATIN_SCRIPT if is_ascii_letter(char) else ""
        known = self._scripts.get(char)
        if known is None:
            if len(self._scripts) >= MAX_SCRIPTS:
                self._scripts.clear()
            known = self._scripts[char] = _asked_script(char)
        return known

    def dots(self, face: int, glyph: int, size: int, pitch: int) -> GlyphDots:
        """The glyph at `size` dots to the em, for pages whose rows have `pitch` bits."""
        key = (face, glyph, size, pitch)
        found = self._dots.get(key)
        if found is None:
            found = self._rasterised(face, glyph, size, pitch)
            self._remember(key, found)
        return found

    def _remember(self, key: tuple[int, int, int, int], dots: GlyphDots) -> None:
        self._cached_bytes += _cost(dots)
        while self._dots and self._cached_bytes > MAX_CACHE_BYTES:
            oldest = next(iter(self._dots))
            self._cached_bytes -= _cost(self._dots.pop(oldest))
        self._dots[key] = dots

    def _rasterised(self, face: int, glyph: int, size: int, pitch: int) -> GlyphDots:
        import uharfbuzz  # loaded by now: a face was opened before

        if self._raster is None:
            self._raster = uharfbuzz.RasterDraw()
        scale = size / EM
        self._raster.transform = (scale, 0.0, 0.0, -scale, 0.0, 0.0)
        self._raster.draw_glyph(self.face(face).font, glyph)
        image = self._raster.render()
        extents = image.extents
        ink = image.buffer.translate(self._table)
        rows = [ink[start : start + extents.width] for start in range(0, len(ink), extents.stride or 1)]
        return _trimmed(rows, extents.x_origin, extents.y_origin, pitch)


def _trimmed(rows: list[bytes], left: int, top: int, pitch: int) -> GlyphDots:
    inked = [number for number, row in enumerate(rows) if b"1" in row]
    if not inked:
        return _NO_DOTS
    kept = rows[inked[0] : inked[-1] + 1]
    first = min(row.find(b"1") for row in kept if b"1" in row)
    last = max(row.rfind(b"1") for row in kept)
    text = b"".join(row[first : last + 1].ljust(pitch, b"0") for row in kept)
    width = last + 1 - first
    return GlyphDots(left + first, top + inked[0], width, len(kept), int(text, 2) >> (pitch - width))


def _cost(dots: GlyphDots) -> int:
    return (
        200 + dots.bits.bit_length() // 7
    )  # the objects around it, and 30 bits in each 4 bytes of the integer


def _asked_script(char: str) -> str:
    import uharfbuzz  # loaded by now: a face was opened before

    buffer = uharfbuzz.Buffer()
    buffer.add_str(char)
    buffer.guess_segment_properties()
    return str(buffer.script or "")


def _no_font(path: Path) -> ConfigError:
    return ConfigError(
        "fonts.missing",
        f"the font file {path} is missing or is no font",
        hint="install the package fonts-noto-core",
    )
