"""Asking an unknown device, where a technician allows it: harmless questions, each told before it is sent.

Owns: which questions may be asked and in which order, and the recordings of the answers.
Must not know: what an answer means.

A question goes out on the line that its protocol's manual gives, never on others: at another rate it would be
other bytes. Questions without a line end come last, so that they do not spoil the next one's line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edge_agent.discovery.recording import PAUSE_MS, Chunk, Recording
from edge_agent.discovery.sweep import Port, hear
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.driver import HARMLESS_PROBE, DriverSpec
from edge_agent.sdk.ports import ByteLink

ANSWER_S = 1.0  # the slowest scales that answer at once do so within a second
QUIET_S = PAUSE_MS / 1000  # an answer is over when nothing came for as long as no frame pauses
TIMES = 3  # one answer may be chance, or spoilt by what another question left behind
UNANSWERED = 2  # the first question may complete a line that somebody else began
WRITE_S = 1.0  # a question is a few bytes
PROBE_BYTES = 64  # the longest known question has eight; a page of text is no question


def probes(specs: Iterable[DriverSpec]) -> list[DriverSpec]:
    """The protocols that vouch for a harmless question, in the order in which they are asked."""
    willing = [s for s in specs if HARMLESS_PROBE in s.capabilities and 0 < len(s.probe) <= PROBE_BYTES]
    return sorted(willing, key=lambda spec: (not spec.probe.endswith((b"\r", b"\n")), spec.name))


async def probe(
    port: Port,
    specs: Iterable[DriverSpec],
    clock: Clock,
    is_found: Callable[[Recording], bool],
    tell: Callable[[DriverSpec], object],
) -> list[Recording]:
    """What was answered, until one recording is enough. `tell` is called before each protocol's question.

    Raises LinkError where the port cannot be opened, is lost or takes nothing.
    """
    answers: list[Recording] = []
    for spec in probes(specs):
        tell(spec)
        answers.append(await _ask(port, spec, clock))
        if is_found(answers[-1]):
            break
    return answers


async def _ask(port: Port, spec: DriverSpec, clock: Clock) -> Recording:
    link = await port.open(spec.serial)
    chunks: list[Chunk] = []
    began_s = clock.monotonic_s()
    try:
        for turn in range(TIMES):
            if turn >= UNANSWERED and not chunks:
                break
            since_ms = round((clock.monotonic_s() - began_s) * 1000)
            answer = await _once(link, spec, clock)
            chunks += [Chunk(since_ms + PAUSE_MS * turn + chunk.at_ms, chunk.data) for chunk in answer]
    finally:
        await link.close()
    return Recording(spec.serial if port.has_line else None, tuple(chunks), spec.probe)


async def _once(link: ByteLink, spec: DriverSpec, clock: Clock) -> tuple[Chunk, ...]:
    """One question and its answer; what the question began is ended, whatever came."""
    link.discard_input()
    try:
        await link.write(spec.probe, WRITE_S)
        return await hear(link, clock, ANSWER_S, quiet_s=QUIET_S)
    finally:
        if spec.end_probe:
            await link.write(spec.end_probe, WRITE_S)
            await hear(link, clock, QUIET_S)
