"""The whole booth: what it costs to stand by, what a label adds, how soon a device is back.

Owns: these lanes. Must not know: how devices are simulated (booth), processes.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.booth import Booth, booth
from tests.bench.broker import PrivateBroker
from tests.bench.figures import Figure, Hold
from tests.bench.process import ProgramUnderTest, Usage
from tests.bench.subscriber import Subscriber
from tests.bench.workbench import Effort, floor, workbench

OTHER_LABELS: tuple[dict[str, Any], ...] = (  # beside the parcel's: as many templates as are kept loaded
    {"op": "print.test"},
    {"op": "print.slip"},
    {
        "op": "print.label",
        "job": "bench",
        "template": "cod-receipt-80",
        "data": {
            "item": {"number": "RR123456785BD"},
            "receipt": {"number": "COD-1"},
            "cod": {"poisha": 125_000},
        },
    },
)
SETTLE_S = 8.0  # after the start: inventory, state and the first marks are written by then


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
        for request in OTHER_LABELS:
            found.order(request)
        all_mib = found.program.usage().rss_mib
    what = "idle with scanner, scale and printer"
    return [
        Figure("idle", f"{what}: memory", ours[1].rss_mib, "MiB", bare[1].rss_mib, Hold(42.0, margin=0.03)),
        Figure("idle", f"{what}: CPU", _cpu(*ours), "%", _cpu(*bare), Hold(0.1, margin=0.5)),
        Figure("idle", f"{what}: wake-ups", _wakeups(*ours), "/s", _wakeups(*bare), Hold(5.0)),
        Figure("idle", f"{what}: written", _written(*ours), "bytes", _written(*bare), Hold(0, margin=0)),
        Figure("idle", "memory after the first label", label_mib, "MiB", hold=Hold(50.0, margin=0.03)),
        Figure("idle", "memory after four labels", later_mib, "MiB", hold=Hold(50.0, margin=0.03)),
        Figure("idle", "memory with four templates loaded", all_mib, "MiB", hold=Hold(60.0, margin=0)),
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
