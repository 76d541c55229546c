"""The data of a label: which fields a template declares, and what it is given.

Owns: field types, presence, and the reading of one value. Must not know: elements, fonts, dots.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from edge_agent.labels.characters import is_blank
from edge_agent.labels.formats import Fact

MAX_POISHA = 10**12  # ten thousand million taka: above any amount that a postal parcel collects
ISO_DATE_LENGTH = len("2026-11-23")
MAX_INTEGER = 10**18  # more digits than any count; Python refuses to write out those above 4,300
MAX_DIGITS = 18  # the same for a numeral; one in exponent form could ask for gigabytes of zeros
MAX_PLACES = 9  # a scale sends six decimals at most
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,9})?")


class FieldType(StrEnum):
    """Money is an integer of poisha; a decimal is kept as it was sent; a date is ISO 8601 in local time."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MONEY = "money"
    DATE = "date"


EXPECTED = {
    FieldType.TEXT: "a text in quotes",
    FieldType.INTEGER: "a whole number of at most 18 digits",
    FieldType.DECIMAL: 'a numeral in quotes such as "1.250"',
    FieldType.MONEY: f"whole poisha such as 12350, at most {MAX_POISHA}",
    FieldType.DATE: 'a day in quotes such as "2026-11-23" or "2026-11-23 21:15"',
}


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field. `sample` stands for the longest honest value: checks and previews use it."""

    path: str
    type: FieldType
    optional: bool = False
    sample: str | int | None = None


class FieldError(ValueError):
    """A field is absent or of the wrong type; `missing` tells which."""

    def __init__(self, path: str, why: str, *, missing: bool) -> None:
        super().__init__(f"field {path!r} {why}")
        self.path = path
        self.missing = missing


class Record:
    """One label's data, read by declared field. A blank text and an empty list are absent, a zero is not."""

    def __init__(self, fields: Mapping[str, Field], data: Mapping[str, object]) -> None:
        self._fields = fields
        self._data = data
        self._present: dict[str, bool] = {}

    def has(self, path: str) -> bool:
        found = self._present.get(path)
        if found is None:
            found = self._present[path] = self._has(path)
        return found

    def _has(self, path: str) -> bool:
        value = self._at(path)
        if isinstance(value, list | tuple):
            return bool(value)
        return value is not None and not (isinstance(value, str) and is_blank(value))

    def fact(self, path: str) -> Fact:
        """The value as its declared type; raises FieldError."""
        if not self.has(path):
            raise FieldError(path, "is missing", missing=True)
        kind = self._fields[path].type
        fact = _read(kind, self._at(path))
        if fact is None:
            raise FieldError(path, f"is not of type {kind}: expected {EXPECTED[kind]}", missing=False)
        return fact

    def entries(self, path: str) -> int:
        """How many entries the list at this path has; raises FieldError where it is none."""
        value = self._at(path)
        if value is None:
            return 0
        if not isinstance(value, list | tuple) or not all(isinstance(entry, Mapping) for entry in value):
            raise FieldError(path, "is not a list of entries", missing=False)
        return len(value)

    def _at(self, path: str) -> object:
        value: object = self._data
        for step in path.split("."):
            if isinstance(value, Mapping):
                value = value.get(step)
            elif isinstance(value, list | tuple) and step.isdecimal():
                value = value[int(step) - 1] if int(step) <= len(value) else None
            else:
                return None
        return value


def nested(values: Mapping[str, object]) -> dict[str, object]:
    """Data by dotted path turned into the nested form that a flow gives; entries come in their order."""
    data: dict[str, object] = {}
    for path, value in values.items():
        *parents, last = path.split(".")
        level = data
        for parent in parents:
            below = level.setdefault(parent, {})
            if not isinstance(below, dict):
                raise FieldError(path, f"lies below {parent!r}, which is a value", missing=False)
            level = below
        level[last] = value
    return {key: _as_list(value) for key, value in data.items()}


def _as_list(value: object) -> object:
    """Entries numbered from 1 become a list, at any depth."""
    if not isinstance(value, dict):
        return value
    inner = {key: _as_list(below) for key, below in value.items()}
    return list(inner.values()) if all(key.isdecimal() for key in inner) else inner


def _read(kind: FieldType, value: object) -> Fact | None:
    if kind is FieldType.TEXT:
        return value if isinstance(value, str) else None
    if kind is FieldType.DECIMAL:
        return _decimal(value)
    if kind is FieldType.DATE:
        return _date(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    low, high = (0, MAX_POISHA) if kind is FieldType.MONEY else (-MAX_INTEGER, MAX_INTEGER)
    return value if low <= value <= high else None


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, Decimal):
        value = format(value, "f") if _is_writable(value) else ""
    return Decimal(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else None


def _is_writable(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MAX_PLACES and value.adjusted() < MAX_DIGITS


def _date(value: object) -> date | None:
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value) if len(value) == ISO_DATE_LENGTH else datetime.fromisoformat(value)
    except ValueError:
        return None
