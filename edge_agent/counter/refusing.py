"""What a person is told whose order the counter cannot take: what it is doing instead, and where to look.

Owns: those words. Must not know: when they are said.
"""

from __future__ import annotations

from edge_agent.counter.inputs import Order
from edge_agent.counter.parcel import Phase
from edge_agent.sdk.errors import CommandError

DOING = {
    Phase.IDLE: "no parcel is in hand",
    Phase.WEIGHING: "the parcel in hand waits for its weight",
    Phase.LABELLING: "the label of the parcel in hand is being printed",
    Phase.HELD: "the label of the parcel in hand waits for its printer",
    Phase.ASKING: "the label of the parcel in hand is in doubt",
}
NOT_BEGUN = {
    "refused_busy": (
        "another parcel is in hand, or counter.flow takes none",
        "finish it, or give it up: edge-agent parcel void",
    ),
    "no_numbers": ("no number is left, or none was leased", "the centre must lease numbers: number.lease"),
}


def nothing_to(order: Order, phase: Phase) -> CommandError:
    """For a decision about a label or parcel that nobody asks for."""
    named = "a label that has left the counter is named by its job: edge-agent print queue"
    hint = "see edge-agent status" if order is Order.VOID else named
    return CommandError("flow.nothing_to_do", f"there is nothing to {order} now: {DOING[phase]}", hint=hint)


def not_begun(prompt: str) -> CommandError:
    """For a parcel that cannot be begun; `prompt` is what the clerk is shown."""
    words, hint = NOT_BEGUN[prompt]
    return CommandError(f"flow.{prompt}", f"no parcel can be begun: {words}", hint=hint)
