"""The print ledger: what may be on paper. A row is on disk as "sending" before the first byte leaves.

Owns: the SQL of print attempts and their order of states. Must not know: printers, pages, what a job prints.

    received → rendered → queued → sending → sent | confirmed | unconfirmed | failed
               queued → expired | cancelled          sent, unconfirmed → confirmed (a late proof)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class PrintState(StrEnum):
    RECEIVED = "received"
    RENDERED = "rendered"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


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


UNSENT_ENDS = frozenset({PrintState.FAILED, PrintState.EXPIRED, PrintState.CANCELLED})

FOLLOWS: Mapping[PrintState | None, frozenset[PrintState]] = {
    None: frozenset({PrintState.RECEIVED, PrintState.QUEUED, PrintState.SENDING}),
    PrintState.RECEIVED: UNSENT_ENDS | {PrintState.RENDERED},
    PrintState.RENDERED: UNSENT_ENDS | {PrintState.QUEUED},
    PrintState.QUEUED: UNSENT_ENDS | {PrintState.SENDING},
    PrintState.SENDING: frozenset(
        {PrintState.SENT, PrintState.CONFIRMED, PrintState.UNCONFIRMED, PrintState.FAILED}
    ),
    PrintState.FAILED: UNSENT_ENDS  # nothing was accepted: the same attempt again, however far it gets
    | {PrintState.RECEIVED, PrintState.QUEUED, PrintState.SENDING},
    PrintState.SENT: frozenset({PrintState.CONFIRMED, PrintState.UNCONFIRMED}),
    PrintState.UNCONFIRMED: frozenset({PrintState.CONFIRMED}),  # a late proof: scan-back, a person's word
    PrintState.CONFIRMED: frozenset(),
    PrintState.EXPIRED: frozenset(),
    PrintState.CANCELLED: frozenset(),
}

STATES = frozenset(PrintState)
STEP_COLUMNS = "job, attempt, subject, state, utc_ms, proof, reason"


def record(connection: sqlite3.Connection, step: PrintStep) -> None:
    """Move an attempt to its next state. Raises ValueError where the print ledger allows no such step."""
    row = connection.execute(
        "SELECT state FROM prints WHERE job=? AND attempt=?", (step.job, step.attempt)
    ).fetchone()
    before = state_of(row[0]) if row else None
    if step.state not in FOLLOWS[before]:
        raise ValueError(f"print {step.job} attempt {step.attempt}: {before} cannot become {step.state}")
    connection.execute(
        "INSERT OR REPLACE INTO prints (job, attempt, subject, state, proof, reason, utc_ms)"
        " VALUES (?,?,?,?,?,?,?)",
        (step.job, step.attempt, step.subject, step.state.value, step.proof, step.reason, step.utc_ms),
    )


def interrupted(connection: sqlite3.Connection) -> list[PrintStep]:
    """Attempts that a stop of the agent left open."""
    rows = connection.execute(
        f"SELECT {STEP_COLUMNS} FROM prints WHERE state IN ('queued', 'sending')"  # noqa: S608 - constant columns
    )
    return [step_of(row) for row in rows]


def attempt_of(connection: sqlite3.Connection, job: str, attempt: int) -> PrintStep | None:
    """One attempt as it stands."""
    row = connection.execute(
        f"SELECT {STEP_COLUMNS} FROM prints WHERE job=? AND attempt=?",  # noqa: S608 - constant columns
        (job, attempt),
    ).fetchone()
    return step_of(row) if row else None


def latest_of(connection: sqlite3.Connection, job: str) -> PrintStep | None:
    """The newest attempt of a job."""
    row = connection.execute(
        f"SELECT {STEP_COLUMNS} FROM prints WHERE job=? ORDER BY attempt DESC LIMIT 1",  # noqa: S608 - constant columns
        (job,),
    ).fetchone()
    return step_of(row) if row else None


def step_of(row: tuple[str, int, str, str, int, str, str]) -> PrintStep:
    """A row of STEP_COLUMNS."""
    job, attempt, subject, state, utc_ms, proof, reason = row
    return PrintStep(job, attempt, subject, state_of(state), utc_ms, proof, reason)


def state_of(text: str) -> PrintState:
    """The state on record; where rot has reached it nobody knows whether the label is out."""
    return PrintState(text) if text in STATES else PrintState.UNCONFIRMED
