"""A parcel that comes without a number: it is given the next one that the centre has leased to the booth.

Owns: when a number is taken for it. Must not know: leases, patterns, the flow's transitions.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from edge_agent.counter.acceptance import Acceptance
from edge_agent.counter.inputs import Scanned
from edge_agent.counter.parcel import Phase
from edge_agent.counter.seams import Ports, Tentative
from edge_agent.crash import reach
from edge_agent.events.model import StoredEvent
from edge_agent.sdk.values import Stamp


async def begin_numbered(ports: Ports, flow: Acceptance | None, tentative: Tentative) -> str:
    """One step of the flow under the next number; gives the prompt of a refusal, or nothing.

    A number that the flow does not take is not used up.
    """
    if flow is None or tentative.state.phase is not Phase.IDLE or tentative.given is not None:
        return "refused_busy"  # also in a step that takes a number already: it is not on disk yet
    at = ports.clock.stamp()
    given = await ports.numbers.next(at) if ports.numbers is not None else None
    if given is None:
        return "no_numbers"
    outcome = flow.step(tentative.state, scanned(ports, at, given.number, given.type, before=False))
    tentative.take(outcome)
    if not any(event.type == "scan.refused" for event in outcome.events):
        tentative.given = given
        tentative.events += given.events
    return ""


async def commit_step(ports: Ports, tentative: Tentative, slots: Mapping[str, str]) -> list[StoredEvent]:
    """What the step makes true, on disk. A leased number is given out before, and its parcel's with it."""
    given, numbers = tentative.given, ports.numbers
    if given is not None and numbers is not None:
        await numbers.hold(given)
        reach("number.held")
    stored = await ports.prints.enter(tentative.entry(ports, slots), tentative.receipts(ports))
    tentative.tell_printer(ports.prints)
    if given is not None and numbers is not None:
        reach("number.taken")
        numbers.took(given)
    return stored


def scanned(ports: Ports, at: Stamp, item: str, item_type: str, *, before: bool) -> Scanned:
    """The flow's input for an item that the booth may take."""
    return Scanned(
        at=at,
        item=item,
        item_type=item_type,
        job=secrets.token_hex(6),
        before=before,
        scale_ready=ports.devices.scale_ready(),
        room=ports.ledger.has_room,
    )
