"""TSPL status: what a printer replies to <ESC>!? and <ESC>!S, both halves.

Owns: telling the two replies apart, and their bits. Must not know: when to ask, links, time.
Documents: Gprinter GP-2120T programming manual, page 30 (<ESC>!?); TSC TTP-345 programming manual, page 85
(<ESC>!S, firmware V6.29 EZ and later).

    <ESC>!?    1 byte    bit 0 head open, 1 jam, 2 paper, 3 ribbon out, 4 pause, 5 printing, 6 cover, 7 hot
    <ESC>!S    STX 4 bytes ETX CR LF: message, warning, and twice error

Faults survived: replies mixed and torn, replies that nobody asked for (a byte that answers nothing is noise).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from drivers.printers.report import Report, named
from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import Paper

STATUS, FULL_STATUS = QUESTIONS = ("<ESC>!?", "<ESC>!S")
ASKED_LIMIT = 4  # questions open at once; we ask one at a time
FULL_LENGTH = 8
FULL_END = b"\x03\r\n"
STX = 0x02
NOISE_LIMIT = 64  # of a gap's unknown bytes, enough to see what speaks there

HEAD_OPEN, JAM, PAPER_OUT, RIBBON_OUT, PAUSED, PRINTING, COVER_OPEN, HOT = (1 << bit for bit in range(8))
FAULTS = ((JAM, "jam"), (RIBBON_OUT, "ribbon_out"), (HOT, "overheated"))
PAUSE_MESSAGE, ERROR_MESSAGE = b"`", b"E"
BUSY_MESSAGES = b"BCFKLPW"  # backing, cutting, feeding, waiting for key or for the label's removal, printing
MESSAGES = b"@" + PAUSE_MESSAGE + ERROR_MESSAGE + BUSY_MESSAGES
THIRD_BYTE = ((0x01, "head_overheated"), (0x02, "motor_overheated"), (0x08, "cutter"), (0x10, "memory"))
FOURTH_BYTE = ((0x02, "jam"), (0x04, "ribbon_out"))
BLANK = 0x40  # every byte of <ESC>!S has this bit


@dataclass(frozen=True, slots=True)
class PrinterBits:
    """What a TSPL printer knows of itself."""

    head_open: bool = False
    jammed: bool = False
    paper_out: bool = False
    ribbon_out: bool = False
    paused: bool = False
    printing: bool = False
    overheated: bool = False
    buffer_full: bool = False


def status_reply(now: PrinterBits) -> bytes:
    """<ESC>!?"""
    bits = (
        HEAD_OPEN * now.head_open
        | JAM * now.jammed
        | PAPER_OUT * now.paper_out
        | RIBBON_OUT * now.ribbon_out
        | PAUSED * now.paused
        | PRINTING * now.printing
        | HOT * now.overheated
    )
    return bytes([bits])


def full_status_reply(now: PrinterBits) -> bytes:
    """<ESC>!S"""
    error = now.head_open or now.jammed or now.paper_out or now.ribbon_out or now.overheated
    message = b"E" if error else b"`" if now.paused else b"P" if now.printing else b"@"
    warning = BLANK | 0x08 * now.buffer_full
    third = BLANK | 0x01 * now.overheated
    fourth = BLANK | 0x01 * now.paper_out | 0x02 * now.jammed | 0x04 * now.ribbon_out
    return b"\x02" + message + bytes([warning, third, fourth]) + FULL_END


class StatusDecoder:
    """Replies as Report. `asked` tells it which questions are open."""

    questions = QUESTIONS

    def __init__(self, options: Options | None = None) -> None:  # noqa: ARG002 - every codec takes options
        self.reset()

    def reset(self) -> None:
        self._held = b""
        self._noise = b""
        self._open: deque[str] = deque(maxlen=ASKED_LIMIT)

    def asked(self, question: str) -> None:
        """This question was just sent; the next reply of its kind answers it."""
        self._open.append(question)

    def give_up(self, question: str) -> None:
        """Nobody answered this question in time: a reply that still comes answers nothing."""
        if question in self._open:
            self._open.remove(question)

    def feed(self, data: bytes) -> list[Report | ProtocolError]:
        values: list[Report | ProtocolError] = []
        for byte in data:
            values += self._next(byte)
        return values + self._end_noise()

    def flush(self) -> list[Report | ProtocolError]:
        return self._tear() + self._end_noise()

    def _next(self, byte: int) -> list[Report | ProtocolError]:
        if self._held and not _continues(self._held, byte):
            return self._tear() + self._next(byte)
        if self._held or (byte == STX and self._awaits(FULL_STATUS)):
            return self._grow(byte)
        if self._awaits(STATUS):
            self._open.popleft()
            return [*self._end_noise(), _status(byte)]
        self._noise = (self._noise + bytes([byte]))[:NOISE_LIMIT]
        return []

    def _awaits(self, question: str) -> bool:
        return bool(self._open) and self._open[0] == question

    def _grow(self, byte: int) -> list[Report | ProtocolError]:
        before = [] if self._held else self._end_noise()
        self._held += bytes([byte])
        if len(self._held) < FULL_LENGTH:
            return before
        whole, self._held = self._held, b""
        self._open.popleft()
        return [*before, _full_status(whole)]

    def _tear(self) -> list[Report | ProtocolError]:
        held, self._held = self._held, b""
        return [ProtocolError("frame.torn", "a status reply cut off", held)] if held else []

    def _end_noise(self) -> list[Report | ProtocolError]:
        noise, self._noise = self._noise, b""
        return [ProtocolError("frame.noise", "a reply that nobody asked for", noise)] if noise else []


def _continues(held: bytes, byte: int) -> bool:
    place = len(held)
    if place == 1:
        return byte in MESSAGES
    if place < FULL_LENGTH - len(FULL_END):
        return byte & 0xC0 == BLANK
    return byte == FULL_END[place - FULL_LENGTH + len(FULL_END)]


def _status(bits: int) -> Report:
    return Report(
        STATUS,
        paper=Paper.OUT if bits & PAPER_OUT else Paper.OK,
        cover_open=bool(bits & (HEAD_OPEN | COVER_OPEN)),
        faults=named(bits, FAULTS),
        paused=bool(bits & PAUSED),
        busy=bool(bits & PRINTING),
        raw=bytes([bits]),
    )


def _full_status(raw: bytes) -> Report:
    message, third, fourth = raw[1:2], raw[3], raw[4]
    faults = named(third, THIRD_BYTE) + named(fourth, FOURTH_BYTE)
    paper_out = bool(fourth & 0x01)
    unnamed = message == ERROR_MESSAGE and not faults and not paper_out
    return Report(
        FULL_STATUS,
        paper=Paper.OUT if paper_out else Paper.OK,
        faults=("other",) if unnamed else faults,
        paused=message == PAUSE_MESSAGE,
        busy=message in BUSY_MESSAGES,
        raw=raw,
    )
