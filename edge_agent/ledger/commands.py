"""Commands that were taken: each id once, however often the broker or the centre repeats it.

Owns: the SQL of commands. Must not know: what a command does.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

KEEP_COMMANDS = 5_000  # years of orders to one booth; the oldest finished ones go first


@dataclass(frozen=True, slots=True)
class Taken:
    """A command on record: its state and, once it has ended, the answer as JSON text."""

    id: str
    type: str
    state: str
    answer: str


def take(connection: sqlite3.Connection, command: str, kind: str, utc_ms: int) -> Taken | None:
    """Enter a new command as accepted; gives the earlier record if this id was taken before."""
    row = connection.execute("SELECT id, type, state, answer FROM commands WHERE id=?", (command,)).fetchone()
    if row:
        return Taken(*row)
    connection.execute("INSERT INTO commands VALUES (?,?,'accepted','',?)", (command, kind, utc_ms))
    connection.execute(
        "DELETE FROM commands WHERE state<>'accepted' AND id IN"
        " (SELECT id FROM commands ORDER BY utc_ms DESC LIMIT -1 OFFSET ?)",
        (KEEP_COMMANDS,),
    )
    return None


def finish(connection: sqlite3.Connection, command: str, state: str, answer: str) -> None:
    """Record how a command ended."""
    connection.execute("UPDATE commands SET state=?, answer=? WHERE id=?", (state, answer, command))


def unfinished(connection: sqlite3.Connection) -> list[Taken]:
    """Commands whose end a stop of the agent has hidden."""
    rows = connection.execute("SELECT id, type, state, answer FROM commands WHERE state='accepted'")
    return [Taken(*row) for row in rows]
