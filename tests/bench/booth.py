"""A whole booth for the agent under test: scanner, scale and printer simulated in a thread of this process.

Owns: the devices, their settings file, what a clerk does. Must not know: what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Coroutine, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from drivers.scanners.line import LineScannerDevice
from edge_agent.local.client import ask
from edge_agent.registry import Registry
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import LinkError
from simulators.demo.day import items
from simulators.endpoints import Endpoint, PtyEndpoint, TcpEndpoint
from simulators.label_tray import LabelTray
from simulators.printer import PrinterSim
from simulators.scale import ScaleSim
from simulators.scale_physics import ScalePhysics
from simulators.scanner import ScannerSim
from tests.bench.process import ProgramUnderTest
from tests.bench.workbench import agent_on

STEP_S = 30.0  # a loaded machine needs a while for its first label
LOOK_S = 0.01  # how finely a device's return is timed
EMPTY_S = 2.5  # an empty pan comes to rest and is seen

WHOLE_BOOTH = """schema = 1
[booth]
id = "BENCH-2"
name = "Bench booth"
name_bn = "পরীক্ষা বুথ"
[state]
directory = "{folder}/state"
[counter]
accept = ["s10"]
label = "parcel-80"
[[scanner]]
id = "scanner-1"
driver = "line"
port = "{scanner}"
[[scale]]
id = "scale-1"
driver = "toledo_8217"
port = "{scale}"
unit = "kg"
[[printer]]
id = "printer-1"
driver = "escpos"
port = "{printer}"
[uplink]
host = "127.0.0.1"
port = {port}
ack = "broker"
[local]
socket = "{folder}/agent.sock"
"""

Result = TypeVar("Result")


class DeviceThread:
    """An event loop of its own for simulated devices, so that a lane may block."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bench devices", daemon=True)
        self._thread.start()
        self._tasks: list[asyncio.Task[None]] = []

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run in the devices' loop and wait for its end."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(STEP_S)

    def run(self, device: ScannerSim | ScaleSim | PrinterSim) -> None:
        """Plug the device in and have it live until `close`."""

        async def live() -> None:
            await device.endpoint.start()
            self._tasks.append(asyncio.create_task(device.run()))

        self.do(live())

    def close(self, endpoints: list[Endpoint]) -> None:
        async def end() -> None:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for endpoint in endpoints:
                await endpoint.close()

        self.do(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)
        self._loop.close()


class Booth:
    """Three devices and the agent on them."""

    def __init__(self, folder: Path, port: int) -> None:
        self._devices = DeviceThread()
        self._socket = folder / "agent.sock"
        self._items = items()
        self.labels = 0
        self._ready_prompt = ""
        self.scanner, self.scale, self.printer = self._devices.do(_make(folder, self._fallen))
        for device in (self.scanner, self.scale, self.printer):
            self._devices.run(device)
        file = folder / "booth.toml"
        file.write_text(
            WHOLE_BOOTH.format(
                folder=folder,
                port=port,
                scanner=self.scanner.endpoint.url,
                scale=self.scale.endpoint.url,
                printer=self.printer.endpoint.url,
            ),
            encoding="utf-8",
        )
        self.program = ProgramUnderTest(agent_on(file), folder)

    def _fallen(self, _label: object) -> None:
        self.labels += 1

    def state_of(self, device: str) -> str:
        """What the agent says of a device; nothing while it does not answer."""
        try:
            status = ask(self._socket, {"op": "status"})
        except LinkError:
            return ""
        return next((str(one["status"]) for one in status["devices"] if one["id"] == device), "")

    def wait_state(self, device: str, *states: str) -> float:
        """Seconds until the device is in one of these states. Raises TimeoutError."""
        begin = time.monotonic()
        while self.state_of(device) not in states:
            if time.monotonic() - begin > STEP_S:
                raise TimeoutError(f"{device} is not {' or '.join(states)}: {self.program.last_words()}")
            time.sleep(LOOK_S)
        return time.monotonic() - begin

    def up(self) -> None:
        """Start the agent and wait for every device."""
        self.program.start()
        for device in ("scanner-1", "scale-1", "printer-1"):
            self.wait_state(device, "ready")
        self._ready_prompt = self._prompt()

    def parcel(self) -> None:
        """Scan, weigh, wait for the label, take the parcel off the pan. Raises TimeoutError."""
        wanted = self.labels + 1
        self._devices.do(self.scanner.scan(next(self._items)))
        time.sleep(0.5)
        self._put(Decimal("1.235"))
        end = time.monotonic() + STEP_S
        self._wait_label(wanted, end)
        while self._prompt() != self._ready_prompt:
            if time.monotonic() > end:
                raise TimeoutError(f"the counter is not free again: {self._prompt()}")
            time.sleep(LOOK_S)
        self._put(Decimal(0))
        time.sleep(EMPTY_S)

    def order(self, request: dict[str, Any]) -> None:
        """Order another label, and wait until it is out. Raises TimeoutError."""
        wanted = self.labels + 1
        ask(self._socket, request)
        self._wait_label(wanted, time.monotonic() + STEP_S)

    def replug_s(self, device: str, endpoint: Endpoint) -> float:
        """Pull the plug, put it back; gives the seconds from then until the device is ready."""
        self._devices.do(endpoint.unplug())
        self.wait_state(device, "absent", "opening", "identifying", "faulty")
        self._devices.do(endpoint.plug())
        return self.wait_state(device, "ready")

    def close(self) -> None:
        self.program.stop()
        self._devices.close([self.scanner.endpoint, self.scale.endpoint, self.printer.endpoint])

    def _wait_label(self, wanted: int, end: float) -> None:
        while self.labels < wanted:
            if time.monotonic() > end:
                raise TimeoutError(f"no label came: {self.program.last_words()}")
            time.sleep(LOOK_S)

    def _prompt(self) -> str:
        return str(ask(self._socket, {"op": "status"})["counter"]["prompt"])

    def _put(self, load: Decimal) -> None:
        async def put() -> None:
            self.scale.put(load)

        self._devices.do(put())


@contextlib.contextmanager
def booth(folder: Path, port: int) -> Iterator[Booth]:
    """A booth that runs; everything is down afterwards."""
    found = Booth(folder, port)
    try:
        found.up()
        yield found
    finally:
        found.close()


async def _make(folder: Path, on_label: Any) -> tuple[ScannerSim, ScaleSim, PrinterSim]:
    clock, drivers = SystemClock(), Registry.installed()
    encode = LineScannerDevice(Options(drivers.load("line").options)).encode
    scanner = ScannerSim(encode, PtyEndpoint(folder, "scanner"), clock)
    physics = ScalePhysics(Decimal(30), Decimal("0.005"), "kg", seed=1)
    scale = ScaleSim(
        drivers.load("toledo_8217"), {"unit": "kg"}, PtyEndpoint(folder, "scale"), physics, clock
    )
    return scanner, scale, PrinterSim(TcpEndpoint(), clock, tray=LabelTray(None, on_label))
