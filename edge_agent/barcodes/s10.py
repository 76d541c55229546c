"""UPU S10: the 13-character identifier of an international postal item.

Owns: format, check digit, country and service of S10. Must not know: other barcodes, where text comes from.
Source: UPU standard S10-12 (2017): two letters of service, eight digits of serial number,
check digit (weights 8 6 4 2 3 5 9 7 modulo 11), two letters of ISO 3166-1 country.

The check digit covers the serial number only: a letter misread as another letter goes unseen. The list of
services has changed over the years, so an unassigned service is told as a warning and refuses nothing.
"""

from __future__ import annotations

import re

from edge_agent.barcodes.countries import COUNTRIES
from edge_agent.barcodes.meaning import Meaning, accepted, refused
from edge_agent.sdk.checksums import s10_check_digit

TYPE = "s10"
LENGTH = 13
LONGEST_WITH_BLANKS = 40  # each character apart and a group apart, as the widest public pattern allows

_SHAPE = re.compile(r"([A-Z]{2})([0-9]{8})([0-9])([A-Z]{2})")

_PRODUCTS = {  # by the first letter
    "B": "domestic",
    "C": "parcel",
    "D": "domestic",
    "E": "ems",
    "H": "e-commerce parcel",
    "L": "express letter",
    "M": "m-bag",
    "N": "domestic",
    "P": "domestic",
    "R": "registered",
    "U": "other letter post",
    "V": "insured letter",
    "Z": "domestic",
}
_EXCEPTIONS = {  # by both letters, where they say more than the first
    "CV": "insured parcel",
    "GA": "domestic",
    "GD": "domestic",
    **dict.fromkeys(("AV", "AW", "AX", "AY", "AZ"), "domestic"),
    **dict.fromkeys(("CZ", "EX", "EY", "EZ", "HX", "HY", "HZ"), "bilateral"),
    **dict.fromkeys(("Q" + second for second in "ABCDEFGHIJKLM"), "ibrs"),
}


def parse(text: str) -> Meaning:
    """The S10 identifier in `text`; blanks between the groups and small letters are normalised."""
    value, warnings = normal(text)
    if len(value) != LENGTH:
        return refused(TYPE, value, "length")
    shape = _SHAPE.fullmatch(value)
    if shape is None:
        return refused(TYPE, value, "format")
    service, serial, check, country = shape.groups()
    if country not in COUNTRIES:
        return refused(TYPE, value, "country")
    expected = s10_check_digit(serial)
    if int(check) != expected:
        return refused(TYPE, value, "check_digit", {"expected": str(expected)})
    product = _EXCEPTIONS.get(service, _PRODUCTS.get(service[0], ""))
    fields = {
        "normalized": value,
        "service": service,
        "product": product or "unassigned",
        "serial": serial,
        "check": expected,
        "country": country,
    }
    return accepted(TYPE, value, fields, warnings if product else (*warnings, "service_unassigned"))


def looks_like(text: str) -> bool:
    """Whether `text` has the shape and a country of S10, so that a wrong check digit means a misread one."""
    if len(text) != LENGTH and not (" " in text and len(text) <= LONGEST_WITH_BLANKS):
        return False
    value, _ = normal(text)
    return _SHAPE.fullmatch(value) is not None and value[-2:] in COUNTRIES


def normal(text: str) -> tuple[str, tuple[str, ...]]:
    """Without blanks and in capitals, with a warning where something changed."""
    if not text.isascii():
        return text, ()  # capitals of other alphabets may be ASCII letters; they must not become an S10
    value = text.replace(" ", "")
    warnings = () if len(value) == len(text) else ("blanks",)
    capitals = value.upper()
    return capitals, warnings if capitals == value else (*warnings, "small_letters")
