"""Which columns of equally long lines follow the known weights, and a picture of such a line.

Owns: finding the number, the unit and the stability mark in the columns, and writing the picture with the
letters of the driver print_line. Must not know: how lines are cut, drivers, ports.

The number's columns are taken as wide as the lines allow, so that a heavier load still fits. A column that
never changed is part of the picture: a line in which it does is refused later, never misread.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

NUMERAL = re.compile(rb" *([+-]?) *(\d+(?:\.\d*)?) *")
NUMERAL_BYTES = 16  # a sign, nine digits, a point, and the blanks before them
ANY, BLANK = ord("?"), ord(" ")
FILL = b" +-0123456789"
ENDING = b".0123456789"
MOST = 80  # per cent of a recording that must say the same: the load may still rock when it begins
COLUMN_LETTERS = frozenset(b"SNUTG?")  # in a picture they mean columns; standing for themselves is told by ?
UNIT_NAMES = ("kg", "g", "mg", "t", "lb", "oz", "ozt", "ct")


@dataclass(frozen=True, slots=True)
class Known:
    """The lines of one weighing with the weight that the display showed."""

    weight: Decimal
    lines: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """A picture and where the number stood in the line, how many decimals a number without a point has
    (-1: as sent), the unit, the mark of rest, and what stands before the picture in every line."""

    picture: bytes
    number: range
    decimals: int
    unit: str = ""
    stable_mark: bytes = b""
    prefix: bytes = b""
    has_room: bool = True
    notes: tuple[str, ...] = ()


def same(shown: Decimal, known: Decimal) -> bool:
    """Whether a reading is the known weight, decimals included; an empty pan may be written as 0."""
    if known == 0 and known.as_tuple().exponent == 0:
        return shown == 0
    return shown == known and shown.as_tuple().exponent == known.as_tuple().exponent


def columns_of(weighings: Sequence[Known], *, with_prefix: bool = True) -> list[Columns]:
    """Every place in the lines that follows all the weights. Lines of other lengths are left out.

    A letter that a picture cannot hold goes into the prefix, if all lines are the same before the number.
    """
    lines = [line for known in weighings for line in known.lines]
    if not all(known.lines for known in weighings):
        return []
    length = Counter(map(len, lines)).most_common(1)[0][0]
    kept = [Known(k.weight, tuple(line for line in k.lines if len(line) == length)) for k in weighings]
    if any(100 * len(k.lines) < MOST * len(w.lines) for k, w in zip(kept, weighings, strict=True)):
        return []
    found: dict[range, Columns] = {}
    for decimals in (-1, *_decimals(weighings)):
        for start, stop in _windows(kept, length):
            if all(_follows(known, start, stop, decimals) for known in kept):
                number = _widened(kept, range(start, stop), decimals)
                found.setdefault(number, _drawn(kept, number, decimals, with_prefix=with_prefix))
    return list(found.values())


def _decimals(weighings: Sequence[Known]) -> list[int]:
    """How many decimals the display shows, where all weights but a plain 0 agree on it."""
    shown = {-int(known.weight.as_tuple().exponent) for known in weighings if known.weight != 0}
    return list(shown) if len(shown) == 1 else []


def _windows(weighings: Sequence[Known], length: int) -> Iterator[tuple[int, int]]:
    """Places where a number may stand: its last column holds a digit or a point in some line."""
    ending = {at for known in weighings for line in known.lines for at in range(length) if line[at] in ENDING}
    for start in range(length):
        for stop in range(start + 1, min(length, start + NUMERAL_BYTES) + 1):
            if stop - 1 in ending:
                yield start, stop


def _number(text: bytes, decimals: int) -> Decimal | None:
    """What the columns say, read as print_line does."""
    parts = NUMERAL.fullmatch(text)
    if parts is None or (decimals >= 0 and b"." in parts[2]):
        return None
    numeral = (parts[1] + parts[2]).decode("ascii")
    return Decimal(numeral) if decimals < 0 else Decimal(numeral).scaleb(-decimals)


def _follows(known: Known, start: int, stop: int, decimals: int) -> bool:
    """Whether most lines show the weight there. A lone 0 somewhere is no empty pan: the weights decide."""
    return _share_at_rest(known, start, stop, decimals) >= MOST


def _share_at_rest(known: Known, start: int, stop: int, decimals: int) -> int:
    return 100 * len(_at_rest(known, range(start, stop), decimals)) // max(1, len(known.lines))


def _at_rest(known: Known, number: range, decimals: int) -> list[bytes]:
    shown = {line: _number(line[number.start : number.stop], decimals) for line in set(known.lines)}
    return [line for line in known.lines if (n := shown[line]) is not None and same(n, known.weight)]


def _widened(weighings: Sequence[Known], number: range, decimals: int) -> range:
    """The widest range that still follows: to the left over what fills, to the right over digits, and over
    the blanks behind a number that begins at its left edge."""
    start, stop = number.start, number.stop
    lines = [line for known in weighings for line in known.lines]
    while start > 0 and all(line[start - 1] in FILL for line in lines):
        if not all(_follows(known, start - 1, stop, decimals) for known in weighings):
            break
        start -= 1
    while stop < len(lines[0]) and any(line[stop : stop + 1].isdigit() for line in lines):
        if not all(_follows(known, start, stop + 1, decimals) for known in weighings):
            break
        stop += 1
    return range(start, _over_blanks(lines, stop))


def _over_blanks(lines: Sequence[bytes], stop: int) -> int:
    """The end of the blanks from here on, where what follows them always is the same and no digit."""
    end = stop
    while end < len(lines[0]) and all(line[end] in b" " for line in lines):
        end += 1
    behind = {line[end : end + 1] for line in lines}
    return end if len(behind) == 1 and not behind & {bytes([sign]) for sign in ENDING} else stop


def _drawn(weighings: Sequence[Known], number: range, decimals: int, *, with_prefix: bool) -> Columns:
    lines = [line for known in weighings for line in known.lines]
    texts = [{line[at] for line in lines} for at in range(len(lines[0]))]
    picture = bytearray(ANY if len(text) > 1 or text & COLUMN_LETTERS else min(text) for text in texts)
    picture[number.start : number.stop] = b"N" * len(number)
    unit = _unit(lines[0], texts, number)
    picture[unit.start : unit.stop] = b"U" * len(unit)
    mark, place = _stability(weighings, bytes(picture), number, decimals)
    picture[place.start : place.stop] = b"T" * len(place)
    _loosen(picture, texts)
    prefix = _prefix(lines[0], texts, number) if with_prefix else b""
    held = [
        at for at in range(len(prefix), len(picture)) if texts[at] & COLUMN_LETTERS and len(texts[at]) == 1
    ]
    loose = [at for at in held if picture[at] == ANY]
    return Columns(
        bytes(picture[len(prefix) :]),
        number,
        decimals,
        lines[0][unit.start : unit.stop].decode("ascii").lower(),
        mark,
        prefix,
        _has_room(weighings, number),
        tuple(
            f"column {at + 1} always said {chr(lines[0][at])}; a picture cannot insist on it" for at in loose
        ),
    )


def _loosen(picture: bytearray, texts: Sequence[set[int]]) -> None:
    """Blanks before what varies may be filled one day; the one behind the number stays: digits end there."""
    for at in range(len(picture) - 2, 0, -1):
        before_varying = picture[at + 1] == ANY and (len(texts[at + 1]) > 1 or texts[at + 1] == {BLANK})
        if picture[at] == BLANK and before_varying and picture[at - 1] != ord("N"):
            picture[at] = ANY


def _note(at: int, line: bytes) -> str:
    return f"column {at + 1} always said {chr(line[at])}: a picture cannot insist on it"


def _has_room(weighings: Sequence[Known], number: range) -> bool:
    """Whether the heaviest weight left a column of the number free, so that a heavier one would still fit."""
    line = max(weighings, key=lambda known: known.weight).lines[-1]
    text = line[number.start : number.stop]
    return text[:1] in (b" ", b"+", b"0") or text.endswith(b"  ")  # one blank parts it from the unit


def _prefix(line: bytes, texts: Sequence[set[int]], number: range) -> bytes:
    """What every line begins with, where a picture could not say it."""
    before = texts[: number.start]
    constant = all(len(text) == 1 for text in before)
    return line[: number.start] if constant and any(text & COLUMN_LETTERS for text in before) else b""


def _unit(line: bytes, texts: Sequence[set[int]], number: range) -> range:
    """The columns of a unit's name behind the number, where they never change and no letter adjoins."""
    letters = bytes(
        line[at] if len(text) == 1 and bytes(text).isalpha() else 0 for at, text in enumerate(texts)
    )
    for word in re.finditer(rb"[A-Za-z]+", letters):
        if word.start() >= number.stop and word[0].decode("ascii").lower() in UNIT_NAMES:
            return range(*word.span())
    return range(0)


def _stability(
    weighings: Sequence[Known], picture: bytes, number: range, decimals: int
) -> tuple[bytes, range]:
    """Columns that say one thing at rest, and others while the number moves; nothing where none was seen."""
    rest = [line for known in weighings for line in _at_rest(known, number, decimals)]
    moving = [line for known in weighings for line in known.lines if line not in set(rest)]
    for run in re.finditer(rb"\?+", picture):
        start, stop = run.span()
        mark, count = Counter(line[start:stop] for line in rest).most_common(1)[0]
        others = [line for line in moving if line[start:stop] != mark]
        if (
            mark.strip()
            and 100 * count >= MOST * len(rest)
            and 100 * len(others) >= MOST * max(2, len(moving))
        ):
            return mark.strip(), range(start, stop)
    return b"", range(0)
