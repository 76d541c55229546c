"""What a serial receiver hears of bytes that were sent with other settings than its own.

Owns: the levels on the wire, and sampling them as a UART does. Must not know: who sends or listens.
A receiver samples in the middle of each bit; it delivers a byte with a wrong parity or stop bit all the same
(so does Linux unless told otherwise), and waits for the line to rest before it looks for the next start bit.
"""

from __future__ import annotations

from bisect import bisect_right

from edge_agent.sdk.driver import SerialSettings


def heard_at(data: bytes, sent: SerialSettings, listening: SerialSettings) -> bytes:
    """The bytes that a port with these settings delivers."""
    changes, levels = _wire(data, sent)
    bit_s = 1 / listening.baud
    end_s = changes[-1] + 30 * bit_s
    found = bytearray()
    at_s = 0.0
    while (start := _next_fall(changes, levels, at_s)) is not None and start < end_s:
        if _level(changes, levels, start + 0.5 * bit_s):
            at_s = start + 0.5 * bit_s  # a spike, no start bit
            continue
        bits = [_level(changes, levels, start + (1.5 + n) * bit_s) for n in range(listening.bits)]
        found.append(sum(bit << n for n, bit in enumerate(bits)))
        frame_bits = 1 + listening.bits + (listening.parity != "N")
        at_s = start + (frame_bits + 0.5) * bit_s
        if not _level(changes, levels, at_s):
            at_s = _next_rise(changes, levels, at_s)
    return bytes(found)


def _wire(data: bytes, line: SerialSettings) -> tuple[list[float], list[int]]:
    """When the level changes, and to what; the line rests high."""
    bit_s = 1 / line.baud
    at_s, changes, levels = 5 * bit_s, [0.0], [1]
    for byte in data:
        for bit in _bits(byte, line):
            changes.append(at_s)
            levels.append(bit)
            at_s += bit_s
    return [*changes, at_s], [*levels, 1]


def _bits(byte: int, line: SerialSettings) -> list[int]:
    value = [(byte >> n) & 1 for n in range(line.bits)]
    parity = [] if line.parity == "N" else [(sum(value) + (line.parity == "O")) % 2]
    return [0, *value, *parity, *([1] * line.stop)]


def _level(changes: list[float], levels: list[int], at_s: float) -> int:
    return levels[bisect_right(changes, at_s) - 1]


def _next_fall(changes: list[float], levels: list[int], at_s: float) -> float | None:
    first = bisect_right(changes, at_s)
    return next((changes[n] for n in range(first, len(changes)) if not levels[n] and levels[n - 1]), None)


def _next_rise(changes: list[float], levels: list[int], at_s: float) -> float:
    first = bisect_right(changes, at_s)
    return next((changes[n] for n in range(first, len(changes)) if levels[n]), changes[-1])
