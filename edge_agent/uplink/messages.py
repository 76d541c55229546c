"""Payloads on the wire: events as CloudEvents 1.0 JSON batches up, acknowledgements down.

Owns: encoding and validating. Must not know: the session, the ledger's file.

Everything that comes down is hostile until a model here has taken it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_agent.events.model import JsonValue, StoredEvent
from edge_agent.ledger.outbox import Rejection
from edge_agent.sdk.errors import CommandError
from edge_agent.uplink.doubt import BATCH_EVENTS

BATCH_BYTES = 32 * 1024  # contract: and at most 32 KiB
INBOUND_BYTES = 64 * 1024  # no command or acknowledgement is near this; larger ones are refused unread
SEQ_LIMIT = (1 << 53) - 1  # the largest integer that every JSON reader keeps exactly
EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
UTC_MS_LIMIT = 253_402_300_799_999  # 9999-12-31, the last moment RFC 3339 can write
MILLISECONDS = len("1970-01-01T00:00:00.000")  # of a time as text, before its zone
TEXT = json.JSONEncoder(ensure_ascii=False).encode  # made once: a drain writes some thousand a second


class _Inbound(BaseModel):
    """Tolerant reader: unknown keys are ignored, known ones must have their type."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", defer_build=True)


class _Rejected(_Inbound):
    seq: Annotated[int, Field(ge=1)]
    code: Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9_.\-]+$")]


_Seq = Annotated[int, Field(ge=1, le=SEQ_LIMIT)]
_Span = Annotated[list[_Seq], Field(min_length=2, max_length=2)]


class AckMessage(_Inbound):
    """`dn/ack`: everything up to `upto` of `epoch` is stored centrally, except what `rej` names.

    `also` are ranges beyond it that are stored, too; `conn` repeats the number of the `up/state` it answers.
    """

    epoch: Annotated[str, Field(max_length=64)]
    upto: Annotated[int, Field(ge=0)]
    rej: Annotated[list[_Rejected], Field(max_length=512)] = []  # the centre sends 256 at most
    also: Annotated[list[_Span], Field(max_length=512)] = []
    conn: Annotated[int | None, Field(ge=0)] = None

    def rejections(self) -> tuple[Rejection, ...]:
        return tuple(Rejection(r.seq, r.code) for r in self.rej)


def utc_text(utc_ms: int) -> str:
    """RFC 3339 with milliseconds; a clock outside the calendar is cut to its nearest end."""
    moment = EPOCH_START + timedelta(milliseconds=min(max(utc_ms, 0), UTC_MS_LIMIT))
    return moment.isoformat(timespec="milliseconds")[:MILLISECONDS] + "Z"


def event_text(event: StoredEvent, booth: str, replay: str = "") -> str:
    """One event as a CloudEvent, ready to be joined into a batch; `replay` marks a repetition on request."""
    at = event.at
    mark = f',"replay":{json.dumps(replay)}' if replay else ""
    return (
        f'{{"specversion":"1.0","id":"{event.id}","source":"/booths/{booth}"'
        f',"type":"booth.{event.type}.v1","time":"{utc_text(at.utc_ms)}"'
        f',"subject":{TEXT(event.subject)}'
        f',"epoch":"{event.epoch}","seq":{event.seq},"boot":"{event.boot}"'
        f',"uptimems":{at.uptime_ms},"clock":"{at.quality}"'
        f'{mark},"datacontenttype":"application/json","data":{event.data}}}'
    )


def batches(
    events: Sequence[StoredEvent],
    booth: str,
    limit: int = BATCH_BYTES,
    *,
    count: int = BATCH_EVENTS,
    replay: str = "",
) -> Iterator[tuple[list[int], bytes]]:
    """Events packed into messages within the contract's bounds: (the numbers in it, payload)."""
    held: list[bytes] = []
    seqs: list[int] = []
    size = 2
    for event in events:
        text = event_text(event, booth, replay).encode()
        if held and (len(held) == count or size + len(text) + 1 > limit):
            yield seqs, b"[" + b",".join(held) + b"]"
            held, seqs, size = [], [], 2
        held.append(text)
        seqs.append(event.seq)
        size += len(text) + 1
    if held:
        yield seqs, b"[" + b",".join(held) + b"]"


def compact(value: Mapping[str, JsonValue]) -> bytes:
    """A JSON object as it goes onto the wire. A lone surrogate becomes its own JSON escape."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def read_ack(payload: bytes) -> AckMessage:
    """Raises CommandError("message.invalid")."""
    try:
        return AckMessage.model_validate_json(_bounded(payload))
    except ValidationError as error:
        raise _invalid("acknowledgement", error) from error


def _bounded(payload: bytes) -> bytes:
    if len(payload) > INBOUND_BYTES:
        raise CommandError("message.too_large", f"message of {len(payload)} bytes, at most {INBOUND_BYTES}")
    return payload


def _invalid(what: str, error: ValidationError) -> CommandError:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])[:80]
    return CommandError("message.invalid", f"unreadable {what}: {where or 'document'}: {first['msg'][:120]}")
