"""Everything around the daemon: broker, centre, three devices, and what all of them have told so far.

Owns: putting them up and taking them down, the record of the run. Must not know: the order of the day.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from drivers.printers.media import DPI
from edge_agent.registry import Registry
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import DeviceError
from simulators.broker.server import Broker
from simulators.central.report import Report
from simulators.central.server import Central
from simulators.central.taken import News as CentralNews
from simulators.demo.agent import AgentProcess, News, write_config
from simulators.demo.show import Show
from simulators.endpoints import PtyEndpoint, TcpEndpoint
from simulators.label_tray import LabelTray
from simulators.mqtt.packets import Version
from simulators.paper_path import Label
from simulators.printer import PrinterSim
from simulators.scale import ScaleSim
from simulators.scale_physics import ScalePhysics
from simulators.scanner import ScannerSim

ACCEPTED_BEFORE = "refused_again"
SAVED = "accepted"  # the prompt that tells a person that a parcel is accepted
STEP_S = 30.0  # a step of the day that takes longer has failed; the machine may be loaded


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the machines are, and what else differs from the demo in a test."""

    settle_s: float = 0.15
    print_mm_s: float = 150.0
    head: tuple[int, int] = (576, 8)  # of the printer: dots across, and to the mm
    broker_port: int | None = None
    protocol: str = "auto"  # as uplink.protocol; "3.1.1" for the centre, too
    settings: str = ""  # added to the end of booth.toml
    signer: tuple[str, Callable[[bytes], str]] | None = None  # what the centre signs its orders with
    environment: Mapping[str, str] = field(default_factory=dict)


PEOPLE = Pace()  # real scales and printers, for somebody who watches


@dataclass(slots=True)
class Record:
    """What was told to people, in order, and what the devices did."""

    told: list[str] = field(default_factory=list)
    saved: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)  # items refused because they were accepted before
    prompt: str = ""
    labels: int = 0
    slips: int = 0  # of these labels
    acknowledged: int = 0
    events: int = 0


@dataclass(slots=True)
class Stage:
    """A booth that runs."""

    folder: Path
    broker: Broker
    central: Central
    scanner: ScannerSim
    scale: ScaleSim
    printer: PrinterSim
    agent: AgentProcess
    record: Record
    show: Show
    changed: asyncio.Event

    async def until(self, what: str, true: Callable[[], bool], timeout_s: float = STEP_S) -> None:
        """Wait until something has been told. Raises DeviceError naming what did not happen."""
        try:
            async with asyncio.timeout(timeout_s):
                while not true():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise DeviceError("demo.step", f"this did not happen within {timeout_s:.0f} s: {what}") from None

    async def devices_ready(self, timeout_s: float = STEP_S) -> None:
        """Wait until the agent calls all devices ready. Raises DeviceError."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            devices = (await self.agent.status())["devices"]
            states = [str(device["status"]) for device in devices] if isinstance(devices, list) else []
            if states and all(state == "ready" for state in states):
                return
            if asyncio.get_running_loop().time() > deadline:
                raise DeviceError("demo.step", f"the devices are not ready: {', '.join(states)}")
            await asyncio.sleep(0.05)

    async def drained(self, timeout_s: float = STEP_S) -> Report:
        """Wait until the centre has acknowledged everything. Raises DeviceError."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            backlog = (await self.agent.status())["backlog"]
            if isinstance(backlog, dict) and backlog["count"] == 0:
                return await self.central.report()
            if asyncio.get_running_loop().time() > deadline:
                raise DeviceError("demo.step", f"events wait for the centre: {backlog}")
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def stage(folder: Path, show: Show, pace: Pace = PEOPLE) -> AsyncIterator[Stage]:
    """Put everything up in `folder`; everything is down again afterwards.

    With `pace.broker_port` an MQTT broker that runs there is used, and the built-in one idles.
    """
    changed, record = asyncio.Event(), Record()

    def central_news(news: CentralNews) -> None:
        if news.kind == "ack":
            record.acknowledged = max(record.acknowledged, news.seq)
        show.central(news)
        changed.set()

    def fallen(label: Label) -> None:
        record.labels += 1
        show.label(folder / "labels", record.labels, label.mark.value)
        changed.set()

    def agent_news(news: News) -> None:
        _note(record, news)
        show.agent(news)
        changed.set()

    (folder / "labels").mkdir(parents=True, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Broker())
        port = pace.broker_port or broker.port
        central = await stack.enter_async_context(_central(folder, port, pace, central_news))
        scanner, scale, printer = _devices(folder, LabelTray(folder / "labels", fallen), pace)
        for device in (scanner, scale, printer):
            await device.endpoint.start()
            stack.push_async_callback(device.endpoint.close)
        running = [asyncio.create_task(device.run()) for device in (scanner, scale, printer)]
        stack.push_async_callback(_end, running)
        printer_port = int(printer.endpoint.url.rpartition(":")[2])
        config = write_config(
            folder, port, printer_port, pace.settings, protocol=pace.protocol, head=_head(pace)
        )
        agent = AgentProcess(config, folder / "agent.sock", folder / "agent.log", agent_news)
        agent.environment.update(pace.environment)
        stack.push_async_callback(agent.stop)  # before the start: it may be cancelled while it waits
        await agent.start()
        yield Stage(folder, broker, central, scanner, scale, printer, agent, record, show, changed)


def _central(folder: Path, port: int, pace: Pace, news: Callable[[CentralNews], None]) -> Central:
    version = Version.V311 if pace.protocol == "3.1.1" else Version.V5
    file = folder / "central.db"
    return Central(file, "127.0.0.1", port, version=version, signer=pace.signer, on_news=news)


def _devices(folder: Path, tray: LabelTray, pace: Pace) -> tuple[ScannerSim, ScaleSim, PrinterSim]:
    from drivers.scanners.line import LineScannerDevice

    clock, drivers = SystemClock(), Registry.installed()
    line, toledo = drivers.load("line"), drivers.load("toledo_8217")
    encode = LineScannerDevice(Options(line.options)).encode
    scanner = ScannerSim(encode, PtyEndpoint(folder, "scanner"), clock)
    physics = ScalePhysics(Decimal(30), Decimal("0.005"), "kg", settle_s=pace.settle_s, seed=1)
    scale = ScaleSim(toledo, {"unit": "kg"}, PtyEndpoint(folder, "scale"), physics, clock)
    width_dots, dots_per_mm = pace.head
    return (
        scanner,
        scale,
        PrinterSim(
            TcpEndpoint(),
            clock,
            width_dots=width_dots,
            dots_per_mm=dots_per_mm,
            tray=tray,
            speed_mm_s=pace.print_mm_s,
        ),
    )


def _head(pace: Pace) -> str:
    """The printer's head as its table in the settings says it."""
    width_dots, dots_per_mm = pace.head
    return f'width_dots = {width_dots}\ndpi = "{DPI[dots_per_mm]}"\n'


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _note(record: Record, news: News) -> None:
    if news.get("news") == "cue":
        record.prompt = str(news["prompt"])
        record.told.append(record.prompt)
        if record.prompt == SAVED and news.get("sound") == "saved":
            record.saved.append(str(news["item"]))
        if record.prompt == ACCEPTED_BEFORE:
            record.known.add(str(news["item"]))
    elif news.get("news") == "event":
        record.events = int(str(news["seq"]))
