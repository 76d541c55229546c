"""ZPL status: what a printer replies to ~HS, ~HQES and the question for its label count, both halves.

Owns: the framing of the replies, and their fields. Must not know: when to ask, links, time.
Documents: Zebra ZPL II Programming Guide 45541L-004, pages 171 to 173 (~HS) and the chapter on ~HQ (~HQES,
flags in groups of four bits); docs.zebra.com, ~HS: no reply at all while media or ribbon is out, the head is
open or too hot. Set-Get-Do: `getvar "odometer.total_label_count"` gives the count in quotes.

    ~HS      STX aaa,b,c,dddd,eee,f,g,h,iii,j,k,l ETX CR LF      b paper out, c pause, e formats, h partial
             STX mmm,n,o,p,q,r,s,t,uuuuuuuu,v,www ETX CR LF      o head up, p ribbon out, t waits, u remaining
             STX xxxx,y ETX CR LF
    ~HQES    STX PRINTER STATUS / ERRORS: 1 00000000 00000005 / WARNINGS: 0 00000000 00000000 ETX
    getvar   "1234"

Faults survived: replies mixed and torn in any way, replies that nobody asked for, lines that come without the
others of their reply, fields that are no numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from drivers.printers.report import Report, named
from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import Paper

HOST_STATUS, ERROR_STATUS, LABEL_COUNT = QUESTIONS = ("~HS", "~HQES", "label count")
HELD_LIMIT = 512  # the longest reply, ~HQES, has about 120 bytes
STX, ETX, QUOTE = b"\x02", b"\x03", b'"'

REPLY = re.compile(rb'\x02([^\x02\x03]*)\x03|"([^"\x02\x03]{0,32})"')
BEGINNING = re.compile(rb'[\x02"]')
FIRST_LINE = re.compile(rb"\d{3},[01],[01],\d{4},\d{3},[01],[01],[01],\d{3},[01],[01],[01]")
SECOND_LINE = re.compile(rb"\d{3},\d,[01],[01],[01],\w,\d,[01],\d{8},\d,\d{3}")
THIRD_LINE = re.compile(rb"\d{1,4},[01]")
ERRORS = re.compile(rb"ERRORS:\s*[01]\s+[0-9A-Fa-f]{8}\s+([0-9A-Fa-f]{8})")
WARNINGS = re.compile(rb"WARNINGS:\s*[01]\s+[0-9A-Fa-f]{8}\s+([0-9A-Fa-f]{8})")

PAPER_OUT, RIBBON_OUT, HEAD_OPEN, PAUSED = 0x01, 0x02, 0x04, 0x10000
PAPER_LOW = 0x08  # of the warnings
FAULTS = (
    (RIBBON_OUT, "ribbon_out"),
    (0x08, "cutter"),
    (0x10, "head_overheated"),
    (0x20, "motor_overheated"),
    (0x40, "head_element"),
    (0x80, "head_detection"),
    (0x100, "firmware"),
    (0x200, "head_thermistor"),
    (0x1000, "jam"),
    (0x2000, "presenter"),
    (0x4000, "paper_feed"),
    (0x8000, "paper_path"),
    (0x20000, "retract"),
    (0x40000, "mark_calibration"),
    (0x80000, "mark_not_found"),
)
KNOWN_ERRORS = PAPER_OUT | HEAD_OPEN | PAUSED | sum(bit for bit, _ in FAULTS)


# The printer's own side


@dataclass(frozen=True, slots=True)
class HostStatus:
    """What a ZPL printer knows of itself."""

    paper_out: bool = False
    ribbon_out: bool = False
    head_open: bool = False
    cutter_jammed: bool = False
    overheated: bool = False
    near_end: bool = False
    paused: bool = False
    formats: int = 0
    partial: bool = False
    buffer_full: bool = False
    remaining: int = 0
    length_dots: int = 0

    @property
    def speechless(self) -> bool:
        """Whether ~HS gets no reply at all."""
        return self.paper_out or self.ribbon_out or self.head_open or self.overheated


def host_status_reply(now: HostStatus) -> bytes:
    """The three lines of ~HS."""
    return (
        b"\x02030,%d,%d,%04d,%03d,%d,0,%d,000,0,0,%d\x03\r\n"
        b"\x02000,0,%d,%d,0,2,4,0,%08d,1,000\x03\r\n"
        b"\x021234,0\x03\r\n"
    ) % (
        now.paper_out,
        now.paused,
        min(now.length_dots, 9999),
        min(now.formats, 999),
        now.buffer_full,
        now.partial,
        now.overheated,
        now.head_open,
        now.ribbon_out,
        now.remaining,
    )


def error_status_reply(now: HostStatus) -> bytes:
    """~HQES: errors and warnings as flags."""
    errors = (
        PAPER_OUT * now.paper_out
        | RIBBON_OUT * now.ribbon_out
        | HEAD_OPEN * now.head_open
        | 0x08 * now.cutter_jammed
        | 0x10 * now.overheated
        | PAUSED * now.paused
    )
    warnings = PAPER_LOW * now.near_end
    return (
        b"\x02\r\n\r\n  PRINTER STATUS                       \r\n"
        b"   ERRORS:         %d 00000000 %08X \r\n   WARNINGS:       %d 00000000 %08X \r\n\x03"
    ) % (errors > 0, errors, warnings > 0, warnings)


def label_count_reply(count: int) -> bytes:
    """The answer to getvar."""
    return b'"%d"' % count


# What the host makes of the replies


class StatusDecoder:
    """Replies as Report. `asked` tells it which questions are open; the count in quotes needs that."""

    questions = QUESTIONS

    def __init__(self, options: Options | None = None) -> None:  # noqa: ARG002 - every codec takes options
        self.reset()

    def reset(self) -> None:
        self._held = b""
        self._lines: list[bytes] = []
        self._counts_open = 0

    def asked(self, question: str) -> None:
        """This question was just sent."""
        if question == LABEL_COUNT:
            self._counts_open = 1

    def give_up(self, question: str) -> None:
        """Nobody answered this question in time."""
        if question == LABEL_COUNT:
            self._counts_open = 0

    def feed(self, data: bytes) -> list[Report | ProtocolError]:
        held = self._held + data
        values: list[Report | ProtocolError] = []
        at = 0
        for reply in REPLY.finditer(held):
            values += _noise(held[at : reply.start()])
            at = reply.end()
            values += self._counted(reply[2]) if reply[2] is not None else self._understood(reply[1])
        rest = held[at:]
        begin = BEGINNING.search(rest)
        start = begin.start() if begin else len(rest)
        values += _noise(rest[:start])
        self._held = rest[start:]
        if len(self._held) > HELD_LIMIT:
            values += self._give_up_held("frame.too_long", f"no end within {HELD_LIMIT} bytes")
        return values

    def flush(self) -> list[Report | ProtocolError]:
        values = self._give_up_held("frame.torn", "a status reply cut off")
        if self._lines:
            values.append(ProtocolError("frame.torn", "lines of ~HS are missing", b"\n".join(self._lines)))
        self._lines = []
        return values

    def _give_up_held(self, code: str, text: str) -> list[Report | ProtocolError]:
        held, self._held = self._held[:HELD_LIMIT], b""
        return [ProtocolError(code, text, held)] if held else []

    def _counted(self, digits: bytes) -> list[Report | ProtocolError]:
        if not self._counts_open:
            return [ProtocolError("frame.noise", "an answer that nobody asked for", digits)]
        self._counts_open = 0
        if not digits.isdigit():
            return [ProtocolError("frame.grammar", "no label count", digits)]
        return [Report(LABEL_COUNT, printed=int(digits), raw=digits)]

    def _understood(self, text: bytes) -> list[Report | ProtocolError]:
        """One STX … ETX: a line of ~HS, or the whole of ~HQES."""
        errors = ERRORS.search(text)
        if errors:
            return [_error_status(int(errors[1], 16), WARNINGS.search(text), text)]
        expected = (FIRST_LINE, SECOND_LINE, THIRD_LINE)
        if FIRST_LINE.fullmatch(text):
            self._lines = [text]
        elif self._lines and expected[len(self._lines)].fullmatch(text):
            self._lines.append(text)
        else:
            self._lines = []
            return [ProtocolError("frame.grammar", "no reply to ~HS or ~HQES", text[:HELD_LIMIT])]
        if len(self._lines) < len(expected):
            return []
        lines, self._lines = self._lines, []
        return [_host_status(lines)]


def _noise(data: bytes) -> list[Report | ProtocolError]:
    """Line ends belong between replies; anything else does not."""
    data = data.strip(b"\r\n")
    return [ProtocolError("frame.noise", "bytes outside a reply", data[:HELD_LIMIT])] if data else []


def _host_status(lines: list[bytes]) -> Report:
    first, second = (line.decode("ascii").split(",") for line in lines[:2])
    formats, partial = int(first[4]), first[7] == "1"
    waiting = formats + partial + int(second[8])
    faults = {"memory": first[9] == "1", "head_overheated": first[11] == "1", "ribbon_out": second[3] == "1"}
    return Report(
        HOST_STATUS,
        paper=Paper.OUT if first[1] == "1" else Paper.OK,
        cover_open=second[2] == "1",
        faults=tuple(name for name, present in faults.items() if present),
        paused=first[2] == "1",
        busy=waiting > 0,
        waiting=waiting,
        raw=b"\n".join(lines),
    )


def _error_status(errors: int, warnings: re.Match[bytes] | None, raw: bytes) -> Report:
    low = bool(warnings and int(warnings[1], 16) & PAPER_LOW)
    unnamed = ("other",) if errors & ~KNOWN_ERRORS else ()
    return Report(
        ERROR_STATUS,
        paper=Paper.OUT if errors & PAPER_OUT else Paper.NEAR_END if low else Paper.OK,
        cover_open=bool(errors & HEAD_OPEN),
        faults=named(errors, FAULTS) + unnamed,
        paused=bool(errors & PAUSED),
        raw=raw[:HELD_LIMIT],
    )
