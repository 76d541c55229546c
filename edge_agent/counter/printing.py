"""One label of the counter from the parcel to the printer's word about it.

Owns: drawing it, handing it to the print queue; what the clerk is told about other labels.
Must not know: the flow, printers, templates, what else is printed.
"""

from __future__ import annotations

import logging

from edge_agent.containment import contained
from edge_agent.counter.acceptance import VOID_LABEL
from edge_agent.counter.feedback import Cue, Prompt, Sound
from edge_agent.counter.inputs import LabelScanned
from edge_agent.counter.parcel import Parcel, Phase, State
from edge_agent.counter.seams import Ports
from edge_agent.crash import reach
from edge_agent.ledger.prints import PrintState
from edge_agent.printing.job import LABEL_FAULT
from edge_agent.printing.wish import Scanned
from edge_agent.sdk.errors import EdgeError
from edge_agent.sdk.values import Page, PrintJob, PrintResult, Proof, Stamp

log = logging.getLogger(__name__)

LABEL_CUES = {
    Scanned.CONFIRMED: Cue(Prompt("label_confirmed"), Sound.SAVED),
    Scanned.KNOWN: Cue(Prompt("label_confirmed")),
    Scanned.VOID: VOID_LABEL,
    Scanned.STRANGER: Cue(Prompt("unknown_label"), Sound.REJECTED),
}


async def print_label(ports: Ports, parcel: Parcel, attempt: int) -> PrintResult:
    """Draw and print one label; whatever stops it is told in the result."""
    at = ports.clock.stamp()
    try:
        page = await _draw(ports, parcel, attempt, at)
    except EdgeError as error:
        log.error("label refused: %s", error)
        reason = error.code if error.code.startswith(LABEL_FAULT) else LABEL_FAULT + error.code
        return PrintResult(parcel.job, attempt, Proof.FAILED, 0, reason)
    reach("label.rendered")
    return await ports.prints.label(PrintJob(parcel.job, page, attempt), parcel.item)


async def other_label(ports: Ports, mark: LabelScanned, state: State) -> Cue | None:
    """What the scan of a label that is not in hand means, once that is recorded. Raises DeviceError.

    Where another one is asked for, or takes its place, the flow has told so. That this one is good would only
    mislead then; that it is void, or nobody's here, is told besides.
    """
    found = await ports.prints.scanned(mark.job, mark.attempt, mark.at)
    in_hand = state.parcel.job if state.parcel else ""
    told = state.phase is Phase.ASKING or mark.job == in_hand
    return None if told and found in {Scanned.CONFIRMED, Scanned.KNOWN} else LABEL_CUES[found]


async def was_sending(ports: Ports, state: State) -> bool:
    """Whether bytes of the label in hand may have left before the stop."""
    job = state.parcel.job if state.parcel else ""
    steps = await ports.ledger.interrupted_prints()
    ours = [step for step in steps if (step.job, step.attempt) == (job, state.attempt)]
    return any(step.state is PrintState.SENDING for step in ours)


async def _draw(ports: Ports, parcel: Parcel, attempt: int, at: Stamp) -> Page:
    """A bug in drawing costs this label, not the agent: it would come again at each start."""
    with contained("label", "label.bug"):
        return await ports.render(parcel, attempt, at)
