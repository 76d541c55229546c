"""Adam Equipment scales: CPWplus, Highland, MDW, AZextra, and the text blocks of CBC.

Owns: both halves of the protocol and its driver. Must not know: ports, other scales, who uses the weight.
Manual: CPWplus manual, page 14; Highland manual, pages 27 and 29; MDW manual, pages 12 and 13; CBC manual,
page 18; AZextra manual, page 14. Line: 9600 or 4800 baud, 8 data bits, no parity, 1 stop bit. The shape of a
line tells its model; most carry no stable flag:

    G   +   2.00 kg                   CPWplus: gross, net or tare, as G, N and T ask for it
           123.45 g                   Highland, format 2: sign, weight and unit in 16 characters
    GS      123.45 g                  format 1; ST,GS … and a sign while it sends all the time
    LF    12.34kg CR LF 0p0 CR ETX    MDW: NCI with nine characters of weight, three status bytes
    Gross Wt   1.234 Kg               CBC, one line of a block

An AZextra answers P only for a weight that is new and not zero; its bare line (1.234kg after some blanks) and
nothing else is read in that dialect.

Faults survived: those of `text_lines`, joining in mid-line, a weight and its status torn apart.
"""

from __future__ import annotations

import re
from dataclasses import replace

from drivers.scales import nci
from drivers.scales.goals import Exchange, Goal
from drivers.scales.polling import PolledProtocol, PolledScale
from drivers.scales.streaming import StreamedScale
from drivers.scales.styles import Style, Unasked, scale_for, style_of, style_option
from drivers.scales.text_lines import (
    CRLF,
    CommandLines,
    no_grammar,
    no_such_unit,
    number,
    shown,
    torn,
    unit_named,
    weighed,
)
from edge_agent.sdk.driver import Ask, Context, DriverSpec, Indication, Kind, Option, Options, Request
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.framing import LineFramer
from edge_agent.sdk.values import Reading, Status

CPWPLUS, HIGHLAND, MDW, AZEXTRA = "cpwplus", "highland", "mdw", "azextra"
CR, ETX = b"\r", b"\x03"

# Commands; T asks a CPWplus for its tare, and has the other models take one.
GROSS, NET, TARE, PRINT, WEIGHT, STATUS, ZERO = b"G", b"N", b"T", b"P", b"W", b"S", b"Z"
QUESTIONS = {CPWPLUS: GROSS + CRLF, HIGHLAND: PRINT + CRLF, MDW: WEIGHT + CR, AZEXTRA: PRINT + CRLF}
GOALS = {
    CPWPLUS: {Goal.ZERO: ZERO + CRLF},
    HIGHLAND: {Goal.ZERO: ZERO + CRLF, Goal.TARE: TARE + CRLF},
    MDW: {Goal.ZERO: ZERO + CR, Goal.TARE: TARE + CR},
    AZEXTRA: dict[Goal, bytes](),  # it does not tell whether it has done it
}

NUMBER = rb" *\d+(?:\.\d+)?"
UNIT_FIELD = rb"(?P<unit> [a-z%] |[A-Za-z]{2} |[A-Za-z]{3})"
SHAPES = (
    re.compile(rb"(?P<head>[GNT]) +(?P<numeral>[+\-]" + NUMBER + rb") {1,3}(?P<unit>[A-Za-z%]{1,3}) *"),
    re.compile(rb"(?P<numeral>(?=.{16}\Z)[ \-]" + NUMBER + rb")" + UNIT_FIELD),
    re.compile(
        rb"(?P<state>ST|US),(?P<head>GS|NT)(?P<numeral>(?=.{15}\Z)[ \-]" + NUMBER + rb")" + UNIT_FIELD
    ),
    re.compile(rb"(?=.{17}\Z)(?P<head>GROSS|GS|NET|NT|Total)(?P<numeral> +-?" + NUMBER + rb")" + UNIT_FIELD),
    re.compile(rb"(?P<numeral>(?=.{13}\Z)[ \-]" + NUMBER + rb")(?P<unit>[a-z]{2})(?P<head>GR|NT)"),
    re.compile(rb"(?P<head>Gross|Net) Wt\.?(?P<numeral> +-?" + NUMBER + rb") (?P<unit>Kg|g|lb)"),
    re.compile(rb"PCS(?P<numeral> +\d+) (?P<unit>pcs)"),
)
BARE = re.compile(rb"(?P<numeral> +\d+\.\d{1,3}) *(?P<unit>kg|g|lb) *")
MDW_WEIGHT = re.compile(rb"((?=.{11}\Z)[ \-]" + NUMBER + rb")([a-z]{2})")
MDW_MARK = re.compile(rb" *(\^{6,9}|_{6,9}|-{6,9})([a-z]{2})")
MDW_STATUS = re.compile(rb"[0-?][p-\x7f][0-?]")
INFORMATION = re.compile(rb"(?:Date|Time|No\.|(?:Unit )?Wt\.?) [ -~]{1,40}")  # Wt alone is a recalled sum

NET_BY_HEAD = dict.fromkeys((b"G", b"GS", b"GROSS", b"GR", b"Gross"), False)
NET_BY_HEAD |= dict.fromkeys((b"N", b"NT", b"NET", b"Net"), True)
NO_WEIGHT_BY_HEAD = {b"T": Status.TARE, b"Total": Status.TOTAL}

REPLY_S = 1.0  # an MDW answers within 0.3 s; its manual advises a second
COMMAND_S = 0.4  # a key is carried out in about that time and answered by nothing
AZEXTRA_POLL_S = 5.0  # it beeps when it is asked for the same parcel again: time to take that away


# Lines (scale to host)


class AdamDecoder:
    """Lines and frames of the scale as readings. `raw` is without the line end."""

    def __init__(self, options: Options) -> None:
        self._bare = options.text("dialect") == AZEXTRA
        self._shapes = (BARE,) if self._bare else SHAPES
        self._framer = LineFramer(CRLF + ETX)
        self._weight: bytes | None = None

    def reset(self) -> None:
        self._framer.reset()
        self._weight = None

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        found: list[Reading | ProtocolError] = []
        for line in self._framer.feed(data):
            found += self._line(line)
        return found

    def flush(self) -> list[Reading | ProtocolError]:
        return [*self._without_status(), *(torn(line) for line in self._framer.flush())]

    def _line(self, line: bytes | ProtocolError) -> list[Reading | ProtocolError]:
        if isinstance(line, ProtocolError):
            return [*self._without_status(), line]
        if self._bare:
            return [self._printed(line)]
        if MDW_STATUS.fullmatch(line):
            weight, self._weight = self._weight, None
            return [_mdw(weight, line)]
        lost = self._without_status()
        if MDW_WEIGHT.fullmatch(line) or MDW_MARK.fullmatch(line):
            self._weight = line
            return lost
        return [*lost, self._printed(line)]

    def _without_status(self) -> list[Reading | ProtocolError]:
        """A weight that waits for its status in vain."""
        weight, self._weight = self._weight, None
        return [torn(weight)] if weight else []

    def _printed(self, line: bytes) -> Reading | ProtocolError:
        for shape in self._shapes:
            parts = shape.fullmatch(line)
            if parts:
                return _printed(parts.groupdict(), line)
        if line == b"?":
            return Reading(Status.ERROR, info="an unknown command", raw=line)
        if INFORMATION.fullmatch(line):
            return Reading(Status.INFO, info=line.decode("ascii"), raw=line)
        return no_grammar(line)


def _printed(parts: dict[str, bytes], line: bytes) -> Reading | ProtocolError:
    head, state = parts.get("head"), parts.get("state")
    return weighed(
        parts["numeral"],
        parts["unit"],
        line,
        stable=state == b"ST" if state else None,
        net=None if head is None else NET_BY_HEAD.get(head),
        status=None if head is None else NO_WEIGHT_BY_HEAD.get(head),
    )


def _mdw(weight: bytes | None, status: bytes) -> Reading | ProtocolError:
    """A weight with its status, or a status alone. A state without a number is neither stable nor not."""
    if weight is None:
        return nci.status_reading(status, status)
    raw = weight + CRLF + status
    unit = unit_named(weight[-2:])
    if unit is None:
        return no_such_unit(raw)
    mark = MDW_MARK.fullmatch(weight)
    if mark:
        reading = nci.status_reading(status, raw, unit, marked=nci.MARKS[mark[1][:1]])
    else:
        reading = nci.status_reading(status, raw, unit, number(weight[:-2]))
    return reading if reading.weight is not None else replace(reading, stable=None)


# The driver


def adam_scale(context: Context) -> PolledScale | StreamedScale:
    """The driver of one scale, in the style that is set."""
    dialect = context.options.text("dialect")
    seldom = dialect == AZEXTRA
    polled = PolledProtocol(
        codec=AdamDecoder(context.options),
        weight=Exchange(QUESTIONS[dialect], _is_weight, REPLY_S, optional=seldom),
        goals={goal: Exchange(key, _is_state, COMMAND_S) for goal, key in GOALS[dialect].items()},
    )
    if seldom:
        polled = replace(polled, fast_s=AZEXTRA_POLL_S, slow_s=AZEXTRA_POLL_S)
    return scale_for(context, polled)


def _is_weight(reading: Reading) -> bool:
    """A bare status is none, unless it tells why there is no weight."""
    if reading.weight is None:
        return reading.status not in (Status.OK, Status.ZERO, Status.INFO)
    return reading.status not in (Status.TARE, Status.TOTAL)


def _is_state(reading: Reading) -> bool:
    return reading.weight is None and reading.status is not Status.INFO


# The scale's own side


class AdamDeviceHalf:
    """What a scale of the configured model makes of commands, and what it sends of itself if it is set so."""

    def __init__(self, options: Options) -> None:
        self._dialect = options.text("dialect")
        self._unasked = Unasked(style_of(options))
        self._news = Unasked(Style.AUTO_PRINT)
        self._commands = CommandLines(self._request)

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        return self._commands.feed(data)

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:  # noqa: ARG002
        if self._dialect == MDW and request.ask is not Ask.WEIGHT:
            return b"\n?\r" + ETX if request.ask is Ask.UNKNOWN else b"\n" + _mdw_status(now)
        if request.ask is not Ask.WEIGHT or (self._dialect == AZEXTRA and not self._is_news(now)):
            return b""
        return self._line(now, request.raw)

    def broadcast(self, now: Indication) -> bytes:
        return self._line(now, GROSS) if self._unasked.speaks(now) else b""

    def _is_news(self, now: Indication) -> bool:
        return now.net >= 0 and self._news.speaks(now)

    def _request(self, line: bytes) -> Request:
        return Request(_ASKED_BY[self._dialect].get(line, Ask.UNKNOWN), raw=line)

    def _line(self, now: Indication, letter: bytes) -> bytes:
        if self._dialect == MDW:
            return b"\n" + _mdw_weight(now) + CRLF + _mdw_status(now)
        weight = (
            {NET: now.net, TARE: now.tare}.get(letter, now.gross) if self._dialect == CPWPLUS else now.net
        )
        field = shown(now, 7 if self._dialect == CPWPLUS else 12, abs(weight))
        if isinstance(field, Status):
            return b""  # nothing is printed while the display shows no number
        unit = now.unit.encode("ascii")
        if self._dialect == CPWPLUS:
            return letter + b"   " + (b"-" if weight < 0 else b"+") + field + b" " + unit + CRLF
        if self._dialect == AZEXTRA:  # its line has no sign
            return b"  " + field.strip() + unit + CRLF if weight >= 0 else b""
        return (b"-" if weight < 0 else b" ") + field + (b" " * (len(unit) == 1) + unit).ljust(3) + CRLF


_ASKED_BY = {
    CPWPLUS: {GROSS: Ask.WEIGHT, NET: Ask.WEIGHT, TARE: Ask.WEIGHT, ZERO: Ask.ZERO},
    HIGHLAND: {PRINT: Ask.WEIGHT, ZERO: Ask.ZERO, TARE: Ask.TARE},
    MDW: {WEIGHT: Ask.WEIGHT, STATUS: Ask.STATUS, ZERO: Ask.ZERO, TARE: Ask.TARE},
    AZEXTRA: {PRINT: Ask.WEIGHT, ZERO: Ask.ZERO, TARE: Ask.TARE},
}
_IN_PLACE_OF_DIGITS = {Status.OVERLOAD: b" ^^^^^^", Status.UNDERLOAD: b" ______", Status.ERROR: b" ------"}


def _mdw_weight(now: Indication) -> bytes:
    field = shown(now, 8, abs(now.net))
    digits = _IN_PLACE_OF_DIGITS[field] if isinstance(field, Status) else field
    sign = b"" if isinstance(field, Status) else b"-" if now.net < 0 else b" "
    return sign + digits + now.unit.encode("ascii")


def _mdw_status(now: Indication) -> bytes:
    beyond = shown(now, 8, abs(now.net))
    first = nci.FIXED | (nci.MOTION if now.motion else 0) | (nci.AT_ZERO if now.centre_zero else 0)
    second = nci.FIXED | nci.MORE | (nci.OVER if beyond is Status.OVERLOAD else 0)
    third = nci.FIXED | (nci.NET if now.tare else 0) | (nci.START_ZERO_ERROR if now.fault else 0)
    return bytes([first, second, third]) + CR + ETX


SPEC = DriverSpec(
    name="adam",
    kind=Kind.SCALE,
    title="Adam Equipment (CPWplus, Highland, MDW, AZextra, CBC)",
    decoder=AdamDecoder,
    build=adam_scale,
    device_half=AdamDeviceHalf,
    options=(
        Option(
            "dialect",
            CPWPLUS,
            "the model, which decides what is asked and what a bare number means",
            choices=(CPWPLUS, HIGHLAND, MDW, AZEXTRA),
        ),
        style_option(Style.POLL, Style.ON_DEMAND, Style.CONTINUOUS, Style.AUTO_PRINT),
    ),
    dialects=(CPWPLUS, HIGHLAND, MDW, AZEXTRA),
    sources=(
        "Adam CPWplus manual, page 14",
        "Adam Highland manual, pages 27 and 29",
        "Adam MDW manual, pages 12 and 13",
        "Adam CBC manual, page 18; AZextra manual, page 14",
        "github odoo/odoo, serial scale drivers (AZextra: its line, and when it answers)",
    ),
    capabilities=frozenset({"zero", "tare"}),
)
