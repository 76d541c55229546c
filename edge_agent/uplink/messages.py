"""Payloads on the wire: events as CloudEvents 1.0 JSON, in batches.

Owns: encoding. Must not know: the session, the ledger's file, what comes down.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from edge_agent.events.model import JsonValue, StoredEvent
from edge_agent.uplink.doubt import BATCH_EVENTS

BATCH_BYTES = 32 * 1024  # contract: and at most 32 KiB
EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
UTC_MS_LIMIT = 253_402_300_799_999  # 9999-12-31, the last moment RFC 3339 can write
MILLISECONDS = len("1970-01-01T00:00:00.000")  # of a time as text, before its zone
TEXT = json.JSONEncoder(ensure_ascii=False).encode  # made once: a drain writes some thousand a second


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
