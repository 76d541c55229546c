"""Which of the scale's readings the flow can do anything with in its present state.

Owns: that judgement. Must not know: what the flow then does.
"""

from __future__ import annotations

from edge_agent.counter.parcel import Phase, State
from edge_agent.counter.settling import Settled
from edge_agent.counter.zero import is_below_zero, is_underload
from edge_agent.sdk.values import Reading


def matters(state: State, settled: Settled | None, reading: Reading) -> bool:
    """`settled` is the run that the reading completes, None while the scale is not at rest."""
    weighing = state.phase is Phase.WEIGHING
    if settled is None:
        return (weighing and reading.stable is not True) or (state.pan_clear and is_underload(reading))
    if settled.empty:
        return not state.pan_clear or (weighing and bool(state.reason))
    return weighing or (state.pan_clear and is_below_zero(settled))
