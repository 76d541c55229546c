"""Value strings of a template: fixed words with {field.path:formatter} in them.

Owns: their syntax and what they need. Must not know: data, fonts, elements.

Syntax: {path}, {path:formatter}, {path:formatter|formatter}; {{ and }} are braces. There is nothing else: no
expressions, no includes, no code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from edge_agent.labels.fields import Field, FieldType, Record
from edge_agent.labels.formats import DATE_FORMATS, MONEY_FORMATS, TEXT_FORMATS, formatted

MAX_PHRASE = 400  # characters; the longest fixed sentence on a label is a return instruction of about 150

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|([^{}]+)|(.)", re.DOTALL)
_PATH = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_FIRST_FORMATS = {
    FieldType.TEXT: frozenset(TEXT_FORMATS),
    FieldType.INTEGER: frozenset(TEXT_FORMATS),
    FieldType.DECIMAL: frozenset(TEXT_FORMATS),
    FieldType.MONEY: frozenset(MONEY_FORMATS),
    FieldType.DATE: frozenset(DATE_FORMATS) | frozenset(TEXT_FORMATS),
}


@dataclass(frozen=True, slots=True)
class Substitution:
    """One field in a phrase, with its formatters in order."""

    path: str
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A value string, taken apart."""

    parts: tuple[str | Substitution, ...]

    def fields(self) -> tuple[Substitution, ...]:
        return tuple(part for part in self.parts if isinstance(part, Substitution))

    def filled(self, record: Record) -> str:
        """The words for one label; raises FieldError."""
        return "".join(
            part if isinstance(part, str) else formatted(record.fact(part.path), part.formats)
            for part in self.parts
        )


def parse_phrase(text: object) -> Phrase:
    """Take a value string apart; raises ValueError with what was expected."""
    if not isinstance(text, str):
        raise ValueError("expected a text in quotes")  # noqa: TRY004  # pydantic turns ValueError into its own
    if not 0 < len(text) <= MAX_PHRASE:
        raise ValueError(f"expected 1 to {MAX_PHRASE} characters")
    return Phrase(tuple(_part(match) for match in _TOKEN.finditer(text)))


def path_text(text: object) -> str:
    """A field path as it stands in `when`; raises ValueError."""
    if not isinstance(text, str) or not _PATH.fullmatch(text):
        raise ValueError("expected a field path such as recipient.name")
    return text


def check_phrase(phrase: Phrase, fields: Mapping[str, Field]) -> None:
    """Refuse unknown fields and formatters that do not suit them; raises ValueError."""
    for part in phrase.fields():
        check_path(part.path, fields)
        _check_formats(part, fields[part.path].type)


def check_path(path: str, fields: Mapping[str, Field]) -> None:
    """Refuse a path that [data] does not declare; raises ValueError."""
    if path not in fields:
        raise ValueError(f"unknown field {path!r}{nearest(path, fields)}")


def nearest(word: str, known: Mapping[str, object] | frozenset[str]) -> str:
    """The end of a message: the known word most like this one, else all of them."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(sorted(known)) or 'none'}"


def _part(match: re.Match[str]) -> str | Substitution:
    inner, words, stray = match.groups()
    if stray is not None:
        raise ValueError(
            f"expected {{field.path:formatter}}, found a lone {stray!r} (write it twice to print it)"
        )
    if words is not None:
        return str(words)
    return match[0][0] if inner is None else _substitution(inner)


def _substitution(inner: str) -> Substitution:
    path, colon, names = inner.partition(":")
    if not _PATH.fullmatch(path):
        raise ValueError(f"expected {{field.path:formatter}}, found {{{inner}}}")
    return Substitution(path, tuple(names.split("|")) if colon else ())


def _check_formats(part: Substitution, kind: FieldType) -> None:
    known = frozenset(TEXT_FORMATS) | frozenset(MONEY_FORMATS) | frozenset(DATE_FORMATS)
    if kind is FieldType.MONEY and not part.formats:
        raise ValueError(
            f"field {part.path!r} is money: write one of {', '.join(sorted(MONEY_FORMATS))} behind it"
        )
    allowed = _FIRST_FORMATS[kind]
    for name in part.formats:
        if name not in known:
            raise ValueError(f"unknown formatter {name!r}{nearest(name, known)}")
        if name not in allowed:
            raise ValueError(
                f"formatter {name!r} does not suit {part.path!r} ({kind}){nearest(name, allowed)}"
            )
        allowed = frozenset(TEXT_FORMATS)
