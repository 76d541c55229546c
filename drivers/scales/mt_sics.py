"""MT-SICS, Mettler Toledo's standard command set (also KERN KCP, and many OHAUS scales by their settings).

Owns: both halves of the protocol and its driver. Must not know: ports, other scales, who uses the weight.
Manual: Mettler Toledo MT-SICS reference manual 11780711, chapters 3 and 4; MS-S operating instructions, page
87; JS manual, page 30; KERN KIB-TM manual, page 33. Line: 9600 baud, 8 data bits, no parity, 1 stop bit.
Commands and answers are lines; the parts of an answer are parted by one blank:

    S S     100.00 g        echo, stable or dynamic, the net weight right-aligned in ten characters, unit
    S I    S +    S -       no weight: not now, overload, underload
    Z A    T S …    TAC A   a command was carried out; I not now, + and - out of range, L wrong parameter
    I2 A "…"                information in quotes; B instead of A where more lines follow
    ES ET EL                syntax, transmission, logical error

Faults survived: those of `text_lines`, joining in mid-line, a scale that was left repeating its weight.
"""

from __future__ import annotations

import re
from decimal import Decimal

from drivers.scales.goals import Exchange, Goal
from drivers.scales.polling import PolledProtocol, PolledScale
from drivers.scales.streaming import StreamedScale
from drivers.scales.styles import Style, scale_for, style_of, style_option
from drivers.scales.text_lines import CRLF, CommandLines, LineDecoder, no_grammar, shown, weighed
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
)
from edge_agent.sdk.errors import ConfigError, ProtocolError
from edge_agent.sdk.values import Reading, Status

WEIGHT_CHARACTERS = 10

# Commands of level 0 and 1.
STABLE_WEIGHT, WEIGHT, REPEAT, REPEAT_ON_CHANGE = b"S", b"SI", b"SIR", b"SR"
ZERO, ZERO_NOW, TARE, PRESET_TARE, CLEAR_TARE, CANCEL = b"Z", b"ZI", b"T", b"TA", b"TAC", b"@"
MODEL, SOFTWARE, SERIAL_NUMBER = b"I2", b"I3", b"I4"

# Ten characters; some models give the minus sign one of its own.
VALUE = rb"((?=[ .\d]{9}\d ) *\d+(?:\.\d+)?|(?=[ \-.\d]{9,10}\d ) *-\d+(?:\.\d+)?)"
LINE = re.compile(rb"(S [SD]|T S|TI [SD]|TA A) " + VALUE + rb" ([A-Za-z%]{1,5}) *")
WEIGHING_FAULT = re.compile(rb"S [SD] +(Error \d{1,2}[A-Za-z])")  # load cells with a self-test
VERDICT = re.compile(rb"([A-Z@][A-Z0-9]{0,4}) ([AILSD+\-])")
TEXT = rb'"[\x20\x21\x23-\x7e\xa0-\xff]*"'
INFORMATION = re.compile(rb"([A-Z@][A-Z0-9]{0,4}) [AB]((?: (?:" + TEXT + rb"|[\w.+\-]+))+)")
WORD = re.compile(TEXT + rb"|[^ ]+")
ERRORS = {b"ES": "ES, an unknown command", b"ET": "ET, a bad transmission", b"EL": "EL, a logical error"}
WEIGHERS = frozenset({b"S", b"T", b"TA", b"TI", b"Z", b"ZI", b"TAC"})  # their answers are no information

REPLY_S = 1.0  # SI answers within one weighing cycle, at most half a second
STABLE_S = 12.0  # S, Z and T wait for rest as long as the scale is set to: usually 10 s, then they give up
POLL_S = 0.2  # KERN asks for more than 100 ms between two inquiries


# Requests (host to scale)


def command(name: bytes, *parameters: bytes) -> bytes:
    """One command with its parameters, closed by CR LF."""
    return b" ".join((name, *parameters)) + CRLF


def encode_preset_tare(tare: Decimal, unit: str) -> bytes:
    """The request that sets a known tare. Raises ConfigError if it does not fit into its field."""
    numeral = format(tare, "f").encode("ascii")
    if not tare.is_finite() or tare < 0 or len(numeral) > WEIGHT_CHARACTERS:
        raise ConfigError("scale.tare_value", f"a tare of {tare} {unit} cannot be set on this scale")
    return command(PRESET_TARE, numeral, unit.encode("ascii"))


# Replies (scale to host)


class MtSicsDecoder(LineDecoder):
    """Answers of the scale as readings."""

    def __init__(self, options: Options) -> None:  # noqa: ARG002 - nothing in a line depends on a setting
        super().__init__(_understand)


def _understand(line: bytes) -> Reading | ProtocolError:
    weight = LINE.fullmatch(line)
    if weight:
        echo, _, state = weight[1].partition(b" ")
        stable = None if state == b"A" else state == b"S"
        status = None if echo == STABLE_WEIGHT else Status.TARE
        return weighed(weight[2], weight[3], line, stable=stable, status=status)
    if line in ERRORS:
        return Reading(Status.ERROR, info=ERRORS[line], raw=line)
    verdict = VERDICT.fullmatch(line)
    if verdict:
        return _verdict(verdict[1], verdict[2], line)
    fault = WEIGHING_FAULT.fullmatch(line)
    if fault:
        return Reading(Status.ERROR, info=fault[1].decode("ascii"), raw=line)
    text = INFORMATION.fullmatch(line)
    if text and text[1] not in WEIGHERS:
        return Reading(Status.INFO, info=_words(text[2]), raw=line)
    return no_grammar(line)


def _verdict(echo: bytes, letter: bytes, line: bytes) -> Reading | ProtocolError:
    if echo == STABLE_WEIGHT and letter in b"+-":
        return Reading(Status.OVERLOAD if letter == b"+" else Status.UNDERLOAD, raw=line)
    if letter == b"I":
        return Reading(Status.BUSY, raw=line)
    if letter == b"L":
        return Reading(Status.ERROR, info=f"{line.decode('ascii')}, a wrong parameter", raw=line)
    if letter in b"+-" and echo in WEIGHERS:
        beyond = None if echo in (ZERO, ZERO_NOW) else f"{line.decode('ascii')}, out of range"
        return Reading(Status.ERROR, info=beyond, raw=line)
    if letter == b"A" and echo != STABLE_WEIGHT:
        return Reading(Status.ACK, raw=line)
    if echo == ZERO_NOW and letter in b"SD":
        return Reading(Status.ACK, stable=letter == b"S", raw=line)
    return no_grammar(line)


def _words(parameters: bytes) -> str:
    """The parameters of an answer as text, without their quotes."""
    return " ".join(word.strip(b'"').decode("latin-1") for word in WORD.findall(parameters))


# The driver


def mt_sics_scale(context: Context) -> PolledScale | StreamedScale:
    """The driver of one scale, in the style that is set."""
    on_demand = style_of(context.options) is Style.ON_DEMAND
    polled = PolledProtocol(
        codec=MtSicsDecoder(context.options),
        weight=_asked(STABLE_WEIGHT, STABLE_S) if on_demand else _asked(WEIGHT, REPLY_S),
        goals={
            Goal.ZERO: _asked(ZERO, STABLE_S),
            Goal.TARE: _asked(TARE, STABLE_S),
            Goal.CLEAR_TARE: _asked(CLEAR_TARE, REPLY_S),
        },
        probe=_asked(MODEL, REPLY_S) if context.options.flag("probe") else None,
        end_probe=command(WEIGHT),  # one weight, which also ends a repetition that another host began
        fast_s=POLL_S,
    )
    return scale_for(context, polled, repeat=command(REPEAT), anchor=b"")


def _asked(name: bytes, within_s: float) -> Exchange:
    """A command, answered by a line that begins with its echo, or by a general error. All weights echo S."""
    echo = (STABLE_WEIGHT if name == WEIGHT else name) + b" "

    def answers(reading: Reading) -> bool:
        return reading.raw.startswith(echo) or (reading.raw in ERRORS and name != MODEL)

    return Exchange(command(name), answers, within_s, verdict=True)


# The scale's own side


class MtSicsDeviceHalf:
    """What a scale makes of the host's commands."""

    def __init__(self, options: Options) -> None:  # noqa: ARG002 - nothing in a line depends on a setting
        self._commands = CommandLines(_request)

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        return self._commands.feed(data)

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:
        match request.ask:
            case Ask.WEIGHT | Ask.STREAM:
                return _line(b"S", now)
            case Ask.STABLE_WEIGHT:
                return _line(b"S", now) if done else command(b"S", b"I")
            case Ask.ZERO | Ask.TARE | Ask.CLEAR_TARE if not done:
                return command(request.raw.partition(b" ")[0], b"I" if now.motion else _limit(now))
            case Ask.TARE:
                return _tared(request.raw, now)
            case Ask.ZERO | Ask.CLEAR_TARE:
                return command(request.raw, b"A")
            case Ask.INFO | Ask.STOP:
                return command(request.raw, b"A", b'"' + request.value.encode("ascii") + b'"')
        return command(b"ES")

    def broadcast(self, now: Indication) -> bytes:  # noqa: ARG002 - the seam is shared with continuous scales
        """This scale never speaks unasked."""
        return b""


_ASKED_BY = {
    STABLE_WEIGHT: Request(Ask.STABLE_WEIGHT),
    WEIGHT: Request(Ask.WEIGHT),
    REPEAT: Request(Ask.STREAM),
    REPEAT_ON_CHANGE: Request(Ask.STREAM),
    ZERO: Request(Ask.ZERO),
    TARE: Request(Ask.TARE),
    CLEAR_TARE: Request(Ask.CLEAR_TARE),
    CANCEL: Request(Ask.STOP, "B021002593"),
    MODEL: Request(Ask.INFO, "Simulated 30.000 kg"),
    SOFTWARE: Request(Ask.INFO, "1.00"),
    SERIAL_NUMBER: Request(Ask.INFO, "B021002593"),
}
_PRESET = re.compile(rb"TA (\d+(?:\.\d+)?) [A-Za-z]{1,3}")


def _request(line: bytes) -> Request:
    preset = _PRESET.fullmatch(line)
    if preset:
        return Request(Ask.TARE, preset[1].decode("ascii"), line)
    known = _ASKED_BY.get(line, Request(Ask.UNKNOWN))
    return Request(known.ask, known.value, line)


def _line(echo: bytes, now: Indication, weight: Decimal | None = None) -> bytes:
    field = shown(now, WEIGHT_CHARACTERS, weight)
    if isinstance(field, bytes):
        return command(echo, b"D" if now.motion else b"S", field, now.unit.encode("ascii"))
    if field is Status.ERROR:
        return command(b"EL")
    return command(echo, b"+" if field is Status.OVERLOAD else b"-")


def _tared(raw: bytes, now: Indication) -> bytes:
    if raw == TARE:
        return _line(TARE, now, now.tare)
    field = shown(now, WEIGHT_CHARACTERS, now.tare)
    if isinstance(field, bytes):
        return command(PRESET_TARE, b"A", field, now.unit.encode("ascii"))
    return command(b"EL")


def _limit(now: Indication) -> bytes:
    return b"-" if now.gross < 0 else b"+"


SPEC = DriverSpec(
    name="mt_sics",
    kind=Kind.SCALE,
    title="MT-SICS (Mettler Toledo), KERN KCP",
    decoder=MtSicsDecoder,
    build=mt_sics_scale,
    device_half=MtSicsDeviceHalf,
    options=(
        style_option(Style.POLL, Style.ON_DEMAND, Style.DEVICE_REPEATED),
        Option("probe", True, "ask for the model first; off for scales that have no command I2"),
    ),
    sources=(
        "Mettler Toledo MT-SICS reference manual 11780711, chapters 3 and 4",
        "Mettler Toledo MS-S operating instructions, page 87; JS operating instructions, page 30",
        "KERN KIB-TM manual KIB-TM-ZB-e-1913, page 33 (KCP)",
        "github Atlantis-Software/mt-sics and instrumentkit/InstrumentKit, tests (answers)",
    ),
    capabilities=frozenset({"zero", "tare", "clear_tare", HARMLESS_PROBE}),
    probe=command(MODEL),
)
