"""GS1 Digital Link: identifiers and data in the path and query of a web address. Nothing is ever fetched.

Owns: which web addresses are Digital Links. Must not know: networks, symbols.
Source: GS1 Digital Link Standard, URI Syntax release 1.6, the grammar of path and query.
Not read: the compressed form (it shows no identifier), and short names instead of numbers in the path.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from edge_agent.barcodes import gs1, gs1_identifiers
from edge_agent.barcodes.meaning import Element, Meaning, accepted, refused

TYPE = "gs1_digital_link"
SCHEMES = (
    "https://",
    "http://",
    "HTTPS://",
    "HTTP://",
)  # capitals save space in a QR code; a mixture is none

LAST_PORT = 65_535

_QUALIFIERS = {  # primary keys, each with the sequences of qualifiers that may follow it, in this order
    "00": (),
    "01": (("22", "10", "21"), ("235",)),
    "253": (),
    "255": (),
    "401": (),
    "402": (),
    "414": (("254",), ("7040",)),
    "415": (("8020",),),
    "417": (("7040",),),
    "8003": (),
    "8004": (("7040",),),
    "8006": (("22", "10", "21"),),
    "8010": (("8011",),),
    "8013": (),
    "8017": (("8019",),),
    "8018": (("8019",),),
}
_PATH_ONLY = frozenset(("03", "21", "22", "235", "254", "7040", "7041", "8011", "8014", "8019", "8020"))
_PADDED = frozenset(("01", "02", "03"))
_SHORT_GTIN = (8, 12, 13)

_HOST = re.compile(r"(?:[A-Za-z0-9._~\-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_ADDRESS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")  # RFC 3986; anything else is no address
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")


def parse(text: str) -> Meaning:
    """The Digital Link `text`; an ordinary web address is refused with `no_primary_key`."""
    if not text.startswith(SCHEMES):
        return refused(TYPE, text, "scheme")
    if _ADDRESS.fullmatch(text) is None:
        return refused(TYPE, text, "format")
    address = text.partition("://")[2].partition("#")[0]
    before_query, _, query = address.partition("?")
    host, *segments = before_query.split("/")
    named = _HOST.fullmatch(host)
    if named is None or int(named["port"] or 0) > LAST_PORT:
        return refused(TYPE, text, "host")
    path = _path_elements(segments)
    if path is None:
        return refused(TYPE, text, "no_primary_key")
    attributes = _query_elements(query)
    error = _sequence_fault(path) or _attribute_fault(path, attributes)
    return refused(TYPE, text, error) if error else _link(text, [*path, *attributes])


def _link(text: str, elements: Sequence[Element]) -> Meaning:
    for identifier, value in elements:
        error = gs1_identifiers.fault(identifier, value)
        if error:
            return refused(TYPE, text, error, {"ai": identifier})
    return accepted(TYPE, text, {"elements": tuple(elements), **gs1.named(elements)})


def _path_elements(segments: Sequence[str]) -> list[Element] | None:
    """The rightmost primary key with all that follows it, in pairs from the end of the path."""
    found: list[Element] = []
    for end in range(len(segments), 1, -2):
        identifier = segments[end - 2]
        found.insert(0, (identifier, _padded(identifier, _decoded(segments[end - 1]))))
        if identifier in _QUALIFIERS:
            return found
    return None


def _query_elements(query: str) -> list[Element]:
    """Parameters whose name is a number; others belong to the web server."""
    found: list[Element] = []
    for parameter in re.split("[&;]", query):
        name, equals, value = parameter.partition("=")
        if equals and name.isascii() and name.isdigit():
            found.append((name, _padded(name, _decoded(value.replace("+", " ")))))
    return found


def _sequence_fault(path: Sequence[Element]) -> str | None:
    key, *qualifiers = [identifier for identifier, _ in path]
    if not qualifiers:
        return None
    for sequence in _QUALIFIERS[key]:
        places = [sequence.index(name) if name in sequence else -1 for name in qualifiers]
        if -1 not in places and places == sorted(set(places)):
            return None
    return "qualifier"


def _attribute_fault(path: Sequence[Element], attributes: Sequence[Element]) -> str | None:
    """What may not stand in the query: the unassigned, a repetition, what has its place in the path."""
    key, *qualifiers = [identifier for identifier, _ in path]
    seen = {key, *qualifiers}
    of_path = {name for sequence in _QUALIFIERS[key] if {*qualifiers} <= {*sequence} for name in sequence}
    for identifier, _ in attributes:
        if not gs1_identifiers.is_assigned(identifier):
            return "unknown_ai"
        if identifier in seen:
            return "repeated"
        if identifier in of_path or identifier in _PATH_ONLY:
            return "qualifier"
        seen.add(identifier)
    return None


def _padded(identifier: str, value: str) -> str:
    return value.zfill(14) if identifier in _PADDED and len(value) in _SHORT_GTIN else value


def _decoded(piece: str) -> str:
    """Without percent-encoding, each byte as one character: none above ASCII is in a GS1 character set."""
    return _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), piece)
