"""Many scales that speak of themselves, all at once: what they cost, whether a frame is lost, who else waits.

Owns: these lanes. Must not know: processes, MQTT bytes (workbench).
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from edge_agent.local.client import ask
from edge_agent.registry import Registry
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import DriverSpec, Indication
from simulators.endpoints import PtyEndpoint
from simulators.scale import ScaleSim
from simulators.scale_physics import ScalePhysics
from tests.bench.booth import DeviceThread
from tests.bench.broker import PrivateBroker
from tests.bench.figures import Figure, Hold, middle, percentile
from tests.bench.line_feed import LineFeed
from tests.bench.process import ProgramUnderTest
from tests.bench.subscriber import Subscriber
from tests.bench.workbench import Effort, agent_on

SCALES = 10  # as many as one booth may have
RATE_HZ = 20.0  # the fastest indicators
WINDOW_S = 10.0  # over which the agent itself counts frames (edge_agent/health.py)
SETTLE_S = WINDOW_S + 2.0
LINES_PER_S = 5.0
PROTOCOLS = ("st_gs", "toledo_cont")  # text by lines; bytes with a checksum
DIVISION = Decimal("0.005")

SETTINGS = """schema = 1
[booth]
id = "BENCH-3"
[state]
directory = "{folder}/state"
[counter]
flow = "none"
[[scanner]]
id = "scanner-1"
driver = "line"
port = "serial:{scanner}"
[uplink]
host = "127.0.0.1"
port = {port}
ack = "broker"
[local]
socket = "{folder}/agent.sock"
"""


class Creeping(ScalePhysics):
    """A load that grows by a division with each frame: no frame is like the one before, and each counts."""

    shown = 0

    def indicate(self) -> Indication:
        self.shown += 1
        return Indication(self.shown % 5000 * DIVISION, self.unit)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run showed: share of a core, memory, frames that never came, and the scanner's delay."""

    cpu_percent: float
    memory_mib: float
    lost_frames: int
    delay_ms: float


def streams(effort: Effort) -> list[Figure]:
    """Ten scales at twenty frames a second each, and a scanner beside them."""
    registry = Registry.installed()
    alone = middle([_run(effort, None).delay_ms for _ in range(effort.runs(2))])
    figures, beside = [], Hold(1.5, of_floor=True)
    for name in PROTOCOLS:
        runs = [_run(effort, registry.load(name)) for _ in range(effort.runs(2))]
        what = f"{SCALES} scales ({name}) at {RATE_HZ:.0f} frames/s"
        cpu, memory = middle([run.cpu_percent for run in runs]), middle([run.memory_mib for run in runs])
        lost, delay = max(run.lost_frames for run in runs), middle([run.delay_ms for run in runs])
        figures += [
            Figure("streams", f"{what}: CPU, every frame another weight", cpu, "%", hold=Hold(5.0)),
            Figure("streams", f"{what}: frames lost", lost, "frames", hold=Hold(0, margin=0)),
            Figure("streams", f"{what}: scanner beside them, p50", delay, "ms", alone, beside),
            Figure("streams", f"{what}: memory", memory, "MiB"),
        ]
    return figures


def _run(effort: Effort, spec: DriverSpec | None) -> Run:
    with _booth(effort, spec) as (program, scales, feed, subscriber, socket):
        time.sleep(SETTLE_S)
        before, sent = program.usage(), [scale.physics.shown for scale in scales]
        seconds = max(WINDOW_S, effort.seconds(12))
        feed.paced(LINES_PER_S, int(seconds * LINES_PER_S))
        after = program.usage()
        lost = _lost(socket, scales, sent, seconds)
        subscriber.wait_for(feed.count, 60.0, 20.0)
        took = [(subscriber.arrived[n] - feed.sent[n]) * 1000 for n in feed.sent if n in subscriber.arrived]
    cpu = (after.cpu_s - before.cpu_s) / (after.at_s - before.at_s) * 100
    return Run(cpu, after.rss_mib, lost, percentile(took, 0.5))


def _lost(socket: Path, scales: list[ScaleSim], sent: list[int], seconds: float) -> int:
    """Frames that the scales sent in the agent's window of ten seconds and that it did not count.

    One frame for each scale may be on its way, and one more at the edge of the window.
    """
    status = ask(socket, {"op": "status"})
    counted = {
        device["id"]: device["health"]["frames_per_10_s"]
        for device in status["devices"]
        if "health" in device
    }
    lost = 0
    for number, scale in enumerate(scales):
        pace = (scale.physics.shown - sent[number]) / seconds
        lost += max(0, int(pace * WINDOW_S) - 2 - counted[f"scale-{number}"])
        lost += scale.endpoint.lost_bytes
    return lost


@contextlib.contextmanager
def _booth(
    effort: Effort, spec: DriverSpec | None
) -> Iterator[tuple[ProgramUnderTest, list[ScaleSim], LineFeed, Subscriber, Path]]:
    """The agent on a scanner, and on ten scales of this protocol if one is given."""
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=effort.folder))
    broker, devices, feed = PrivateBroker(folder / "broker"), DeviceThread(), LineFeed()
    broker.start()
    subscriber = Subscriber(broker.port)
    subscriber.start()
    scales = [devices.do(_scale(folder, number, spec)) for number in range(SCALES)] if spec else []
    settings = SETTINGS.format(folder=folder, port=broker.port, scanner=feed.path)
    for number, scale in enumerate(scales):
        devices.run(scale)
        settings += (
            f'[[scale]]\nid = "scale-{number}"\ndriver = "{spec.name if spec else ""}"\n'
            f'port = "{scale.endpoint.url}"\n'
        )
    file = folder / "booth.toml"
    file.write_text(settings)
    program = ProgramUnderTest(agent_on(file), folder)
    program.start()
    try:
        yield program, scales, feed, subscriber, folder / "agent.sock"
    finally:
        program.stop()
        devices.close([scale.endpoint for scale in scales])
        subscriber.stop()
        broker.kill()
        feed.close()
        shutil.rmtree(folder, ignore_errors=True)


async def _scale(folder: Path, number: int, spec: DriverSpec) -> ScaleSim:
    physics = Creeping(Decimal(30), DIVISION, "kg", seed=number)
    return ScaleSim(spec, {}, PtyEndpoint(folder, f"scale-{number}"), physics, SystemClock(), rate_hz=RATE_HZ)
