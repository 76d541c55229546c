"""Named points at which a test may kill the agent, so that each step of the flow is proved against a cut.

Owns: the names. Must not know: what happens at them. Without EDGE_AGENT_CRASH_AT in the environment a point
costs one look into a dictionary.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "EDGE_AGENT_CRASH_AT"

POINTS = (
    "scan.arrived",
    "scan.committed",
    "weight.arrived",
    "weight.committed",
    "label.rendered",
    "label.sending",
    "label.sent",
    "parcel.committed",
    "event.published",
    "event.acknowledged",
)
NUMBER_POINTS = ("number.held", "number.taken")  # passed only by a parcel that is given a leased number
CONFIG_POINTS = (  # passed only when the configuration changes
    "config.written",
    "config.switched",
    "config.started",
    "config.confirmed",
    "config.undone",
)
ORDER_POINTS = (  # passed only when the centre or a technician orders a label
    "order.received",
    "order.queued",
    "order.rendered",
    "order.sending",
    "order.sent",
    "order.recorded",
)


def reach(point: str) -> None:
    """Die here by SIGKILL if that is what the environment asks for ("name" or "name:n" for the n-th time)."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    name, _, left = wanted.partition(":")
    if name != point:
        return
    if left and int(left) > 1:
        os.environ[VARIABLE] = f"{name}:{int(left) - 1}"
        return
    os.kill(os.getpid(), signal.SIGKILL)
