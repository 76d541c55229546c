"""The booth's devices together: who gets what a device reports, and how one is asked for something.

Owns: the routing between devices and the counter, the scale's and printer's latest word.
Must not know: protocols, transitions of the flow, MQTT.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol, cast

from edge_agent import __version__
from edge_agent.health import ScaleWatch
from edge_agent.sdk.clock import Clock, within
from edge_agent.sdk.driver import Kind
from edge_agent.sdk.errors import CommandError, EdgeError
from edge_agent.sdk.ports import PrinterDriver, ScaleDriver
from edge_agent.sdk.values import PrinterState, PrintJob, PrintResult, Proof, Reading, Ready, Scan, Weight
from edge_agent.supervisor import Configured, DeviceView, Opener, Pause, Supervised

NO_ZERO_PROOF = "zero_proves_nothing"  # a protocol that also sends zero for overload
PRINT_S = 600.0  # a driver waits at most 300 s for its proof; beyond this it hangs, and the counter with it


class Listener(Protocol):
    """The counter, as far as devices know it."""

    async def scans(self, scans: Sequence[Scan]) -> None: ...
    async def weights(self, weights: Sequence[Weight]) -> None: ...
    async def printer(self, state: PrinterState) -> None: ...
    def unsettle(self) -> None: ...


class Booth:
    """All devices of one booth. The first scale weighs parcels, the first printer prints their labels."""

    def __init__(
        self,
        devices: Sequence[Configured],
        opener: Opener,
        clock: Clock,
        on_change: Callable[[DeviceView], Awaitable[None]],
        plugged: Pause | None = None,
    ) -> None:
        self._clock = clock
        self._devices = [Supervised(one, opener, clock, self, plugged=plugged) for one in devices]
        self._on_change = on_change
        self._listener: Listener | None = None
        self._scale = self._first(Kind.SCALE)
        self._printer = self._first(Kind.PRINTER)
        self._hurry = True  # until the pan has been seen empty
        self.on_weight: Callable[[Weight], None] = _unseen
        self.on_printer: Callable[[PrinterState], None] = _unseen
        self.latest_weight: dict[str, Weight] = {}
        self.latest_printer: dict[str, PrinterState] = {}
        self.watches: dict[str, ScaleWatch] = {
            one.id: ScaleWatch() for one in devices if one.spec.kind is Kind.SCALE
        }

    def connect(self, listener: Listener) -> None:
        """Give what the devices report to the counter. Before `run`."""
        self._listener = listener

    async def run(self) -> None:
        """Serve all devices until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for device in self._devices:
                tasks.create_task(device.run(), name=f"device {device.configured.id}")

    def views(self) -> list[DeviceView]:
        """Every configured device and its condition."""
        return [device.view() for device in self._devices]

    def has(self, kind: Kind) -> bool:
        """Whether the booth has such a device configured."""
        return self._first(kind) is not None

    def scale_ready(self) -> bool:
        """Whether the scale can weigh parcels now; one whose zero proves nothing never can."""
        scale = self._scale
        return (
            scale is not None and scale.is_ready and NO_ZERO_PROOF not in scale.configured.spec.capabilities
        )

    def scale_protocol(self) -> str:
        """What reads the scale: the driver's name and the agent's version, for the evidence of a weight."""
        return f"{self._scale.configured.spec.name}/{__version__}" if self._scale else ""

    def hurry_scale(self, wanted: bool) -> None:
        """Also holds for a scale that is opened later."""
        self._hurry = wanted
        if self._scale is not None:
            self._scale.hurry(wanted)

    @property
    def printers(self) -> list[str]:
        """The configured printers; the first one is the counter's."""
        return [d.configured.id for d in self._devices if d.configured.spec.kind is Kind.PRINTER]

    def can_print(self, device: str) -> bool:
        """Whether this printer is there and does not say that it cannot print now."""
        printer, state = self._of(Kind.PRINTER, device), self.latest_printer.get(device)
        return printer is not None and printer.is_usable and (state is None or state.ready is not Ready.NO)

    async def print_page(self, job: PrintJob, device: str = "") -> PrintResult:
        """Print on this printer, or on the counter's own; without one nothing was accepted, and that is said.

        Never raises.
        """
        printer = self._of(Kind.PRINTER, device) if device else self._printer
        if printer is None or not printer.is_usable:
            return PrintResult(job.job, job.attempt, Proof.FAILED, 0, "printer.absent")
        printing = printer.use(lambda driver: cast(PrinterDriver, driver).print(job))
        try:
            result = await within(self._clock, PRINT_S, printing)
        except TimeoutError:
            return PrintResult(job.job, job.attempt, Proof.UNKNOWN, 0, "printer.hung")
        except EdgeError as error:  # its bytes may have left before
            return PrintResult(job.job, job.attempt, Proof.UNKNOWN, 0, error.code)
        return replace(result, job=job.job, attempt=job.attempt)

    async def zero(self, device: str) -> None:
        """Have a scale at zero. Raises EdgeError with the reason."""
        await self.scale(device).use(lambda driver: cast(ScaleDriver, driver).zero())

    async def tare(self, device: str) -> None:
        """Have the present load of a scale tared. Raises EdgeError with the reason."""
        await self.scale(device).use(lambda driver: cast(ScaleDriver, driver).tare())

    async def set_scale(self, goal: str) -> None:
        """Have the scale that weighs parcels at "zero", or its load tared ("tare"). Raises EdgeError."""
        if self._scale is None:
            raise CommandError("device.unknown", "there is no scale")
        await (self.tare if goal == "tare" else self.zero)(self._scale.configured.id)

    def scale(self, device: str) -> Supervised:
        """A ready scale by its id. Raises CommandError."""
        found = self._of(Kind.SCALE, device)
        if found is None:
            raise CommandError("device.unknown", "there is no such scale", hint="see edge-agent status")
        if not found.is_usable:
            raise CommandError("device.not_ready", f"{device} is not ready", device=device)
        return found

    async def scans(self, scans: Sequence[Scan]) -> None:
        if self._listener is not None:
            await self._listener.scans(scans)

    async def weights(self, weights: Sequence[Weight]) -> None:
        for weight in weights:
            self.latest_weight[weight.device] = weight
            if weight.device in self.watches:
                self.watches[weight.device].good(weight)
            self.on_weight(weight)
        if self._listener is not None and weights and self._is(self._scale, weights[-1].device):
            self.hurry_scale(self._hurry)
            await self._listener.weights(weights)

    async def printer(self, state: PrinterState) -> None:
        self.latest_printer[state.device] = state
        self.on_printer(state)
        if self._listener is not None and self._is(self._printer, state.device):
            await self._listener.printer(state)

    async def changed(self, view: DeviceView) -> None:
        await self._on_change(view)

    def pan_empty(self, reading: Reading) -> None:
        """The counter found the pan empty; the scale's zero is watched for drift."""
        if self._scale is not None:
            self.watches[self._scale.configured.id].empty(reading)

    def disturbed(self, device: str) -> None:
        """Bytes that were no frame, or a lost link."""
        if device in self.watches:
            self.watches[device].bad(self._clock.stamp().uptime_ms)
        if self._listener is not None and self._is(self._scale, device):
            self._listener.unsettle()

    def _first(self, kind: Kind) -> Supervised | None:
        return next((d for d in self._devices if d.configured.spec.kind is kind), None)

    def _of(self, kind: Kind, device: str) -> Supervised | None:
        ours = (d for d in self._devices if d.configured.id == device)
        return next((found for found in ours if found.configured.spec.kind is kind), None)

    @staticmethod
    def _is(supervised: Supervised | None, device: str) -> bool:
        return supervised is not None and supervised.configured.id == device


def _unseen(_value: Weight | PrinterState) -> None:
    """Nobody watches."""
