"""CPCL status: what a printer replies to <ESC>h and <ESC>i, both halves.

Owns: which question a byte answers, and its bits. Must not know: when to ask, links, time.
Document: Zebra Mobile Printer CPCL Programming Manual, pages 11-3 and 11-4.

    <ESC>h    1 byte    bit 0 busy, 1 paper out, 2 latch open, 3 battery low, 4 was switched on
    <ESC>i    1 byte    bit 4 jam, 5 label not taken, 6 paper low, 7 no ribbon

A printer answers <ESC>h when it has finished the label before. Faults survived: bytes that answer nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from drivers.printers.report import Report
from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import Paper

STATUS, EXTENDED_STATUS = QUESTIONS = ("<ESC>h", "<ESC>i")
ASKED_LIMIT = 4  # questions open at once; we ask one at a time
NOISE_LIMIT = 64  # of a gap's unknown bytes, enough to see what speaks there
BUSY, PAPER_OUT, LATCH_OPEN, BATTERY_LOW, WAS_RESET = (1 << bit for bit in range(5))
UNKNOWN_BITS = 0xE0  # always 0 in the answer to <ESC>h
JAM, NOT_TAKEN, PAPER_LOW, NO_RIBBON = (1 << bit for bit in range(4, 8))


@dataclass(frozen=True, slots=True)
class PrinterBits:
    """What a CPCL printer knows of itself."""

    busy: bool = False
    paper_out: bool = False
    latch_open: bool = False
    near_end: bool = False
    jammed: bool = False


def status_reply(now: PrinterBits) -> bytes:
    """<ESC>h"""
    return bytes([BUSY * now.busy | PAPER_OUT * now.paper_out | LATCH_OPEN * now.latch_open])


def extended_status_reply(now: PrinterBits) -> bytes:
    """<ESC>i"""
    return bytes([JAM * now.jammed | PAPER_LOW * now.near_end])


class StatusDecoder:
    """Replies as Report. `asked` tells it which questions are open."""

    questions = QUESTIONS

    def __init__(self, options: Options | None = None) -> None:
        self._has_ribbon = options is not None and options.flag("ribbon")
        self.reset()

    def reset(self) -> None:
        self._open: deque[str] = deque(maxlen=ASKED_LIMIT)

    def asked(self, question: str) -> None:
        """This question was just sent; the next byte answers it."""
        self._open.append(question)

    def give_up(self, question: str) -> None:
        """Nobody answered this question in time: a reply that still comes answers nothing."""
        if question in self._open:
            self._open.remove(question)

    def feed(self, data: bytes) -> list[Report | ProtocolError]:
        values: list[Report | ProtocolError] = []
        noise = b""
        for byte in data:
            if self._open and not (self._open[0] == STATUS and byte & UNKNOWN_BITS):
                values += [*_noise(noise), self._report(self._open.popleft(), byte)]
                noise = b""
            else:
                noise = (noise + bytes([byte]))[:NOISE_LIMIT]
        return [*values, *_noise(noise)]

    def flush(self) -> list[Report | ProtocolError]:
        return []

    def _report(self, question: str, bits: int) -> Report:
        raw = bytes([bits])
        if question == STATUS:
            return Report(
                STATUS,
                paper=Paper.OUT if bits & PAPER_OUT else Paper.OK,
                cover_open=bool(bits & LATCH_OPEN),
                faults=(),
                busy=bool(bits & BUSY),
                raw=raw,
            )
        faults = {"jam": bits & JAM, "ribbon_out": bits & NO_RIBBON and self._has_ribbon}
        return Report(
            EXTENDED_STATUS,
            paper=Paper.NEAR_END if bits & PAPER_LOW else None,
            faults=tuple(name for name, present in faults.items() if present),
            raw=raw,
        )


def _noise(data: bytes) -> list[Report | ProtocolError]:
    return [ProtocolError("frame.noise", "a reply that nobody asked for", data)] if data else []
