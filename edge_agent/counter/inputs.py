"""What goes into the acceptance flow and what comes out of it.

Owns: Policy, the inputs, Outcome. Must not know: transitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from edge_agent.counter.feedback import Cue
from edge_agent.counter.parcel import Parcel, State
from edge_agent.counter.settling import Settled
from edge_agent.events.model import EventDraft
from edge_agent.ledger.prints import PrintStep
from edge_agent.sdk.values import PrintResult, Proof, Reading, Stamp


@dataclass(frozen=True, slots=True)
class Policy:
    """What the booth's configuration says of acceptance. Weights in kilograms, times in milliseconds."""

    label: bool = True
    least_proof: Proof = Proof.SENT
    units: frozenset[str] = frozenset({"kg", "g"})
    min_weight: Decimal = Decimal("0.001")
    max_weight: Decimal = Decimal(50)
    weight_wait_ms: int = 60_000
    unweighed: bool = False
    unlabelled: bool = False


@dataclass(frozen=True, slots=True)
class Scanned:
    """An item's code that the booth may take. `before` tells that this item was accepted already,
    `room` that the disk can take another parcel, `late` that it waited while a parcel was in hand."""

    at: Stamp
    item: str
    item_type: str
    job: str
    before: bool = False
    scale_ready: bool = True
    room: bool = True
    late: bool = False


@dataclass(frozen=True, slots=True)
class LabelScanned:
    """The code of one of our own labels: `job` and `attempt` as printed in it."""

    at: Stamp
    job: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Weighed:
    """The scale has come to rest. `protocol` is the driver's name and the agent's version."""

    settled: Settled
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class Indicated:
    """The scale shows something that is not (yet) a weight at rest."""

    reading: Reading


@dataclass(frozen=True, slots=True)
class PrintEnded:
    at: Stamp
    result: PrintResult


@dataclass(frozen=True, slots=True)
class PrinterReady:
    at: Stamp


@dataclass(frozen=True, slots=True)
class Ticked:
    at: Stamp
    scale_ready: bool = True


class Order(StrEnum):
    """What a person decides about a label or a parcel."""

    CONFIRM = "confirm"
    REPRINT = "reprint"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Ordered:
    at: Stamp
    order: Order


@dataclass(frozen=True, slots=True)
class Restarted:
    """The agent has come up with a parcel in hand; `sending` tells that label bytes may have left before."""

    at: Stamp
    sending: bool


Input = (
    Scanned | LabelScanned | Weighed | Indicated | PrintEnded | PrinterReady | Ticked | Ordered | Restarted
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`events` and `prints` are committed with `state`; only then cues are given and `label` is printed.

    `accepted` is the parcel that this step accepts: its receipt is ordered with it.
    """

    state: State
    events: Sequence[EventDraft] = ()
    prints: Sequence[PrintStep] = ()
    cues: Sequence[Cue] = ()
    label: bool = False
    accepted: Parcel | None = None
