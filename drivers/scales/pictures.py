"""The picture of a line of text: which field stands in which columns.

Owns: reading a line by its picture and writing it. Must not know: what the fields mean, or any protocol.

Each character of a picture is one of the line: S sign, N number, U unit, T stability mark, G net mark,
? anything, and any other exactly itself. "TT,GG,SNNNNNNNUU" fits "ST,GS,+  1.234kg".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from edge_agent.sdk.errors import ConfigError
from edge_agent.sdk.framing import SCALE_LINE_LIMIT

SIGN, NUMBER, UNIT, STABILITY, NET, ANY = b"SNUTG?"
COLUMNED = (SIGN, NUMBER, UNIT, STABILITY, NET)
NUMERAL = re.compile(rb" *([+-]?) *(\d+(?:\.\d*)?) *")


@dataclass(frozen=True, slots=True)
class Fields:
    """What a line says, as text; a field that the line does not have is None."""

    sign: bytes
    number: bytes
    unit: bytes
    stability: bytes | None = None
    net: bytes | None = None


class Picture:
    """The columns of a line. Raises ConfigError where they cannot be a line."""

    def __init__(self, columns: bytes) -> None:
        self._columns = columns
        runs = [0, *(at for at, (a, b) in enumerate(pairwise(self._columns), 1) if a != b)]
        names = [self._columns[at] for at in runs if self._columns[at] in COLUMNED]
        if len(self._columns) > SCALE_LINE_LIMIT or NUMBER not in names or len(set(names)) < len(names):
            words = f"a picture has N once, S U T G once at most, and {SCALE_LINE_LIMIT} columns at most"
            raise ConfigError("config.picture", words)

    def read(self, line: bytes) -> Fields | None:
        """The fields of a line, if it has these columns."""
        if len(line) != len(self._columns) or not all(map(_stands, self._columns, line)):
            return None
        numeral = NUMERAL.fullmatch(self._of(NUMBER, line) or b"")
        sign = self._of(SIGN, line)
        if numeral is None or (sign is not None and numeral[1]):
            return None
        return Fields(
            (sign or b"").strip() or numeral[1],
            numeral[2],
            self._of(UNIT, line) or b"",
            self._of(STABILITY, line),
            self._of(NET, line),
        )

    def marked(self, line: bytes, mark: bytes) -> bool:
        """Whether the mark stands in the columns of the number or of the stability."""
        fields = (self._of(name, line) for name in (NUMBER, STABILITY))
        return len(line) == len(self._columns) and mark in [field.strip() for field in fields if field]

    def write(self, fields: Fields) -> bytes | None:
        """The line with these fields, each to the right of its columns; None where one does not fit."""
        apart = SIGN in self._columns
        texts = {
            SIGN: fields.sign,
            NUMBER: fields.number if apart else fields.sign + fields.number,
            UNIT: fields.unit,
            STABILITY: fields.stability or b"",
            NET: fields.net or b"",
        }
        left = {name: text.rjust(self._columns.count(name)) for name, text in texts.items()}
        if any(len(left[name]) > self._columns.count(name) for name in set(self._columns) & set(left)):
            return None
        return bytes(_next(name, left) for name in self._columns)

    def has(self, name: int) -> bool:
        """Whether there are columns for this field."""
        return name in self._columns

    def _of(self, name: int, line: bytes) -> bytes | None:
        start = self._columns.find(name)
        return None if start < 0 else line[start : start + self._columns.count(name)]


def _stands(column: int, character: int) -> bool:
    return column in COLUMNED or column in (ANY, character)


def _next(name: int, left: dict[int, bytes]) -> int:
    if name not in left:
        return ord(" ") if name == ANY else name
    character, left[name] = left[name][0], left[name][1:]
    return character
