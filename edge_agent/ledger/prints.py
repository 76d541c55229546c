"""The print ledger: what may be on paper. A row is on disk as "sending" before the first byte leaves.

Owns: the SQL of print attempts and their order of states. Must not know: printers, pages.

    queued → sending → sent | confirmed | unconfirmed | failed
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import StrEnum


class PrintState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PrintStep:
    """One attempt and the state it has reached."""

    job: str
    attempt: int
    subject: str
    state: PrintState
    utc_ms: int
    proof: str = ""
    reason: str = ""


FOLLOWS = {
    None: {PrintState.QUEUED, PrintState.SENDING},
    PrintState.QUEUED: {PrintState.SENDING, PrintState.FAILED},
    PrintState.SENDING: {
        PrintState.SENT,
        PrintState.CONFIRMED,
        PrintState.UNCONFIRMED,
        PrintState.FAILED,
    },
    PrintState.FAILED: {  # nothing was accepted: the same attempt again, which may not get as far as sending
        PrintState.QUEUED,
        PrintState.SENDING,
        PrintState.FAILED,
    },
    PrintState.SENT: {PrintState.CONFIRMED, PrintState.UNCONFIRMED},
    PrintState.UNCONFIRMED: {PrintState.CONFIRMED},  # a late proof: scan-back, or a person's word
    PrintState.CONFIRMED: set[PrintState](),
}


def record(connection: sqlite3.Connection, step: PrintStep) -> None:
    """Move an attempt to its next state. Raises ValueError where the print ledger allows no such step."""
    row = connection.execute(
        "SELECT state FROM prints WHERE job=? AND attempt=?", (step.job, step.attempt)
    ).fetchone()
    before = PrintState(row[0]) if row else None
    if step.state not in FOLLOWS[before]:
        raise ValueError(f"print {step.job} attempt {step.attempt}: {before} cannot become {step.state}")
    connection.execute(
        "INSERT OR REPLACE INTO prints VALUES (?,?,?,?,?,?,?)",
        (step.job, step.attempt, step.subject, step.state.value, step.proof, step.reason, step.utc_ms),
    )


def interrupted(connection: sqlite3.Connection) -> list[PrintStep]:
    """Attempts that a stop of the agent left open."""
    rows = connection.execute(
        "SELECT job, attempt, subject, state, utc_ms, proof, reason FROM prints"
        " WHERE state IN ('queued', 'sending') ORDER BY utc_ms"
    )
    return [PrintStep(j, a, s, PrintState(state), u, p, r) for j, a, s, state, u, p, r in rows]
