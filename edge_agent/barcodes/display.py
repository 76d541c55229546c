"""Scanned text as it may be shown: in a log line, on a terminal, in an error.

Owns: which characters are shown as they are. Must not know: barcodes' meaning, where it is shown.
"""

from __future__ import annotations

import re

CUT = "…"
DEFAULT_LIMIT = 64  # the longest real identifier has 48 characters; a log line stays one line on a terminal

_PLAIN = re.compile(r"[A-Za-z0-9 !#$%&()*+,\-./:;<=>?@\[\]^_{|}~]*")
_NOT_AS_IS = frozenset("\\'\"`")


def display(text: str, limit: int = DEFAULT_LIMIT) -> str:
    """`text` on one line, harmless to a terminal: control, bidirectional and invisible characters, lone
    surrogates, quotes and backslashes are escaped as in a Python string; more than `limit` is cut at "…"."""
    if len(text) <= limit and _PLAIN.fullmatch(text):
        return text
    shown: list[str] = []
    room = limit
    for character in text:
        piece = character if _as_is(character) else _escaped(character)
        room -= len(piece)
        if room < 0:
            return "".join(shown) + CUT
        shown.append(piece)
    return "".join(shown)


def _as_is(character: str) -> bool:
    return character.isprintable() and character not in _NOT_AS_IS


def _escaped(character: str) -> str:
    if character in _NOT_AS_IS:
        return "\\" + character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
