"""Print jobs keep the order in which they were entered, whatever the clock said meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.ledger.ledger import Entry, Ledger, Limits
from edge_agent.ledger.print_jobs import KEEP_DATA, KEEP_JOBS, ORDER_COLUMNS, PrintOrder
from edge_agent.ledger.prints import PrintState, PrintStep
from edge_agent.ledger.store import schema_steps
from edge_agent.printing.age import Moment
from edge_agent.printing.keeping import outlived
from edge_agent.sdk.values import ClockQuality, Stamp

DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000
CLOCKS = {
    "in 1970": [NOW_MS, 5_000, 0, 60_000, NOW_MS + 1],
    "400 days ahead for a while": [NOW_MS, NOW_MS + 400 * DAY_MS, NOW_MS + 1, NOW_MS + 2, NOW_MS + 3],
    "400 days behind for a while": [NOW_MS, NOW_MS - 400 * DAY_MS, NOW_MS + 1, NOW_MS + 2, NOW_MS + 3],
    "always the same": [NOW_MS] * 5,
}


def order(number: int, utc_ms: int = NOW_MS, **more: object) -> PrintOrder:
    made = PrintOrder(
        job=f"{hash_of(number):012x}",
        requester="centre",
        key=f"L-{number}",
        digest="d",
        kind="label",
        printer="printer-1",
        template="t",
        subject=f"item-{number}",
        data="{}",
        ttl_ms=600_000,
        ordered=1,
        boot="boot",
        at=Stamp(60_000 + number, utc_ms, ClockQuality.NTP),
    )
    return replace(made, **more)  # type: ignore[arg-type]  # as given


def hash_of(number: int) -> int:
    """Job ids are random: their order must not pass for that of the entries."""
    return number * 0x9E3779B97F4A % (1 << 48)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    made = await Ledger.open(tmp_path / "l.db", "boot", limits=Limits(reserve_mib=1, refuse_free_mib=0))
    yield made
    await made.close()


async def enter(ledger: Ledger, orders: Sequence[PrintOrder], *states: PrintState) -> None:
    for given in orders:
        steps = [PrintStep(given.job, 1, given.subject, state, given.at.utc_ms) for state in states]
        await ledger.commit(Entry(orders=[given], prints=steps))


@pytest.mark.parametrize("clock", CLOCKS)
async def test_jobs_are_listed_and_kept_newest_first(ledger: Ledger, clock: str) -> None:
    orders = [order(number, utc_ms) for number, utc_ms in enumerate(CLOCKS[clock])]
    await enter(ledger, orders, PrintState.SENDING, PrintState.CONFIRMED)
    newest_first = [given.job for given in reversed(orders)]
    assert [known.order.job for known in await ledger.prints.recent()] == newest_first
    assert [known.order.job for known in await ledger.prints.recent(2)] == newest_first[:2]
    assert [given.job for given in await ledger.prints.held()] == newest_first


@pytest.mark.parametrize("clock", CLOCKS)
async def test_what_waits_is_taken_up_oldest_first(ledger: Ledger, clock: str) -> None:
    orders = [order(number, utc_ms) for number, utc_ms in enumerate(CLOCKS[clock])]
    await enter(ledger, orders, PrintState.QUEUED)
    assert [known.order.job for known in await ledger.prints.open_jobs()] == [o.job for o in orders]


async def test_a_reprint_is_the_newest_order(ledger: Ledger) -> None:
    orders = [order(number) for number in range(3)]
    await enter(ledger, orders, PrintState.SENDING, PrintState.CONFIRMED)
    again = replace(orders[0], ordered=2, at=Stamp(1, 0, ClockQuality.NONE))
    await ledger.commit(Entry(orders=[again]))
    assert [o.key for o in await ledger.prints.held()] == ["L-0", "L-2", "L-1"]


async def test_beyond_the_bound_the_oldest_names_are_forgotten_not_the_newest(ledger: Ledger) -> None:
    await enter(ledger, [order(0, data="")])
    fill = (
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO print_jobs SELECT 'job-' || i, requester, 'F-' || i, digest, kind, printer, template,"
        " subject, data, ttl_ms, ordered, voided, boot, uptime_ms, utc_ms, clock, i FROM print_jobs, n"
    )
    await ledger._worker.write(lambda c: c.execute(fill, (KEEP_JOBS,)))
    late = [order(number, number, data="") for number in (1, 2, 3)]  # the clock came up in 1970
    await enter(ledger, late)
    await ledger.prints.forget([])
    rows = await ledger._worker.read(lambda c: c.execute("SELECT key FROM print_jobs").fetchall())
    kept = {f"F-{number}" for number in range(4, KEEP_JOBS + 1)}
    assert {key for (key,) in rows} == kept | {o.key for o in late}


async def test_a_given_up_label_leaves_no_copy_of_what_stood_on_it(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    made = await Ledger.open(path, "boot", limits=Limits(reserve_mib=1, refuse_free_mib=0))
    given = order(1, data='{"name": "SECRET-NAME"}')
    await made.commit(Entry(orders=[given]))
    await made.commit(Entry(voids=[given.job]))
    await made.close()
    assert b"SECRET-NAME" not in path.read_bytes()


# An older agent's file


def old_file(path: Path, orders: Sequence[PrintOrder]) -> None:
    """A ledger as the agent before this order wrote it."""
    with closing(sqlite3.connect(path)) as connection:
        for number, sql in schema_steps():
            if number <= 4:
                connection.executescript(f"{sql}\nPRAGMA user_version={number};")
        for given in orders:
            insert_as_before(connection, given)
        connection.commit()


def insert_as_before(connection: sqlite3.Connection, given: PrintOrder) -> None:
    row = (
        *(given.job, given.requester, given.key, given.digest, given.kind, given.printer, given.template),
        *(given.subject, given.data, given.ttl_ms, given.ordered, given.boot),
        *(given.at.uptime_ms, given.at.utc_ms, given.at.quality.value, 0),
    )
    places = ",".join("?" * len(row))
    connection.execute(f"INSERT INTO print_jobs ({ORDER_COLUMNS}) VALUES ({places})", row)


async def test_an_older_file_keeps_its_order_and_leaves_no_copies(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    data = '{"name": "SECRET-NAME"}'
    orders = [order(number, NOW_MS + number, data=data) for number in range(300)]
    old_file(path, orders)
    made = await Ledger.open(path, "boot", limits=Limits(reserve_mib=1, refuse_free_mib=0))
    await enter(made, [order(300, 0)])
    steps = [PrintStep(o.job, 1, o.subject, PrintState.SENDING, 1) for o in [*orders, order(300)]]
    await made.commit(Entry(prints=steps))
    assert [k.order.key for k in await made.prints.recent(3)] == ["L-300", "L-299", "L-298"]
    await made.prints.forget([o.job for o in orders])
    await made.close()
    assert b"SECRET-NAME" not in path.read_bytes()


async def test_an_older_agent_can_still_enter_its_orders(ledger: Ledger) -> None:
    await enter(ledger, [order(1)], PrintState.SENDING, PrintState.CONFIRMED)
    await ledger._worker.write(lambda c: insert_as_before(c, order(2)))
    known = await ledger.prints.named("centre", "L-2")
    assert known is None  # it has no attempt yet
    await enter(ledger, [order(3)], PrintState.SENDING, PrintState.CONFIRMED)
    assert [o.key for o in await ledger.prints.held()] == ["L-3", "L-1"]


# What is forgotten


def test_the_newest_are_kept_by_number_though_their_clock_was_wrong() -> None:
    newest_first = [order(number, 0) for number in range(KEEP_DATA + 5, 0, -1)]
    now = Moment("boot", Stamp(100_000, NOW_MS, ClockQuality.NTP))
    assert outlived(newest_first, now, DAY_MS) == [o.job for o in newest_first[KEEP_DATA:]]


@pytest.mark.parametrize("jump_ms", [-400 * DAY_MS, 400 * DAY_MS, -NOW_MS])
def test_a_clock_that_jumps_makes_nothing_older_or_younger(jump_ms: int) -> None:
    old, young = order(1), replace(order(2), at=Stamp(DAY_MS, NOW_MS, ClockQuality.NTP))
    now = Moment("boot", Stamp(DAY_MS + 60_001, NOW_MS + jump_ms, ClockQuality.NTP))
    assert outlived([young, old], now, DAY_MS) == [old.job]


def test_a_booth_without_a_clock_that_is_switched_off_each_evening_forgets_what_came_before_the_old() -> None:
    unknown = Stamp(60_000, 5_000, ClockQuality.NONE)
    newest = replace(order(3), boot="today", at=unknown)
    dated = replace(order(2), boot="last week", at=Stamp(60_000, NOW_MS, ClockQuality.NTP))
    before = replace(order(1), boot="the week before", at=unknown)
    now = Moment("today", Stamp(120_000, NOW_MS + 7 * DAY_MS, ClockQuality.NTP))
    assert outlived([newest, dated, before], now, DAY_MS) == [dated.job, before.job]
    assert outlived([newest, before], now, DAY_MS) == []  # nothing tells
