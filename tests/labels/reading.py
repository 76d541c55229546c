"""A page read by tesseract, which nobody here wrote, and the same words set without shaping as its control.

Owns: cutting words out of a page, running the reader, counting wrong characters. Must not know: templates.
"""

from __future__ import annotations

import subprocess
import unicodedata
from itertools import pairwise
from pathlib import Path

import numpy as np
import uharfbuzz
from PIL import Image

from edge_agent.labels.characters import is_bangla
from edge_agent.labels.shaping import Fonts, Glyph, Run, Word

ENLARGED = 2  # tesseract was taught on letters of some 40 dots; ours have 24 to 48
WHITE_DOTS = 12  # around each line
LEAST_LINE_DOTS = 12  # half of the smallest letters: less is a mark above or below
ONE_LINE, RAW_LINE = "7", "13"  # of tesseract; the second for a line that it takes for no text at all
PAGE_END = "\f"


class UnshapedFonts(Fonts):
    """The same glyph files, but each character drawn by itself in the order of typing: no reader's Bangla."""

    def _shaped(self, runs: tuple[Run, ...]) -> Word:
        glyphs = []
        pen = 0
        for run in runs:
            font: uharfbuzz.Font = self._faces.face(run.face).font
            for char in run.text:
                number = font.get_nominal_glyph(ord(char)) or 0
                glyphs.append(Glyph(run.face, number, pen, 0))
                pen += font.get_glyph_h_advance(number)
        return Word(runs, tuple(glyphs), pen)


def read_words(pieces: list[np.ndarray], folder: Path) -> str:
    """What tesseract reads from these pieces of paper, line by line."""
    names = []
    for number, line in enumerate(line for piece in pieces for line in _lines(piece)):
        picture = Image.fromarray(np.pad(line, WHITE_DOTS, constant_values=255))
        large = (picture.width * ENLARGED, picture.height * ENLARGED)
        names.append(str(folder / f"{number}.png"))
        picture.resize(large, Image.Resampling.BICUBIC).save(names[-1])
    read = _read(names, folder, ONE_LINE)
    missed = [name for name, words in zip(names, read, strict=True) if not words]
    again = dict(zip(missed, _read(missed, folder, RAW_LINE), strict=True)) if missed else {}
    return "\n".join(words or again[name] for name, words in zip(names, read, strict=True))


def _read(names: list[str], folder: Path, mode: str) -> list[str]:
    (folder / "lines.txt").write_text("\n".join(names))
    reader = ["tesseract", folder / "lines.txt", "stdout", "-l", "ben+eng", "--psm", mode, "--dpi", "406"]
    done = subprocess.run(reader, capture_output=True, timeout=300, check=True)
    return [words.strip() for words in done.stdout.decode("utf-8").split(PAGE_END)[: len(names)]]


def _lines(piece: np.ndarray) -> list[np.ndarray]:
    """The lines of text, cut at white rows; a sliver is a mark of the line below it."""
    inked = np.nonzero((piece == 0).any(axis=1))[0]
    cuts = [row for row, after in pairwise(inked) if after - row > 1]
    lines = []
    top = int(inked[0])
    for end in [*cuts, int(inked[-1])]:
        if end - top >= LEAST_LINE_DOTS:
            columns = np.nonzero((piece[top : end + 1] == 0).any(axis=0))[0]
            lines.append(piece[top : end + 1, columns[0] : columns[-1] + 1])
            top = int(next((row for row in inked if row > end), end))
    return lines


def error_rate(read: str, true: str) -> float:
    """Bangla characters to change, insert or leave out, for each true one; all others do not count."""
    mine, other = _bare(true), _bare(read)
    above = list(range(len(other) + 1))
    for number, char in enumerate(mine, start=1):
        row = [number]
        for place, seen in enumerate(other, start=1):
            row.append(min(above[place] + 1, row[-1] + 1, above[place - 1] + (char != seen)))
        above = row
    return above[-1] / len(mine)


def _bare(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFC", text) if is_bangla(char))
