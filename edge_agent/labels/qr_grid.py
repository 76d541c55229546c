"""The fixed part of a QR symbol: its patterns, the path of the data, the eight masks and how they are judged.

Owns: where each module lies. Must not know: what is encoded, dots, pages.

Source: ISO/IEC 18004:2015, sections 6.3 (patterns), 7.7 (placement), 7.8 (masks and their penalties), 7.9
and 7.10 (format and version information). A grid is one integer, left to right and top to bottom, most
significant bit first, 1 = dark: a penalty rule for a whole symbol is then a handful of shifts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

KEPT_GRIDS = 6  # the versions that one booth's labels use; one costs 20 to 60 kB

FORMAT_POLYNOMIAL, FORMAT_MASK = 0x537, 0x5412
VERSION_POLYNOMIAL = 0x1F25
FIRST_WITH_VERSION = 7
MASK_PERIOD = 12  # every mask repeats after this many rows and columns
RUN, BLOCK, FINDER, PROPORTION = 3, 3, 40, 10  # the penalties of 7.8.3

_LEVEL_BITS = {"L": 1, "M": 0, "Q": 3, "H": 2}
_FINDER_BOX = (0, 1, 2, 3, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class Grid:
    """One version at one level.

    `source` tells for each module which data bit it shows, the last one (never set) if none; `fixed`
    and `masks` hold one integer for each of the eight masks.
    """

    side: int
    source: tuple[int, ...]
    fixed: tuple[int, ...]
    masks: tuple[int, ...]


def side_of(version: int) -> int:
    return 17 + 4 * version


def codewords(version: int) -> int:
    """Data and check words that the symbol holds."""
    modules = (16 * version + 128) * version + 64
    if version >= 2:
        count = version // 7 + 2
        modules -= (25 * count - 10) * count - 55
    return (modules - 36 if version >= FIRST_WITH_VERSION else modules) // 8


@lru_cache(maxsize=KEPT_GRIDS)
def grid(version: int, level: str) -> Grid:
    """Everything that does not depend on the data."""
    side = side_of(version)
    cells = _patterns(version)
    fixed, masks = [], []
    free = int("".join("1" if cell is None else "0" for cell in cells), 2)
    dark = int("".join("1" if cell else "0" for cell in cells), 2)
    for number in range(8):
        fixed.append(dark | _format(side, _LEVEL_BITS[level] << 3 | number))
        masks.append(_mask(side, number) & free)
    return Grid(side, _source(cells, side), tuple(fixed), tuple(masks))


def masked(bits: str, on: Grid) -> list[str]:
    """The rows of the finished symbol for these data bits, under the mask with the least penalty."""
    best = min(candidates(bits, on), key=lambda symbol: penalty(symbol, on.side))
    text = format(best, f"0{on.side * on.side}b")
    return [text[start : start + on.side] for start in range(0, len(text), on.side)]


def candidates(bits: str, on: Grid) -> list[int]:
    """The symbol under each mask. Bits that no module is left for are zeros."""
    shown = bits.ljust(on.side * on.side, "0")
    data = int("".join([shown[place] for place in on.source]), 2)
    return [(data ^ mask) | fixed for mask, fixed in zip(on.masks, on.fixed, strict=True)]


def penalty(symbol: int, side: int) -> int:
    """The four rules of 7.8.3: the lower, the easier to read."""
    across = format(symbol, f"0{side * side}b")
    down = int("".join(across[column::side] for column in range(side)), 2)
    darkness = abs(100 * symbol.bit_count() // (side * side) - 50) // 5 * PROPORTION
    return _lines(symbol, side) + _lines(down, side) + _blocks(symbol, side) + darkness


def _lines(symbol: int, side: int) -> int:
    """Runs of five or more alike, and finder look-alikes with four light modules beside them, in all rows."""
    alike = ~(symbol ^ symbol << 1) & _columns(side, side - 1)
    runs = alike & alike << 1 & alike << 2 & alike << 3
    light = ~symbol
    core = symbol & light << 1 & symbol << 2 & symbol << 3 & symbol << 4 & light << 5 & symbol << 6
    four = light & light << 1 & light << 2 & light << 3
    finders = (core & four << 7 | four & core << 4) & _columns(side, side - 10)
    starts = runs & ~(runs >> 1)
    return runs.bit_count() + (RUN - 1) * starts.bit_count() + FINDER * finders.bit_count()


def _blocks(symbol: int, side: int) -> int:
    """Squares of two by two alike."""
    across = ~(symbol ^ symbol << 1) & _columns(side, side - 1)
    down = ~(symbol ^ symbol << side)
    return BLOCK * (across & across << side & down).bit_count()


@lru_cache(maxsize=2 * KEPT_GRIDS)
def _columns(side: int, count: int) -> int:
    """The left-most columns of every row."""
    return int(("1" * count).ljust(side, "0") * side, 2)


def _patterns(version: int) -> list[bool | None]:
    """Every module that carries no data; None is free. Places of format information are light here."""
    side = side_of(version)
    cells: list[bool | None] = [None] * (side * side)
    for place in range(side):
        cells[6 * side + place] = cells[place * side + 6] = place % 2 == 0
    for top, left in ((0, 0), (0, side - 7), (side - 7, 0)):
        _finder(cells, side, top, left)
    for row in (centres := _alignment(version)):
        for column in centres:
            if (row, column) not in {(6, 6), (6, side - 7), (side - 7, 6)}:
                _target(cells, side, row, column)
    for row, column in _format_places(side):
        cells[row * side + column] = False
    cells[(side - 8) * side + 8] = True
    if version >= FIRST_WITH_VERSION:
        _version(cells, side, version)
    return cells


def _finder(cells: list[bool | None], side: int, top: int, left: int) -> None:
    """One of the three eyes with its light frame."""
    for row in range(max(0, top - 1), min(side, top + 8)):
        for column in range(max(0, left - 1), min(side, left + 8)):
            ring = max(abs(row - top - 3), abs(column - left - 3))
            cells[row * side + column] = ring in {0, 1, 3}


def _target(cells: list[bool | None], side: int, row: int, column: int) -> None:
    """One alignment pattern."""
    for down in range(-2, 3):
        for across in range(-2, 3):
            cells[(row + down) * side + column + across] = max(abs(down), abs(across)) != 1


def _alignment(version: int) -> list[int]:
    if version == 1:
        return []
    count = version // 7 + 2
    step = (version * 8 + count * 3 + 5) // (count * 4 - 4) * 2
    return [6, *(side_of(version) - 7 - step * place for place in reversed(range(count - 1)))]


def _format_places(side: int) -> list[tuple[int, int]]:
    """Row and column of the 15 bits, lowest first: those round the first eye, then those at the other two."""
    first = [
        *((row, 8) for row in range(6)),
        (7, 8),
        (8, 8),
        (8, 7),
        *((8, 14 - bit) for bit in range(9, 15)),
    ]
    second = [*((8, side - 1 - bit) for bit in range(8)), *((side - 15 + bit, 8) for bit in range(8, 15))]
    return first + second


def _format(side: int, data: int) -> int:
    bits = _protected(data, 10, FORMAT_POLYNOMIAL) ^ FORMAT_MASK
    symbol = 0
    for place, (row, column) in enumerate(_format_places(side)):
        if bits >> place % 15 & 1:
            symbol |= 1 << side * side - 1 - row * side - column
    return symbol


def _version(cells: list[bool | None], side: int, version: int) -> None:
    bits = _protected(version, 12, VERSION_POLYNOMIAL)
    for place in range(18):
        near, far = place // 3, side - 11 + place % 3
        cells[near * side + far] = cells[far * side + near] = bool(bits >> place & 1)


def _protected(data: int, checks: int, polynomial: int) -> int:
    """The data with its BCH check bits behind it."""
    rest = data << checks
    while rest.bit_length() > checks:
        rest ^= polynomial << rest.bit_length() - checks - 1
    return data << checks | rest


def _mask(side: int, number: int) -> int:
    rows = [
        "".join("1" if _inverts(number, row, column) else "0" for column in range(MASK_PERIOD))
        for row in range(MASK_PERIOD)
    ]
    wide = [(row * (side // MASK_PERIOD + 1))[:side] for row in rows]
    return int("".join(wide[row % MASK_PERIOD] for row in range(side)), 2)


def _inverts(number: int, row: int, column: int) -> bool:
    product = row * column
    return (
        (row + column) % 2,
        row % 2,
        column % 3,
        (row + column) % 3,
        (row // 2 + column // 3) % 2,
        product % 2 + product % 3,
        (product % 2 + product % 3) % 2,
        ((row + column) % 2 + product % 3) % 2,
    )[number] == 0


def _source(cells: list[bool | None], side: int) -> tuple[int, ...]:
    """Walk the symbol in pairs of columns from the lower right corner, up and down in turn."""
    source = [-1] * (side * side)
    taken = 0
    pairs = [*range(side - 1, 6, -2), *range(5, 0, -2)]
    for number, right in enumerate(pairs):
        for row in range(side - 1, -1, -1) if number % 2 == 0 else range(side):
            for column in (right, right - 1):
                if cells[row * side + column] is None:
                    source[row * side + column] = taken
                    taken += 1
    return tuple(source)
