"""Data Matrix (ECC 200): a text into the modules of the smallest square symbol that holds it.

Owns: encodation, sizes, placement. Must not know: dots, pages, templates.

Source: ISO/IEC 16022:2006, sections 5.2.3 (ASCII encodation), 5.7 (error correction, table 7), annexes B.1.1
(padding) and F (placement). ASCII alone: two digits share a word, every other character takes one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from edge_agent.labels.code128 import CodeError
from edge_agent.labels.reed_solomon import Field256, check_words

QUIET_MODULES = 1
FIELD = Field256(polynomial=0x12D, first_root=1)
KEPT_PATHS = 4  # the sizes that one booth's labels use; one costs some 20 kB

_PADDING = 129
_PAIRS = 130  # the word for the digits 00; the pairs follow

# Row of modules: words of data, words of check, blocks, data regions across.
_SIZES = {
    10: (3, 5, 1, 1),
    12: (5, 7, 1, 1),
    14: (8, 10, 1, 1),
    16: (12, 12, 1, 1),
    18: (18, 14, 1, 1),
    20: (22, 18, 1, 1),
    22: (30, 20, 1, 1),
    24: (36, 24, 1, 1),
    26: (44, 28, 1, 1),
    32: (62, 36, 1, 2),
    36: (86, 42, 1, 2),
    40: (114, 48, 1, 2),
    44: (144, 56, 1, 2),
    48: (174, 68, 1, 2),
    52: (204, 84, 2, 2),
}
MAX_WORDS = max(words for words, *_ in _SIZES.values())


# Row and column of a word's eight bits: from where it stands, and for the four corner shapes from both edges.
_UTAH = ((-2, -2), (-2, -1), (-1, -2), (-1, -1), (-1, 0), (0, -2), (0, -1), (0, 0))
_CORNERS = (
    ((-1, 0), (-1, 1), (-1, 2), (0, -2), (0, -1), (1, -1), (2, -1), (3, -1)),
    ((-3, 0), (-2, 0), (-1, 0), (0, -4), (0, -3), (0, -2), (0, -1), (1, -1)),
    ((-3, 0), (-2, 0), (-1, 0), (0, -2), (0, -1), (1, -1), (2, -1), (3, -1)),
    ((-1, 0), (-1, -1), (0, -3), (0, -2), (0, -1), (1, -3), (1, -2), (1, -1)),
)


def modules(text: str) -> list[str]:
    """The symbol's rows of 0 and 1, finder included, without quiet zone; raises CodeError."""
    if not text or not text.isascii():
        raise CodeError("is empty" if not text else "holds a character outside ASCII")
    words = _encoded(text)
    for size, (room, checks, blocks, regions) in _SIZES.items():
        if len(words) <= room:
            data = _padded(words, room)
            return _framed(_mapped(data + _checks(data, checks, blocks), size - 2 * regions), size, regions)
    raise CodeError(f"needs {len(words)} words of a Data Matrix, which has {MAX_WORDS} at most")


def _encoded(text: str) -> bytes:
    words = bytearray()
    at = 0
    while at < len(text):
        pair = text[at : at + 2]
        if len(pair) == 2 and pair.isdigit():
            words.append(_PAIRS + int(pair))
            at += 2
        else:
            words.append(ord(text[at]) + 1)
            at += 1
    return bytes(words)


def _padded(words: bytes, room: int) -> bytes:
    """The first padding word as it is, the others scattered by their place, so that no pattern repeats."""
    padded = bytearray(words)
    if len(padded) < room:
        padded.append(_PADDING)
    while len(padded) < room:
        scattered = _PADDING + 149 * (len(padded) + 1) % 253 + 1
        padded.append(scattered if scattered <= 254 else scattered - 254)
    return bytes(padded)


def _checks(data: bytes, checks: int, blocks: int) -> bytes:
    tails = [check_words(data[number::blocks], checks // blocks, FIELD) for number in range(blocks)]
    return bytes(tail[at] for at in range(checks // blocks) for tail in tails)


def _mapped(words: bytes, side: int) -> list[str]:
    """The words spread over the mapping matrix, whose last corner is fixed where they leave it free."""
    bits = format(int.from_bytes(words, "big"), f"0{8 * len(words)}b") + "10"
    text = "".join([bits[place] for place in _source(side)])
    return [text[start : start + side] for start in range(0, len(text), side)]


def _framed(rows: list[str], size: int, regions: int) -> list[str]:
    """Each region with its solid lines left and below, its broken lines above and right."""
    inner = size // regions - 2
    framed: list[str] = []
    for band in range(0, len(rows), inner):
        framed.append("10" * (size // 2))
        for number, row in enumerate(rows[band : band + inner]):
            parts = [row[left : left + inner] for left in range(0, len(row), inner)]
            framed.append("".join(f"1{part}{'10'[number % 2]}" for part in parts))
        framed.append("1" * size)
    return framed


@lru_cache(maxsize=KEPT_PATHS)
def _source(side: int) -> tuple[int, ...]:
    """For each module the bit that it shows; -2 is the dark, -1 the light one of the fixed corner."""
    source: list[int | None] = [None] * (side * side)
    for word, places in enumerate(_words(side, source)):
        for bit, place in enumerate(places):
            source[place] = 8 * word + bit
    corner = {side * side - 1: -2, side * side - side - 2: -2}
    return tuple(corner.get(place, -1) if bit is None else bit for place, bit in enumerate(source))


def _words(side: int, source: list[int | None]) -> Iterator[list[int]]:
    """The modules of each word in turn: diagonals up and down, shapes of their own at the corners."""
    row, column = 4, 0
    while row < side or column < side:
        yield from _corner(side, row, column)
        for step in (-2, 2):
            while (row >= 0 and column < side) if step < 0 else (row < side and column >= 0):
                if 0 <= row < side and 0 <= column < side and source[row * side + column] is None:
                    yield [_wrapped(row + down, column + across, side) for down, across in _UTAH]
                row, column = row + step, column - step
            row, column = (row + 1, column + 3) if step < 0 else (row + 3, column + 1)


def _corner(side: int, row: int, column: int) -> Iterator[list[int]]:
    met = (
        (row, column) == (side, 0),
        (row, column) == (side - 2, 0) and side % 4 != 0,
        (row, column) == (side - 2, 0) and side % 8 == 4,
        (row, column) == (side + 4, 2) and side % 8 == 0,
    )
    for is_met, shape in zip(met, _CORNERS, strict=True):
        if is_met:
            yield [down % side * side + across % side for down, across in shape]


def _wrapped(row: int, column: int, side: int) -> int:
    """A module that lies outside the matrix comes in again at the other side, moved."""
    if row < 0:
        row, column = row + side, column + 4 - (side + 4) % 8
    if column < 0:
        row, column = row + 4 - (side + 4) % 8, column + side
    return row * side + column
