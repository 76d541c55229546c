"""ISBN: the number of a book, ten characters until 2006, an EAN-13 since.

Owns: ISBN-10 and ISBN-13. Must not know: other numbers, scanners.
Source: ISO 2108:2017. 979-0 belongs to music (ISMN, ISO 10957) and is no ISBN.
"""

from __future__ import annotations

import re

from edge_agent.barcodes.meaning import Meaning, accepted, refused
from edge_agent.sdk.checksums import gs1_check_digit

_TEN = re.compile(r"[0-9]{9}[0-9X]")
_LENGTHS = {"isbn": (10, 13), "isbn10": (10,), "isbn13": (13,)}


def parse(text: str, kind: str = "isbn") -> Meaning:
    """The ISBN in `text`; hyphens and blanks between its parts are taken out."""
    value = text.replace("-", "").replace(" ", "")
    warnings = () if value == text else ("separators",)
    type_ = {10: "isbn10", 13: "isbn13"}.get(len(value), "isbn") if kind == "isbn" else kind
    if len(value) not in _LENGTHS[kind]:
        return refused(type_, value, "length" if value else "empty")
    if not value.isascii():
        return refused(type_, value, "format")
    return _ten(value.upper(), warnings) if len(value) == 10 else _thirteen(value, warnings)


def is_book(digits: str) -> bool:
    """Whether an EAN-13 of these digits is an ISBN."""
    return digits.startswith(("978", "979")) and not digits.startswith("9790")


def check_character(nine: str) -> str:
    """The tenth character of an ISBN-10: weights 10 to 2 modulo 11, X for ten."""
    remainder = -sum(int(digit) * weight for digit, weight in zip(nine, range(10, 1, -1), strict=True)) % 11
    return "X" if remainder == 10 else str(remainder)


def _ten(value: str, warnings: tuple[str, ...]) -> Meaning:
    if _TEN.fullmatch(value) is None:
        return refused("isbn10", value, "format")
    expected = check_character(value[:9])
    if value[-1] != expected:
        return refused("isbn10", value, "check_digit", {"expected": expected})
    body = "978" + value[:9]
    return accepted("isbn10", value, {"isbn13": f"{body}{gs1_check_digit(body)}"}, warnings)


def _thirteen(value: str, warnings: tuple[str, ...]) -> Meaning:
    if not value.isdigit():
        return refused("isbn13", value, "format")
    if not is_book(value):
        return refused("isbn13", value, "prefix")
    expected = gs1_check_digit(value[:-1])
    if int(value[-1]) != expected:
        return refused("isbn13", value, "check_digit", {"expected": str(expected)})
    return accepted("isbn13", value, {"gtin": value.zfill(14)}, warnings)
