"""What a serial receiver hears of bytes that were sent with other settings than its own.

Owns: the levels on the wire, and sampling them as a UART does. Must not know: who sends or listens.
A receiver samples in the middle of each bit. It delivers a byte with a wrong parity or stop bit all the same,
as Linux does unless told otherwise; a stop bit that is low it takes for the next start bit, as a 16550 does.
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
    start = _next_fall(changes, levels, 0.0)
    while start is not None and start < end_s:
        if _level(changes, levels, start + 0.5 * bit_s):
            start = _next_fall(changes, levels, start + 0.5 * bit_s)  # that was a spike
            continue
        bits = [_level(changes, levels, start + (1.5 + n) * bit_s) for n in range(listening.bits)]
        found.append(sum(bit << n for n, bit in enumerate(bits)))
        stop = start + (1 + listening.bits + (listening.parity != "N")) * bit_s
        if _level(changes, levels, stop + 0.5 * bit_s):
            start = _next_fall(changes, levels, stop + 0.5 * bit_s)
        else:
            start = stop  # a stop bit that is none is taken for the next start bit
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
