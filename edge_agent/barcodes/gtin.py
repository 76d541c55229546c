"""GTIN in its four lengths, with or without the symbol it stood in, and the short UPC-E.

Owns: EAN-8, UPC-A, EAN-13, GTIN-14, UPC-E, retail symbols with add-on or composite.
Must not know: books, application identifiers, scanners.
Source: GS1 General Specifications, sections 1.4 (prefixes), 5.2 (EAN/UPC symbols) and 7.9 (check digit);
ISO/IEC 15420 for UPC-E and for what stands behind ]E0, ]E3 and ]E4.
"""

from __future__ import annotations

from edge_agent.barcodes.meaning import FieldValue, Meaning, accepted, refused
from edge_agent.sdk.checksums import gs1_check_digit

TYPES = {8: "ean8", 12: "upca", 13: "ean13", 14: "gtin14"}
LENGTHS = {kind: length for length, kind in TYPES.items()}
ADD_ON_LENGTHS = (2, 5)

# Prefixes of numbers that only mean something within one company or country.
_RESTRICTED_13 = ("02", "04", "2")
_RESTRICTED_8 = ("0", "2")


def parse(text: str, kind: str = "gtin") -> Meaning:
    """The GTIN in `text`; `kind` names one length ("ean8", "gtin14", …) or any of them ("gtin")."""
    if not (text.isascii() and text.isdigit()):
        return refused(kind, text, "letters" if text else "empty")
    type_ = TYPES.get(len(text), "gtin") if kind == "gtin" else kind
    if LENGTHS.get(type_) != len(text):
        return refused(type_, text, "length")
    expected = gs1_check_digit(text[:-1])
    if int(text[-1]) != expected:
        return refused(type_, text, "check_digit", {"expected": str(expected)})
    return accepted(type_, text, {"gtin": text.zfill(14), "check": expected}, _warnings(text))


def has_check_digit(digits: str) -> bool:
    """Whether these ASCII digits are a GTIN: its length and a right check digit."""
    return len(digits) in TYPES and int(digits[-1]) == gs1_check_digit(digits[:-1])


def upce(text: str) -> Meaning:
    """The UPC-E number in `text`: six digits, seven with the number system, eight with check digit too."""
    if not (text.isascii() and text.isdigit()):
        return refused("upce", text, "letters" if text else "empty")
    if len(text) not in (6, 7, 8):
        return refused("upce", text, "length")
    digits = text if len(text) > 6 else "0" + text
    if digits[0] not in "01":
        return refused("upce", text, "format")
    whole = _expanded(digits[:7])
    if len(text) == 8 and text[-1] != whole[-1]:
        return refused("upce", text, "check_digit", {"expected": whole[-1]})
    return accepted("upce", text, {"upca": whole, "gtin": whole.zfill(14)})


def retail(primary: str, kind: str) -> Meaning:
    """What an EAN/UPC symbol of that kind holds: the number, and perhaps an add-on of two or five digits."""
    length = LENGTHS[kind]
    number, add_on = primary[:length], primary[length:]
    if not (primary.isascii() and primary.isdigit()):
        return refused(kind, primary, "letters" if primary else "empty")
    if len(number) < length or (add_on and len(add_on) not in ADD_ON_LENGTHS):
        return refused(kind, primary, "length")
    meaning = parse(number, kind)
    if not (meaning.valid and add_on):
        return meaning
    return accepted(kind, number, {**meaning.fields, "add_on": add_on}, meaning.warnings)


def _warnings(digits: str) -> tuple[str, ...]:
    """What the digits alone cannot settle."""
    warnings: list[str] = []
    if len(digits) == 8:
        if digits.startswith(_RESTRICTED_8):
            warnings.append("restricted_circulation")
        if digits[0] in "01" and _expanded(digits[:7])[-1] == digits[-1]:
            warnings.append("also_upce")
    elif digits.zfill(14)[1:].startswith(_RESTRICTED_13):
        warnings.append("restricted_circulation")
    return tuple(warnings)


def _expanded(digits: str) -> str:
    """UPC-A from the number system and the six digits of UPC-E; the last tells where zeros were left out."""
    system, d, last = digits[0], digits[1:6], digits[6]
    if last in "012":
        body = f"{d[:2]}{last}0000{d[2:]}"
    elif last == "3":
        body = f"{d[:3]}00000{d[3:]}"
    elif last == "4":
        body = f"{d[:4]}00000{d[4]}"
    else:
        body = f"{d}0000{last}"
    return f"{system}{body}{gs1_check_digit(system + body)}"


def composite(primary: Meaning, elements: FieldValue) -> Meaning:
    """A retail number with the elements of the composite component above it."""
    return accepted(primary.type, primary.value, {**primary.fields, "elements": elements}, primary.warnings)
