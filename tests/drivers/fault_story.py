"""One simulated scale through everything that can go wrong, and what the agent would have accepted of it.

Owns: the faults and loads of the story, Stand (scale, wire, supervised driver, settling rule, judge).
Must not know: any protocol.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from edge_agent.counter.settling import Settled, Settler, SettleRules
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.driver import DriverSpec, Indication, Kind, Options, SerialSettings
from edge_agent.sdk.errors import ConfigError
from edge_agent.sdk.ports import ByteLink
from edge_agent.sdk.values import PrinterState, Scan, Weight
from edge_agent.settings.devices import options_of
from edge_agent.supervisor import Configured, DeviceView, Supervised
from simulators.endpoints import Endpoint
from simulators.faults import parse_faults
from simulators.scale import ScaleSim
from simulators.scale_physics import ScalePhysics
from simulators.wire import Toward, Wire
from tests.codecs.catalogue import specs

RATE_HZ = 7.0
Opener = Callable[[str, SerialSettings, str], Awaitable[ByteLink]]

# what the wire does, then what the scale does; each beat of the story has another load on the pan
WIRE_FAULTS = (
    "silent",
    "garbled 1",
    "garbled 0.3",
    "truncated 5",
    "merged 3",
    "bytewise 0.001",
    "parity 0",
    "parity 1",
    "flood 40",
    "noise 0.5",
    "dropped 0.05",
    "flipped 0.02",
    "delayed 0.4",
    "cut 40",
)
NOT_REPEATED = ("on_demand", "auto_print")  # styles that tell nothing unless somebody asks or presses
SCALE_FAULTS = ("stuck", "drift", "overload", "below zero", "unit", "fault", "power")


@dataclass(frozen=True)
class Model:
    """One kind of scale: a protocol in one of its dialects and styles."""

    spec: DriverSpec
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def is_told_once(self) -> bool:
        """An AZextra answers once for each parcel: no rule of repetition can hold for it."""
        return self.options.get("dialect") == "azextra" and self.options.get("style") == "poll"

    @property
    def tells_unit(self) -> bool:
        """Whether its lines do, so that a change of unit can be known."""
        return self.spec.unit_on_wire and self.options.get("dialect") != "cas_10"

    def __str__(self) -> str:
        return "-".join((self.spec.name, *map(str, self.options.values())))


def catalogue(*, every_style: bool = True) -> list[Model]:
    """Every installed scale protocol in each dialect and in each style, or its first, that repeats."""
    return [
        model
        for _, spec in sorted(specs().items())
        if spec.kind is Kind.SCALE
        for dialect in _choices(spec, "dialect")
        for style in _choices(spec, "style")[: None if every_style else 1]
        if not (model := Model(spec, {**dialect, **style, **_kilograms(spec)})).is_told_once
    ]


def _choices(spec: DriverSpec, name: str) -> list[dict[str, str]]:
    option = next((option for option in options_of(spec) if option.name == name), None)
    if option is None:
        return [{}]
    return [{name: choice} for choice in option.choices if choice not in NOT_REPEATED]


def _kilograms(spec: DriverSpec) -> dict[str, str]:
    return {"unit": "kg"} if any(option.name == "unit" for option in options_of(spec)) else {}


class Seen(ScaleSim):
    """A simulated scale that keeps what it has shown: at rest, and at all."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self.still: set[tuple[Decimal, str]] = set()
        self.shown: set[tuple[Decimal, str]] = set()
        super().__init__(*args, **more)

    def indication(self) -> Indication:
        now = super().indication()
        if not now.overload and not now.fault:
            self.shown.add((now.net, now.unit))
            if not now.motion:
                self.still.add((now.net, now.unit))
        return now


class Stand:
    """One scale on one endpoint, its driver under its supervisor, and the settling rule behind it."""

    def __init__(self, model: Model, endpoint: Endpoint, opener: Opener, clock: Clock) -> None:
        self.model = model
        self.endpoint = endpoint
        self.clock = clock
        self.physics = ScalePhysics(noise=0.0)
        self.physics.advance(60)
        self.wire = Wire(endpoint, clock=clock)
        self.scale = Seen(model.spec, _told(model), self.wire, self.physics, clock, rate_hz=RATE_HZ)
        self.settler = Settler(SettleRules())
        self.accepted: list[Settled] = []
        self.wrong: list[str] = []
        self.beat = ""
        self._opener = opener
        self.device: Supervised | None = None

    async def run(self) -> None:
        """Scale and driver, until cancelled."""
        await self.endpoint.start()
        spec = self.model.spec
        options = Options(options_of(spec), self.model.options)
        configured = Configured("scale-1", spec, self.endpoint.url, spec.serial, options)
        self.device = Supervised(configured, self._opener, self.clock, self, seed=3)
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self.scale.run())
            parts.create_task(self.device.run())

    def hurry(self) -> None:
        """Somebody waits for a weight, also of a scale that was opened a moment ago."""
        if self.device is not None:
            self.device.hurry(True)

    # What the supervisor tells

    async def scans(self, scans: Sequence[Scan]) -> None:
        raise AssertionError("a scale scans nothing")

    async def weights(self, weights: Sequence[Weight]) -> None:
        for weight in weights:
            settled = self.settler.feed(weight)
            if settled is not None:
                self.accepted.append(settled)
                self._judge(settled)

    async def printer(self, state: PrinterState) -> None:
        raise AssertionError("a scale prints nothing")

    async def changed(self, view: DeviceView) -> None:
        """Of no matter here."""

    def disturbed(self, device: str) -> None:
        self.settler.reset()

    def _judge(self, settled: Settled) -> None:
        """An accepted weight was shown; where the wire tells of rest, it was shown at rest."""
        reading = settled.reading
        seen = self.scale.still if reading.stable else self.scale.shown
        if (reading.weight, reading.unit) not in seen:
            self.wrong.append(f"{self.beat}: {reading.weight} {reading.unit} by {reading.raw!r}")

    # What happens to it

    async def suffer(self, beat: str, load: Decimal, turn: random.Random) -> None:
        """Put this load on the pan and have this go wrong."""
        self.beat = beat
        self.scale.put(load)
        if beat in WIRE_FAULTS:
            self.wire.impair(*parse_faults(beat.split(), turn), toward=Toward.HOST)
            return
        match beat:
            case "stuck":
                self.physics.stick(stuck=True)
            case "drift":
                self.physics.drift(Decimal("0.3"))
            case "overload":
                self.scale.put(Decimal(45))
            case "below zero":
                self.scale.put(Decimal("-0.250"))
            case "unit":
                self._change_unit("lb")
            case "fault":
                self.physics.fault = True
            case "power":
                self.physics.power(on=False)
                self.physics.power(on=True)

    async def recover(self) -> None:
        """All is well again."""
        self.wire.impair(toward=Toward.HOST)
        self.physics.stick(stuck=False)
        self.physics.drift(Decimal(0))
        self.physics.fault = False
        self._change_unit("kg")
        await self.endpoint.plug()

    def _change_unit(self, unit: str) -> None:
        """Only where the wire tells it: else no agent could know."""
        if self.model.tells_unit and self.physics.unit != unit:
            try:
                self.scale.change_unit(unit)
            except ConfigError:
                return  # this protocol has one unit


def _told(model: Model) -> dict[str, Any]:
    known = {option.name for option in model.spec.options}
    return {name: value for name, value in model.options.items() if name in known}
