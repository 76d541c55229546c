"""AIM symbology identifiers: the three characters `]cm` that a scanner can put before the data.

Owns: which identifiers exist and what each says about the data. Must not know: the data.
Source: ISO/IEC 15424:2008 with the AIM register's later letters (DotCode, Han Xin, Grid Matrix); GS1 General
Specifications, section 5.1 (symbology identifiers), for the GS1 meanings.

Plain data may begin with `]` too: only who knows that the scanner sends identifiers may split one off.
"""

from __future__ import annotations

from enum import Enum

from edge_agent.barcodes.meaning import Meaning, refused

TYPE = "aim"
FLAG = "]"
LENGTH = 3


class Carrier(Enum):
    """What an identifier says about the data behind it."""

    UNKNOWN = "unknown"
    PLAIN = "plain"
    GS1 = "gs1"
    EAN13 = "ean13"
    EAN8 = "ean8"
    ITF = "itf"


_SYMBOLOGIES = {  # code character: name, modifiers
    "A": ("Code 39", "01234567"),
    "B": ("Telepen", "0124"),
    "C": ("Code 128", "0124"),
    "D": ("Code One", "01234567"),
    "E": ("EAN/UPC", "01234"),
    "F": ("Codabar", "0124"),
    "G": ("Code 93", "0123456789ABCDEFGHIJKLMm"),
    "H": ("Code 11", "013"),
    "I": ("Interleaved 2 of 5", "013"),
    "J": ("DotCode", "012345"),
    "K": ("Code 16K", "0124"),
    "L": ("PDF417", "012345"),
    "M": ("MSI", "0123"),
    "N": ("Anker", "0"),
    "O": ("Codablock", "01456"),
    "P": ("Plessey", "0"),
    "Q": ("QR Code", "0123456"),
    "R": ("2 of 5, two-bar start", "013"),
    "S": ("2 of 5, three-bar start", "0"),
    "T": ("Code 49", "0124"),
    "U": ("MaxiCode", "0123"),
    "X": ("other bar code", "0123456789ABCDEF"),
    "Z": ("no bar code", "0123456789ABCDEF"),
    "c": ("Channel Code", "0123456789"),
    "d": ("Data Matrix", "0123456"),
    "e": ("GS1 DataBar", "0123"),
    "g": ("Grid Matrix", "0123456789"),
    "h": ("Han Xin", "0123"),
    "o": ("OCR", "0123456789"),
    "p": ("PosiCode", "012"),
    "s": ("SuperCode", "01"),
    "z": ("Aztec", "0123456789ABC"),
}
_CARRIERS = {
    "]C1": Carrier.GS1,
    "]J1": Carrier.GS1,
    "]Q3": Carrier.GS1,
    "]d2": Carrier.GS1,
    "]e0": Carrier.GS1,
    "]E0": Carrier.EAN13,
    "]E3": Carrier.EAN13,
    "]E4": Carrier.EAN8,
    "]I0": Carrier.ITF,
    "]I1": Carrier.ITF,
    "]I3": Carrier.ITF,
}


def symbology(identifier: str) -> str | None:
    """The name of the symbology ("]C1" is Code 128), None for an identifier that does not exist."""
    if len(identifier) != LENGTH or identifier[0] != FLAG:
        return None
    name, modifiers = _SYMBOLOGIES.get(identifier[1], ("", ""))
    return name if identifier[2] in modifiers else None


def carrier(identifier: str | None) -> Carrier:
    """What the identifier says about the data behind it; UNKNOWN also where none was sent."""
    if not identifier or symbology(identifier) is None:
        return Carrier.UNKNOWN
    return _CARRIERS.get(identifier, Carrier.PLAIN)


def has_identifier(text: str) -> bool:
    """Whether `text` begins with an identifier that exists."""
    return symbology(text[:LENGTH]) is not None


def split(text: str) -> tuple[str | None, str] | Meaning:
    """The identifier and the data behind it; None and all of `text` where there is no flag; or a refusal."""
    if not text.startswith(FLAG):
        return None, text
    if len(text) < LENGTH:
        return refused(TYPE, text, "short")
    identifier = text[:LENGTH]
    return (identifier, text[LENGTH:]) if symbology(identifier) else refused(TYPE, text, "unknown")
