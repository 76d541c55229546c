"""Which characters may reach a label, and which of them belong together.

Owns: the rule for control and bidi characters, scripts, clusters. Must not know: fonts, elements, pages.

The rule for data that becomes text:
 1. C0 and C1 controls, DEL, surrogates, private use, non-characters and unassigned code points are REFUSED:
    no honest name holds them, and a printer or a keyboard may obey them.
 2. Tab, line feed, carriage return and Unicode's two separators are layout, not content: a line break stays
    a line break where the element wraps, and is a space elsewhere. Every other space but the no-break one
    is a plain space.
 3. Bidi controls, byte-order marks and zero-width spaces are STRIPPED: telephones put them around pasted
    numbers, they show nothing, and they could make a line read otherwise than it was stored.
 4. ZWJ and ZWNJ stay: they choose the form of a Bangla conjunct.
 5. What remains is composed (NFC), so that both ways of typing a letter print alike.
For data that becomes a code nothing is stripped: only printable characters, else refused.
"""

from __future__ import annotations

import unicodedata

ZWNJ, ZWJ = "\u200c", "\u200d"
NO_BREAK_SPACE = "\u00a0"
VIRAMA = "\u09cd"
_JOINERS = frozenset({ZWNJ, ZWJ})
_LINE_BREAKS = frozenset("\n\u2028\u2029")
_STRIPPED = frozenset(
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff"
)
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Co", "Cn"})
_NO_LETTER = frozenset({"Mn", "Mc", "Me"})


class UnprintableError(ValueError):
    """A character that no label may carry; `args[0]` names it by its number, never by itself."""


def printable_text(text: str) -> str:
    """The text as it may be drawn: one `\\n` for each line break, no tabs; raises UnprintableError."""
    if text.isascii() and text.isprintable():
        return text
    unbroken = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return unicodedata.normalize("NFC", "".join(_drawn(char) for char in unbroken))


def code_text(text: str) -> str:
    """The text as a machine may read it, unchanged; raises UnprintableError."""
    for char in text:
        if char in _STRIPPED or char in _JOINERS or not (char.isprintable() or char == " "):
            raise UnprintableError(f"holds {code_point(char)}, which no code may carry")
    return text


def is_blank(text: str) -> bool:
    """Whether nothing of the text would show: spaces, line breaks, marks of direction, joiners."""
    return all(char.isspace() or char in _STRIPPED or char in _JOINERS for char in text)


def code_point(char: str) -> str:
    """How a message names a character without repeating it: U+09F3."""
    return f"U+{ord(char):04X}"


def is_bangla(char: str) -> bool:
    return "\u0980" <= char <= "\u09ff"


def is_ascii_letter(char: str) -> bool:
    return char.isascii() and char.isalpha()


def needs_glyph(char: str) -> bool:
    """Joiners and variation selectors change their neighbours and are never drawn themselves."""
    return char not in _JOINERS and not "\ufe00" <= char <= "\ufe0f"


def clusters(text: str) -> list[str]:
    """The text cut where a reader would allow a cut: marks, joiners and conjuncts stay whole."""
    parts: list[str] = []
    for char in text:
        if parts and (_continues(char) or _is_open(parts[-1], char)):
            parts[-1] += char
        else:
            parts.append(char)
    return parts


def _continues(char: str) -> bool:
    return char in _JOINERS or unicodedata.category(char) in _NO_LETTER


def _is_open(cluster: str, following: str) -> bool:
    return is_bangla(following) and cluster.rstrip(ZWJ).endswith(VIRAMA)


def _drawn(char: str) -> str:
    if char in _LINE_BREAKS:
        return "\n"
    if char in _STRIPPED:
        return ""
    category = unicodedata.category(char)
    if category == "Zs" and char != NO_BREAK_SPACE:
        return " "
    if category in _REFUSED_CATEGORIES:
        raise UnprintableError(f"holds {code_point(char)}, which no label may carry")
    return char
