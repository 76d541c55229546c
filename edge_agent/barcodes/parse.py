"""From scanned text to its meaning: by the rule that is asked for, or by what the text shows of itself.

Owns: which rule is tried, in which order, and the bounds on hostile text. Must not know: a standard's rules.

The order without a question: what the AIM identifier says; S10; GS1 (only where a separator or an identifier
proves it); Digital Link; SSCC, GTIN and ISBN by length and check digit; couriers; else opaque text. A number
with the shape of S10 and a wrong check digit is a misread one and stays refused: no courier may claim it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from edge_agent.barcodes import aim as aim_identifiers
from edge_agent.barcodes import courier, gtin, isbn, s10, sscc
from edge_agent.barcodes.aim import Carrier
from edge_agent.barcodes.courier import SHIPPED, CourierPattern
from edge_agent.barcodes.meaning import SEPARATOR, Meaning, accepted, refused

LONGEST_TEXT = 4096  # a full QR code holds 4,296 capital letters, but 2,953 bytes: longer is no label of ours
TEXT = "text"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_BUT_GS = re.compile(r"[\x00-\x1c\x1e-\x1f\x7f-\x9f]")  # GS separates GS1 elements
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_UNDECODED = re.compile("[\ud800-\udfff\ufffd]")  # a byte that was no character
_COMPOSITE = "|]e0"
_WEB_ADDRESS = ("http", "HTTP")

_RULES: dict[str, Callable[[str], Meaning]] = {
    "s10": s10.parse,
    "sscc": sscc.parse,
    "gtin": gtin.parse,
    "ean8": lambda text: gtin.parse(text, "ean8"),
    "ean13": lambda text: gtin.parse(text, "ean13"),
    "upca": lambda text: gtin.parse(text, "upca"),
    "upce": gtin.upce,
    "gtin14": lambda text: gtin.parse(text, "gtin14"),
    "itf14": lambda text: gtin.parse(text, "gtin14"),
    "isbn": isbn.parse,
    "isbn10": lambda text: isbn.parse(text, "isbn10"),
    "isbn13": lambda text: isbn.parse(text, "isbn13"),
}
_TYPES = {"courier": courier.TYPE, "courier_bd": courier.TYPE, "itf14": "gtin14"}
KINDS = (*_RULES, "gs1", "gs1_digital_link", "courier", "courier_bd", "aim", TEXT)


def parse(
    text: str,
    as_kind: str | None = None,
    *,
    aim: str | None = None,
    couriers: Sequence[CourierPattern] = SHIPPED,
) -> Meaning:
    """What `text` means. Never raises, whatever the text.

    With `as_kind` (one of KINDS) that rule decides, and an AIM identifier may stand in the text. Without it
    the text is recognised; `aim` is the identifier that the scanner sent with it, if one.
    """
    if not text or len(text) > LONGEST_TEXT:
        return refused(_type(as_kind), text[:LONGEST_TEXT], "too_long" if text else "empty")
    if as_kind is None:
        return _with_aim(_recognised(text, aim_identifiers.carrier(aim), couriers), aim)
    return _asked(text, as_kind, couriers)


def _asked(text: str, kind: str, couriers: Sequence[CourierPattern]) -> Meaning:
    if kind == TEXT:
        return _opaque(text)
    if kind not in KINDS:
        return refused(kind, text, "unknown_kind")
    parts = aim_identifiers.split(text)
    if isinstance(parts, Meaning):
        return parts
    identifier, data = parts
    if identifier is None and kind == "aim":
        return refused("aim", text, "missing")
    if not data or _CONTROL_BUT_GS.search(data):
        return _with_aim(refused(_type(kind), data, "control_characters" if data else "empty"), identifier)
    return _with_aim(_by_rule(kind, identifier, data, couriers), identifier)


def _by_rule(kind: str, identifier: str | None, data: str, couriers: Sequence[CourierPattern]) -> Meaning:
    carrier = aim_identifiers.carrier(identifier)
    if kind == "aim":
        return _recognised(data, carrier, couriers)
    if kind in ("courier", "courier_bd"):
        return courier.parse(data, couriers)
    if kind in ("gs1", "gs1_digital_link") and carrier is not Carrier.UNKNOWN:
        return _carried(kind, carrier, data)
    if kind == "gtin" and carrier in (Carrier.EAN13, Carrier.EAN8):
        return _retail(data, carrier)
    return _coded(kind, data.strip(" "))


def _coded(kind: str, data: str) -> Meaning:
    if kind == "gs1":
        return _gs1(data)
    return _digital_link(data) if kind == "gs1_digital_link" else _RULES[kind](data)


def _carried(kind: str, carrier: Carrier, data: str) -> Meaning:
    """What the symbol says goes before what was asked: a QR code may be a Digital Link, or just text."""
    if carrier is Carrier.GS1:
        return _gs1(data)
    if carrier in (Carrier.EAN13, Carrier.EAN8):
        return _retail(data, carrier)
    if carrier is Carrier.ITF:
        return gtin.parse(data, "gtin14")
    link = _digital_link(data)
    asked_for = kind == "gs1_digital_link" and link.error != "scheme"
    return link if link.valid or asked_for else _opaque(data)


def _recognised(text: str, carrier: Carrier, couriers: Sequence[CourierPattern]) -> Meaning:
    if carrier is Carrier.GS1:
        return _logistic(_gs1(text))
    if carrier in (Carrier.EAN13, Carrier.EAN8):
        return _book(_retail(text, carrier))
    if s10.looks_like(text):
        return s10.parse(text)
    if SEPARATOR in text:
        message = _gs1(text)
        if message.error != "unknown_ai":
            return _logistic(message)
    meaning = _link(text) or _number(text, carrier)
    if meaning is not None:
        return _also_courier(meaning, couriers) if meaning.type == "ean8" else meaning
    return _courier_on_sight(text, couriers) or _opaque(text)


def _retail(data: str, carrier: Carrier) -> Meaning:
    """An EAN/UPC symbol, with the composite component that a scanner may send behind it."""
    primary, mark, component = data.partition(_COMPOSITE)
    meaning = gtin.retail(primary, carrier.value)
    if not (mark and meaning.valid):
        return meaning
    message = _gs1(component)
    return gtin.composite(meaning, message.fields["elements"]) if message.valid else message


def _number(text: str, carrier: Carrier) -> Meaning | None:
    """SSCC, GTIN or ISBN by length and check digit; retail lengths not where another symbology was told."""
    if not (text.isascii() and text.isdigit()):
        return None
    if len(text) in (sscc.LENGTH, sscc.LENGTH + 2):
        meaning = sscc.parse(text)
        return meaning if meaning.valid else None
    retail = len(text) != 14
    if not gtin.has_check_digit(text) or (retail and carrier is not Carrier.UNKNOWN):
        return None
    return _book(gtin.parse(text))


def _link(text: str) -> Meaning | None:
    if not text.startswith(_WEB_ADDRESS):
        return None
    meaning = _digital_link(text)
    return meaning if meaning.valid else None


def _book(meaning: Meaning) -> Meaning:
    """An EAN-13 of a book is an ISBN."""
    if meaning.valid and meaning.type == "ean13" and isbn.is_book(meaning.value):
        return replace(meaning, type="isbn13")
    return meaning


def _logistic(message: Meaning) -> Meaning:
    """A label with nothing but an SSCC is an SSCC, as it is for a scanner that sends no identifiers."""
    elements = message.fields.get("elements")
    if message.valid and isinstance(elements, tuple) and len(elements) == 1 and elements[0][0] == "00":
        return sscc.parse(elements[0][1])
    return message


def _courier_on_sight(text: str, couriers: Sequence[CourierPattern]) -> Meaning | None:
    for pattern in couriers:
        meaning = pattern.read(text) if pattern.on_sight else None
        if meaning is not None:
            return meaning
    return None


def _also_courier(meaning: Meaning, couriers: Sequence[CourierPattern]) -> Meaning:
    """Eight digits may be a courier's number whose last digit happens to be right: a warning says so."""
    other = _courier_on_sight(meaning.value, couriers)
    if other is None or not other.valid:
        return meaning
    return replace(meaning, warnings=(*meaning.warnings, "also_courier_ref"))


def _opaque(text: str) -> Meaning:
    if text.isascii() and text.isprintable():
        return accepted(TEXT, text)
    found = (
        ("control_characters", _CONTROL),
        ("invisible_characters", _INVISIBLE),
        ("undecoded", _UNDECODED),
    )
    return accepted(TEXT, text, warnings=tuple(name for name, pattern in found if pattern.search(text)))


def _gs1(data: str) -> Meaning:
    from edge_agent.barcodes import gs1  # its tables cost milliseconds that most booths never need

    return gs1.parse(data)


def _digital_link(text: str) -> Meaning:
    from edge_agent.barcodes import digital_link  # as above

    return digital_link.parse(text)


def _type(kind: str | None) -> str:
    return _TYPES.get(kind, kind) if kind else TEXT


def _with_aim(meaning: Meaning, identifier: str | None) -> Meaning:
    return replace(meaning, aim=identifier) if identifier else meaning
