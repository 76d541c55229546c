"""Which regular expressions a setting may use for courier numbers: those that cannot run away.

Owns: the permitted grammar and the bound on backtracking. Must not know: couriers, settings, barcodes.

A pattern comes from configuration, the text from a stranger. The grammar is characters, classes, the digits
and word characters of ASCII, one level of groups, alternatives, and counted repetition. Without star, plus,
look-around, back-references and nesting, the number of ways to try a pattern is the product of its choices,
and that product is bounded. Neither a dot nor a negated class is permitted: what matches is printable ASCII.
"""

from __future__ import annotations

import re

LONGEST_PATTERN = 200  # the longest of the shipped ones has 23 characters
MOST_WAYS = 5_000  # about 5 ms for the worst pattern and text found; a real pattern needs a dozen

_TOKEN = re.compile(
    r"(?P<class>\[(?!\^)(?:\\[dw\-\]\\^]|[^\[\]\\])+\])"
    r"|(?P<open>\((?:\?:)?)|(?P<close>\))|(?P<or>\|)"
    r"|(?P<times>\{(?P<least>[0-9]{1,2})(?:,(?P<most>[0-9]{1,2}))?\}|\?)"
    r"|(?P<one>\\[dw]|\\[!-/:-@\[-`{-~]|[A-Za-z0-9 !\"#%&',\-/:;<=>@_`~])"
)
_SET_OPERATIONS = ("--", "&&", "~~", "||")  # reserved by `re` for set operations: they would warn


def fault(pattern: str) -> str | None:
    """Why the pattern is not permitted, in words; None if it is."""
    if not pattern or len(pattern) > LONGEST_PATTERN:
        return f"a pattern has 1 to {LONGEST_PATTERN} characters"
    if not (pattern.isascii() and pattern.isprintable()):
        return "a pattern is printable ASCII"
    walk = _Walk()
    position = 0
    while position < len(pattern):
        token = _TOKEN.match(pattern, position)
        error = f"{pattern[position]!r} is not permitted here" if token is None else walk.take(token)
        if token is None or error:
            return f"{error}, at character {position + 1}"
        position = token.end()
    return walk.end() or _compile_fault(pattern)


def _compile_fault(pattern: str) -> str | None:
    try:
        re.compile(pattern, re.ASCII)
    except re.error as error:
        return str(error)
    return None


class _Walk:
    """Where the reading of one pattern stands: what a repetition would apply to, and the ways so far."""

    def __init__(self) -> None:
        self._before = ""  # kind of the token before
        self._in_group = False
        self._group_branches = 1
        self._branches = 1
        self._ways = 1

    def take(self, token: re.Match[str]) -> str | None:
        """The next token; gives what is wrong with it here."""
        kind = token.lastgroup or ""
        error = self._repeat(token) if kind == "times" else self._other(kind, token[0])
        self._before = kind
        return error

    def end(self) -> str | None:
        """What is wrong with the pattern as a whole."""
        if self._in_group:
            return "a group is not closed"
        return None if self._ways * self._branches <= MOST_WAYS else "too many ways to match"

    def _repeat(self, token: re.Match[str]) -> str | None:
        if self._before not in ("class", "one", "close"):
            return "nothing to repeat"
        if token[0] == "?":
            self._ways *= 2
            return None
        if self._before == "close":
            return "a group may be optional (?), not repeated"
        least = int(token["least"])
        most = int(token["most"] or least)
        if least > most:
            return "the numbers of a repetition are in the wrong order"
        self._ways *= most - least + 1
        return None

    def _other(self, kind: str, text: str) -> str | None:
        if kind == "open":
            if self._in_group:
                return "groups do not nest"
            self._in_group, self._group_branches = True, 1
        elif kind == "close":
            if not self._in_group:
                return "a group is not open"
            self._in_group = False
            self._ways *= self._group_branches
        elif kind == "or" and self._in_group:
            self._group_branches += 1
        elif kind == "or":
            self._branches += 1
        elif kind == "class" and any(pair in text for pair in _SET_OPERATIONS):
            return "two equal signs of - & ~ | beside each other in a class"
        return None
