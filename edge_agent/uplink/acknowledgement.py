"""Acknowledgements as they come down on `dn/ack`: hostile until read here.

Owns: their fields and bounds. Must not know: the session, the ledger's file, what an acknowledgement does.

Read by hand: pydantic would cost every booth 8 MiB for this one message. What is refused, and the words for
it, are pydantic's all the same (tests/uplink/test_acknowledgement.py compares them).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from edge_agent.ledger.outbox import Rejection
from edge_agent.sdk.errors import CommandError

INBOUND_BYTES = 64 * 1024  # no acknowledgement is near this; larger ones are refused unread
SEQ_LIMIT = (1 << 53) - 1  # the largest integer that every JSON reader keeps exactly
ENTRIES = 512  # rejections or ranges in one message; the centre sends 256 at most
TEXT = 64  # characters of an epoch or a code
CODE = re.compile(r"[a-z0-9_.\-]+")


@dataclass(frozen=True, slots=True)
class AckMessage:
    """`dn/ack`: everything up to `upto` of `epoch` is stored centrally, except what `rej` names.

    `also` are ranges beyond it that are stored, too; `conn` repeats the number of the `up/state` it answers.
    """

    epoch: str
    upto: int
    rej: tuple[Rejection, ...] = ()
    also: tuple[tuple[int, int], ...] = ()
    conn: int | None = None


def read_ack(payload: bytes) -> AckMessage:
    """Tolerant: unknown keys are ignored, known ones must have their type.

    Raises CommandError message.invalid or message.too_large.
    """
    if len(payload) > INBOUND_BYTES:
        raise CommandError("message.too_large", f"message of {len(payload)} bytes, at most {INBOUND_BYTES}")
    try:
        document = json.loads(payload.decode("utf-8"))
    except RecursionError:
        _refuse("", "Invalid JSON: nested too deeply")
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are such
        _refuse("", f"Invalid JSON: {error}")
    found = _object(document, "")
    return AckMessage(
        _text(found, "epoch", ""),
        _whole(_given(found, "upto", ""), "upto", 0),
        tuple(_rejection(entry, f"rej.{number}") for number, entry in enumerate(_list(found, "rej"))),
        tuple(_span(entry, f"also.{number}") for number, entry in enumerate(_list(found, "also"))),
        None if found.get("conn") is None else _whole(found["conn"], "conn", 0),
    )


def _rejection(entry: object, where: str) -> Rejection:
    found = _object(entry, where)
    seq = _whole(_given(found, "seq", where), f"{where}.seq", 1)
    code = _text(found, "code", where)
    if not CODE.fullmatch(code):
        _refuse(f"{where}.code", f"String should match pattern '^{CODE.pattern}$'")
    return Rejection(seq, code)


def _span(entry: object, where: str) -> tuple[int, int]:
    if not isinstance(entry, list):
        _refuse(where, "Input should be a valid array")
    ends = [_whole(end, f"{where}.{at}", 1, SEQ_LIMIT) for at, end in enumerate(entry[:3])]
    if len(ends) < 2:
        _refuse(where, f"List should have at least 2 items after validation, not {len(ends)}")
    if len(ends) > 2:
        _refuse(where, f"List should have at most 2 items after validation, not {len(entry)}")
    return ends[0], ends[1]


def _object(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        _refuse(where, "Input should be an object")
    return value


def _given(found: Mapping[str, object], name: str, where: str) -> object:
    if name not in found:
        _refuse(f"{where}.{name}".lstrip("."), "Field required")
    return found[name]


def _text(found: Mapping[str, object], name: str, where: str) -> str:
    value, place = _given(found, name, where), f"{where}.{name}".lstrip(".")
    if not isinstance(value, str):
        _refuse(place, "Input should be a valid string")
    if len(value) > TEXT:
        _refuse(place, f"String should have at most {TEXT} characters")
    return value


def _list(found: Mapping[str, object], name: str) -> list[object]:
    value = found.get(name, [])
    if not isinstance(value, list):
        _refuse(name, "Input should be a valid array")
    if len(value) > ENTRIES:
        _refuse(name, f"List should have at most {ENTRIES} items after validation, not {len(value)}")
    return value


def _whole(value: object, where: str, least: int, most: int | None = None) -> int:
    if type(value) is not int:  # true is no number
        _refuse(where, "Input should be a valid integer")
    if value < least:
        _refuse(where, f"Input should be greater than or equal to {least}")
    if most is not None and value > most:
        _refuse(where, f"Input should be less than or equal to {most}")
    return value


def _refuse(where: str, why: str) -> NoReturn:
    message = f"unreadable acknowledgement: {where[:80] or 'document'}: {why[:120]}"
    raise CommandError("message.invalid", message) from None
