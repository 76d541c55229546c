"""Commands that were taken: each id once, however often the broker or the centre repeats it.

Owns: the SQL of commands and of their counters. Must not know: what a command does, who may order it.

Which is the oldest is told by the order in which they were taken, never by the clock: a box that
boots in 1970 would else forget the newest ones, and execute them again.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

KEEP_COMMANDS = 5_000  # years of orders to one booth; the oldest finished ones go first
STREAMS_LIMIT = 64  # issuers that count their orders; one centre has a few, and each is a row for ever

ACCEPTED, RESTARTING, APPLYING, REFUSED = "accepted", "restarting", "applying", "refused"


@dataclass(frozen=True, slots=True)
class Taken:
    """A command on record: its state and, once it has ended, the answer as JSON text.

    REFUSED is never on record: its counter is not above the last one of its stream.
    """

    id: str
    type: str
    state: str
    answer: str


def take(
    connection: sqlite3.Connection,
    command: str,
    kind: str,
    utc_ms: int,
    count: tuple[str, int] | None = None,
) -> Taken | None:
    """Enter a new command as accepted; gives the earlier record if this id was taken before.

    `count` is its stream and its counter there.
    """
    row = connection.execute("SELECT id, type, state, answer FROM commands WHERE id=?", (command,)).fetchone()
    if row:
        return Taken(*row)
    if count is not None and (refusal := _count(connection, *count)):
        return Taken(command, kind, REFUSED, json.dumps(refusal))
    connection.execute("INSERT INTO commands VALUES (?,?,'accepted','',?)", (command, kind, utc_ms))
    connection.execute("INSERT INTO commands_taken (id) VALUES (?)", (command,))
    _forget_oldest(connection)
    return None


def finish(connection: sqlite3.Connection, command: str, state: str, answer: str) -> None:
    """Record what became of a command."""
    connection.execute("UPDATE commands SET state=?, answer=? WHERE id=?", (state, answer, command))


def unfinished(connection: sqlite3.Connection) -> list[Taken]:
    """Commands whose end a stop of the agent has hidden, oldest first."""
    rows = connection.execute(
        "SELECT id, type, state, answer FROM commands LEFT JOIN commands_taken USING (id)"
        " WHERE state IN ('accepted', 'restarting', 'applying') ORDER BY n"
    )
    return [Taken(*row) for row in rows]


def _count(connection: sqlite3.Connection, stream: str, counter: int) -> dict[str, str]:
    """Move the stream's counter on; gives the refusal of one that is not above the last."""
    row = connection.execute("SELECT counter FROM command_counters WHERE stream=?", (stream,)).fetchone()
    if row is None:
        (streams,) = connection.execute("SELECT count(*) FROM command_counters").fetchone()
        if streams >= STREAMS_LIMIT:
            return {"code": "command.issuers", "error": f"{streams} issuers are known, no more are taken"}
    elif counter <= row[0]:
        return {"code": "command.counter", "error": f"counter {counter} is not above the last one, {row[0]}"}
    connection.execute("INSERT OR REPLACE INTO command_counters VALUES (?, ?)", (stream, counter))
    return {}


def _forget_oldest(connection: sqlite3.Connection) -> None:
    forgotten = connection.execute(
        "SELECT n, id FROM commands_taken ORDER BY n DESC LIMIT -1 OFFSET ?", (KEEP_COMMANDS,)
    ).fetchall()
    for number, command in forgotten:
        gone = connection.execute(
            "DELETE FROM commands WHERE id=? AND state NOT IN ('accepted', 'restarting', 'applying')",
            (command,),
        )
        if gone.rowcount:
            connection.execute("DELETE FROM commands_taken WHERE n=?", (number,))
