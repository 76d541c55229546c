"""Sartorius SBI, printed lines and ESC commands of Sartorius balances (Entris, Cubis, Combics, Master, FB).

Owns: both halves of the protocol and its driver. Must not know: ports, other scales, who uses the weight.
Manual: Sartorius Entris II interface description, pages 3 and 4; FB manual, pages 66 and 67; Master series
manual, page 55; LE manual, page 51; ME215S manual, page 135. Line: 9600 baud, 7 data bits, odd parity, 1 stop
bit; over USB 115200 baud, 8 data bits, no parity. Lines have 16 or 22 characters, CR LF included:

    +111.25507 mg            sign, weight right-aligned in 9, blank, unit in 3: blank while not stable
    N     +   123.56 g       the same after an identification in 6 characters
    N     +  123.5[6]g       the digit in brackets is not verified
    Stat        H            no weight: H or High over, L or Low under, ERR and a number, C adjusting

Faults survived: those of `text_lines`, bytes with the parity bit left in, joining in mid-line.
"""

from __future__ import annotations

import re

from drivers.scales.goals import Exchange, Goal
from drivers.scales.polling import PolledProtocol, PolledScale
from drivers.scales.streaming import StreamedScale
from drivers.scales.styles import Style, Unasked, scale_for, style_of, style_option
from drivers.scales.text_lines import CRLF, SEVEN_BITS, LineDecoder, no_grammar, number, shown, weighed
from edge_agent.sdk.driver import (
    Ask,
    Context,
    DriverSpec,
    Indication,
    Kind,
    Option,
    Options,
    Request,
    SerialSettings,
)
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import Reading, Status

ESC = b"\x1b"
PRINT, ZERO, TARE, TARE_AND_ZERO = b"P", b"V", b"U", b"T"

SHORT, LONG = "16", "22"
IDENTIFICATION_CHARACTERS, BODY_CHARACTERS, WEIGHT_CHARACTERS = 6, 14, 9

WEIGHT = re.compile(rb"([ +\-])((?=[ .\d]{8}\d ) *\d+(?:\.\d+)?) ([ A-Za-z%]{3})")
UNVERIFIED = re.compile(rb"([ +\-]) *(\d+\.?\d*)\[(\d+)\]([ A-Za-z%]{3})")
LAST_DIGIT_BLANK = re.compile(rb"[ +\-] *\d+\.?\d* {5,6}")  # some settings show it only at rest
NOT_STABLE = b"   "
FAULT = re.compile(rb"(?:ERR|Err) *\d{1,3}|(?:APP|DIS|PRT)\.ERR?")
STATES = {
    b"H": Status.OVERLOAD,
    b"HH": Status.OVERLOAD,
    b"High": Status.OVERLOAD,
    b"L": Status.UNDERLOAD,
    b"LL": Status.UNDERLOAD,
    b"Low": Status.UNDERLOAD,
    b"C": Status.BUSY,
    b"Cal.Ext.": Status.BUSY,
    b"Cal. Ext.": Status.BUSY,
    b"OFF": Status.BUSY,
}

STATUS_LINE = b"Stat"
NET_BY_IDENTIFICATION = {b"": None, b"G": False, b"G#": False, b"N": True, b"Qnt": None}
NO_WEIGHT_BY_IDENTIFICATION = {
    b"T": Status.TARE,
    b"T1": Status.TARE,
    b"T2": Status.TARE,
    b"PT2": Status.TARE,
    b"Cont.T": Status.TARE,
    b"*G": Status.TOTAL,
    b"*N": Status.TOTAL,
    b"Tot.cp": Status.TOTAL,
}
REFERENCE = re.compile(rb"[A-Za-z][\w.%# \-]{0,5}")  # of an application: never the weight on the pan
OTHER_DIALECT = "compare the setting 'dialect' (16 or 22 characters) with the scale's menu"

REPLY_S = 1.0  # without waiting for stability the scale prints with its next update
COMMAND_S = 0.4  # a key is carried out in about that time and answered by nothing


# Requests (host to scale)


def command(letter: bytes) -> bytes:
    """One command; CR LF may be left out."""
    return ESC + letter + CRLF


# Printed lines (scale to host)


class SartoriusSbiDecoder(LineDecoder):
    """Printed lines of the scale as readings."""

    def __init__(self, options: Options) -> None:
        self._head = IDENTIFICATION_CHARACTERS if options.text("dialect") == LONG else 0
        super().__init__(self._line, seven_bits=True)

    def _line(self, line: bytes) -> Reading | ProtocolError:
        if len(line) != self._head + BODY_CHARACTERS:
            return ProtocolError("frame.grammar", "a line of another length", line, hint=OTHER_DIALECT)
        head, body = line[: self._head].strip(), line[self._head :]
        if head == STATUS_LINE or not self._head:
            state = _state(body.strip(), line)
            if state or head == STATUS_LINE:
                return state or no_grammar(line)
        return self._weight(head, body, line)

    def _weight(self, head: bytes, body: bytes, line: bytes) -> Reading | ProtocolError:
        parts = WEIGHT.fullmatch(body) or UNVERIFIED.fullmatch(body)
        if head not in NET_BY_IDENTIFICATION and head not in NO_WEIGHT_BY_IDENTIFICATION:
            if parts and REFERENCE.fullmatch(head):
                return Reading(Status.INFO, info=line.decode("ascii").strip(), raw=line)
            return no_grammar(line)
        net, status = self._net(head), NO_WEIGHT_BY_IDENTIFICATION.get(head)
        if parts:
            *numeral, unit = parts.groups()
            if unit != NOT_STABLE:
                return weighed(b"".join(numeral), unit, line, stable=True, net=net, status=status)
            if not status:
                return Reading(
                    Status.MOTION, number(b"".join(numeral)), None, stable=False, net=net, raw=line
                )
        if LAST_DIGIT_BLANK.fullmatch(body) and not status:
            return Reading(Status.MOTION, stable=False, net=net, raw=line)
        return no_grammar(line)

    def _net(self, head: bytes) -> bool | None:
        return NET_BY_IDENTIFICATION.get(head)


class SartoriusSbiLiveDecoder(SartoriusSbiDecoder):
    """For the driver: N is printed whether a tare is set or not, so that it does not tell of one."""

    def _net(self, head: bytes) -> bool | None:
        return None if head == b"N" else super()._net(head)


def _state(words: bytes, line: bytes) -> Reading | None:
    if words in STATES:
        return Reading(STATES[words], raw=line)
    if FAULT.fullmatch(words):
        return Reading(Status.ERROR, info=words.decode("ascii"), raw=line)
    return None


# The driver


def sartorius_sbi_scale(context: Context) -> PolledScale | StreamedScale:
    """The driver of one scale, in the style that is set."""
    goals = {Goal.ZERO: ZERO, Goal.TARE: TARE}
    polled = PolledProtocol(
        codec=SartoriusSbiLiveDecoder(context.options),
        weight=Exchange(command(PRINT), _is_weight, REPLY_S),
        goals={goal: Exchange(command(letter), _is_fault, COMMAND_S) for goal, letter in goals.items()},
    )
    return scale_for(context, polled)


def _is_weight(reading: Reading) -> bool:
    return reading.status not in (Status.INFO, Status.TARE, Status.TOTAL)


def _is_fault(reading: Reading) -> bool:
    return reading.status is Status.ERROR


# The scale's own side


class SartoriusSbiDeviceHalf:
    """What a scale makes of the host's commands, and what it prints of itself if it is set so."""

    def __init__(self, options: Options) -> None:
        self._long = options.text("dialect") == LONG
        self._unasked = Unasked(style_of(options))
        self._escaped = False

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        """Each character after ESC is a command; all others, line ends too, are passed over."""
        requests: list[Request | ProtocolError] = []
        for value in data.translate(SEVEN_BITS):
            letter = bytes([value])
            if self._escaped and letter != ESC:
                requests.append(Request(_ASKED_BY.get(letter, Ask.UNKNOWN), raw=ESC + letter))
            self._escaped = letter == ESC
        return requests

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:  # noqa: ARG002
        """Keys are answered by nothing: what they did shows in the next line."""
        return self._line(now) if request.ask is Ask.WEIGHT else b""

    def broadcast(self, now: Indication) -> bytes:
        return self._line(now) if self._unasked.speaks(now) else b""

    def _line(self, now: Indication) -> bytes:
        field = shown(now, WEIGHT_CHARACTERS, abs(now.net))
        if isinstance(field, Status):
            words = {Status.OVERLOAD: b"       H", Status.UNDERLOAD: b"       L"}.get(field, b"   ERR  54")
            return self._framed(STATUS_LINE, words.ljust(BODY_CHARACTERS))
        unit = NOT_STABLE if now.motion else now.unit.encode("ascii").ljust(len(NOT_STABLE))
        return self._framed(b"N", (b"-" if now.net < 0 else b"+") + field + b" " + unit)

    def _framed(self, head: bytes, body: bytes) -> bytes:
        return (head.ljust(IDENTIFICATION_CHARACTERS) if self._long else b"") + body + CRLF


_ASKED_BY = {PRINT: Ask.WEIGHT, ZERO: Ask.ZERO, TARE: Ask.TARE, TARE_AND_ZERO: Ask.TARE}


SPEC = DriverSpec(
    name="sartorius_sbi",
    kind=Kind.SCALE,
    title="Sartorius SBI (Entris, Cubis, Combics, Master, FB, Practum)",
    decoder=SartoriusSbiDecoder,
    build=sartorius_sbi_scale,
    device_half=SartoriusSbiDeviceHalf,
    serial=SerialSettings(baud=9600, bits=7, parity="O", stop=1),
    options=(
        Option("dialect", LONG, "characters of a printed line, CR LF included", choices=(LONG, SHORT)),
        style_option(Style.POLL, Style.ON_DEMAND, Style.CONTINUOUS, Style.AUTO_PRINT),
    ),
    dialects=(LONG, SHORT),
    sources=(
        "Sartorius Entris II interface description, pages 3 and 4",
        "Sartorius FB manual, pages 66 and 67; Combics 1 manual, page 98",
        "Sartorius Master series manual, page 55; LE manual, page 51; ME215S manual, page 135",
        "github numat/sartorius, tests (captured lines)",
    ),
    capabilities=frozenset({"zero", "tare"}),
)
