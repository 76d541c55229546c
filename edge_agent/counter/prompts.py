"""What the clerk is to do in each state of the flow, and on what the scale shows meanwhile.

Owns: which prompt stands for what. Must not know: transitions, texts.
"""

from __future__ import annotations

from edge_agent.counter.feedback import Prompt
from edge_agent.counter.parcel import Phase, State
from edge_agent.sdk.values import Status

HOLD_PROMPTS = {
    "printer.paper_out": "insert_paper",
    "printer.cover_open": "close_cover",
    "print.quota": "wait_labels",
}
LIVE_PROMPTS = {
    Status.MOTION: "hold_still",
    Status.OVERLOAD: "too_heavy",
    Status.UNDERLOAD: "below_zero",
    Status.ERROR: "scale_fault",
}


def prompt_of(state: State) -> Prompt:
    """What the clerk is to do in this state."""
    match state.phase:
        case Phase.WEIGHING:
            return Prompt("place_parcel" if state.pan_clear else "clear_pan")
        case Phase.LABELLING:
            return Prompt("printing")
        case Phase.HELD:
            return Prompt(HOLD_PROMPTS.get(state.reason, "printer_fault"))
        case Phase.ASKING:
            return Prompt("scan_label")
        case Phase.IDLE:
            return Prompt("scan_parcel")
