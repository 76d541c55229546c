"""Blocks of numbers that the centre has leased to this booth: which is next, and that none is given twice.

Owns: the SQL of number blocks. Must not know: how a number is spelled, who asks for one.

    open → used (the last one is taken) | returned | expired
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from edge_agent.sdk.errors import DeviceError

BLOCKS_KEPT = 64  # closed ones, so that a lease that comes again is known; a booth gets one in a few weeks


@dataclass(frozen=True, slots=True)
class Block:
    """Serial numbers `first` to `last` under one pattern; `next` is the first that is free."""

    lease: str
    pattern: str
    check: str
    first: int
    last: int
    next: int
    notafter_ms: int | None = None
    state: str = "open"

    @property
    def left(self) -> int:
        return self.last - self.next + 1 if self.state == "open" else 0


@dataclass(frozen=True, slots=True)
class Used:
    """This serial number is a parcel's from now on."""

    lease: str
    serial: int


@dataclass(frozen=True, slots=True)
class Leased:
    block: Block


@dataclass(frozen=True, slots=True)
class Closed:
    """What is left of a block is not ours any more: `state` is returned or expired."""

    lease: str
    state: str


NumberStep = Used | Leased | Closed


def record(connection: sqlite3.Connection, step: NumberStep) -> None:
    """One step inside the transaction of what it belongs to. Raises DeviceError where it cannot be."""
    match step:
        case Used():
            _use(connection, step)
        case Leased():
            _lease(connection, step.block)
        case Closed():
            connection.execute(
                "UPDATE number_blocks SET state=? WHERE lease=? AND state='open'", (step.state, step.lease)
            )


def blocks(connection: sqlite3.Connection) -> list[Block]:
    """All that are known, in the order in which they were leased."""
    rows = connection.execute(
        "SELECT lease, pattern, checked, first, last, next, notafter_ms, state FROM number_blocks ORDER BY n"
    )
    return [Block(*row) for row in rows]


def _use(connection: sqlite3.Connection, used: Used) -> None:
    done = connection.execute(
        "UPDATE number_blocks SET next=?1+1, state=CASE WHEN last=?1 THEN 'used' ELSE 'open' END"
        " WHERE lease=?2 AND state='open' AND next<=?1 AND last>=?1",
        (used.serial, used.lease),
    )
    if done.rowcount != 1:
        raise DeviceError("number.taken", f"number {used.serial} of lease {used.lease} is not free")


def _lease(connection: sqlite3.Connection, block: Block) -> None:
    connection.execute(
        "INSERT INTO number_blocks (lease, pattern, checked, first, last, next, notafter_ms, state)"
        " VALUES (?,?,?,?,?,?,?,?)",
        (
            block.lease,
            block.pattern,
            block.check,
            block.first,
            block.last,
            block.next,
            block.notafter_ms,
            block.state,
        ),
    )
    connection.execute(
        "DELETE FROM number_blocks WHERE state<>'open' AND n NOT IN"
        " (SELECT n FROM number_blocks ORDER BY n DESC LIMIT ?)",
        (BLOCKS_KEPT,),
    )
