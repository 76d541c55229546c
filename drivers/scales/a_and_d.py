"""A&D standard format (EK, FX, GX, HC, GC, FG, HV series and weighing indicators AD-43xx, AD-44xx).

Owns: both halves of the protocol and its driver. Must not know: ports, other scales, who uses the weight.
Manual: A&D EK-L manual, page 28; HC-i manual, pages 47 and 48; GC manual, pages 51 and 56; FX-i manual, pages
51 and 52; AD-4329A manual, page 43. Line: 2400 baud, 7 data bits, even parity, 1 stop bit as delivered.
Commands and answers are lines:

    ST,+000123.4  g      header, sign, eight characters with zeros in front, unit in three
    ST,OK,+0001.234 kg   with the result of a comparison in between, or with GS, NT, TR … of an indicator
    ST,GS,+00123.4kg     indicators that are set so: seven characters, unit in two
    OL,+999999.9  g      out of range, above or below by its sign; the digits say nothing
    ?WT,+0001.234 kg     HC-i: a question mark before the header marks what is not stable
    ACK, EC,E11          a command was taken, or refused with a number, where the scale is set to say so

Faults survived: those of `text_lines`, bytes with the parity bit left in, joining in mid-line, a lone ACK.
"""

from __future__ import annotations

import re
from decimal import Decimal

from drivers.scales.goals import Exchange, Goal
from drivers.scales.polling import PolledProtocol, PolledScale
from drivers.scales.streaming import StreamedScale
from drivers.scales.styles import Style, Unasked, scale_for, style_of, style_option
from drivers.scales.text_lines import CRLF, UNIT_NAMES, CommandLines, LineDecoder, no_grammar, shown, weighed
from drivers.scales.text_lines import unit_named as named
from edge_agent.sdk.driver import (
    HARMLESS_PROBE,
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
from edge_agent.sdk.errors import ConfigError, ProtocolError
from edge_agent.sdk.values import Reading, Status

ACK = b"\x06"
WEIGHT, STABLE_WEIGHT, WEIGHT_NOW, REPEAT, STOP = b"Q", b"S", b"SI", b"SIR", b"C"
ZERO, RE_ZERO, TARE, PRESET_TARE, MODEL = b"Z", b"R", b"T", b"PT:", b"?TN"
DATA_CHARACTERS, UNIT_CHARACTERS = 8, 3

SECOND = rb"(?:,(HI|OK|LO|--|GS|NT|TR|PT|TN|TW|G |N |T ))?"
NUMERAL = rb"((?=[\d.,]{8}[^\d.,])\d+(?:[.,]\d+)?)([ A-Za-z%]{3})"
SHORT_NUMERAL = rb"((?=[\d.,]{7}[^\d.,])\d+(?:[.,]\d+)?)([ A-Za-z%]{2})"
LINE = re.compile(rb"(ST|US|QT|WT|PT|TR|\?WT|\?QT)" + SECOND + rb",([+-])" + NUMERAL)
INDICATOR_LINE = re.compile(rb"(ST|US),(GS|NT|TR|PT|TN|TW|G |N |T ),([+-])" + SHORT_NUMERAL)
BEYOND = re.compile(rb"OL" + SECOND + rb",([+-])(?:[\d., ]{8}([ A-Za-z%]{3})|[\d., ]{7}([ A-Za-z%]{2}))")
ERROR = re.compile(rb"EC,E(\d{1,2})")
INFORMATION = re.compile(rb"(?:TN|SN|ID|KL|UW|AN|AQ),[ -~]{1,24}")

STABLE_BY_HEADER = {b"ST": True, b"WT": True, b"QT": True, b"US": False, b"?WT": False, b"?QT": False}
NET_BY_HEADER = {b"GS": False, b"G ": False, b"NT": True, b"N ": True}
NO_WEIGHT_BY_HEADER = {
    b"PT": Status.TARE,
    b"TR": Status.TARE,
    b"T ": Status.TARE,
    b"TN": Status.TOTAL,
    b"TW": Status.TOTAL,
}
ERROR_WORDS = {
    0: "a bad transmission",
    1: "an unknown command",
    2: "not ready",
    4: "too many characters",
    6: "a wrong format",
    7: "out of range",
    11: "not stable",
}
LONG_UNITS = {name: unit for name, unit in UNIT_NAMES.items() if name != "t"}  # balances write t for tola

REPLY_S = 1.0  # the scale answers with its next sample, ten or twenty of them a second
COMMAND_S = 0.4  # a zero or tare that is not acknowledged is carried out in about that time


# Requests (host to scale)


def command(name: bytes) -> bytes:
    """One command, closed by CR LF."""
    return name + CRLF


def encode_preset_tare(tare: Decimal, unit: str) -> bytes:
    """The request that sets a known tare. Raises ConfigError if it does not fit into its field."""
    numeral = format(tare, "f").encode("ascii")
    if not tare.is_finite() or tare < 0 or len(numeral) > DATA_CHARACTERS:
        raise ConfigError("scale.tare_value", f"a tare of {tare} {unit} cannot be set on this scale")
    return command(PRESET_TARE + numeral + unit.encode("ascii").rjust(UNIT_CHARACTERS))


# Replies (scale to host)


class AndDecoder(LineDecoder):
    """Lines of the scale as readings."""

    def __init__(self, options: Options) -> None:  # noqa: ARG002 - nothing in a line depends on a setting
        super().__init__(_understand, seven_bits=True)

    def flush(self) -> list[Reading | ProtocolError]:
        """Some models send ACK without a line end."""
        left = super().flush()
        lone = [error for error in left if isinstance(error, ProtocolError) and error.data == ACK]
        return [Reading(Status.ACK, raw=ACK)] if lone else left


def _understand(line: bytes) -> Reading | ProtocolError:
    text = line.lstrip(ACK)
    parts = LINE.fullmatch(text) or INDICATOR_LINE.fullmatch(text)
    if parts:
        return _weighed(parts, line)
    beyond = BEYOND.fullmatch(text)
    if beyond:
        status = Status.OVERLOAD if beyond[2] == b"+" else Status.UNDERLOAD
        return Reading(status, unit=named(beyond[3] or beyond[4]), net=NET_BY_HEADER.get(beyond[1]), raw=line)
    if not text:
        return Reading(Status.ACK, raw=line)
    refused = ERROR.fullmatch(text)
    if refused:
        words = ERROR_WORDS.get(int(refused[1]), "an error")
        return Reading(Status.ERROR, info=f"E{refused[1].decode('ascii')}, {words}", raw=line)
    if INFORMATION.fullmatch(text):
        return Reading(Status.INFO, info=text[3:].decode("ascii").strip(), raw=line)
    return no_grammar(line)


def _weighed(parts: re.Match[bytes], line: bytes) -> Reading | ProtocolError:
    first, second, sign, numeral, unit = parts.groups()
    return weighed(
        sign + numeral.replace(b",", b"."),
        unit,
        line,
        stable=STABLE_BY_HEADER.get(first),
        net=NET_BY_HEADER.get(second),
        status=NO_WEIGHT_BY_HEADER.get(second) or NO_WEIGHT_BY_HEADER.get(first),
        names=LONG_UNITS if len(unit) == UNIT_CHARACTERS else UNIT_NAMES,
    )


# The driver


def and_scale(context: Context) -> PolledScale | StreamedScale:
    """The driver of one scale, in the style that is set."""
    acknowledged = context.options.flag("acknowledge")
    within_s = REPLY_S if acknowledged else COMMAND_S
    goals = {Goal.ZERO: ZERO, Goal.TARE: TARE}
    polled = PolledProtocol(
        codec=AndDecoder(context.options),
        weight=Exchange(command(WEIGHT), _is_weight, REPLY_S),
        goals={
            goal: Exchange(command(name), _is_verdict, within_s, verdict=acknowledged)
            for goal, name in goals.items()
        },
    )
    return scale_for(context, polled, repeat=command(REPEAT), anchor=b"")


def _is_verdict(reading: Reading) -> bool:
    return reading.status is Status.ACK or (reading.status is Status.ERROR and reading.info is not None)


def _is_weight(reading: Reading) -> bool:
    return reading.status not in (Status.ACK, Status.INFO, Status.TARE, Status.TOTAL)


# The scale's own side


class AndDeviceHalf:
    """What a scale makes of the host's commands, and what it sends of itself if it is set so."""

    def __init__(self, options: Options) -> None:
        self._acknowledges = options.flag("acknowledge")
        self._unasked = Unasked(style_of(options))
        self._commands = CommandLines(_request)

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        return self._commands.feed(data)

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:
        match request.ask:
            case Ask.WEIGHT | Ask.STREAM:
                return _line(now)
            case Ask.STABLE_WEIGHT:
                return _line(now) if done else self._said(b"EC,E02")
            case Ask.INFO:
                return command(b"TN,SIM-30K")
            case Ask.UNKNOWN:
                return self._said(b"EC,E01")
            case Ask.ZERO | Ask.TARE if not done:
                return self._said(b"EC,E11" if now.motion else b"EC,E07")
            case Ask.ZERO | Ask.TARE:
                return self._said(ACK) * 2  # once when it is received, once when it is done
        return self._said(ACK)

    def broadcast(self, now: Indication) -> bytes:
        return _line(now) if self._unasked.speaks(now) else b""

    def _said(self, text: bytes) -> bytes:
        return command(text) if self._acknowledges else b""


_ASKED_BY = {
    WEIGHT: Ask.WEIGHT,
    WEIGHT_NOW: Ask.WEIGHT,
    STABLE_WEIGHT: Ask.STABLE_WEIGHT,
    REPEAT: Ask.STREAM,
    STOP: Ask.STOP,
    ZERO: Ask.ZERO,
    RE_ZERO: Ask.ZERO,
    TARE: Ask.TARE,
    MODEL: Ask.INFO,
}
_PRESET = re.compile(rb"PT:(\d+(?:\.\d+)?) *[A-Za-z]{1,3}")


def _request(line: bytes) -> Request:
    preset = _PRESET.fullmatch(line)
    if preset:
        return Request(Ask.TARE, preset[1].decode("ascii"), line)
    return Request(_ASKED_BY.get(line, Ask.UNKNOWN), raw=line)


def _line(now: Indication) -> bytes:
    field, unit = shown(now, DATA_CHARACTERS, abs(now.net)), now.unit.encode("ascii").rjust(UNIT_CHARACTERS)
    sign = b"-" if now.net < 0 else b"+"
    if isinstance(field, bytes):
        return command((b"US," if now.motion else b"ST,") + sign + field.replace(b" ", b"0") + unit)
    if field is Status.ERROR:
        return command(b"EC,E02")
    return command(b"OL," + sign + b"9" * DATA_CHARACTERS + unit)


SPEC = DriverSpec(
    name="and",
    kind=Kind.SCALE,
    title="A&D standard format (EK, FX, GX, HC, GC, HV, AD-43xx, AD-44xx)",
    decoder=AndDecoder,
    build=and_scale,
    device_half=AndDeviceHalf,
    serial=SerialSettings(baud=2400, bits=7, parity="E", stop=1),
    options=(
        style_option(Style.POLL, Style.ON_DEMAND, Style.DEVICE_REPEATED, Style.CONTINUOUS, Style.AUTO_PRINT),
        Option(
            "acknowledge", False, "whether the scale is set to answer commands with ACK or an error number"
        ),
    ),
    sources=(
        "A&D EK-L manual, page 28",
        "A&D HC-i manual, pages 47 and 48",
        "A&D GC series manual, pages 51 and 56",
        "A&D FX-i manual, pages 51 and 52",
        "A&D AD-4329A manual, page 43 (two-letter units, second headers)",
    ),
    capabilities=frozenset({"zero", "tare", HARMLESS_PROBE}),
    probe=command(WEIGHT),
)
