"""The ST,GS line of indicators from many makers (T-Scale, Excell, Dini Argeo, CAS in its AND format, ...).

Owns: both halves of the protocol, its layouts, and its driver. Must not know: ports, other scales, who uses
the weight.
Manuals: Excell H3, page 65, Excell EX-2001 Plus, page 23, Kern KXS-TM, page 70 (the same line, spelled out),
Dini Argeo 3590EXP, page 65, CAS CI-600D, page 75 (18 bytes); captures of T-Scale NHB and QHW. The indicator
sends all the time:

    HH , KK , weight unit CR LF      HH: ST stable, US unstable, OL overload, UL underload
                                     KK: GS gross, NT net, TR tare

The head is the same everywhere; the columns behind it are not. Which layout it is must be set: a line of one
read by another can lose a digit. Weight and unit stand in columns of fixed width.

Faults survived: bytes with the parity bit left in, joining in mid-line, lines cut off or run together,
bytes lost within a line (the columns do not fit any more).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from drivers.scales.goals import Exchange, Goal
from drivers.scales.streaming import StreamedProtocol, StreamedScale
from drivers.scales.text_lines import CRLF, CommandLines, LineDecoder, no_grammar, unit_named, weighed
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

TOLD_UNITS = frozenset({"kg", "g", "mg", "t", "lb", "oz", "ct"})  # two letters, as all layouts have room for

HEAD = re.compile(rb"(\d{2})?(ST|US|OL|UL),(GS|NT|TR)")
NUMBER = re.compile(rb" *[+-]? *\d+\.?\d*")
PARTED = re.compile(rb"( *[+-]?\d+\.?\d*|[+-] *\d+\.?\d*),([ A-Za-z]{2})")  # weight and unit, Dini Argeo
SPACED = re.compile(rb"([+-] *\d+\.?\d*) ([A-Za-z]{2})")  # one column less, the unit set apart
SPACED_BYTES = 9
BEYOND = (b"OL", b"UL")
BLANKED = re.compile(rb"[-+ .,\d]*?([A-Za-z]{1,2})? *")  # what an overload leaves of weight and unit


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns behind the head: what joins them to it, and how wide weight and unit are.

    `parted` has a comma between them and may have two digits of address before the head; `spaced` allows the
    shorter form with the unit set apart. `plus` and `fill` are how the indicator itself writes a positive
    weight and the columns before it.
    """

    comma: bytes = b","
    weight: int = 8
    unit: int = 2
    unit_left: bool = False
    parted: bool = False
    spaced: bool = False
    plus: str = "+"
    fill: str = " "


LAYOUTS: Mapping[str, Layout] = {
    "generic": Layout(spaced=True),
    "tscale_qhw": Layout(plus=" "),
    "tscale_nhb": Layout(comma=b"", unit=3, unit_left=True, plus=" "),
    "and18": Layout(plus="", fill="0"),
    "dini_argeo": Layout(parted=True, plus=""),
    "excell": Layout(weight=9, unit=4, fill="0"),  # seven digits and a point
    "excell_6": Layout(unit=4, fill="0"),  # six digits and a point
}

# Commands of Excell and Kern indicators (Kern KXS-TM, page 68), each ended by CR LF.
READ, ZERO, TARE, CLEAR_TARE = b"RW", b"MZ", b"MT", b"CT"
COMMANDED = ("excell", "excell_6")


# Lines (indicator to host)


class StGsDecoder(LineDecoder):
    """Lines of the indicator as readings."""

    def __init__(self, options: Options) -> None:
        super().__init__(self._line, seven_bits=True)
        self._layout = LAYOUTS[options.text("dialect")]

    def _line(self, line: bytes) -> Reading | ProtocolError:
        head, comma = HEAD.match(line), self._layout.comma
        if head is None or (head[1] and not self._layout.parted):
            return no_grammar(line)
        if not line.startswith(comma, head.end()):
            return no_grammar(line)
        fields = line[head.end() + len(comma) :]
        if head[2] in BEYOND:
            return _beyond(head[2], head[3], fields, line)
        columns = self._columns(fields)
        if columns is None:
            return no_grammar(line)
        if head[3] == b"TR":
            return weighed(*columns, line, stable=None, status=Status.TARE)
        return weighed(*columns, line, stable=head[2] == b"ST", net=head[3] == b"NT")

    def _columns(self, fields: bytes) -> tuple[bytes, bytes] | None:
        """Weight and unit, if both stand in their columns."""
        layout = self._layout
        if layout.parted:
            return _parted(fields, layout.weight)
        spaced = SPACED.fullmatch(fields) if layout.spaced and len(fields) == SPACED_BYTES else None
        if spaced:
            return spaced[1], spaced[2]
        weight, unit = fields[: layout.weight], fields[layout.weight :]
        fits = len(unit) == layout.unit and NUMBER.fullmatch(weight)
        return (weight, unit) if fits else None


def _parted(fields: bytes, width: int) -> tuple[bytes, bytes] | None:
    """Eight columns with the sign before the digits, or nine with the sign in the first of them."""
    parts = PARTED.fullmatch(fields)
    if parts is None:
        return None
    first = parts[1][:1] in (b"+", b"-") and len(parts[1]) == width + 1
    near = parts[1][:2] not in (b"+ ", b"- ") and len(parts[1]) == width
    return (parts[1], parts[2]) if first or near else None


def _beyond(head: bytes, kind: bytes, fields: bytes, line: bytes) -> Reading | ProtocolError:
    """Overload and underload stay what they are, whatever is left in the columns."""
    left = BLANKED.fullmatch(fields)
    if left is None:
        return no_grammar(line)
    under = head == b"UL" or fields.lstrip().startswith(b"-")
    status = Status.UNDERLOAD if under else Status.OVERLOAD
    return Reading(status, unit=unit_named(left[1] or b""), net=kind == b"NT", raw=line)


# The driver


class StGs(StreamedScale):
    """The driver of one indicator: it speaks unasked; only Excell and Kern take commands as well."""

    def __init__(self, context: Context) -> None:
        words = {Goal.ZERO: ZERO, Goal.TARE: TARE, Goal.CLEAR_TARE: CLEAR_TARE}
        commanded = context.options.text("dialect") in COMMANDED
        goals = {goal: Exchange(word + CRLF, _any) for goal, word in words.items() if commanded}
        super().__init__(context, StreamedProtocol(StGsDecoder(context.options), anchor=CRLF, goals=goals))


def _any(_reading: Reading) -> bool:
    return True


# The indicator's own side


class StGsDeviceHalf:
    """What an indicator sends, and what an Excell makes of the host's commands."""

    def __init__(self, options: Options) -> None:
        self._layout = LAYOUTS[options.text("dialect")]
        self._commands = CommandLines(_request)

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        return self._commands.feed(data)

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:
        """A command is echoed when it was carried out."""
        if request.ask is Ask.WEIGHT:
            return self.broadcast(now)
        return request.raw + CRLF if done and request.ask is not Ask.UNKNOWN else b""

    def broadcast(self, now: Indication) -> bytes:
        if now.unit not in TOLD_UNITS or now.fault:
            return b""
        layout = self._layout
        weight, head = self._columns(now.net), b"US" if now.motion else b"ST"
        if now.overload or weight is None:
            weight, head = (b"-" if now.net < 0 else b"+").ljust(layout.weight), b"OL"
        unit = now.unit.encode("ascii")
        columns = unit.ljust(layout.unit) if layout.unit_left else unit.rjust(layout.unit)
        kind = b"NT" if now.tare else b"GS"
        between = b"," if layout.parted else b""
        return head + b"," + kind + layout.comma + weight + between + columns + CRLF

    def _columns(self, weight: Decimal) -> bytes | None:
        layout = self._layout
        sign, digits = "-" if weight < 0 else layout.plus, format(abs(weight), "f")
        if layout.parted:
            text = (sign + digits).rjust(layout.weight)
        else:
            text = sign + digits.rjust(layout.weight - len(sign), layout.fill)
        return text.encode("ascii") if len(text) == layout.weight else None


_ASKED_BY = {READ: Ask.WEIGHT, ZERO: Ask.ZERO, TARE: Ask.TARE, CLEAR_TARE: Ask.CLEAR_TARE}


def _request(line: bytes) -> Request:
    return Request(_ASKED_BY.get(line, Ask.UNKNOWN), raw=line)


SPEC = DriverSpec(
    name="st_gs",
    kind=Kind.SCALE,
    title="ST,GS line (T-Scale, Excell, Kern KXS, Dini Argeo, CAS AND format and many others)",
    decoder=StGsDecoder,
    build=StGs,
    device_half=StGsDeviceHalf,
    serial=SerialSettings(baud=9600),
    options=(
        Option("dialect", "generic", "the columns of the line, as in the indicator's manual", tuple(LAYOUTS)),
    ),
    dialects=tuple(LAYOUTS),
    sources=(
        "Excell H3 manual, pages 64 and 65; Excell EX-2001 Plus manual, page 23",
        "Kern KXS-TM manual, pages 68 and 70",
        "Dini Argeo 3590EXP manual, page 65",
        "CAS CI-600D manual, page 75 (AND format, 18 bytes)",
        "captures of T-Scale NHB and QHW (github chumpon-asaneerat/NSerialCommTools)",
        "captures in github bgerp/PiCons and imTigger/webapp-hardware-bridge",
    ),
    capabilities=frozenset({"zero", "tare", "clear_tare"}),
)
