"""Where each key and value of a TOML document stands, so that an error can name the line.

Owns: a scanner for positions. Must not know: settings, or whether the document is valid TOML.

The scanner is exact on every valid document and on the valid part before an error. After rubbish it goes on
with the next line; what it does not find has the place of the nearest thing around it. One pass, linear.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass

MAX_DEPTH = 16  # settings are three deep; tomllib takes quadratic time over keys of thousands of parts

KeyPath = tuple[str | int, ...]

_BLANK = re.compile(r"[ \t]*")
_SPACE = re.compile(r"(?:[ \t\n]|#[^\n]*)*")  # what may stand between the parts of an array
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\n]*'""")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*(?:"{3,5}|\Z)'
    r"|'''(?:[^']|'(?!''))*(?:'{3,5}|\Z)"
    r'|"[^"\\\n]*(?:\\.[^"\\\n]*)*"?'
    r"|'[^'\n]*'?",
    re.DOTALL,
)
_BARE = re.compile(r"[^,\[\]{}#\n]*")
_REST = re.compile(r"[^\n]*\n?")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line and a column, both from 1; columns count characters."""

    line: int = 1
    column: int = 1


def place_of(text: str, offset: int) -> Place:
    """The place of one character of a text."""
    before = text[:offset]
    return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


class Positions:
    """The places of one document, whose lines end in plain newlines.

    `too_deep` is the first key or bracket beyond MAX_DEPTH, where the scan ended; None in any sane document.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line_starts = [0, *(newline.end() for newline in re.finditer("\n", text))]
        self._keys: dict[KeyPath, int] = {(): 0}
        self._values: dict[KeyPath, int] = {}
        self._elements: dict[KeyPath, int] = {}  # how many tables an array of tables has so far
        self.too_deep: Place | None = None
        self._document()

    def key(self, path: KeyPath) -> Place:
        """Where the key stands, or the nearest known key around it."""
        while path not in self._keys:
            path = path[:-1]
        return self._place(self._keys[path])

    def value(self, path: KeyPath) -> Place:
        """Where the value stands; for a table its header, for what is missing the nearest thing around it."""
        while path and path not in self._values:
            path = path[:-1]
        return self._place(self._values.get(path, 0))

    def has(self, path: KeyPath) -> bool:
        """Whether this key was found."""
        return path in self._keys

    def _place(self, offset: int) -> Place:
        line = bisect_right(self._line_starts, offset)
        return Place(line, offset - self._line_starts[line - 1] + 1)

    def _document(self) -> None:
        table: KeyPath = ()
        while self._at < len(self._text) and self.too_deep is None:
            self._skip(_SPACE)
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table, 1)
            self._skip(_BLANK)
            self._skip(_REST)

    def _header(self) -> KeyPath:
        start = self._at
        many = self._text.startswith("[[", self._at)
        self._at += 2 if many else 1
        path: KeyPath = ()
        for name, at in self._parts():
            path = self._inside((*path, name))
            self._keys.setdefault(path, at)
            self._values.setdefault(path, start)
        if path and not many:
            self._values[path] = start  # its own header says more than a deeper one before it
        return self._next_element(path, start) if many and path else path

    def _inside(self, path: KeyPath) -> KeyPath:
        """A header that names an array of tables means its last table."""
        return (*path, self._elements[path] - 1) if path in self._elements else path

    def _next_element(self, path: KeyPath, start: int) -> KeyPath:
        whole = path[:-1] if isinstance(path[-1], int) else path
        number = self._elements.get(whole, 0)
        self._elements[whole] = number + 1
        self._keys[(*whole, number)] = self._values[(*whole, number)] = start
        return (*whole, number)

    def _pair(self, table: KeyPath, depth: int) -> None:
        path = table
        for name, at in self._parts():
            path = (*path, name)
            self._keys.setdefault(path, at)
            self._values.setdefault(path, at)
        self._skip(_BLANK)
        if path != table and self._text.startswith("=", self._at):
            self._at += 1
            self._skip(_BLANK)
            self._values[path] = self._at
            self._value(path, depth)

    def _parts(self) -> list[tuple[str, int]]:
        """The parts of a dotted key from here on, each with its offset."""
        parts: list[tuple[str, int]] = []
        while True:
            self._skip(_BLANK)
            found = _PART.match(self._text, self._at)
            if found is None or self._is_too_deep(len(parts)):
                return parts
            parts.append((_name(found.group()), self._at))
            self._at = found.end()
            self._skip(_BLANK)
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _value(self, path: KeyPath, depth: int) -> None:
        if self._is_too_deep(depth):
            return
        opening = self._text[self._at : self._at + 1]
        if opening == "[":
            self._array(path, depth)
        elif opening == "{":
            self._inline_table(path, depth)
        elif opening in ('"', "'"):
            self._skip(_STRING)
        else:
            self._skip(_BARE)

    def _array(self, path: KeyPath, depth: int) -> None:
        self._at += 1
        number = 0
        while True:
            self._skip(_SPACE)
            if self._closes("]"):
                return
            self._keys[(*path, number)] = self._values[(*path, number)] = self._at
            before = self._at
            self._value((*path, number), depth + 1)
            number += 1
            self._skip(_SPACE)
            if not self._comma() and (self._closes("]") or self._at == before or self.too_deep):
                return

    def _inline_table(self, path: KeyPath, depth: int) -> None:
        self._at += 1
        while True:
            self._skip(_BLANK)
            if self._closes("}"):
                return
            before = self._at
            self._pair(path, depth + 1)
            self._skip(_BLANK)
            if not self._comma() and (self._closes("}") or self._at == before or self.too_deep):
                return

    def _comma(self) -> bool:
        found = self._text.startswith(",", self._at)
        self._at += found
        return found

    def _closes(self, bracket: str) -> bool:
        found = self._text.startswith(bracket, self._at)
        self._at += found
        return found or self._at >= len(self._text)

    def _is_too_deep(self, depth: int) -> bool:
        if depth >= MAX_DEPTH and self.too_deep is None:
            self.too_deep = self._place(self._at)
        return depth >= MAX_DEPTH

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()


def _name(part: str) -> str:
    """The name that a quoted or bare part of a key means; as written where it is no valid TOML."""
    if part[0] == "'":
        return part[1:-1]
    if part[0] != '"':
        return part
    if "\\" not in part:
        return part[1:-1]
    try:
        return str(tomllib.loads(f"k={part}")["k"])
    except tomllib.TOMLDecodeError:
        return part[1:-1]
