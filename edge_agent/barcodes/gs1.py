"""GS1 element strings: application identifiers with their data, one after the other.

Owns: where one element ends and the next begins, and what the elements are called. Must not know: the formats
of single identifiers, symbols, URIs.
Source: GS1 General Specifications, section 7.8 (processing of element strings). FNC1 arrives as GS (0x1D).

Survives: a separator at the end, in front (FNC1 of the first position sent as GS), doubled, or after data of
predefined length; identifiers in parentheses, as some scanners are set to send them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from edge_agent.barcodes import gs1_identifiers
from edge_agent.barcodes.meaning import SEPARATOR, Element, FieldValue, Meaning, accepted, refused

TYPE = "gs1"

_NAMES = {  # what an element is called among the fields
    "00": "sscc",
    "01": "gtin",
    "02": "content",
    "10": "lot",
    "21": "serial",
    "37": "count",
    "400": "order",
    "401": "ginc",
    "402": "gsin",
    "403": "routing",
    "410": "ship_to",
    "420": "post_code",
}
_WEIGHTS = {
    "310": "net_weight_kg",
    "330": "gross_weight_kg",
}  # declared by the sender: to compare, never to use
_IN_PARENTHESES = re.compile(r"\(([0-9]{2,4})\)")


def parse(data: str) -> Meaning:
    """The element string `data`, without an AIM identifier in front."""
    if data.startswith("("):
        return _parse_in_parentheses(data)
    found: list[Element] = []
    position = 0
    while position < len(data):
        if data[position] == SEPARATOR:
            position += 1
            continue
        identifier = gs1_identifiers.identifier_at(data, position)
        if identifier is None:
            return refused(TYPE, data, "unknown_ai", {"at": position})
        position += len(identifier)
        value = _data_at(data, position, identifier)
        position += len(value)
        error = gs1_identifiers.fault(identifier, value)
        if error:
            return refused(TYPE, data, error, {"ai": identifier})
        found.append((identifier, value))
    return _message(data, found, ())


def named(elements: Iterable[Element]) -> dict[str, FieldValue]:
    """The elements that a booth has a use for, under their names; weights as decimal text."""
    fields: dict[str, FieldValue] = {}
    for identifier, value in elements:
        if identifier in _NAMES:
            fields.setdefault(_NAMES[identifier], value)
        elif identifier[:3] in _WEIGHTS:
            fields.setdefault(_WEIGHTS[identifier[:3]], _decimal(value, int(identifier[3])))
    return fields


def repeated(elements: Sequence[Element]) -> str | None:
    """An identifier that stands twice with different data."""
    seen: dict[str, str] = {}
    for identifier, value in elements:
        if seen.setdefault(identifier, value) != value:
            return identifier
    return None


def _data_at(data: str, start: int, identifier: str) -> str:
    """The data of an element: by its predefined length, else up to the next separator or the end."""
    end = data.find(SEPARATOR, start)
    end = len(data) if end < 0 else end
    length = gs1_identifiers.predefined_length(identifier)
    return data[start:end] if length is None else data[start : min(end, start + length)]


def _parse_in_parentheses(data: str) -> Meaning:
    pieces = _IN_PARENTHESES.split(data)
    if pieces[0]:
        return refused(TYPE, data, "format")
    found: list[Element] = []
    for written, value in zip(pieces[1::2], pieces[2::2], strict=True):
        whole = written + value.strip(" " + SEPARATOR)
        identifier = gs1_identifiers.identifier_at(whole, 0)
        if identifier is None or not identifier.startswith(written):
            return refused(TYPE, data, "unknown_ai")
        element = (identifier, whole[len(identifier) :])
        error = gs1_identifiers.fault(*element)
        if error:
            return refused(TYPE, data, error, {"ai": identifier})
        found.append(element)
    return _message(data, found, ("parentheses",))


def _message(data: str, found: list[Element], warnings: tuple[str, ...]) -> Meaning:
    if not found:
        return refused(TYPE, data, "empty")
    twice = repeated(found)
    if twice:
        return refused(TYPE, data, "repeated", {"ai": twice})
    fields = {"elements": tuple(found), **named(found)}
    return accepted(TYPE, data, fields, warnings)


def _decimal(digits: str, decimals: int) -> str:
    """`017230` with three decimals is 17.230."""
    whole = str(int(digits[: len(digits) - decimals]))
    return f"{whole}.{digits[-decimals:]}" if decimals else whole
