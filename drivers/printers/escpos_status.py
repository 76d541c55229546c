"""ESC/POS status: every reply of a printer, both halves.

Owns: the framing that tells the replies apart in any mixture, and their bits.
Must not know: when to ask, links, time. Commands and bits: Epson ESC/POS command reference (DLE EOT, GS a,
GS r, GS ( H function 48); Epson TM-L90 and TM-T88III programming guides, GS ( H.

    reply         bytes  bits 7 4 1 0 of the first  what it is
    DLE EOT n     1      0 1 1 0                    real time: answered even offline
    ASB (GS a)    4      0 1 0 0                    pushed at each change
    GS r 1        1      0 0 x x                    in order: answered when the parser gets there
    GS ( H fn 48  7      0 1 1 1 (37 22 id×4 00)    sent when the print before it is on paper

Faults survived: replies mixed and torn in any way, replies that nobody asked for, a reply cut off by another.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import Paper

ASKED_LIMIT = (
    8  # questions that may be open at once; we ask one at a time, twice four leaves room for a burst
)
ID_HEADER = b"\x37\x22"
ID_LENGTH = 7
ASB_LENGTH = 4
NOISE_LIMIT = 64  # of a gap's unknown bytes, enough to see what speaks there


# What a printer's sensors say, and the replies that it makes of them (the device half)


@dataclass(frozen=True, slots=True)
class PrinterCondition:
    """What the printer's sensors say. Any of the first five puts it offline."""

    paper_out: bool = False
    cover_open: bool = False
    cutter_jammed: bool = False
    unrecoverable: bool = False
    overheated: bool = False
    near_end: bool = False
    feed_button: bool = False

    @property
    def error(self) -> bool:
        return self.cutter_jammed or self.unrecoverable or self.overheated

    @property
    def offline(self) -> bool:
        return self.paper_out or self.cover_open or self.error


def eot_reply(n: int, condition: PrinterCondition) -> bytes:
    """DLE EOT n: 1 printer, 2 offline cause, 3 error cause, 4 paper sensor."""
    bits = {
        1: 0x08 * condition.offline | 0x40 * condition.feed_button,
        2: 0x04 * condition.cover_open
        | 0x08 * condition.feed_button
        | 0x20 * condition.paper_out
        | 0x40 * condition.error,
        3: 0x08 * condition.cutter_jammed | 0x20 * condition.unrecoverable | 0x40 * condition.overheated,
        4: 0x0C * (condition.near_end or condition.paper_out) | 0x60 * condition.paper_out,
    }[n]
    return bytes([0x12 | bits])


def asb_reply(condition: PrinterCondition) -> bytes:
    """The four bytes of automatic status back."""
    return bytes(
        [
            0x10 | 0x08 * condition.offline | 0x20 * condition.cover_open | 0x40 * condition.feed_button,
            0x08 * condition.cutter_jammed | 0x20 * condition.unrecoverable | 0x40 * condition.overheated,
            0x03 * (condition.near_end or condition.paper_out) | 0x0C * condition.paper_out,
            0x0F,
        ]
    )


def paper_reply(condition: PrinterCondition) -> bytes:
    """GS r 1, answered when the parser reaches it."""
    return bytes([0x03 * (condition.near_end or condition.paper_out) | 0x0C * condition.paper_out])


def process_id_reply(id_: bytes) -> bytes:
    """GS ( H function 48: everything before this id is on paper."""
    return ID_HEADER + id_ + b"\0"


# What the host makes of the replies


class Source(StrEnum):
    """The reply that a report came by."""

    PRINTER = "DLE EOT 1"
    OFFLINE_CAUSE = "DLE EOT 2"
    ERROR_CAUSE = "DLE EOT 3"
    PAPER_SENSOR = "DLE EOT 4"
    ASB = "ASB"
    IN_ORDER = "GS r 1"


QUESTIONS = (Source.PRINTER, Source.OFFLINE_CAUSE, Source.ERROR_CAUSE, Source.PAPER_SENSOR)
FAULT_BITS = (
    (0x04, "recoverable_error"),
    (0x08, "cutter"),
    (0x20, "unrecoverable_error"),
    (0x40, "auto_recoverable_error"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """One reply. What it does not speak of is None."""

    source: Source
    offline: bool | None = None
    cover_open: bool | None = None
    paper: Paper | None = None
    faults: tuple[str, ...] | None = None
    stopped: bool | None = None
    error: bool | None = None
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Printed:
    """Everything before this process id is on paper."""

    id: bytes


class StatusDecoder:
    """Replies as Report and Printed, whatever the mixture. `asked` tells it which questions are open."""

    questions = (*QUESTIONS, Source.IN_ORDER)

    def __init__(self, options: Options | None = None) -> None:  # noqa: ARG002 - every codec takes options
        self.reset()

    def reset(self) -> None:
        self._held = b""
        self._noise = b""
        self._open: deque[Source] = deque(maxlen=ASKED_LIMIT)
        self._in_order = 0

    def asked(self, question: str) -> None:
        """This question was just sent; the next reply of its kind answers it."""
        if question == Source.IN_ORDER:
            self._in_order = min(self._in_order + 1, ASKED_LIMIT)
        else:
            self._open.append(Source(question))

    def give_up(self, question: str) -> None:
        """Nobody answered this question in time: a reply that still comes answers nothing."""
        if question == Source.IN_ORDER:
            self._in_order = 0
        elif question in self._open:
            self._open.remove(Source(question))

    def feed(self, data: bytes) -> list[Report | Printed | ProtocolError]:
        values: list[Report | Printed | ProtocolError] = []
        for byte in data:
            values += self._next(byte)
        return values + self._end_noise()

    def flush(self) -> list[Report | Printed | ProtocolError]:
        return self._tear() + self._end_noise()

    def _next(self, byte: int) -> list[Report | Printed | ProtocolError]:
        if self._held and not _continues(self._held, byte):
            return self._tear() + self._next(byte)
        if not self._held and not _begins_long(byte):
            return self._single(byte)
        before = [] if self._held else self._end_noise()
        self._held += bytes([byte])
        if len(self._held) < (ID_LENGTH if self._held[0] == ID_HEADER[0] else ASB_LENGTH):
            return before
        whole, self._held = self._held, b""
        return [*before, Printed(whole[2:6]) if whole[0] == ID_HEADER[0] else _asb(whole)]

    def _single(self, byte: int) -> list[Report | Printed | ProtocolError]:
        if byte & 0x93 == 0x12 and self._open:
            return [*self._end_noise(), _eot(self._open.popleft(), byte)]
        if byte & 0x90 == 0 and self._in_order:
            self._in_order -= 1
            return [*self._end_noise(), Report(Source.IN_ORDER, paper=_paper(byte), raw=bytes([byte]))]
        self._noise = (self._noise + bytes([byte]))[:NOISE_LIMIT]
        return []

    def _tear(self) -> list[Report | Printed | ProtocolError]:
        held, self._held = self._held, b""
        return [ProtocolError("frame.torn", "a status reply cut off", held)] if held else []

    def _end_noise(self) -> list[Report | Printed | ProtocolError]:
        noise, self._noise = self._noise, b""
        text = "a reply that nobody asked for, or no reply of ESC/POS"
        return [ProtocolError("frame.noise", text, noise)] if noise else []


def _begins_long(byte: int) -> bool:
    return byte == ID_HEADER[0] or byte & 0x93 == 0x10


def _continues(held: bytes, byte: int) -> bool:
    if held[0] != ID_HEADER[0]:
        return byte & 0x90 == 0
    if len(held) == 1:
        return byte == ID_HEADER[1]
    return 32 <= byte <= 126 if len(held) < ID_LENGTH - 1 else byte == 0


def _paper(near_and_end: int) -> Paper:
    """Two bits of near end, then two of end, as GS r and the third byte of ASB have them."""
    if near_and_end & 0x0C:
        return Paper.OUT
    return Paper.NEAR_END if near_and_end & 0x03 else Paper.OK


def _faults(bits: int) -> tuple[str, ...]:
    return tuple(name for bit, name in FAULT_BITS if bits & bit)


def _eot(question: Source, bits: int) -> Report:
    raw = bytes([bits])
    if question is Source.PRINTER:
        return Report(question, offline=bool(bits & 0x08), raw=raw)
    if question is Source.OFFLINE_CAUSE:
        cover, stopped, error = bool(bits & 0x04), bool(bits & 0x20), bool(bits & 0x40)
        return Report(question, cover_open=cover, stopped=stopped, error=error, raw=raw)
    if question is Source.ERROR_CAUSE:
        return Report(question, faults=_faults(bits), raw=raw)
    return Report(question, paper=_paper((bits & 0x60) >> 3 | (bits & 0x0C) >> 2), raw=raw)


def _asb(raw: bytes) -> Report:
    return Report(
        Source.ASB,
        offline=bool(raw[0] & 0x08),
        cover_open=bool(raw[0] & 0x20),
        paper=_paper(raw[2]),
        faults=_faults(raw[1]),
        stopped=False,
        error=False,
        raw=raw,
    )
