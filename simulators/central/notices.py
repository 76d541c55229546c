"""What a booth says beside its events: answers to commands, and the last word on each of its topics.

Owns: the rows of responses and latest. Must not know: events, transactions, MQTT.
"""

from __future__ import annotations

import json
import sqlite3

from simulators.central.cloudevents import is_key_word
from simulators.central.taken import Incoming, News, Taken

BODY_LIMIT = 64 << 10  # bytes of a state or response that is kept; larger ones are unreadable
RESPONSE_STATES = frozenset({"accepted", "running", "done", "failed", "rejected", "expired"})


def take_notice(db: sqlite3.Connection, message: Incoming, taken: Taken) -> str:
    """Keep it; gives the code of what is wrong with it, or nothing."""
    take = _response if message.kind == "rsp" else _latest
    return take(db, message, taken)


def _response(db: sqlite3.Connection, message: Incoming, taken: Taken) -> str:
    response = _object(message.payload)
    command_id, state = response.get("id"), response.get("state")
    if not isinstance(command_id, str) or state not in RESPONSE_STATES:
        return "response.invalid"
    reason = response.get("reason")
    known = db.execute("SELECT 1 FROM commands WHERE id = ?", (command_id,)).fetchone()
    if known is None:
        return "response.unknown_command"
    db.execute(
        "INSERT OR IGNORE INTO responses (id, booth, state, reason, received_ms, body)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            command_id,
            message.booth,
            state,
            reason if isinstance(reason, str) else "",
            message.received_ms,
            message.payload.decode(),
        ),
    )
    taken.news.append(News("response", message.booth, f"{command_id} {state}", code=str(reason or "")))
    return ""


def _latest(db: sqlite3.Connection, message: Incoming, taken: Taken) -> str:
    if not _object(message.payload):
        return f"{message.kind}.invalid"
    db.execute(
        "INSERT INTO latest VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET received_ms = excluded.received_ms, body = excluded.body",
        (message.booth, message.kind, message.received_ms, message.payload.decode()),
    )
    taken.news.append(News("latest", message.booth, message.kind))
    if message.kind == "state":
        _answer_state(db, message, taken)
    return ""


def _answer_state(db: sqlite3.Connection, message: Incoming, taken: Taken) -> None:
    """A booth that tells its state wants to know what we have: so it knows that we are there."""
    state = _object(message.payload)
    epoch, conn = state.get("epoch"), state.get("conn")
    if state.get("status") == "offline" or not isinstance(epoch, str) or not is_key_word(epoch):
        return
    db.execute(
        "INSERT INTO streams (booth, epoch) VALUES (?, ?) ON CONFLICT DO NOTHING", (message.booth, epoch)
    )
    taken.ack(message.booth, epoch).conn = conn if type(conn) is int else None


def _object(payload: bytes) -> dict[str, object]:
    """The JSON object, or an empty one for anything else."""
    if len(payload) > BODY_LIMIT:
        return {}
    try:
        value = json.loads(payload.decode())
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
