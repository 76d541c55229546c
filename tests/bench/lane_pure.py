"""Work without any wire: a label drawn and encoded, frames decoded.

Owns: these lanes. Must not know: processes, brokers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal

from drivers.printers.escpos_raster import bands
from edge_agent.labels.layout import render
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import find_template, sample_data
from edge_agent.registry import Registry
from edge_agent.sdk.driver import DriverSpec, Indication, Kind, Options
from tests.bench.figures import Figure, Hold, middle
from tests.bench.workbench import ROOT, Effort

TEMPLATE = "parcel-100x150"
HEAD_DOTS = 832  # a head of four inches at 203 dpi
WARM_LABELS = 30
CHUNK_BYTES = 64  # what one read of a serial port brings
FRAMES = 4_000
COLD = "import json; from tests.bench.lane_pure import one_label; print(json.dumps(one_label()))"


def label(effort: Effort) -> list[Figure]:
    """The label of 100 by 150 mm: the first one of a fresh process, then one after the other."""
    template, fonts = find_template(TEMPLATE), Fonts()
    data = sample_data(template)
    warm = []
    for _ in range(WARM_LABELS):
        begin = time.perf_counter()
        list(bands(render(template, data, fonts=fonts), HEAD_DOTS))
        warm.append((time.perf_counter() - begin) * 1000)
    cold = [_cold_ms() for _ in range(effort.runs(4))]
    return [
        Figure(
            "label", "100 by 150 mm drawn and encoded", middle(warm[3:]), "ms", hold=Hold(10.0, margin=0.3)
        ),
        Figure("label", "the first one, with fonts and template", middle(cold), "ms"),
    ]


def one_label() -> float:
    """Milliseconds for a label, everything that it needs loaded included but Python's own modules."""
    begin = time.perf_counter()
    template = find_template(TEMPLATE)
    list(bands(render(template, sample_data(template), fonts=Fonts()), HEAD_DOTS))
    return (time.perf_counter() - begin) * 1000


def _cold_ms() -> float:
    done = subprocess.run([sys.executable, "-c", COLD], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def decode(effort: Effort) -> list[Figure]:
    """Frames a second of every scale protocol that can be simulated; the slowest is judged."""
    rates = {}
    for spec in Registry.installed().of_kind(Kind.SCALE):
        frames = _frames(spec)
        if frames:
            rates[spec.name] = middle([_frames_per_second(spec, frames) for _ in range(effort.runs(5))])
    if not rates:
        return [Figure("decode", "no scale driver with a simulator is installed", 0.0, "/s")]
    slowest = min(rates, key=lambda name: rates[name])
    bare = middle([_bare_per_second() for _ in range(effort.runs(5))])
    what = f"weights decoded, slowest of {len(rates)} protocols ({slowest})"
    note = "ten of the fastest indicators send 200 a second together"
    return [Figure("decode", what, rates[slowest], "/s", bare, Hold(10_000, least=True), note)]


def _frames(spec: DriverSpec) -> bytes:
    """Weights as this scale sends them, one after the other; empty where it cannot be simulated."""
    if spec.device_half is None:
        return b""
    half = spec.device_half(_options(spec))
    frame = half.broadcast(Indication(Decimal("1.235")))
    if not frame and spec.probe:
        asked = [request for request in half.feed(spec.probe) if not isinstance(request, Exception)]
        frame = b"".join(half.reply(request, Indication(Decimal("1.235"))) for request in asked[:1])
    return frame * FRAMES


def _frames_per_second(spec: DriverSpec, data: bytes) -> float:
    codec = spec.decoder(_options(spec))
    begin = time.perf_counter()
    for chunk in _chunks(data):
        codec.feed(chunk)
    return FRAMES / (time.perf_counter() - begin)


def _bare_per_second() -> float:
    """Lines split and made decimals, nothing checked."""
    data, held, found = b"   1.235 kg\r\n" * FRAMES, b"", 0
    begin = time.perf_counter()
    for chunk in _chunks(data):
        *lines, held = (held + chunk).split(b"\n")
        found += sum(Decimal(line[:8].decode().strip()) > 0 for line in lines)
    return found / (time.perf_counter() - begin)


def _chunks(data: bytes) -> Iterator[bytes]:
    return (data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES))


def _options(spec: DriverSpec) -> Options:
    return Options(spec.options, {} if spec.unit_on_wire else {"unit": "kg"})
