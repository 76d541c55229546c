"""The booth's counter inside the guest, worked from the host: simulated devices, the agent, and a line out.

Owns: the data disk's place, starting the agent, passing on orders from the host and news to it.
Must not know: what the clerk on the host does, when the power goes.
It stands by in the saved state, its devices plugged in: what a power cut is about begins with the agent.

The host's end of the line is tests.vm.counter. One JSON object a line:
    in:  {"do": "start", "synchronous": "FULL"}, first
         {"do": "scan", "text": …}  {"do": "put", "load": …}  {"do": "ask", "id": 1, "request": {…}}
    out: {"told": {…}}  {"label": {…}}  {"idle": true}  {"answer": {…}, "id": 1}  {"crashed": …}
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import select
import subprocess
import sys
import traceback
import zlib
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from drivers.scales import toledo_8217
from drivers.scanners import line
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Options
from simulators.label_tray import LabelTray
from simulators.paper_path import Label
from simulators.printer import PrinterSim
from simulators.scale import ScaleSim
from simulators.scale_physics import ScalePhysics
from simulators.scanner import ScannerSim
from simulators.usb.bus import Plug
from simulators.usb.cdc_acm import SCALE, CdcAcm
from simulators.usb.device import UsbDevice
from simulators.usb.ftdi import ADAPTER, Ftdi
from simulators.usb.pipe import StreamFunction, UsbEndpoint
from simulators.usb.printer import ESCPOS, UsbPrinter
from simulators.usb.serial_line import SerialLine
from tests.vm.inside import eventually

PORT = "/dev/virtio-ports/edge.stream"
STATE = "/var/lib/edge-agent"
SOCKET = "/run/edge-agent.sock"
CONSOLE = "/dev/ttyS0"
DATA_DISK = "/dev/disk/by-id/virtio-data"
PLUGGED_IN = Path("/run/counter.json")
MOST_DESCRIPTORS = 256  # of a fresh child of the resident; it has about ten
CONFIG = Path("/run/booth.toml")
LINE_BYTES = 1 << 20
IDLE_LOOK_S = 0.05
SETTINGS = f"""
schema = 1
[booth]
id = "BOOTH-CUT"
[state]
directory = "{STATE}"
[[scanner]]
id = "scanner"
driver = "line"
port = "{{scanner}}"
[[scale]]
id = "scale"
driver = "toledo_8217"
port = "{{scale}}"
unit = "kg"
[[printer]]
id = "printer"
driver = "escpos"
port = "{{printer}}"
[uplink]
host = "10.0.2.100"
port = 1883
[ledger]
refuse_free_mib = 8
[local]
socket = "{SOCKET}"
"""
# What a counter needs beside a booted guest; the modules are imported once, for the agent too.
PREPARE = """
cp /project/systemd/*.rules /etc/udev/rules.d/ && udevadm control --reload
ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up
mkdir -p /var/lib/edge-agent
"""
MODULES = (
    "drivers.printers.escpos",
    "edge_agent.app",
    "edge_agent.cli.run",
    "edge_agent.labels.files",
    "edge_agent.labels.layout",
    "edge_agent.settings.here",
    "edge_agent.settings.layers",
    "edge_agent.settings.load",
    "encodings.idna",
    "tests.vm.counter_inside",
)


def stand_by() -> None:
    """Leave a counter behind whose devices are plugged in; the agent waits in it to be started."""
    if os.fork() == 0:
        _leave_the_caller()
        asyncio.run(_serve(_agent_in_waiting()))
    eventually(PLUGGED_IN.exists, "the counter's devices are made")
    ports = json.loads(PLUGGED_IN.read_text(encoding="utf-8"))
    for url in ports.values():
        eventually(Path(url.partition(":")[2]).exists, f"{url} is there")


def _leave_the_caller() -> None:
    """Outlive the call: its pipe and output are closed here, its end ends its own process group only."""
    os.setsid()
    console = os.open(CONSOLE, os.O_WRONLY)
    os.dup2(console, 1)
    os.dup2(console, 2)  # what it says outlives the power cut
    os.closerange(3, MOST_DESCRIPTORS)


async def _serve(start: Callable[[str], None]) -> None:
    """Work until the power goes."""
    async with contextlib.AsyncExitStack() as stack:
        host = _Line(os.open(PORT, os.O_RDWR | os.O_NONBLOCK))
        scanner, scale, printer = await _devices(stack, host.tell)
        ports = {
            "scanner": scanner.endpoint.url,
            "scale": scale.endpoint.url,
            "printer": printer.endpoint.url,
        }
        _tell_ports(ports)
        await host.connected()
        orders: dict[str, Callable[[Any], Any]] = {
            "scan": lambda order: scanner.scan(order["text"]),
            "put": lambda order: _put(scale, order["load"]),
            "ask": lambda order: _ask(host, order),
        }
        try:
            async with asyncio.TaskGroup() as group:
                async for order in host.orders():
                    if order["do"] == "start":
                        await asyncio.to_thread(_mount)
                        start(order["synchronous"])
                        group.create_task(_watch(host))
                        group.create_task(_tell_idle(host, printer))
                    else:
                        group.create_task(orders[order["do"]](order))
        except BaseException:
            host.tell(crashed=traceback.format_exc())
            raise


def _mount() -> None:
    subprocess.run(["mount", DATA_DISK, STATE], check=True)


def _tell_ports(ports: dict[str, str]) -> None:
    """To the agent in its configuration, to `stand_by` in a file that is whole when it is there."""
    CONFIG.write_text(SETTINGS.format(**ports), encoding="utf-8")
    fresh = PLUGGED_IN.with_suffix(".new")
    fresh.write_text(json.dumps(ports), encoding="utf-8")
    fresh.replace(PLUGGED_IN)


class _Line:
    """The line to the host."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._held = b""

    def tell(self, **news: object) -> None:
        """Out at once: a line that is seen on the host has been seen by a person."""
        data = json.dumps(news).encode() + b"\n"
        while data:
            try:
                data = data[os.write(self._port, data) :]
            except BlockingIOError:
                select.select([], [self._port], [])

    async def connected(self) -> None:
        """Until the host is there: without it, a watched port would keep the loop busy."""
        port = select.poll()
        port.register(self._port, select.POLLIN)
        while True:
            if not any(event & select.POLLHUP for _, event in port.poll(0)):
                return
            await asyncio.sleep(IDLE_LOOK_S)

    async def orders(self) -> AsyncIterator[dict[str, Any]]:
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        loop.add_reader(self._port, arrived.set)
        while True:
            await arrived.wait()
            arrived.clear()
            with contextlib.suppress(BlockingIOError):
                while data := os.read(self._port, 65536):
                    *lines, self._held = (self._held + data).split(b"\n")
                    for one in lines:
                        yield json.loads(one)
            await asyncio.sleep(0.01)


async def _devices(
    stack: contextlib.AsyncExitStack, tell: Callable[..., None]
) -> tuple[ScannerSim, ScaleSim, PrinterSim]:
    clock = SystemClock()
    physics = ScalePhysics(settle_s=0.02)
    encode = line.LineScannerDevice(Options(line.SPEC.options)).encode
    scanner = ScannerSim(encode, _endpoint(Ftdi(), ADAPTER, 0), clock)
    scale_port = _endpoint(CdcAcm(SerialLine(toledo_8217.SPEC.serial)), SCALE, 1)
    scale = ScaleSim(toledo_8217.SPEC, {"unit": "kg"}, scale_port, physics, clock)
    tray = LabelTray(on_label=lambda label: tell(label=_packed(label)))
    printer = PrinterSim(_endpoint(UsbPrinter(), ESCPOS, 2), clock, tray=tray, speed_mm_s=2000)
    for device in (scanner, scale, printer):
        await device.endpoint.start()
        stack.push_async_callback(device.endpoint.close)
        task = asyncio.create_task(device.run())
        stack.callback(task.cancel)
    return scanner, scale, printer


def _endpoint(function: StreamFunction, identity: Any, port: int) -> UsbEndpoint:
    return UsbEndpoint(function, Plug(UsbDevice(function, identity), port=port))


def _packed(label: Label) -> dict[str, object]:
    page = label.page
    data = base64.b64encode(zlib.compress(page.data)).decode()
    return {"mark": label.mark.value, "width": page.width, "height": page.height, "data": data}


def _agent_in_waiting() -> Callable[[str], None]:
    """A child with everything imported, made before there is a loop; it runs the agent once it is told to."""
    heard, say = os.pipe()
    if os.fork() == 0:
        os.close(say)
        if synchronous := os.read(heard, 64).decode():
            _be_the_agent(synchronous)
        os._exit(1)
    os.close(heard)

    def start(synchronous: str) -> None:
        os.write(say, synchronous.encode())

    return start


def _be_the_agent(synchronous: str) -> None:
    """`edge-agent run` without a start of Python; the weaker setting is for the check that must fail."""
    from edge_agent.cli.main import main
    from edge_agent.ledger.ledger import Ledger

    code = 1
    try:
        strong = Ledger.open.__func__  # type: ignore[attr-defined]
        weak = {} if synchronous == "FULL" else {"synchronous": synchronous}
        Ledger.open = classmethod(lambda cls, *a, **k: strong(cls, *a, **{**k, **weak}))  # type: ignore[method-assign,assignment]
        code = main(["run", "-c", str(CONFIG)])
    finally:
        sys.stdout.flush()
        os._exit(code)


async def _watch(host: _Line) -> None:
    """Pass on what the agent tells, from the moment it listens."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_unix_connection(SOCKET, limit=LINE_BYTES)
            writer.write(b'{"op": "watch"}\n')
            host.tell(listening=True)
            async for news in reader:
                host.tell(told=json.loads(news))
        await asyncio.sleep(0.05)


async def _tell_idle(host: _Line, printer: PrinterSim) -> None:
    idle = None
    while True:
        if idle is not printer.idle:
            idle = printer.idle
            host.tell(idle=idle)
        await asyncio.sleep(IDLE_LOOK_S)


async def _put(scale: ScaleSim, load: str) -> None:
    scale.put(Decimal(load))


async def _ask(host: _Line, order: dict[str, Any]) -> None:
    reader, writer = await asyncio.open_unix_connection(SOCKET, limit=LINE_BYTES)
    writer.write(json.dumps(order["request"]).encode() + b"\n")
    host.tell(id=order["id"], answer=json.loads(await reader.readline()))
    writer.close()
