"""The whole booth: what it costs to stand by, what a label adds, how soon a device is back, many live scales.

Owns: these lanes. Must not know: how devices are simulated (booth), processes.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from edge_agent.registry import Registry
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import DriverSpec, Indication, Kind, Options
from simulators.endpoints import PtyEndpoint
from simulators.scale import ScaleSim
from simulators.scale_physics import ScalePhysics
from tests.bench.booth import Booth, DeviceThread, booth
from tests.bench.broker import PrivateBroker
from tests.bench.figures import Figure, Hold, middle
from tests.bench.process import ProgramUnderTest, Usage
from tests.bench.subscriber import Subscriber
from tests.bench.workbench import Effort, agent_on, floor, workbench

SETTLE_S = 8.0  # after the start: inventory, state and the first marks are written by then
SCALES = 8  # as many as one booth may have
RATE_HZ = 20.0  # the fastest indicators

STREAMS = """schema = 1
[booth]
id = "BENCH-3"
[state]
directory = "{folder}/state"
[counter]
flow = "none"
[uplink]
host = "127.0.0.1"
port = {port}
ack = "broker"
[local]
socket = "{folder}/agent.sock"
"""


def idle(effort: Effort) -> list[Figure]:
    """Connected, every device ready, nobody there; then one parcel with its label."""
    seconds = effort.seconds(30)
    with workbench(effort, floor) as bench:
        bench.up()
        time.sleep(SETTLE_S)
        bare = _over(bench.program, seconds)
    with _whole_booth(effort) as found:
        time.sleep(SETTLE_S)
        ours = _over(found.program, seconds)
        found.parcel()
        label_mib = found.program.usage().rss_mib
        for _ in range(3):
            found.parcel()
        later_mib = found.program.usage().rss_mib
    what = "idle with scanner, scale and printer"
    return [
        Figure("idle", f"{what}: memory", ours[1].rss_mib, "MiB", bare[1].rss_mib, Hold(42.0, margin=0.03)),
        Figure("idle", f"{what}: CPU", _cpu(*ours), "%", _cpu(*bare), Hold(0.1, margin=0.5)),
        Figure("idle", f"{what}: wake-ups", _wakeups(*ours), "/s", _wakeups(*bare), Hold(5.0)),
        Figure("idle", f"{what}: written", _written(*ours), "bytes", _written(*bare), Hold(0, margin=0)),
        Figure("idle", "memory after the first label", label_mib, "MiB", hold=Hold(50.0, margin=0.03)),
        Figure("idle", "memory after four labels", later_mib, "MiB", hold=Hold(50.0, margin=0.03)),
    ]


def replug(effort: Effort) -> list[Figure]:
    """Plug pulled and put back: a scale on a serial line, a printer on the network."""
    scale, printer = [], []
    with _whole_booth(effort) as found:
        for _ in range(effort.runs(4)):
            scale.append(found.replug_s("scale-1", found.scale.endpoint))
            printer.append(found.replug_s("printer-1", found.printer.endpoint))
    hold = Hold(3.0, margin=0.1)
    return [
        Figure("replug", "scale (serial) plugged in to ready, slowest", max(scale), "s", hold=hold),
        Figure("replug", "printer (TCP) plugged in to ready, slowest", max(printer), "s", hold=hold),
    ]


def streams(effort: Effort) -> list[Figure]:
    """Scales that speak of themselves, all at once."""
    spec = _streaming_driver()
    if spec is None:
        note = "no driver of a scale that speaks unasked is installed"
        return [Figure("streams", "scales that speak unasked: CPU", 0.0, "%", note=note)]
    shares, memories = [], []
    for _ in range(effort.runs(2)):
        with _streams(effort, spec) as program:
            time.sleep(SETTLE_S / 2)
            before, after = _over(program, effort.seconds(12))
            shares.append(_cpu(before, after))
            memories.append(after.rss_mib)
    what = f"{SCALES} scales ({spec.name}) at {RATE_HZ:.0f} frames/s"
    return [
        Figure("streams", f"{what}: CPU", middle(shares), "%", hold=Hold(10.0)),
        Figure("streams", f"{what}: memory", middle(memories), "MiB"),
    ]


@contextlib.contextmanager
def _place(effort: Effort) -> Iterator[tuple[Path, PrivateBroker]]:
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=effort.folder))
    broker = PrivateBroker(folder / "broker")
    broker.start()
    subscriber = Subscriber(broker.port)  # without one the broker says that nobody gets the events
    subscriber.start()
    try:
        yield folder, broker
    finally:
        subscriber.stop()
        broker.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _whole_booth(effort: Effort) -> Iterator[Booth]:
    with _place(effort) as (folder, broker), booth(folder, broker.port) as found:
        yield found


@contextlib.contextmanager
def _streams(effort: Effort, spec: DriverSpec) -> Iterator[ProgramUnderTest]:
    """The agent on many scales that all send their weight."""
    options = {} if spec.unit_on_wire else {"unit": "kg"}
    with _place(effort) as (folder, broker):
        devices, settings = DeviceThread(), STREAMS.format(folder=folder, port=broker.port)
        scales = [devices.do(_scale(folder, number, spec, options)) for number in range(SCALES)]
        for number, scale in enumerate(scales):
            devices.run(scale)
            lines = [f'id = "scale-{number}"', f'driver = "{spec.name}"', f'port = "{scale.endpoint.url}"']
            lines += [f'{key} = "{value}"' for key, value in options.items()]
            settings += "[[scale]]\n" + "\n".join(lines) + "\n"
        file = folder / "booth.toml"
        file.write_text(settings)
        program = ProgramUnderTest(agent_on(file), folder)
        program.start()
        try:
            yield program
        finally:
            program.stop()
            devices.close([scale.endpoint for scale in scales])


async def _scale(folder: Path, number: int, spec: DriverSpec, options: dict[str, str]) -> ScaleSim:
    physics = ScalePhysics(Decimal(30), Decimal("0.005"), "kg", seed=number)
    physics.put(Decimal("1.235") + number)
    endpoint = PtyEndpoint(folder, f"scale-{number}")
    return ScaleSim(spec, options, endpoint, physics, SystemClock(), rate_hz=RATE_HZ)


def _streaming_driver() -> DriverSpec | None:
    """The first scale driver, by name, whose device half sends frames unasked."""
    for spec in Registry.installed().of_kind(Kind.SCALE):
        if spec.device_half is None or spec.build is None:
            continue
        half = spec.device_half(Options(spec.options, {} if spec.unit_on_wire else {"unit": "kg"}))
        if half.broadcast(Indication(Decimal("1.235"))):
            return spec
    return None


def _over(program: ProgramUnderTest, seconds: float) -> tuple[Usage, Usage]:
    before = program.usage()
    time.sleep(seconds)
    return before, program.usage()


def _cpu(before: Usage, after: Usage) -> float:
    return (after.cpu_s - before.cpu_s) / (after.at_s - before.at_s) * 100


def _wakeups(before: Usage, after: Usage) -> float:
    return (after.wakeups - before.wakeups) / (after.at_s - before.at_s)


def _written(before: Usage, after: Usage) -> float:
    return float(after.written_bytes - before.written_bytes)
