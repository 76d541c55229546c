"""Listening to an unknown device: one setting of the line after the other, never a byte written.

Owns: which settings are tried in which order, for how long, and what is kept of what was heard.
Must not know: protocols; who judges a recording.

A port with eight bits and no parity hears lines of seven bits as well, their parity in bit 7; so each rate is
tried once, and the parity is read off the bytes. Only lines of eight bits with parity need a turn of their
own. Each turn opens the port anew: some indicators start again when that raises DTR for a moment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from edge_agent.discovery.recording import BYTES_LIMIT, Chunk, Recording
from edge_agent.sdk.clock import Clock, within
from edge_agent.sdk.driver import DriverSpec, SerialSettings
from edge_agent.sdk.ports import ByteLink

LISTEN_S = 2.0  # the slowest indicators send two frames a second
LISTEN_LIMIT_S = 60.0  # at each setting; a person who is asked to press PRINT does it within a minute
SWEEP_LIMIT_S = 600.0  # for all settings: nobody stands at a scale for longer
ENOUGH_BYTES = 512  # about twenty frames: more would only say the same again

# Usual rates of scales, the most frequent first.
RATES = (9600, 2400, 4800, 1200, 19200, 38400, 57600, 115200, 600, 300)
FASTEST = 115200  # a port this fast hears something of every slower line: its silence is that of the device
PARITY_RATES = RATES[:4]


@dataclass(frozen=True, slots=True)
class Port:
    """A port that can be opened at any line settings; `has_line` is False for TCP and pseudo-terminals."""

    url: str
    open: Callable[[SerialSettings], Awaitable[ByteLink]]
    has_line: bool


def lines_to_try(specs: Iterable[DriverSpec]) -> tuple[SerialSettings, ...]:
    """The settings in the order in which they are tried; rates that only some driver knows come last."""
    unusual = sorted({spec.serial.baud for spec in specs} - set(RATES), reverse=True)
    plain = [SerialSettings(rate) for rate in (*RATES, *unusual)]
    return (*plain, *(SerialSettings(rate, 8, "E") for rate in PARITY_RATES))


async def sweep(
    port: Port,
    lines: Iterable[SerialSettings],
    clock: Clock,
    is_found: Callable[[Recording], bool],
    listen_s: float = LISTEN_S,
) -> list[Recording]:
    """What was heard at each setting, until one recording is enough or the device proves to be silent.

    A silent first setting is followed by the fastest, which tells silence from a wrong rate. Raises LinkError
    where the port cannot be opened or is lost.
    """
    began_s = clock.monotonic_s()
    waiting = list(lines) if port.has_line else list(lines)[:1]
    heard: list[Recording] = []
    while waiting and clock.monotonic_s() - began_s < SWEEP_LIMIT_S:
        heard.append(await listen(port, waiting.pop(0), clock, min(listen_s, LISTEN_LIMIT_S)))
        if is_found(heard[-1]) or _is_silent(heard):
            break
        if not heard[-1].chunks and len(heard) == 1:
            waiting.sort(key=lambda line: line.baud != FASTEST)
    return heard


async def listen(port: Port, line: SerialSettings, clock: Clock, listen_s: float) -> Recording:
    """Open the port, hear what comes, close it."""
    link = await port.open(line)
    try:
        link.discard_input()
        chunks = await hear(link, clock, listen_s)
    finally:
        await link.close()
    return Recording(line if port.has_line else None, chunks)


async def hear(
    link: ByteLink, clock: Clock, listen_s: float, *, quiet_s: float | None = None
) -> tuple[Chunk, ...]:
    """The chunks that come within the time; with `quiet_s`, until that long after the last one."""
    began_s = clock.monotonic_s()
    chunks: list[Chunk] = []
    held = 0
    while held < ENOUGH_BYTES:
        left_s = began_s + listen_s - clock.monotonic_s()
        if quiet_s is not None and chunks:
            left_s = min(left_s, quiet_s)
        if left_s <= 0:
            break
        try:
            data = await within(clock, left_s, link.read())
        except TimeoutError:
            break
        data = data[: BYTES_LIMIT - held]
        held += len(data)
        chunks.append(Chunk(round((clock.monotonic_s() - began_s) * 1000), data))
    return tuple(chunks)


def _is_silent(heard: list[Recording]) -> bool:
    """Whether nothing came at the first setting, nor at the fastest one."""
    fast = any(recording.line and recording.line.baud == FASTEST for recording in heard)
    return fast and not any(recording.chunks for recording in heard)
