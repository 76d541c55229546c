"""What a person can want of a scale, and how its answers tell whether that was reached or refused.

Owns: goals, exchanges, the reasons of a refusal. Must not know: who speaks when, any protocol's bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.sdk.values import Reading, Status

WRITE_S = 1.0  # a request is a few bytes: a port that cannot take them in a second is stuck

REFUSALS = {
    Status.MOTION: ("scale.motion", "the load does not come to rest", "touch nothing on the scale"),
    Status.OVERLOAD: ("scale.overload", "the load is too heavy", "take it off"),
    Status.UNDERLOAD: ("scale.underload", "it shows less than zero", "empty the scale and zero it"),
    Status.ERROR: (
        "scale.zero_range",
        "it is too far from zero",
        "empty the scale, then switch it off and on",
    ),
    Status.BUSY: ("scale.busy", "the scale is busy", "try again"),
}
NO_REASON = ("scale.refused", "the scale did not do it", "use the key on the scale")


class Goal(StrEnum):
    """What a person can want of a scale."""

    ZERO = "zero"
    TARE = "tare"
    CLEAR_TARE = "clear_tare"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, and which readings answer it; any other reading is not for us and is dropped.

    With `verdict` the answer to a command says at once whether it was refused; without, only the weights do.
    With `optional` no answer means that there is nothing new: it never counts as missed.
    """

    request: bytes
    answers: Callable[[Reading], bool]
    within_s: float = 1.0
    verdict: bool = False
    optional: bool = False


def holds_before(goal: Goal, reading: Reading) -> bool:
    """Whether nothing needs to be done. Zero is always sent: it is finer than the division that is shown."""
    if goal is Goal.TARE:
        return reading.net is True and is_reached(goal, reading)
    return goal is Goal.CLEAR_TARE and reading.net is False


def is_forbidden(goal: Goal, reading: Reading) -> bool:
    """Whether the scale's condition forbids the command before it is sent."""
    if goal is Goal.CLEAR_TARE:
        return False
    if goal is Goal.TARE and (reading.status is Status.UNDERLOAD or _at_zero(reading)):
        return True
    return reading.status in (Status.OVERLOAD, Status.ERROR, Status.BUSY)


def is_reached(goal: Goal, reading: Reading) -> bool:
    if goal is Goal.CLEAR_TARE:
        return reading.net is not True
    resting = reading.stable is not False and _at_zero(reading)
    return resting and reading.net is not (goal is Goal.ZERO)


def _at_zero(reading: Reading) -> bool:
    return reading.status is Status.ZERO or (reading.status is Status.OK and reading.weight == 0)


def refusal_of(goal: Goal, reading: Reading) -> tuple[str, str, str]:
    if goal is Goal.ZERO and reading.net:
        return ("scale.tare_active", "a tare is set", "clear the tare first")
    if goal is Goal.TARE and _at_zero(reading):
        return ("scale.no_load", "nothing lies on the scale", "put the container on it first")
    if reading.status is Status.ERROR and reading.info:
        return (NO_REASON[0], f"the scale answered {reading.info}", NO_REASON[2])
    return REFUSALS.get(reading.status, NO_REASON)
