"""A batch of events as a booth sends it: CloudEvents 1.0 in JSON, checked field by field.

Owns: what is an event and why something is none. Must not know: storage, MQTT, acknowledgements.
Document: CloudEvents 1.0.2, JSON event format, section 4 (batch); the extensions are those of our contract.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn, TypeGuard

from edge_agent.sdk.values import ClockQuality

EVENTS_LIMIT = 32  # in one batch, as the contract says
PAYLOAD_LIMIT = 32 << 10  # bytes of one batch, as the contract says
DEPTH_LIMIT = 32  # levels of nesting: an event has four; thousands would exhaust the stack
SEQ_LIMIT = (1 << 53) - 1  # the largest integer that every JSON reader keeps exactly
TEXT_LIMIT = 512  # characters of id, subject and boot; a full QR code never is a subject

_KEY_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TYPE = re.compile(r"booth\.([a-z][a-z0-9]*\.[a-z][a-z0-9-]*)\.v1")
_CLOCKS = frozenset(ClockQuality)


@dataclass(frozen=True, slots=True)
class Event:
    """A good event. `type` is the short one ("parcel.accepted"); `body` the canonical JSON of all of it."""

    epoch: str
    seq: int
    id: str
    type: str
    subject: str
    time: str
    body: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that has a key and is not good: it is answered with a code and the stream goes on."""

    epoch: str
    seq: int
    code: str
    body: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something without a key: there is nothing that could be answered."""

    code: str
    body: str


Item = Event | Rejected | Unreadable


class _Float(str):
    """A number with a point or an exponent: money and weights never travel so."""

    __slots__ = ()


def parse_batch(booth: str, payload: bytes) -> list[Item]:
    """What a payload on `up/evt` of this booth holds, in its order."""
    if len(payload) > PAYLOAD_LIMIT:
        return [Unreadable("batch.too_large", "")]
    try:
        batch = json.loads(payload.decode(), parse_float=_Float, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return [Unreadable("batch.no_json", payload.decode(errors="replace")[:TEXT_LIMIT])]
    if not isinstance(batch, list):
        return [Unreadable("batch.no_array", "")]
    if not 1 <= len(batch) <= EVENTS_LIMIT:
        return [Unreadable("batch.size", "")]
    return [_parse_event(booth, one) for one in batch]


def is_key_word(value: object) -> bool:
    """Whether it can be an epoch."""
    return isinstance(value, str) and _KEY_WORD.fullmatch(value) is not None


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _parse_event(booth: str, event: object) -> Item:
    if not isinstance(event, dict):
        return Unreadable("event.no_object", "")
    event.pop("replay", None)  # the mark of a repetition on request is no part of the event
    epoch, seq = event.get("epoch"), event.get("seq")
    if not isinstance(epoch, str) or not is_key_word(epoch) or not _is_count(seq, 1):
        return Unreadable("event.no_key", _body(event) if not _flaw(event) else "")
    code = _flaw(event)
    if code:
        return Rejected(epoch, seq, code, "")
    body = _body(event)
    code = next((code for code, good in _RULES.items() if not good(event, booth)), "")
    if code:
        return Rejected(epoch, seq, code, body)
    digest = hashlib.sha256(body.encode()).digest()
    return Event(epoch, seq, event["id"], _short_type(event), event["subject"], event["time"], body, digest)


def _flaw(event: Mapping[str, object]) -> str:
    """A fault of the JSON itself, anywhere in the event."""
    waiting: list[tuple[object, int]] = [(event, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, _Float):
            return "event.float"
        if isinstance(value, str) and not _is_text(value):
            return "event.text"
        if isinstance(value, dict | list):
            if depth > DEPTH_LIMIT:
                return "event.too_deep"
            inside = [*value, *value.values()] if isinstance(value, dict) else value
            waiting += [(one, depth + 1) for one in inside]
    return ""


def _body(event: Mapping[str, object]) -> str:
    return json.dumps(event, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _short_type(event: Mapping[str, object]) -> str:
    """ "parcel.accepted" of "booth.parcel.accepted.v1"; empty for any other spelling."""
    found = _TYPE.fullmatch(str(event.get("type")))
    return found[1] if found else ""


def _is_text(value: str) -> bool:
    """Whether it is Unicode: JSON can smuggle in half a surrogate pair."""
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)


def _is_count(value: object, least: int) -> TypeGuard[int]:
    return type(value) is int and least <= value <= SEQ_LIMIT


def _is_line(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= TEXT_LIMIT


def _is_time(value: object) -> bool:
    """RFC 3339 with a zone."""
    if not isinstance(value, str) or "T" not in value:
        return False
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


# the code of a rejection, and what must hold; in the order in which they are told
_RULES: dict[str, Callable[[Mapping[str, object], str], bool]] = {
    "event.specversion": lambda event, _: event.get("specversion") == "1.0",
    "event.id": lambda event, _: _is_line(event.get("id")),
    "event.source": lambda event, booth: event.get("source") == f"/booths/{booth}",
    "event.type": lambda event, _: _is_line(event.get("type")) and _short_type(event) != "",
    "event.time": lambda event, _: _is_time(event.get("time")),
    "event.subject": lambda event, _: _is_line(event.get("subject")),
    "event.data": lambda event, _: isinstance(event.get("data"), dict),
    "event.boot": lambda event, _: _is_line(event.get("boot")),
    "event.uptimems": lambda event, _: _is_count(event.get("uptimems"), 0),
    "event.clock": lambda event, _: _is_line(event.get("clock")) and event["clock"] in _CLOCKS,
}
