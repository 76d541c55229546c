"""One spelling for one content: strict JSON in, the bytes that a signature covers out.

Owns: which JSON we take from the centre, and its canonical form. Must not know: keys, commands, settings.
Source: RFC 8785 (JSON Canonicalization Scheme), section 3.2. We are stricter, and say why in
docs/decisions/0010-signed-orders.md: no floating-point numbers, integers of at most 53 bits, no member twice,
no lone surrogate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NoReturn

from edge_agent.sdk.errors import CommandError

DOCUMENT_BYTES = 64 * 1024  # no order and no configuration is near this; larger ones are refused unread
DEPTH = 17  # a document and sixteen levels of arguments in it
INTEGER_LIMIT = (1 << 53) - 1  # what every JSON reader keeps exactly
INTEGER_DIGITS = 17  # with its sign; longer ones are not even converted

Json = str | int | bool | None | list["Json"] | dict[str, "Json"]


def read_object(payload: bytes) -> dict[str, Json]:
    """The JSON object in `payload`. Raises CommandError message.too_large or message.invalid."""
    if len(payload) > DOCUMENT_BYTES:
        raise CommandError("message.too_large", f"message of {len(payload)} bytes, at most {DOCUMENT_BYTES}")
    try:
        value = json.loads(
            payload.decode("utf-8"),
            object_pairs_hook=_members,
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_integer,
        )
    except RecursionError:
        raise CommandError("message.invalid", "nested too deeply") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are such
        raise CommandError("message.invalid", f"unreadable JSON: {str(error)[:120]}") from None
    if not isinstance(value, dict):
        raise CommandError("message.invalid", "the message is no JSON object")
    if depth(value) > DEPTH:
        raise CommandError("message.invalid", "nested too deeply")
    return value


def canonical(value: Mapping[str, Json]) -> bytes:
    """RFC 8785: no blanks, members in the order of their UTF-16 code units, text as short as JSON allows.

    Raises CommandError message.invalid for text that is no Unicode.
    """
    ordered = _ordered(value)
    try:
        return json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError:
        raise CommandError("message.invalid", "a lone surrogate is no text") from None


def depth(value: object) -> int:
    """How many levels of objects and lists stand in each other."""
    deepest, todo = 0, [(value, 1)]
    while todo:
        item, level = todo.pop()
        deepest = max(deepest, level)
        if isinstance(item, dict):
            todo += [(inner, level + 1) for inner in item.values()]
        elif isinstance(item, list):
            todo += [(inner, level + 1) for inner in item]
    return deepest


def _ordered(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _ordered(value[key]) for key in sorted(value, key=_utf16)}
    return [_ordered(inner) for inner in value] if isinstance(value, list) else value


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")  # two readers could see two different orders
    return members


def _no_float(_text: str) -> NoReturn:
    raise ValueError("a floating-point number: decimals are text")


def _integer(text: str) -> int:
    if len(text) > INTEGER_DIGITS or abs(int(text)) > INTEGER_LIMIT:
        raise ValueError("an integer of more than 53 bits")
    return int(text)
