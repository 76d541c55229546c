"""Scales that are asked, each a simulated scale of its own protocol, with the driver that talks to it.

Owns: the cases (protocol, dialect, style), Bench, `weighing`. Must not know: what tests look for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import pytest

from drivers.scales import a_and_d, adam, mt_sics, nci, ohaus, sartorius_sbi, sma
from edge_agent.sdk.driver import Context, DriverSpec, Options, Request
from edge_agent.sdk.ports import ScaleDriver
from edge_agent.sdk.values import Reading
from simulators.loopback import LoopbackEndpoint
from simulators.scale import ScaleSim
from simulators.scale_physics import ScalePhysics
from simulators.wire import Wire
from tests.drivers.rig import SinkLog
from tests.quiet_clock import QuietClock

REST_S = 2.0  # a load has come to rest and has been told
START_S = 4.0  # a driver has identified its scale


@dataclass(frozen=True)
class Case:
    """A protocol in one dialect and style, and what it can say."""

    spec: DriverSpec
    settings: Mapping[str, str | bool]
    tells_overload: bool = True
    tells_tare: bool = False

    @property
    def polled(self) -> bool:
        return self.settings.get("style", "poll") == "poll"

    @property
    def can_tare(self) -> bool:
        return "tare" in self.spec.capabilities and self.settings.get("dialect") != adam.CPWPLUS

    def __str__(self) -> str:
        return "-".join((self.spec.name, *map(str, self.settings.values())))


def styles(spec: DriverSpec, *, overload: bool = True, tare: bool = False, **settings: str) -> list[Case]:
    """A case for each style that lets a scale be watched."""
    (option,) = [option for option in spec.options if option.name == "style"]
    watched = [style for style in option.choices if style not in ("on_demand", "auto_print")]
    return [Case(spec, {**settings, "style": style}, overload, tare) for style in watched]


CASES = [
    *styles(mt_sics.SPEC),
    Case(mt_sics.SPEC, {"style": "poll", "probe": False}),
    *[case for dialect in nci.NUMERALS for case in styles(nci.SPEC, tare=True, dialect=dialect)],
    *styles(sma.SPEC, tare=True),
    *styles(a_and_d.SPEC),
    Case(a_and_d.SPEC, {"style": "poll", "acknowledge": True}),
    Case(a_and_d.SPEC, {"style": "continuous", "acknowledge": True}),
    *[case for dialect in ohaus.LINES for case in styles(ohaus.SPEC, tare=True, dialect=dialect)],
    *styles(sartorius_sbi.SPEC, dialect=sartorius_sbi.LONG),
    *styles(sartorius_sbi.SPEC, dialect=sartorius_sbi.SHORT),
    *styles(adam.SPEC, overload=False, dialect=adam.CPWPLUS),
    *styles(adam.SPEC, overload=False, dialect=adam.HIGHLAND),
    *styles(adam.SPEC, tare=True, dialect=adam.MDW),
]
QUESTIONS = {
    mt_sics.SPEC.name: mt_sics.command(mt_sics.WEIGHT),
    nci.SPEC.name: nci.command(nci.WEIGHT),
    sma.SPEC.name: sma.command(sma.WEIGHT),
    a_and_d.SPEC.name: a_and_d.command(a_and_d.WEIGHT),
    ohaus.SPEC.name: ohaus.command(ohaus.PRINT_NOW),
    sartorius_sbi.SPEC.name: sartorius_sbi.command(sartorius_sbi.PRINT),
}
EACH = pytest.mark.parametrize("case", CASES, ids=str)
POLLED = pytest.mark.parametrize("case", [case for case in CASES if case.polled], ids=str)
TARED = pytest.mark.parametrize("case", [case for case in CASES if case.can_tare], ids=str)


class Bench:
    """One driver, one simulated scale, one clock."""

    def __init__(self, case: Case, load: str = "0", **other_settings: str) -> None:
        self.clock = QuietClock()
        self.sink = SinkLog()
        self.endpoint = LoopbackEndpoint()
        physics = ScalePhysics(noise=0.0, settle_s=0.05)
        self.wire = Wire(self.endpoint, clock=self.clock)
        settings = {**case.settings, **other_settings}
        self.scale = ScaleSim(case.spec, settings, self.wire, physics, self.clock)
        self.scale.put(Decimal(load))
        self.task: asyncio.Task[None]
        self.driver: ScaleDriver
        self._case = case

    async def open(self) -> None:
        await self.endpoint.plug()
        await self.reopen()

    async def reopen(self) -> None:
        """The supervisor's part: a fresh driver on the port opened anew."""
        self.endpoint.hang_up()
        options = Options(self._case.spec.options, self._case.settings)
        context = Context("device", self.endpoint.host(), self.clock, self.sink, options)
        assert self._case.spec.build is not None
        self.driver = self._case.spec.build(context)  # type: ignore[assignment]  # a scale's driver is one
        self.task = asyncio.ensure_future(self.driver.run())

    def answer(self) -> bytes:
        """What the scale would answer now."""
        assert self._case.spec.device_half is not None
        half = self._case.spec.device_half(Options(self._case.spec.options, self._case.settings))
        dialect = self._case.settings.get("dialect", "")
        question = QUESTIONS.get(self._case.spec.name) or adam.QUESTIONS[str(dialect)]
        (request,) = half.feed(question)
        assert isinstance(request, Request)
        return half.reply(request, self.scale.indication())

    async def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.1)):
            await self.clock.advance(0.1)

    async def put(self, load: str) -> None:
        self.scale.put(Decimal(load))
        await self.pass_time(REST_S)

    async def goal(self, name: str) -> None:
        """Zero, tare or clear_tare, with time passing until it is settled."""
        task = asyncio.ensure_future(getattr(self.driver, name)())
        for _ in range(300):
            if task.done():
                break
            await self.clock.advance(0.1)
        await task

    async def ended(self, within_s: float = 60) -> BaseException | None:
        """What run() ended with."""
        for _ in range(round(within_s)):
            if self.task.done():
                return self.task.exception()
            await self.clock.advance(1)
        return None

    @property
    def last(self) -> Reading:
        return self.sink.readings[-1]


@asynccontextmanager
async def weighing(
    case: Case, load: str = "0", *, stale: bytes = b"", **other_settings: str
) -> AsyncIterator[Bench]:
    """A scale at work and a driver that has had the time to identify it; `stale` waits in the port before."""
    bench = Bench(case, load, **other_settings)
    await bench.open()
    if stale and bench.endpoint.to_host is not None:
        bench.endpoint.to_host.put(stale)
    playing = asyncio.ensure_future(bench.scale.run())
    try:
        await bench.pass_time(START_S)
        yield bench
    finally:
        for task in (playing, bench.task):
            task.cancel()
        await asyncio.gather(playing, bench.task, return_exceptions=True)
