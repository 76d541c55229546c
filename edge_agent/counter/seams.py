"""What the counter is given, what it counts, and the step it is about to take.

Owns: Ports, Counts, Tentative. Must not know: how any of it is provided.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge_agent.barcodes.meaning import Meaning
from edge_agent.counter.feedback import Cue
from edge_agent.counter.inputs import Outcome
from edge_agent.counter.parcel import Parcel, Phase, State
from edge_agent.events.model import EventDraft, StoredEvent
from edge_agent.ledger.ledger import Ledger
from edge_agent.ledger.prints import PrintStep
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.values import Page, PrintJob, PrintResult, Reading, Scan, Stamp


class Devices(Protocol):
    """What the counter asks of the booth's devices."""

    def scale_ready(self) -> bool: ...
    def scale_protocol(self) -> str: ...
    def pan_empty(self, reading: Reading) -> None: ...
    def hurry_scale(self, wanted: bool) -> None: ...
    async def print_page(self, job: PrintJob) -> PrintResult: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the counter uses, given by the composition root."""

    ledger: Ledger
    clock: Clock
    devices: Devices
    parse: Callable[[Scan], Meaning]
    render: Callable[[Parcel, int, Stamp], Awaitable[Page]]
    tell: Callable[[Cue], None]
    stored: Callable[[Sequence[StoredEvent]], None]


@dataclass(slots=True)
class Counts:
    """What was seen since the start; for status and metrics."""

    scans: int = 0
    repeats: int = 0
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
    label: bool = False
    began: bool = False

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
