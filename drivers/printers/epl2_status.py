"""EPL2 status: the error report (^ee) and what a print command is answered once US is on, both halves.

Owns: telling the replies apart, and the codes. Must not know: when to ask, links, time.
Documents: Intermec ESim reference for EasyCoder PD4 and PC4, pages 118 (US), 130 and 132 (^ee), 153 (codes);
Zebra EPL Programming Guide 14245L-003, page 92 (11: head open; 00: no error).

    ^ee      00 CR LF, or codes with commas: 07,11 CR LF
    US, P    ACK, or NAK and a code; XOFF and XON stand around errors on a serial line

Faults survived: replies torn or mixed, replies that nobody asked for, codes that are not known (such a
code is still a fault: it is named by its number).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from drivers.printers.report import Report
from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import Paper

ERROR_REPORT, ACKNOWLEDGED = QUESTIONS = ("^ee", "acknowledgement")
HELD_LIMIT = 64  # twenty codes; a printer has no more faults than that
ACK, NAK, XON, XOFF = b"\x06", b"\x15", b"\x11", b"\x13"

REPLY = re.compile(rb"\x06|\x15(\d\d)|(\d\d(?:,\d\d)*)\r\n")
MAY_GROW = re.compile(rb"\x15\d?|\d(?:\d(?:,\d\d)*(?:,\d?)?)?\r?")

PAPER_OUT, HEAD_OPEN, PAUSED = "07", "11", "92"
SYNTAX_CODES = frozenset({"01", "02", "03", "04", "05", "08", "09", "10"})  # of the last form; N clears them
FAULTS = {"62": "head_overheated", "81": "cutter", "06": "serial_line"}


@dataclass(frozen=True, slots=True)
class PrinterErrors:
    """What an EPL2 printer knows of itself."""

    paper_out: bool = False
    head_open: bool = False
    paused: bool = False
    cutter_jammed: bool = False
    overheated: bool = False


def error_report_reply(now: PrinterErrors) -> bytes:
    """^ee"""
    return b",".join(code.encode("ascii") for code in _codes(now) or ["00"]) + b"\r\n"


def acknowledgement(now: PrinterErrors) -> bytes:
    """What a print command is answered."""
    codes = _codes(now)
    return NAK + codes[0].encode("ascii") if codes else ACK


class StatusDecoder:
    """Replies as Report. `asked` tells it which questions are open."""

    questions = QUESTIONS

    def __init__(self, options: Options | None = None) -> None:  # noqa: ARG002 - every codec takes options
        self.reset()

    def reset(self) -> None:
        self._held = b""
        self._open: list[str] = []

    def asked(self, question: str) -> None:
        """This question was just sent; the next reply of its kind answers it."""
        self._open = [*self._open[-len(QUESTIONS) :], question]

    def give_up(self, question: str) -> None:
        """Nobody answered this question in time: a reply that still comes answers nothing."""
        self._open = [one for one in self._open if one != question]

    def feed(self, data: bytes) -> list[Report | ProtocolError]:
        held = self._held + data.translate(None, XON + XOFF)
        self._held = b""
        values: list[Report | ProtocolError] = []
        noise = b""
        at = 0
        while at < len(held):
            reply = REPLY.match(held, at)
            if reply:
                values += [*_noise(noise), *self._understood(reply)]
                noise, at = b"", reply.end()
            elif MAY_GROW.fullmatch(held, at) and len(held) - at <= HELD_LIMIT:
                self._held = held[at:]
                break
            else:
                noise = (noise + held[at : at + 1])[:HELD_LIMIT]
                at += 1
        return [*values, *_noise(noise)]

    def flush(self) -> list[Report | ProtocolError]:
        held, self._held = self._held, b""
        return [ProtocolError("frame.torn", "a status reply cut off", held)] if held else []

    def _understood(self, reply: re.Match[bytes]) -> list[Report | ProtocolError]:
        question = ERROR_REPORT if reply[2] is not None else ACKNOWLEDGED
        if question not in self._open:
            return [ProtocolError("frame.noise", "a reply that nobody asked for", reply[0])]
        self._open.remove(question)
        if question == ERROR_REPORT:
            return [_error_report(reply[2], reply[0])]
        return [Report(ACKNOWLEDGED, accepted=reply[1] is None, raw=reply[0])]


def _noise(data: bytes) -> list[Report | ProtocolError]:
    return [ProtocolError("frame.noise", "no reply of EPL2", data)] if data else []


def _error_report(text: bytes, raw: bytes) -> Report:
    codes = [code for code in text.decode("ascii").split(",") if code != "00"]
    known = {PAPER_OUT, HEAD_OPEN, PAUSED, *SYNTAX_CODES}
    return Report(
        ERROR_REPORT,
        paper=Paper.OUT if PAPER_OUT in codes else Paper.OK,
        cover_open=HEAD_OPEN in codes,
        faults=tuple(FAULTS.get(code, f"code_{code}") for code in codes if code not in known),
        paused=PAUSED in codes,
        raw=raw,
    )


def _codes(now: PrinterErrors) -> list[str]:
    flags = {
        PAPER_OUT: now.paper_out,
        HEAD_OPEN: now.head_open,
        PAUSED: now.paused,
        "81": now.cutter_jammed,
        "62": now.overheated,
    }
    return [code for code, present in flags.items() if present]
