"""One label from the parcel to the printer's word about it, on record before its first byte.

Owns: the order draw → commit "sending" → print. Must not know: the flow, printers, templates.
"""

from __future__ import annotations

import logging

from edge_agent.containment import contained
from edge_agent.counter.parcel import Parcel
from edge_agent.counter.seams import Ports
from edge_agent.crash import reach
from edge_agent.ledger.ledger import Entry
from edge_agent.ledger.prints import PrintState, PrintStep
from edge_agent.sdk.errors import DeviceError, EdgeError
from edge_agent.sdk.values import Page, PrintJob, PrintResult, Proof, Stamp

log = logging.getLogger(__name__)

REFUSED = "label."  # how the reason begins where the label itself is at fault, and no printer can help


async def print_label(ports: Ports, parcel: Parcel, attempt: int) -> PrintResult:
    """Draw and print one label; whatever stops it is told in the result."""
    at = ports.clock.stamp()
    try:
        page = await _draw(ports, parcel, attempt, at)
    except EdgeError as error:
        log.error("label refused: %s", error)
        reason = error.code if error.code.startswith(REFUSED) else REFUSED + error.code
        return PrintResult(parcel.job, attempt, Proof.FAILED, 0, reason)
    reach("label.rendered")
    sending = PrintStep(parcel.job, attempt, parcel.item, PrintState.SENDING, at.utc_ms)
    try:
        await ports.ledger.commit(Entry(prints=[sending]))
    except DeviceError as error:
        log.error("%s", error)
        return PrintResult(parcel.job, attempt, Proof.FAILED, 0, error.code)
    reach("label.sending")
    result = await ports.devices.print_page(PrintJob(parcel.job, page, attempt))
    reach("label.sent")
    return result


async def _draw(ports: Ports, parcel: Parcel, attempt: int, at: Stamp) -> Page:
    """A bug in drawing costs this label, not the agent: it would come again at each start."""
    with contained("label", "label.bug"):
        return await ports.render(parcel, attempt, at)
