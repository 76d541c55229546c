"""SSCC: the 18-digit number of a logistic unit.

Owns: SSCC. Must not know: element strings, scanners.
Source: GS1 General Specifications, sections 2.2.1 and 7.9 (check digit).
"""

from __future__ import annotations

from edge_agent.barcodes.meaning import Meaning, accepted, refused
from edge_agent.sdk.checksums import gs1_check_digit

TYPE = "sscc"
LENGTH = 18
IDENTIFIER = "00"  # the AI of an SSCC; a scanner that sends no AIM identifier leaves it before the number


def parse(text: str) -> Meaning:
    """The SSCC in `text`, with or without its AI in front."""
    value = text
    if len(text) == LENGTH + len(IDENTIFIER) and text.startswith(IDENTIFIER):
        value = text[len(IDENTIFIER) :]
    if len(value) != LENGTH:
        return refused(TYPE, value, "length")
    if not (value.isascii() and value.isdigit()):
        return refused(TYPE, value, "format")
    expected = gs1_check_digit(value[:-1])
    if int(value[-1]) != expected:
        return refused(TYPE, value, "check_digit", {"expected": str(expected)})
    return accepted(TYPE, value, {"extension": value[0], "check": expected})
