"""What the counter is given, what it counts, and the step it is about to take.

Owns: Ports, Counts, Tentative. Must not know: how any of it is provided.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge_agent.barcodes.meaning import Meaning
from edge_agent.counter.acceptance import Acceptance
from edge_agent.counter.feedback import Cue
from edge_agent.counter.inputs import LabelScanned, Outcome
from edge_agent.counter.numbering import Given, Numbers
from edge_agent.counter.parcel import Parcel, Phase, State
from edge_agent.events.model import EventDraft, StoredEvent
from edge_agent.ledger.ledger import Entry, Ledger
from edge_agent.ledger.print_jobs import PrintOrder
from edge_agent.ledger.prints import PrintState, PrintStep
from edge_agent.printing.wish import Scanned
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.values import Page, PrintJob, PrintResult, Reading, Scan, Stamp


class Devices(Protocol):
    """What the counter asks of the booth's devices."""

    def scale_ready(self) -> bool: ...
    def scale_protocol(self) -> str: ...
    def pan_empty(self, reading: Reading) -> None: ...
    def hurry_scale(self, wanted: bool) -> None: ...
    async def set_scale(self, goal: str) -> None: ...


class Prints(Protocol):
    """What the counter asks of the print queue."""

    async def label(self, job: PrintJob, subject: str) -> PrintResult: ...
    async def scanned(self, job: str, attempt: int, at: Stamp) -> Scanned: ...
    async def enter(self, entry: Entry, orders: Sequence[PrintOrder]) -> list[StoredEvent]: ...
    def seen(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the counter uses, given by the composition root.

    `order` is a parcel's label as the print ledger knows it, `receipt` its customer's, if there is one.
    """

    ledger: Ledger
    clock: Clock
    devices: Devices
    prints: Prints
    parse: Callable[[Scan], Meaning]
    render: Callable[[Parcel, int, Stamp], Awaitable[Page]]
    order: Callable[[Parcel, Stamp], PrintOrder]
    tell: Callable[[Cue], None]
    stored: Callable[[Sequence[StoredEvent]], None]
    numbers: Numbers | None = None
    receipt: Callable[[Parcel, Stamp], PrintOrder] | None = None
    typing: frozenset[str] = frozenset()  # ids of the scanners that type as a keyboard


@dataclass(slots=True)
class Counts:
    """What was seen since the start; for status and metrics."""

    scans: int = 0
    repeats: int = 0
    flooded: int = 0  # dropped: more than any scanner reads
    doubles: int = 0  # of these, what a second scanner saw
    refused: int = 0
    accepted: int = 0
    labels: int = 0
    not_saved: int = 0


@dataclass(slots=True)
class Tentative:
    """The state that becomes true when the entry is on disk."""

    state: State
    events: list[EventDraft] = field(default_factory=list)
    prints: list[PrintStep] = field(default_factory=list)
    cues: list[Cue] = field(default_factory=list)
    slots: dict[str, str] = field(default_factory=dict)
    goal: str = ""  # of the scale, once this is on disk
    label: bool = False
    began: bool = False
    given: Given | None = None  # the leased number that this step takes
    marks: list[LabelScanned] = field(default_factory=list)  # of labels that are not the one in hand
    accepted: list[Parcel] = field(default_factory=list)

    def mark(self, flow: Acceptance | None, scanned: LabelScanned) -> None:
        """One of our labels was scanned: the one in hand is the flow's, every other the print queue's."""
        state = self.state
        mark = (scanned.job, scanned.attempt)
        in_hand = state.parcel is not None and (state.parcel.job, state.attempt) == mark
        if flow is not None:
            self.take(flow.step(state, scanned))
        if not in_hand or state.phase is Phase.HELD:
            self.marks.append(scanned)

    def tell_printer(self, prints: Prints) -> None:
        """A person has seen the label in hand, by the scanner or by word: its printer prints."""
        labels = [event for event in self.events if event.type in {"label.printed", "label.reprinted"}]
        if any(event.data.get("proof") in {"scanned", "operator"} for event in labels):
            prints.seen()

    def entry(self, ports: Ports, slots: Mapping[str, str]) -> Entry:
        """What is to be on disk together. A parcel's first label is entered with what stands on it."""
        begins = any(step.state is PrintState.QUEUED and step.attempt == 1 for step in self.prints)
        parcel = self.state.parcel
        orders = [ports.order(parcel, ports.clock.stamp())] if begins and parcel is not None else []
        voids = [str(event.data["job"]) for event in self.events if event.type == "parcel.voided"]
        numbers = [self.given.step] if self.given else []
        return Entry(self.events, slots, self.prints, orders=orders, voids=voids, numbers=numbers)

    def receipts(self, ports: Ports) -> list[PrintOrder]:
        """What the customers of the accepted parcels are to be given."""
        if ports.receipt is None:
            return []
        return [ports.receipt(parcel, ports.clock.stamp()) for parcel in self.accepted]

    def accepts(self, item: str) -> bool:
        """Whether this very step accepts the item already."""
        return any(event.type == "parcel.accepted" and event.subject == item for event in self.events)

    def take(self, outcome: Outcome) -> None:
        self.began |= outcome.state.phase is Phase.WEIGHING and self.state.phase is Phase.IDLE
        self.state = outcome.state
        self.events += outcome.events
        self.prints += outcome.prints
        self.cues += outcome.cues
        self.label |= outcome.label
        self.accepted += [outcome.accepted] if outcome.accepted else []
