"""What driver tests stand on: a sink that remembers, a link with a device behind it, a driver that runs.

Owns: SinkLog, DeviceLink, `driven`, `turns`. Must not know: any protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import Context, DriverSpec, Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.ports import ByteLink, Driver
from edge_agent.sdk.testing import MemoryLink
from edge_agent.sdk.values import PrinterState, Reading, Scan, Weight

TURNS = 60  # of the loop: several times the longest chain of awaits in a driver


class SinkLog:
    """A sink that keeps everything; `calls` counts how often scans were handed over."""

    def __init__(self) -> None:
        self.scanned: list[Scan] = []
        self.weighed: list[Weight] = []
        self.states: list[PrinterState] = []
        self.troubles: list[ProtocolError] = []
        self.identities: list[str] = []
        self.calls = 0

    async def scans(self, scans: Sequence[Scan]) -> None:
        self.calls += 1
        self.scanned += scans

    async def weights(self, weights: Sequence[Weight]) -> None:
        self.weighed += weights

    async def printer(self, state: PrinterState) -> None:
        self.states.append(state)

    def ready(self, identity: str = "") -> None:
        self.identities.append(identity)

    def trouble(self, error: ProtocolError) -> None:
        self.troubles.append(error)

    @property
    def readings(self) -> list[Reading]:
        return [weight.reading for weight in self.weighed]

    @property
    def state(self) -> PrinterState:
        return self.states[-1]


class DeviceLink(MemoryLink):
    """A link with a device behind it: what it answers to a write arrives at once.

    With `hang_up_at` the link is lost once so many bytes have been written to it; with `stall_at` it takes no
    more than so many, and lets the writer wait.
    """

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self.hang_up_at: int | None = None
        self.stall_at: int | None = None
        self._answer = answer

    async def write(self, data: bytes, timeout_s: float) -> None:
        before = len(self.written)
        stalled = self.stall_at is not None and before + len(data) > self.stall_at
        try:
            await super().write(data[: (self.stall_at or 0) - before] if stalled else data, timeout_s)
        finally:
            reply = self._answer(bytes(self.written[before:]))
            if reply:
                self.arrive(reply)
            if self.hang_up_at is not None and len(self.written) >= self.hang_up_at:
                self.hang_up()
        if stalled:
            await asyncio.Event().wait()


def context(
    spec: DriverSpec, link: ByteLink, clock: ManualClock, sink: SinkLog, **options: object
) -> Context:
    """All that a driver is given."""
    return Context("device", link, clock, sink, Options(spec.options, options))


@asynccontextmanager
async def driven(driver: Driver) -> AsyncIterator[asyncio.Task[None]]:
    """The driver's run() as a task, ended with the block; what it raised before stays in the task."""
    task = asyncio.ensure_future(driver.run())
    try:
        await turns()
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def turns(count: int = TURNS) -> None:
    """Let everything run that can run without time passing."""
    for _ in range(count):
        await asyncio.sleep(0)
