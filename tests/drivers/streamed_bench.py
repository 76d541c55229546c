"""A simulated scale of each continuous and retail protocol, its driver, and a link that a test writes to.

Owns: the models, Booth (a scale behind its device half), Wire (bytes of the test's own), a slow listener.
Must not know: what tests look for.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from drivers.scales import (
    cas_22,
    cas_pd2,
    dibal,
    digi_ds,
    hid_scale,
    print_line,
    st_gs,
    streaming,
    toledo_cont,
    yaohua,
)
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import Context, DriverSpec, Indication, Options
from edge_agent.sdk.ports import ScaleDriver
from edge_agent.sdk.testing import MemoryLink
from edge_agent.sdk.values import Weight
from simulators.faults import parse_faults
from simulators.loopback import LoopbackEndpoint
from simulators.scale import ScaleSim
from simulators.scale_physics import ScalePhysics
from simulators.wire import Toward
from simulators.wire import Wire as FaultyWire
from tests.drivers.rig import SinkLog, driven
from tests.quiet_clock import QuietClock

LOAD = Decimal("2.500")


@dataclass(frozen=True)
class Model:
    """One kind of scale: a protocol in one setting. `quiet_s` is how long it may be silent."""

    spec: DriverSpec
    options: dict[str, Any] = field(default_factory=dict)
    streams: bool = True
    quiet_s: float = streaming.SILENCE_S


MODELS = {
    "toledo_cont": Model(toledo_cont.SPEC),
    "toledo_cont unchecked": Model(toledo_cont.SPEC, {"checksum": False}),
    **{f"st_gs {name}": Model(st_gs.SPEC, {"dialect": name}) for name in st_gs.LAYOUTS},
    "cas_22": Model(cas_22.SPEC),
    "cas_10": Model(cas_22.SPEC, {"dialect": "cas_10", "unit": "kg"}),
    "cas_22 asked": Model(cas_22.SPEC, {"address": 7}, streams=False, quiet_s=5),
    "cas_pd2 ecr_2": Model(cas_pd2.SPEC, streams=False, quiet_s=5),
    "cas_pd2 type_0": Model(cas_pd2.SPEC, {"dialect": "type_0"}, streams=False, quiet_s=5),
    "cas_pd2 type_6": Model(cas_pd2.SPEC, {"dialect": "type_6"}, streams=False, quiet_s=5),
    "dibal": Model(dibal.SPEC, streams=False, quiet_s=26),
    "digi_ds": Model(digi_ds.SPEC),
    "digi_ds asked": Model(digi_ds.SPEC, {"ask": True}, streams=False, quiet_s=5),
    **{f"yaohua {name}": Model(yaohua.SPEC, {"dialect": name}) for name in yaohua.DIALECTS},
    "print_line": Model(print_line.SPEC),
    "print_line picture": Model(print_line.SPEC, {"picture": "SNNNNNNUU", "end": "\r"}),
    "hid_scale": Model(hid_scale.SPEC, quiet_s=hid_scale.SILENCE_S),
}
STREAMED = {name: model for name, model in MODELS.items() if model.streams}
EACH = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
EACH_STREAM = pytest.mark.parametrize("model", STREAMED.values(), ids=STREAMED.keys())


class Booth:
    """One simulated scale of 30 kg by 5 g, one driver, one clock."""

    def __init__(self, model: Model, *, impaired: str = "clean") -> None:
        self.clock = QuietClock()
        self.endpoint = LoopbackEndpoint()
        self.physics = ScalePhysics(noise=0.0)
        wire = FaultyWire(self.endpoint, clock=self.clock)
        wire.impair(*parse_faults(impaired.split(), random.Random(11)), toward=Toward.HOST)
        self.scale = ScaleSim(model.spec, model.options, wire, self.physics, self.clock)
        self.sink = SinkLog()
        self._model = model

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[ScaleDriver, asyncio.Task[None]]]:
        """The scale switched on long ago, and its driver serving it from now on."""
        await self.endpoint.start()
        self.physics.advance(60)
        async with driven(self.scale):
            driver = built(self._model, self.endpoint.host(), self.clock, self.sink)
            async with driven(driver) as task:
                yield driver, task

    async def ended(self, task: asyncio.Task[None], within_s: float) -> BaseException | None:
        """What run() ended with, letting time pass until it does."""
        for _ in range(round(within_s / 0.25)):
            if task.done():
                return task.exception()
            await self.clock.advance(0.25)
        return None

    async def goal(self, driver: ScaleDriver, name: str) -> None:
        """Zero, tare or clear_tare, with time passing until it is settled."""
        task = asyncio.ensure_future(getattr(driver, name)())
        for _ in range(100):
            if task.done():
                break
            await self.clock.advance(0.1)
        await task

    @property
    def numbers(self) -> set[Decimal]:
        return {reading.weight for reading in self.sink.readings if reading.weight is not None}


def built(model: Model, link: Any, clock: ManualClock, sink: Any) -> Any:
    assert model.spec.build is not None
    return model.spec.build(Context("device", link, clock, sink, Options(model.spec.options, model.options)))


def frame(model: Model, weight: str, **more: Any) -> bytes:
    assert model.spec.device_half is not None
    half = model.spec.device_half(Options(model.spec.options, model.options))
    return half.broadcast(Indication(Decimal(weight), "kg", **more))


class Wire:
    """A driver on a link that the test itself writes to."""

    def __init__(self, model: Model, sink: SinkLog | None = None) -> None:
        self.clock = QuietClock()
        self.link = MemoryLink()
        self.sink = sink or SinkLog()
        self.driver = built(model, self.link, self.clock, self.sink)

    async def hear(self, *chunks: bytes, gap_s: float = 0.1) -> None:
        for chunk in chunks:
            if chunk:
                self.link.arrive(chunk)
            await self.clock.advance(gap_s)


class SlowSink(SinkLog):
    """A listener that takes its time over the weights that it is asked to."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.clock = clock
        self.pause_s = 0.0

    async def weights(self, weights: Sequence[Weight]) -> None:
        await super().weights(weights)
        await self.clock.sleep(self.pause_s)
