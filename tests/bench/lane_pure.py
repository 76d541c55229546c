"""Work without any wire: frames decoded.

Owns: these lanes. Must not know: processes, brokers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal

from edge_agent.registry import Registry
from edge_agent.sdk.driver import DriverSpec, Indication, Kind, Options
from tests.bench.figures import Figure, Hold, middle
from tests.bench.workbench import Effort

CHUNK_BYTES = 64  # what one read of a serial port brings
FRAMES = 4_000


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
