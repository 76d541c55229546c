"""One thing that is wrong with a settings file, said so that a technician can mend it.

Owns: the words and their order. Must not know: which settings exist, or how they are checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import NamedTuple

from edge_agent.settings.positions import KeyPath, Place

SHOWN_CHARACTERS = 60  # enough to recognise a value; a message stays on one line of a terminal
SHOWN_CHOICES = 16  # all keys of one table; more names than this are a list to look up, not to read
COMPARED_CHARACTERS = 64  # no key or word of ours is longer; comparing costs the square of the length
LIKENESS = 0.6  # difflib's own threshold: "nmae" finds "name", "xyz" finds nothing


class Finding(NamedTuple):
    """What is wrong at one key, before anybody knows where that key stands."""

    path: KeyPath
    message: str
    expected: str = ""
    nearest: str = ""
    at_key: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong, where, what was expected and what is nearest to it (both may be empty)."""

    file: str
    place: Place
    key: str
    message: str
    expected: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.place.line}:{self.place.column}"
        about = f"{where} {self.key}: {self.message}" if self.key else f"{where} {self.message}"
        expected = f"; expected {self.expected}" if self.expected else ""
        nearest = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"{about}{expected}{nearest}"

    def as_json(self) -> dict[str, str | int]:
        """The fields as `--json` prints them."""
        return {
            "file": self.file,
            "line": self.place.line,
            "column": self.place.column,
            "key": self.key,
            "message": self.message,
            "expected": self.expected,
            "nearest": self.nearest,
        }


def shown_value(value: object) -> str:
    """The value as a person wrote it, cut short; nothing in it can move a cursor or forge a line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return _cut(str(value))
    if isinstance(value, str):
        return shown_text(value)
    if isinstance(value, date | time):
        return f"the date or time {value}"
    return "a list" if isinstance(value, list | tuple) else "a table"


def shown_text(text: str) -> str:
    """Text in quotes, cut short, with everything that is not printable escaped."""
    return repr(text[:SHOWN_CHARACTERS]) + ("…" if len(text) > SHOWN_CHARACTERS else "")


def shown_path(path: KeyPath) -> str:
    """The key as TOML writes it, with the number of the table: scale[0].baud."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part}]"
        else:
            shown += ("." if shown else "") + _shown_part(part)
    return shown


def nearest(wrong: str, right: Iterable[str]) -> str:
    """The most similar of the right words, or nothing; capitals do not matter."""
    from difflib import get_close_matches

    by_lower = {word.lower(): word for word in right}
    found = get_close_matches(wrong[:COMPARED_CHARACTERS].lower(), by_lower, n=1, cutoff=LIKENESS)
    return by_lower[found[0]] if found else ""


def one_of(choices: Iterable[str]) -> str:
    """The choices as a reader meets them: all, or the first few and how many more."""
    words = list(choices)
    if len(words) <= 1:
        return "".join(words) or "nothing"
    more = len(words) - SHOWN_CHOICES
    return "one of " + ", ".join(words[:SHOWN_CHOICES]) + (f" and {more} more" if more > 0 else "")


def _shown_part(part: str) -> str:
    plain = part.isascii() and part.replace("-", "a").replace("_", "a").isalnum()
    return part if plain and len(part) <= SHOWN_CHARACTERS else shown_text(part)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
