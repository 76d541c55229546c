"""What the print queue is given, and how what it decides comes onto disk.

Owns: Ports, Rules, one step at a time. Must not know: what a step means.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge_agent.events.model import StoredEvent
from edge_agent.ledger.ledger import Entry, Ledger
from edge_agent.printing.age import Moment
from edge_agent.printing.job import Change
from edge_agent.printing.quota import HOUR_MS, Quota
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.values import Page, PrintJob, PrintResult, Proof


class Printers(Protocol):
    """What the queue asks of the booth's devices."""

    def can_print(self, device: str) -> bool: ...
    async def print_page(self, job: PrintJob, device: str) -> PrintResult: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What the booth's configuration says of printing. Times in milliseconds, lengths in millimetres.

    `rolls_mm` tells how long the rolls of some printers are, `roll_mm` those of the others; `dpi` the
    resolution of printers that have another than USUAL_DPI.
    """

    quota: Quota = field(default_factory=Quota)
    least_proof: Proof = Proof.SENT
    ttl_ms: int = 600_000
    keep_ms: int = 24 * HOUR_MS
    roll_mm: int = 0
    rolls_mm: Mapping[str, int] = field(default_factory=dict)
    dpi: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the print queue uses, given by the composition root.

    `draw` makes the page of a template with its data; then come the number of the reprint, or 0, and the dots
    per inch of the head that is to print it.
    """

    ledger: Ledger
    clock: Clock
    printers: Printers
    draw: Callable[[str, Mapping[str, object], int, int], Awaitable[Page]]
    stored: Callable[[Sequence[StoredEvent]], None]
    rules: Rules = field(default_factory=Rules)


class Records:
    """Writes changes. Hold `step` from the look at a job until its change is in memory."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self.step = asyncio.Lock()

    def now(self) -> Moment:
        return Moment(self._ports.ledger.boot, self._ports.clock.stamp())

    async def write(self, change: Change, slots: Mapping[str, str] | None = None) -> None:
        """Put a change on disk. Raises DeviceError: nothing changed."""
        entry = Entry(
            events=change.events,
            prints=change.steps,
            orders=change.orders,
            paper=change.paper,
            slots=slots or {},
        )
        await self.enter(entry)

    async def enter(self, entry: Entry) -> None:
        """Put an entry on disk. Raises DeviceError."""
        self._ports.stored(await self._ports.ledger.commit(entry))
