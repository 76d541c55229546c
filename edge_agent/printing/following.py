"""Jobs that follow from what the counter records: on disk together with it, or not at all.

Owns: that one transaction. Must not know: which jobs these are, the counter's flow, how a job is printed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from edge_agent.events.model import StoredEvent
from edge_agent.ledger.ledger import Entry
from edge_agent.ledger.print_jobs import PrintOrder
from edge_agent.printing import job as life
from edge_agent.printing.job import Change
from edge_agent.printing.lane import Lane
from edge_agent.printing.records import Ports, Records
from edge_agent.sdk.errors import CommandError

log = logging.getLogger(__name__)

Follower = tuple[Lane, PrintOrder]


async def enter(
    ports: Ports, records: Records, entry: Entry, followers: Sequence[Follower]
) -> list[StoredEvent]:
    """Commit the entry with the jobs, which then wait in their lanes. Raises DeviceError: nothing changed."""
    async with records.step:
        changes = [_change(*follower, before=number) for number, follower in enumerate(followers)]
        stored = await ports.ledger.commit(_joined(entry, changes))
        for (lane, _), change in zip(followers, changes, strict=True):
            lane.follows(change.job)
    return stored


def _change(lane: Lane, order: PrintOrder, *, before: int) -> Change:
    """`before` of the same entry may wait there, too."""
    try:
        lane.spool.admit(before)
    except CommandError as full:
        # By its job: an item's number leads to its sender and addressee, and the log goes to more people.
        log.warning("the %s %s is not printed: %s", order.kind, order.job, full)
        return life.crowded_out(order, full.code)
    return life.following(order)


def _joined(entry: Entry, changes: Sequence[Change]) -> Entry:
    return replace(
        entry,
        events=[*entry.events, *(event for change in changes for event in change.events)],
        prints=[*entry.prints, *(step for change in changes for step in change.steps)],
        orders=[*entry.orders, *(order for change in changes for order in change.orders)],
    )
