"""What may stand in the fields of a label that somebody orders, or wants to see.

Owns: their form, and the one way in which a wrong one is refused. Must not know: templates, who orders.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from edge_agent.events.model import JsonValue
from edge_agent.sdk.errors import CommandError

DATA_BYTES = 16 * 1024  # of one label's fields: several full pages of text
DATA_DEPTH = 5  # a label's fields are dotted paths of two or three names, or lists of such
MAX_NUMBER = 10**18  # as much as a template can show; Python refuses to write out more than 4,300 digits
SHOWN_KEY = 40  # characters of a key in a message; a field's name is shorter

OTHER_TYPE = "write decimals and dates as text in quotes, money in whole poisha"
TYPE_AGAIN = "type the text again by hand"
SHORTER = "shorten the text"


def label_fields(data: Mapping[str, Any]) -> Mapping[str, JsonValue]:
    """The fields, if they can be kept and drawn. Raises CommandError print.data, which names the key."""
    longest: tuple[str, ...] = ()
    most = 0
    for path, value in _leaves(data, (), DATA_DEPTH):
        _check_value(path, value)
        size = _size(value, path)
        if size > most:
            longest, most = path, size
    if _size(data, ()) > DATA_BYTES:
        raise _wrong(longest, f"has {most} bytes; all fields together have at most {DATA_BYTES}", SHORTER)
    return data


def _check_value(path: tuple[str, ...], value: Any) -> None:
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise _wrong(path, f"is a number with more than {len(str(MAX_NUMBER)) - 1} digits")
    if not (value is None or isinstance(value, str | bool | int)):
        raise _wrong(path, "is a number with decimals" if _is_number(value) else "is no text or whole number")


def _size(value: Any, path: tuple[str, ...]) -> int:
    """Bytes on disk. Raises CommandError where a text cannot be written."""
    try:
        return len(json.dumps(value, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        raise _wrong(path, "holds half a character (a lone surrogate)", TYPE_AGAIN) from None


def _leaves(value: Any, path: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, Mapping | list):
        yield path, value
        return
    if depth == 0:
        raise _wrong(path, f"is nested deeper than {DATA_DEPTH}")
    entries = value.items() if isinstance(value, Mapping) else enumerate(value, 1)
    for key, inner in entries:
        _size(key, (*path, str(key)))
        yield from _leaves(inner, (*path, str(key)), depth - 1)


def _is_number(value: object) -> bool:
    return type(value).__name__ in {"float", "Decimal"}


def _wrong(path: tuple[str, ...], why: str, hint: str = OTHER_TYPE) -> CommandError:
    key = ".".join(step[:SHOWN_KEY] for step in path)
    key = key.encode("ascii", "backslashreplace").decode()  # a key is no one's name, yet it is foreign
    return CommandError("print.data", f"{key} {why}", hint=hint)
