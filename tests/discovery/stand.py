"""What the tests of discovery stand on: recordings of bytes, a port with a simulated scale, a serial line.

Owns: `heard`, `frames_of`, Stand, `Wires` (a line of one speed that a port of another speed listens to).
Must not know: what tests look for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TypeVar

from edge_agent.discovery.identify import Finding, Wanted, identify
from edge_agent.discovery.recording import Chunk, Recording, Weighing
from edge_agent.discovery.sweep import Port
from edge_agent.registry import Registry
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import DriverSpec, Indication, Kind, Options, OptionValue, SerialSettings
from edge_agent.sdk.ports import ByteLink
from edge_agent.settings.devices import options_of
from simulators.loopback import LoopbackEndpoint
from simulators.scale import ScaleSim
from simulators.scale_physics import ScalePhysics
from tests.discovery.uart import heard_at
from tests.quiet_clock import QuietClock
from tests.simulators.devices.conftest import running

ResultT = TypeVar("ResultT")
PACE_MS = 140  # seven frames a second
LOADS = ("1.250", "12.345", "0.000", "2.475")


def catalogue() -> dict[str, DriverSpec]:
    """Every scale that is installed and speaks over a serial line."""
    specs = Registry.installed().of_kind(Kind.SCALE)
    return {spec.name: spec for spec in specs if "serial" in spec.transports}


def heard(
    *pieces: bytes, line: SerialSettings | None = None, pace_ms: int = PACE_MS, start_ms: int = PACE_MS
) -> Recording:
    """A recording of these pieces; by default it begins too soon to be the beginning of anything."""
    return Recording(line, tuple(Chunk(start_ms + n * pace_ms, piece) for n, piece in enumerate(pieces)))


def weighed(weight: str, *pieces: bytes) -> Weighing:
    """A recording with a known weight on the pan."""
    return Weighing(Decimal(weight), heard(*pieces))


def options_for(spec: DriverSpec, dialect: str) -> dict[str, OptionValue]:
    """The settings with which this scale speaks most of itself."""
    given: dict[str, OptionValue] = {"dialect": dialect} if dialect else {}
    styles = next((option.choices for option in spec.options if option.name == "style"), ())
    return {**given, "style": "continuous"} if "continuous" in styles else given


def unit_of(spec: DriverSpec) -> str:
    units = next((option for option in options_of(spec) if option.name == "unit"), None)
    return str(units.default) or "kg" if units else "kg"


def frames_of(spec: DriverSpec, dialect: str = "", weights: Iterable[str] = LOADS) -> list[bytes]:
    """What this scale sends unasked, five frames for each weight; nothing where it must be asked."""
    if spec.device_half is None:
        return []
    half = spec.device_half(Options(options_of(spec), options_for(spec, dialect)))
    shown = [Indication(Decimal(weight), unit_of(spec)) for weight in weights for _ in range(5)]
    return [frame for now in shown if (frame := half.broadcast(now))]


def forms() -> list[tuple[DriverSpec, str]]:
    """Every protocol in every dialect."""
    return [(spec, dialect) for spec in catalogue().values() for dialect in spec.dialects or ("",)]


def speakers() -> list[tuple[DriverSpec, str]]:
    """The forms in which a scale speaks unasked."""
    return [(spec, dialect) for spec, dialect in forms() if frames_of(spec, dialect)]


async def finished(
    clock: ManualClock, work: Coroutine[object, object, ResultT], step_s: float = 0.1
) -> ResultT:
    """The result of the work, letting time pass until it is there."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await clock.advance(step_s)
    return task.result()


class Overheard(LoopbackEndpoint):
    """A device's end that keeps everything it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.received = bytearray()

    async def read(self) -> bytes:
        data = await super().read()
        self.received += data
        return data


class Stand:
    """A simulated scale on a port in memory, on a manual clock."""

    def __init__(self, spec: DriverSpec, given: Mapping[str, object], rate_hz: float = 7.0) -> None:
        self.clock = QuietClock()
        self.endpoint = Overheard()
        physics = ScalePhysics(unit=unit_of(spec))
        self.scale = ScaleSim(spec, given, self.endpoint, physics, self.clock, rate_hz=rate_hz)

    @asynccontextmanager
    async def switched_on(self) -> AsyncIterator[Port]:
        """The port, while the scale runs and loads come and go."""
        await self.endpoint.plug()
        async with running(self.scale.run(), self._load()):
            yield Port("serial:/dev/simulated", self._open, has_line=False)

    async def identify(self, specs: Sequence[DriverSpec], wanted: Wanted) -> Finding:
        async with self.switched_on() as port:
            return await finished(self.clock, identify(port, specs, self.clock, wanted))

    async def _open(self, line: SerialSettings) -> ByteLink:
        return self.endpoint.host()

    async def _load(self) -> None:
        while True:
            for load in LOADS:
                self.scale.put(Decimal(load))
                await self.clock.sleep(1.5)


class Wires:
    """A serial line on which a device sends frames for ever at its own settings."""

    def __init__(self, frames: Sequence[bytes], line: SerialSettings, clock: ManualClock) -> None:
        self.frames = list(frames)
        self.line = line
        self.clock = clock
        self.opened: list[SerialSettings] = []
        self.written = bytearray()

    @property
    def port(self) -> Port:
        return Port("serial:/dev/ttyUSB0", self._open, has_line=True)

    async def _open(self, line: SerialSettings) -> ByteLink:
        self.opened.append(line)
        return Tap(self, line)


class Tap:
    """A port that listens to the wires at settings of its own."""

    url = "serial:/dev/ttyUSB0"

    def __init__(self, wires: Wires, line: SerialSettings) -> None:
        self._wires = wires
        self._line = line
        self._number = 0

    async def read(self) -> bytes:
        while True:
            await self._wires.clock.sleep(PACE_MS / 1000)
            if self._wires.frames:
                frame = self._wires.frames[self._number % len(self._wires.frames)]
                self._number += 1
                data = heard_at(frame, self._wires.line, self._line)
                if data:
                    return data

    async def write(self, data: bytes, timeout_s: float) -> None:
        self._wires.written += data

    def discard_input(self) -> int:
        return 0

    async def close(self) -> None:
        """Nothing to free."""
