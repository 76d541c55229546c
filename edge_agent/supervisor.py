"""One device's life: opened, identified, served, lost, and opened again, for ever.

Owns: the states of a device and the back-off. Must not know: protocols, the flow, MQTT.

    absent → opening → identifying → ready → absent | faulty → opening …

No state is final. What one device does stays inside its own task, its driver's bugs too (containment.py).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar, cast

from edge_agent.containment import contained
from edge_agent.logs import bounded
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.driver import SLEEPS, Context, DriverSpec, Kind, Options, SerialSettings
from edge_agent.sdk.errors import DeviceError, EdgeError, LinkError, ProtocolError
from edge_agent.sdk.ports import ByteLink, Driver, ScaleDriver
from edge_agent.sdk.values import PrinterState, Scan, Stamp, Weight

log = logging.getLogger(__name__)

RETRY_FIRST_S = 0.5
RETRY_CAP_S = 2.0  # a port that is back must be ready again within 3 s, and a look at an absent port is cheap
RETRY_WRONG_DEVICE_S = 10.0  # something else answers on this port: ask rarely
STABLE_S = 10.0  # a device that was ready for this long starts its back-off anew
GONE = frozenset({"link.lost", "link.absent"})
ASLEEP = "it may have switched itself off: press its power key, or plug it in"
UNHEARD = "listening, nothing read yet"
ANNOUNCE_GAP_S = 5.0  # a loose plug must not fill the ledger: changes closer together are told once
CODE_BYTES = 64  # the longest of our own codes has 24; a driver may come from anybody
HINT_BYTES = 200  # two lines of a terminal
IDENTITY_BYTES = 64  # a model with its firmware
PLUG_HELPS = frozenset({"link.absent", "link.other_device", "link.other_mode", "device.wrong"})
ENDED = LinkError("link.lost", "the driver ended")

ResultT = TypeVar("ResultT")


class DeviceStatus(StrEnum):
    ABSENT = "absent"
    OPENING = "opening"
    IDENTIFYING = "identifying"
    READY = "ready"
    FAULTY = "faulty"


LASTING = frozenset({DeviceStatus.READY, DeviceStatus.ABSENT, DeviceStatus.FAULTY})  # the others pass by


@dataclass(frozen=True, slots=True)
class Configured:
    """One device as the configuration names it."""

    id: str
    spec: DriverSpec
    url: str
    serial: SerialSettings
    options: Options


@dataclass(frozen=True, slots=True)
class DeviceView:
    """What can be told of a device: its state, why, since when, and what it said of itself."""

    id: str
    kind: str
    driver: str
    url: str
    status: DeviceStatus
    reason: str
    hint: str
    since: Stamp
    identity: str
    bad_frames: int
    capabilities: tuple[str, ...] = ()


class Outlet(Protocol):
    """Where a device's values go."""

    async def scans(self, scans: Sequence[Scan]) -> None: ...
    async def weights(self, weights: Sequence[Weight]) -> None: ...
    async def printer(self, state: PrinterState) -> None: ...
    async def changed(self, view: DeviceView) -> None: ...
    def disturbed(self, device: str) -> None: ...


Opener = Callable[[str, SerialSettings, str], Awaitable[ByteLink]]
Pause = Callable[[float], Awaitable[object]]


class Supervised:
    """Runs one device. It is also the sink that its driver writes to."""

    def __init__(
        self,
        configured: Configured,
        opener: Opener,
        clock: Clock,
        outlet: Outlet,
        *,
        plugged: Pause | None = None,
        seed: int | None = None,
    ) -> None:
        """`plugged` waits so many seconds at most, or until something was plugged in."""
        self._plugged = plugged or clock.sleep
        self.configured = configured
        self._opener = opener
        self._clock = clock
        self._outlet = outlet
        self._random = random.Random(seed)  # noqa: S311 - spreads retries, guards nothing
        self._status = DeviceStatus.ABSENT
        self._reason, self._hint, self._identity = "not opened yet", "", ""
        self._since = clock.stamp()
        self._lasting = DeviceStatus.ABSENT
        self._ready_at: float | None = None
        self._bad_frames = 0
        self._told: tuple[DeviceStatus, str] = (DeviceStatus.ABSENT, "")
        self._told_at = -ANNOUNCE_GAP_S
        self._news = asyncio.Event()
        self.driver: Driver | None = None

    @property
    def is_ready(self) -> bool:
        return self._status is DeviceStatus.READY

    @property
    def is_usable(self) -> bool:
        """Whether the device can be asked for something now."""
        return self.is_ready and self.driver is not None

    def view(self) -> DeviceView:
        """What is known now."""
        spec = self.configured.spec
        return DeviceView(
            id=self.configured.id,
            kind=spec.kind.value,
            driver=spec.name,
            url=self.configured.url,
            status=self._status,
            reason=self._reason,
            hint=self._hint,
            since=self._since,
            identity=self._identity,
            bad_frames=self._bad_frames,
            capabilities=tuple(sorted(spec.capabilities)),
        )

    async def run(self) -> None:
        """Serve the device until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._announce(), name=f"{self.configured.id} announce")
            await self._serve_for_ever()

    async def _serve_for_ever(self) -> None:
        pause = RETRY_FIRST_S
        while True:
            self._become(DeviceStatus.OPENING, self._reason, self._hint)
            error = await self._serve_once()
            self._lost(error)
            if self._ready_at is not None and self._clock.monotonic_s() - self._ready_at >= STABLE_S:
                pause = RETRY_FIRST_S
            self._ready_at = None
            wait = RETRY_WRONG_DEVICE_S if error.code == "device.wrong" else pause
            await self._look_again(error.code, wait * self._random.uniform(0.8, 1.0))
            pause = min(RETRY_CAP_S, pause * 2)

    async def _look_again(self, code: str, wait_s: float) -> None:
        """Return when the port is to be tried anew: what is plugged in may end the wait."""
        if code == "device.wrong":
            await self._clock.sleep(RETRY_FIRST_S)  # plugs elsewhere must not have it probed all the time
        plug_helps = code in PLUG_HELPS
        await (self._plugged if plug_helps else self._clock.sleep)(wait_s)

    async def _serve_once(self) -> EdgeError:
        """Open and serve; gives why it ended."""
        configured = self.configured
        link: ByteLink | None = None
        try:
            with contained(self.configured.id):
                link = await self._opener(configured.url, configured.serial, configured.id)
                await self._serve(link)
        except EdgeError as error:
            return error
        finally:
            self.driver = None
            if link is not None:
                await self._close(link)
        return ENDED

    async def _serve(self, link: ByteLink) -> None:
        configured = self.configured
        if configured.spec.build is None:
            raise DeviceError("driver.decode_only", f"{configured.spec.name} has no driver")
        self._become(DeviceStatus.IDENTIFYING, "", "")
        self.driver = configured.spec.build(
            Context(configured.id, link, self._clock, self, configured.options)
        )
        if configured.spec.kind is Kind.SCANNER:
            self.ready(UNHEARD)  # a scanner cannot be asked anything: open and listening is all there is
        await self.driver.run()

    async def _close(self, link: ByteLink) -> None:
        try:
            with contained(self.configured.id):
                await link.close()
        except EdgeError as error:
            log.warning("%s: %s", self.configured.id, error)

    def _lost(self, error: EdgeError) -> None:
        asleep = error.code in GONE and SLEEPS in self.configured.spec.capabilities
        status = DeviceStatus.ABSENT if isinstance(error, LinkError) else DeviceStatus.FAULTY
        if self.is_ready:
            log.log(logging.INFO if asleep else logging.WARNING, "%s lost: %s", self.configured.id, error)
            self._outlet.disturbed(self.configured.id)
        hint = ASLEEP if asleep else error.hint
        self._become(status, bounded(error.code, CODE_BYTES), bounded(hint, HINT_BYTES))

    def _become(self, status: DeviceStatus, reason: str, hint: str) -> None:
        self._status, self._reason, self._hint = status, reason, hint
        if status not in LASTING:
            return
        if status is not self._lasting:
            self._lasting, self._since = status, self._clock.stamp()
        self._news.set()

    async def _announce(self) -> None:
        """Tell changes of condition, at most one in a while; what came in between is told by its end."""
        while True:
            await self._news.wait()
            wait = self._told_at + ANNOUNCE_GAP_S - self._clock.monotonic_s()
            if wait > 0:
                await self._clock.sleep(wait)
            self._news.clear()
            status = DeviceStatus.ABSENT if self._status is DeviceStatus.OPENING else self._status
            now = (status, "" if self.is_ready else self._reason)
            if now != self._told and status is not DeviceStatus.IDENTIFYING:
                self._told, self._told_at = now, self._clock.monotonic_s()
                await self._outlet.changed(self.view())

    async def use(self, action: Callable[[Driver], Awaitable[ResultT]]) -> ResultT:
        """Have the device do something. Raises EdgeError: device.not_ready, or what the driver says."""
        driver = self.driver
        if driver is None or not self.is_ready:
            raise DeviceError("device.not_ready", "the device is not ready", device=self.configured.id)
        with contained(self.configured.id):
            return await action(driver)

    def hurry(self, wanted: bool) -> None:
        """Tell a scale that somebody waits for a weight, or no longer."""
        if self.driver is None:
            return
        try:
            with contained(self.configured.id):
                cast(ScaleDriver, self.driver).hurry(wanted)
        except EdgeError as error:
            log.warning("%s: %s", self.configured.id, error)

    async def scans(self, scans: Sequence[Scan]) -> None:
        await self._outlet.scans(scans)

    async def weights(self, weights: Sequence[Weight]) -> None:
        await self._outlet.weights(weights)

    async def printer(self, state: PrinterState) -> None:
        await self._outlet.printer(state)

    def ready(self, identity: str = "") -> None:
        if not self.is_ready:
            log.info("%s ready", self.configured.id)
            self._ready_at = self._clock.monotonic_s()
        self._identity = bounded(identity, IDENTITY_BYTES) or (
            "" if self._identity == UNHEARD else self._identity
        )
        self._become(DeviceStatus.READY, "", "")

    def trouble(self, error: ProtocolError) -> None:
        self._bad_frames += 1
        self._outlet.disturbed(self.configured.id)
        log.debug("%s: %s", self.configured.id, error)
