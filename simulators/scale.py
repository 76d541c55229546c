"""A simulated scale of any protocol that has a device half: physics answers through it on an endpoint.

Owns: who speaks when (requests, streaming, continuous sending). Must not know: any protocol's bytes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from edge_agent.sdk.clock import Clock
from edge_agent.sdk.driver import Ask, DriverSpec, Indication, Options, Request, ScaleDeviceHalf
from edge_agent.sdk.errors import ConfigError, LinkError, ProtocolError
from simulators.endpoints import Endpoint
from simulators.scale_physics import ScalePhysics

RATE_HZ = 7.0  # a continuous indicator sends about seven frames a second
MAX_RATE_HZ = 1000.0  # ten times the fastest indicator
PATIENCE_S = 5.0  # a scale asked for a stable weight gives up after this long
LOOK_S = 0.05  # how often it looks whether the load has come to rest
RUBBISH_KEPT = 100  # requests that were none, for the person who looks; older ones are forgotten

READS = frozenset({Ask.WEIGHT, Ask.STABLE_WEIGHT, Ask.STREAM, Ask.STOP})  # each ends a stream before it


class ScaleSim:
    """One scale on one endpoint. `physics` may be played with while it runs."""

    def __init__(
        self,
        spec: DriverSpec,
        options: Mapping[str, object],
        endpoint: Endpoint,
        physics: ScalePhysics,
        clock: Clock,
        *,
        rate_hz: float = RATE_HZ,
        answer_s: float = 0.0,
    ) -> None:
        if spec.device_half is None:
            raise ConfigError("sim.no_device_half", f"protocol {spec.name} has no simulated scale")
        if not 0 < rate_hz <= MAX_RATE_HZ:
            raise ConfigError("sim.rate", f"a scale sends 0 to {MAX_RATE_HZ:g} times a second, not {rate_hz}")
        self.endpoint = endpoint
        self.physics = physics
        self.rubbish: deque[ProtocolError] = deque(maxlen=RUBBISH_KEPT)
        self._spec = spec
        self._make_half = spec.device_half
        self._options = Options(spec.options, options)
        self._half: ScaleDeviceHalf = self._make_half(self._options)
        self._clock = clock
        self._period_s = 1 / rate_hz
        self._answer_s = answer_s
        self._advanced_s = clock.monotonic_s()
        self._stream: Request | None = None
        self._stopped = False
        self._check_unit(physics.unit)

    async def run(self) -> None:
        """Be that scale until cancelled."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._serve())
            parts.create_task(self._send_unasked())

    def indication(self) -> Indication:
        """What the scale shows at this moment."""
        now_s = self._clock.monotonic_s()
        self.physics.advance(now_s - self._advanced_s)
        self._advanced_s = now_s
        return self.physics.indicate()

    def put(self, load: Decimal) -> None:
        """Have this load on the pan from this moment on."""
        self.indication()
        self.physics.put(load)

    def change_unit(self, unit: str) -> None:
        """Indicate in another unit. Raises ConfigError where the protocol cannot tell it."""
        self._check_unit(unit)
        self.indication()
        self.physics.change_unit(unit)

    async def _serve(self) -> None:
        while True:
            try:
                data = await self.endpoint.read()
            except LinkError:
                self._forget()
                continue
            for request in self._half.feed(data):
                await self._take(request)

    def _forget(self) -> None:
        """The host hung up: half a request and a running stream belong to nobody."""
        self._half = self._make_half(self._options)
        self._stream = None
        self._stopped = False

    async def _take(self, request: Request | ProtocolError) -> None:
        if isinstance(request, ProtocolError):
            self.rubbish.append(request)
            return
        self.indication()
        if self.physics.answering:
            self._choose_stream(request)
            await self._answer(request)

    def _choose_stream(self, request: Request) -> None:
        if request.ask in READS:
            self._stream = request if request.ask is Ask.STREAM else None
            self._stopped = request.ask is Ask.STOP

    async def _answer(self, request: Request) -> None:
        done = await self._carry_out(request)
        await self._clock.sleep(self._answer_s)
        await self._send(self._half.reply(request, self.indication(), done=done))

    async def _carry_out(self, request: Request) -> bool:
        match request.ask:
            case Ask.ZERO:
                return self.physics.zero()
            case Ask.TARE:
                return self._tare(request.value)
            case Ask.CLEAR_TARE:
                return self.physics.clear_tare()
            case Ask.STABLE_WEIGHT:
                return await self._come_to_rest()
            case _:
                return request.ask is not Ask.UNKNOWN

    def _tare(self, value: str) -> bool:
        if not value.strip():
            return self.physics.tare()
        keyed = _keyed(value)
        return keyed is not None and self.physics.preset_tare(keyed)

    def _check_unit(self, unit: str) -> None:
        """The option "unit" of a protocol lists what it can tell."""
        units = next((option.choices for option in self._spec.options if option.name == "unit"), ())
        if units and unit not in units:
            raise ConfigError("sim.unit", f"{self._spec.name} tells only {' or '.join(units)}, not {unit}")

    async def _come_to_rest(self) -> bool:
        end_s = self._clock.monotonic_s() + PATIENCE_S
        while self.indication().motion and self._clock.monotonic_s() < end_s:
            await self._clock.sleep(LOOK_S)
        return not self.indication().motion

    async def _send_unasked(self) -> None:
        while True:
            await self._clock.sleep(self._period_s)
            now = self.indication()
            if not self.physics.answering:
                continue
            if self._stream is not None:
                await self._send(self._half.reply(self._stream, now))
            elif not self._stopped:
                await self._send(self._half.broadcast(now))

    async def _send(self, frame: bytes) -> None:
        if frame:
            await self.endpoint.write(frame)


def _keyed(value: str) -> Decimal | None:
    try:
        return Decimal(value.strip())
    except InvalidOperation:
        return None
