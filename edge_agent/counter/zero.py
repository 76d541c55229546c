"""Whether the zero of an empty pan still holds: a scale that shows less than nothing has zeroed on something.

Owns: that rule. Must not know: the rest of the flow.

A scale that is switched on with a parcel on its pan takes that for its zero, and the pan looks empty. When
the parcel is taken away it shows less than nothing, and whatever is weighed then is too light by it.
"""

from __future__ import annotations

from dataclasses import replace

from edge_agent.counter.feedback import Cue, Prompt
from edge_agent.counter.inputs import Indicated, Outcome, Weighed
from edge_agent.counter.parcel import Phase, State
from edge_agent.counter.settling import Settled
from edge_agent.sdk.values import Reading, Status


def is_below_zero(settled: Settled) -> bool:
    """Whether the pan lies still at less than nothing."""
    weight = settled.reading.weight
    return weight is not None and weight < 0 and not settled.empty


def is_underload(reading: Reading) -> bool:
    """Whether the scale says so itself, and not only of a pan that swings."""
    return reading.status is Status.UNDERLOAD and reading.stable is not False


def disproves_zero(given: Weighed | Indicated) -> bool:
    """Whether the pan cannot have been empty when it was taken for that."""
    return is_below_zero(given.settled) if isinstance(given, Weighed) else is_underload(given.reading)


def zero_lost(state: State) -> Outcome:
    """The pan must be seen empty anew; told where a parcel waits for its weight."""
    lost = replace(state, pan_clear=False, zero="")
    return Outcome(lost, cues=[Cue(Prompt("below_zero"))] if state.phase is Phase.WEIGHING else [])
