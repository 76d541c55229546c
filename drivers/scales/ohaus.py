"""OHAUS printed lines and commands (Ranger, Defender, Valor, Navigator, Scout, Explorer, Courier, Aviator).

Owns: both halves of the protocol and its driver. Must not know: ports, other scales, who uses the weight.
Manual: OHAUS RS232 interface manual, pages EN-3 to EN-5; Explorer manual, page EN-156; Ranger Count 3000
manual, page EN-32; Ethernet interface manual 30064478B; Defender 3000 manual, page EN-35; Ranger RC manual,
page 36. Line: 9600 baud, 8 data bits, no parity, 1 stop bit; Ethernet kit: TCP port 9761, one client.
Commands end in CR or CR LF. A printed line is the weight right-aligned in 9 to 12 characters, a blank, the
unit, "?" while it is not stable, and a legend:

         192.21 g            207.80 g TOTAL           3 PCS  ?         0.00000    kg

defender3000 puts the sign first and has no free columns: -  1.340 kg   ?N; ranger_rc likewise.

Faults survived: those of `text_lines`, bytes with the parity bit left in. A line that was joined in the
middle of its digits no longer begins with a blank or a minus sign and is refused.
"""

from __future__ import annotations

import re
from decimal import Decimal

from drivers.scales.goals import Exchange, Goal
from drivers.scales.polling import PolledProtocol, PolledScale
from drivers.scales.streaming import StreamedScale
from drivers.scales.styles import Style, Unasked, scale_for, style_of, style_option
from drivers.scales.text_lines import CRLF, CommandLines, LineDecoder, no_grammar, shown, weighed
from edge_agent.sdk.driver import Ask, Context, DriverSpec, Indication, Kind, Option, Options, Request
from edge_agent.sdk.errors import ConfigError, ProtocolError
from edge_agent.sdk.values import Reading, Status

STANDARD, DEFENDER, RANGER_RC = "standard", "defender3000", "ranger_rc"

PRINT_NOW, PRINT, PRINT_STABLE, PRINT_ALL_THE_TIME, STOP = b"IP", b"P", b"SP", b"CP", b"0P"
ZERO, TARE, CLEAR_TARE, VERSION = b"Z", b"T", b"0T", b"PV"

UNIT = rb"[A-Za-z%]{1,5}"
STANDARD_LINE = re.compile(
    rb"(?=[ \-])(?P<numeral>(?=[ \-.\d]{8,11}\d ) *-?\d+(?:\.\d+)?) +(?P<unit>" + UNIT + rb")"
    rb" *(?P<moving>\??) *(?P<legend>B/G|G|NET|N|TOTAL|TARE|T|\d\d:\d\d:\d\d|(?:WET|AIR) WT|) *"
)
# Sign, six or seven columns of digits, blank, unit in five, stability, legend; newer ones have a blank more.
DEFENDER_LINE = re.compile(
    rb"(?P<numeral>[ \-](?= ?[ .\d]{6}\d ) *\d+(?:\.\d+)?) (?=.{5}[ ?])(?P<unit>" + UNIT + rb") *"
    rb"(?P<moving>[ ?])(?P<legend>[GNT]|G  |NET|T  )"
)
RANGER_RC_LINE = re.compile(
    rb"(?P<numeral>[ \-]  (?=[ .\d]{6}\d ) *\d+(?:\.\d+)?) (?=.{2} )(?P<unit>[A-Za-z%]{1,2}) ? "
    rb"(?P<moving>[ ?]) (?P<legend>NET|B/G|   )"
)
LINES = {STANDARD: STANDARD_LINE, DEFENDER: DEFENDER_LINE, RANGER_RC: RANGER_RC_LINE}
LENGTHS = {DEFENDER: (16, 19), RANGER_RC: (19,)}
NET_BY_LEGEND = {b"G": False, b"B/G": False, b"N": True, b"NET": True}
NO_WEIGHT_BY_LEGEND = {b"TOTAL": Status.TOTAL, b"T": Status.TARE, b"TARE": Status.TARE}
ERRORS = {b"ES": "ES, an unknown command"}
OTHER_DIALECT = (
    "compare the setting 'dialect' with the scale's manual; a scale that answers ES speaks mt_sics"
)

REPLY_S = 1.0  # the scale prints with its next update, five to ten a second
COMMAND_S = 0.3  # a key is carried out in about that time and answered by nothing
MOST_TARE_DIGITS = 8


# Requests (host to scale)


def command(name: bytes) -> bytes:
    """One command, closed by CR LF."""
    return name + CRLF


def encode_preset_tare(tare_g: Decimal) -> bytes:
    """The request that sets a known tare, in grams; 0 clears it. Raises ConfigError if it cannot be set."""
    numeral = format(tare_g, "f")
    if not tare_g.is_finite() or tare_g < 0 or len(numeral) > MOST_TARE_DIGITS:
        raise ConfigError("scale.tare_value", f"a tare of {tare_g} g cannot be set on this scale")
    return command(numeral.encode("ascii") + TARE)


# Printed lines (scale to host)


class OhausDecoder(LineDecoder):
    """Printed lines of the scale as readings."""

    def __init__(self, options: Options) -> None:
        self._dialect = options.text("dialect")
        super().__init__(self._line, seven_bits=True)

    def _line(self, line: bytes) -> Reading | ProtocolError:
        if line.rstrip() in ERRORS:
            return Reading(Status.ERROR, info=ERRORS[line.rstrip()], raw=line)
        printed = LINES[self._dialect].fullmatch(line)
        if printed is None or len(line) not in LENGTHS.get(self._dialect, (len(line),)):
            error = no_grammar(line)
            error.hint = OTHER_DIALECT
            return error
        return _printed(printed, line)


def _printed(printed: re.Match[bytes], line: bytes) -> Reading | ProtocolError:
    legend = printed["legend"].rstrip()
    if legend.endswith(b"WT"):  # a density is being determined: the weight is that of the body in water
        return Reading(Status.INFO, info=line.decode("ascii").strip(), raw=line)
    return weighed(
        printed["numeral"],
        printed["unit"],
        line,
        stable=printed["moving"] != b"?",
        net=NET_BY_LEGEND.get(legend),
        status=NO_WEIGHT_BY_LEGEND.get(legend),
    )


# The driver


def ohaus_scale(context: Context) -> PolledScale | StreamedScale:
    """The driver of one scale, in the style that is set."""
    goals = {Goal.ZERO: ZERO, Goal.TARE: TARE, Goal.CLEAR_TARE: CLEAR_TARE}
    polled = PolledProtocol(
        codec=OhausDecoder(context.options),
        weight=Exchange(command(PRINT_NOW), _is_weight, REPLY_S),
        goals={goal: Exchange(command(name), _is_refusal, COMMAND_S) for goal, name in goals.items()},
    )
    return scale_for(context, polled, repeat=command(PRINT_ALL_THE_TIME))


def _is_weight(reading: Reading) -> bool:
    return reading.status not in (Status.INFO, Status.TARE, Status.TOTAL)


def _is_refusal(reading: Reading) -> bool:
    return reading.status is Status.ERROR


# The scale's own side


class OhausDeviceHalf:
    """What a scale makes of the host's commands, and what it prints of itself if it is set so."""

    def __init__(self, options: Options) -> None:
        self._dialect = options.text("dialect")
        self._unasked = Unasked(style_of(options))
        self._commands = CommandLines(_request)

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        return self._commands.feed(data)

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:
        """Keys are answered by nothing: what they did shows in the next line."""
        match request.ask:
            case Ask.WEIGHT | Ask.STREAM:
                return self._line(now)
            case Ask.STABLE_WEIGHT:
                return self._line(now) if done else b""
            case Ask.INFO:
                return command(b"SR 1.00")
            case Ask.UNKNOWN:
                return command(b"ES")
        return b""

    def broadcast(self, now: Indication) -> bytes:
        return self._line(now) if self._unasked.speaks(now) else b""

    def _line(self, now: Indication) -> bytes:
        width = 10 if self._dialect == STANDARD else 7
        field = shown(now, width, now.net if self._dialect == STANDARD else abs(now.net))
        if isinstance(field, Status):
            return command(b"ES")
        sign = b"-" if now.net < 0 else b" "
        moving = b"?" if now.motion else b" "
        unit = now.unit.encode("ascii")
        if self._dialect == DEFENDER:
            legend = b"N" if now.tare else b"G"
            return command(sign + field + b" " + unit.ljust(5) + moving + legend)
        if self._dialect == RANGER_RC:
            legend = b"NET" if now.tare else b"B/G"
            return command(sign + b"  " + field + b" " + unit.ljust(2) + b" " + moving + b" " + legend)
        return command(
            b" " + field + b" " + unit.ljust(5) + b" " + moving + b" " + (b"N" if now.tare else b"G")
        )


_ASKED_BY = {
    PRINT_NOW: Ask.WEIGHT,
    PRINT: Ask.WEIGHT,
    PRINT_STABLE: Ask.STABLE_WEIGHT,
    PRINT_ALL_THE_TIME: Ask.STREAM,
    STOP: Ask.STOP,
    ZERO: Ask.ZERO,
    TARE: Ask.TARE,
    CLEAR_TARE: Ask.CLEAR_TARE,
    VERSION: Ask.INFO,
}
_PRESET = re.compile(rb"(\d+(?:\.\d+)?)T")


def _request(line: bytes) -> Request:
    preset = _PRESET.fullmatch(line)
    if preset and line != CLEAR_TARE:
        return Request(Ask.TARE, preset[1].decode("ascii"), line)
    return Request(_ASKED_BY.get(line, Ask.UNKNOWN), raw=line)


SPEC = DriverSpec(
    name="ohaus",
    kind=Kind.SCALE,
    title="OHAUS (Ranger, Defender, Valor, Navigator, Scout, Explorer, Courier)",
    decoder=OhausDecoder,
    build=ohaus_scale,
    device_half=OhausDeviceHalf,
    options=(
        Option(
            "dialect",
            STANDARD,
            "layout of the printed line: standard, or with the sign first and fixed columns",
            choices=(STANDARD, DEFENDER, RANGER_RC),
        ),
        style_option(Style.POLL, Style.ON_DEMAND, Style.DEVICE_REPEATED, Style.CONTINUOUS, Style.AUTO_PRINT),
    ),
    dialects=(STANDARD, DEFENDER, RANGER_RC),
    sources=(
        "OHAUS RS232 interface manual, pages EN-3 to EN-5",
        "OHAUS Explorer manual, page EN-156; Courier 5000 manual, page 34",
        "OHAUS Ranger Count 3000 manual, page EN-32; Ethernet interface manual 30064478B",
        "OHAUS Defender 3000 manual, page EN-35; github chumpon-asaneerat/NSerialCommTools, captures",
        "OHAUS Ranger RC manual, page 36",
    ),
    capabilities=frozenset({"zero", "tare", "clear_tare"}),
)
