"""What tests of the supervisor and the booth stand on: ports that the test opens, drivers that it scripts.

Owns: Ports, Act, PlayedDriver, SeenOutlet, `spec`, `configured`, `running`. Must not know: any protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import Context, DriverSpec, Kind, Options, SerialSettings
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.ports import ByteLink, Codec
from edge_agent.sdk.testing import MemoryLink
from edge_agent.sdk.values import PrinterState, PrintJob, PrintResult, Proof, Scan, Weight
from edge_agent.supervisor import Configured, DeviceView, Supervised

Act = Callable[[Context], Awaitable[None]]
TURNS = 60  # of the loop: more than any chain of awaits here


async def serve(context: Context) -> None:
    """A device that is well: ready at once, then served until its link is lost."""
    context.sink.ready("model 7")
    while True:
        await context.link.read()


def ends(how: BaseException) -> Act:
    """A driver that ends so as soon as it runs."""

    async def act(_context: Context) -> None:
        raise how

    return act


def then_ends(how: BaseException) -> Act:
    """A driver that is ready first, serves until the first byte, and then ends so."""

    async def act(context: Context) -> None:
        context.sink.ready("model 7")
        await context.link.read()
        raise how

    return act


class PlayedDriver:
    """A driver of any kind that does what the test says; what it was asked for is written down."""

    def __init__(self, context: Context, act: Act) -> None:
        self.context = context
        self._act = act
        self.asked: list[str] = []
        self.printing: Callable[[PrintJob], Awaitable[PrintResult]] = _prints
        self.reaching: Callable[[], Awaitable[None]] = _reaches

    async def run(self) -> None:
        await self._act(self.context)

    def hurry(self, wanted: bool) -> None:
        self.asked.append(f"hurry {wanted}")

    async def zero(self) -> None:
        self.asked.append("zero")
        await self.reaching()

    async def tare(self) -> None:
        self.asked.append("tare")
        await self.reaching()

    async def clear_tare(self) -> None:
        self.asked.append("clear_tare")
        await self.reaching()

    async def print(self, job: PrintJob) -> PrintResult:
        self.asked.append(f"print {job.job} {job.attempt}")
        return await self.printing(job)


class Plays:
    """Builds drivers: each opening takes the next act; the last one is repeated."""

    def __init__(self, *acts: Act) -> None:
        self.acts = list(acts) or [serve]
        self.built: list[PlayedDriver] = []

    def __call__(self, context: Context) -> PlayedDriver:
        act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
        self.built.append(PlayedDriver(context, act))
        return self.built[-1]


class Ports:
    """Opens links for one device. What stands in `refusals` is raised instead, the first one first."""

    def __init__(self, *refusals: Exception) -> None:
        self.refusals = list(refusals)
        self.opened: list[MemoryLink] = []
        self.tries: list[float] = []
        self.clock: ManualClock | None = None

    async def __call__(self, url: str, serial: SerialSettings, device: str) -> ByteLink:
        if self.clock is not None:
            self.tries.append(self.clock.monotonic_s())
        if self.refusals:
            raise self.refusals.pop(0)
        self.opened.append(MemoryLink(url))
        return self.opened[-1]

    @property
    def link(self) -> MemoryLink:
        return self.opened[-1]


class SeenOutlet:
    """Writes down what a device reports."""

    def __init__(self) -> None:
        self.changes: list[DeviceView] = []
        self.disturbances: list[str] = []
        self.scanned: list[Scan] = []
        self.weighed: list[Weight] = []
        self.states: list[PrinterState] = []

    async def scans(self, scans: Sequence[Scan]) -> None:
        self.scanned += scans

    async def weights(self, weights: Sequence[Weight]) -> None:
        self.weighed += weights

    async def printer(self, state: PrinterState) -> None:
        self.states.append(state)

    async def changed(self, view: DeviceView) -> None:
        self.changes.append(view)

    def disturbed(self, device: str) -> None:
        self.disturbances.append(device)

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(view.status.value, view.reason) for view in self.changes]


def spec(plays: Plays | None, kind: Kind = Kind.SCALE) -> DriverSpec:
    return DriverSpec("played", kind, "a played device", _no_codec, build=plays)


def configured(plays: Plays | None, kind: Kind = Kind.SCALE, device: str = "one") -> Configured:
    return Configured(device, spec(plays, kind), f"memory:{device}", SerialSettings(), Options(()))


class Bench:
    """One supervised device on a manual clock."""

    def __init__(self, *acts: Act, ports: Ports | None = None, kind: Kind = Kind.SCALE) -> None:
        self.clock = ManualClock()
        self.ports = ports or Ports()
        self.ports.clock = self.clock
        self.plays = Plays(*acts)
        self.outlet = SeenOutlet()
        self.plug = Plug(self.clock)
        self.device = Supervised(
            configured(self.plays, kind), self.ports, self.clock, self.outlet, plugged=self.plug.wait, seed=1
        )

    @property
    def driver(self) -> PlayedDriver:
        return self.plays.built[-1]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with running(self.device.run()):
            yield


class Plug:
    """Waits until the test plugs something in, or until the time is up."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._in = asyncio.Event()

    def plug_in(self) -> None:
        self._in.set()

    async def wait(self, seconds: float) -> None:
        waits = [asyncio.ensure_future(self._in.wait()), asyncio.ensure_future(self._clock.sleep(seconds))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        self._in.clear()


@asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator[None]:
    """Run it beside the test. Whatever ended it before the test did is raised here."""
    task = asyncio.ensure_future(work)
    await turns()
    try:
        yield
        if task.done():
            task.result()
            raise AssertionError("it ended by itself")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def turns() -> None:
    """Let everything that can go on go on."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


def absent() -> LinkError:
    return LinkError("link.absent", "no such port")


async def _prints(job: PrintJob) -> PrintResult:
    return PrintResult(job.job, job.attempt, Proof.PRINTED, 1000)


async def _reaches() -> None:
    return None


def _no_codec(_options: Options) -> Codec[object]:
    raise NotImplementedError
