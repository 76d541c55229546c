"""SMA SCP-0499, the serial protocol of the Scale Manufacturers Association (Fairbanks, B-TEK, Minebea, …).

Owns: both halves of the protocol and its driver. Must not know: ports, other scales, who uses the weight.
Manual: SMA SCP-0499, first edition with Mod 1; Sartorius PR 5220 manual, page 130, and PR 5211 manual, page
EN-54; B-TEK T419S service manual, page 61; Fairbanks PR 5410 manual, page 120. Line: 8 data bits, no parity
(parity is optional). LF, a letter and CR ask; the answer stands between LF and CR in fixed columns:

    s r n m f xxxxxx.xxx uuu      status, range, gross or net, motion, reserved, weight, unit
    ?    !    SMA:2/1.0           unknown command, bad transmission, a line of information

Faults survived: bytes with the parity bit left in, joining in mid-frame, noise between frames, frames cut
off by silence or by the next one.
"""

from __future__ import annotations

import re

from drivers.scales.goals import Exchange, Goal
from drivers.scales.polling import PolledProtocol, PolledScale
from drivers.scales.streaming import StreamedScale
from drivers.scales.styles import Style, scale_for, style_of, style_option
from drivers.scales.text_lines import SEVEN_BITS, no_grammar, shown, unit_named, weighed
from edge_agent.sdk.driver import (
    HARMLESS_PROBE,
    Ask,
    Context,
    DriverSpec,
    Indication,
    Kind,
    Options,
    Request,
)
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.framing import StartEndFramer
from edge_agent.sdk.values import Reading, Status

LF, CR = 0x0A, 0x0D
WEIGHT_CHARACTERS, UNIT_CHARACTERS = 10, 3

WEIGHT, REPEAT, ZERO, TARE, CLEAR_TARE, TARE_VALUE, ABOUT = b"W", b"R", b"Z", b"T", b"C", b"M", b"A"

ANSWER = re.compile(rb"([ ZOUEIT])([1-9])([GNTgn])([ M])[ -~]([ \-+.\d]{10})([ -~]{3})")
NUMERAL = re.compile(rb" *[-+]? *\d+(?:\.\d+)?")
DASHES = b"-" * WEIGHT_CHARACTERS
OVER, UNDER, NO_TARE = b"O", b"U", b"T"
WITHOUT_NUMBER = {
    OVER: Status.OVERLOAD,
    UNDER: Status.UNDERLOAD,
    b"E": Status.ERROR,  # not zeroed
    b"I": Status.ERROR,  # no zero since it was switched on
    NO_TARE: Status.ERROR,
}
NET_BY_LETTER = {b"G": False, b"g": False, b"N": True, b"n": True}
INFORMATION = re.compile(rb"[A-Z]{3}:[ -~]{0,40}")
ERRORS = {b"?": "an unknown command", b"!": "a bad transmission"}

REPLY_S = 1.0  # an answer comes about 100 ms after the question
STABLE_S = 12.0  # Z and T wait for rest as long as the scale is set to: usually 10 s, then they give up


# Requests (host to scale)


def command(letter: bytes) -> bytes:
    """One request."""
    return bytes([LF]) + letter + bytes([CR])


# Replies (scale to host)


class SmaDecoder:
    """Answers of the scale as readings. `raw` is the frame as a 7-bit port delivers it."""

    def __init__(self, options: Options) -> None:  # noqa: ARG002 - nothing in a frame depends on a setting
        self._framer = StartEndFramer(LF, bytes([CR]))

    def reset(self) -> None:
        self._framer.reset()

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        return self._understand(self._framer.feed(data.translate(SEVEN_BITS)))

    def flush(self) -> list[Reading | ProtocolError]:
        return self._understand(self._framer.flush())

    def _understand(self, frames: list[bytes | ProtocolError]) -> list[Reading | ProtocolError]:
        return [frame if isinstance(frame, ProtocolError) else _frame(frame) for frame in frames]


def _frame(frame: bytes) -> Reading | ProtocolError:
    body = frame[1:-1]
    answer = ANSWER.fullmatch(body)
    if answer:
        return _answer(answer, frame)
    if body in ERRORS:
        return Reading(Status.ERROR, info=ERRORS[body], raw=frame)
    if INFORMATION.fullmatch(body):
        return Reading(Status.INFO, info=body.decode("ascii"), raw=frame)
    return no_grammar(frame)


def _answer(answer: re.Match[bytes], frame: bytes) -> Reading | ProtocolError:
    state, _range, kind, motion, field, unit = answer.groups()
    stable, net = motion != b"M", NET_BY_LETTER.get(kind)
    if state in WITHOUT_NUMBER:
        return Reading(WITHOUT_NUMBER[state], None, unit_named(unit), stable, net, raw=frame)
    if field == DASHES:  # it did not come to rest in time
        return Reading(Status.BUSY, None, unit_named(unit), stable, net, raw=frame)
    if not NUMERAL.fullmatch(field):
        return no_grammar(frame)
    status = Status.TARE if kind == b"T" else None
    if state == b"Z" and stable and not status and not field.strip(b" +-0."):
        status = Status.ZERO
    return weighed(field, unit, frame, stable=stable, net=net, status=status)


# The driver


def sma_scale(context: Context) -> PolledScale | StreamedScale:
    """The driver of one scale, in the style that is set. Any other command ends a repetition."""
    resume = command(REPEAT) if style_of(context.options) is Style.DEVICE_REPEATED else b""
    goals = {Goal.ZERO: ZERO, Goal.TARE: TARE, Goal.CLEAR_TARE: CLEAR_TARE}
    return scale_for(
        context,
        PolledProtocol(
            codec=SmaDecoder(context.options),
            weight=Exchange(command(WEIGHT), _is_answer, REPLY_S),
            goals={
                goal: Exchange(command(letter) + resume, _is_answer, STABLE_S, verdict=True)
                for goal, letter in goals.items()
            },
        ),
        repeat=command(REPEAT),
        anchor=b"",
    )


def _is_answer(reading: Reading) -> bool:
    return reading.status not in (Status.INFO, Status.TARE)


# The scale's own side


class SmaDeviceHalf:
    """What a scale makes of the host's letters."""

    def __init__(self, options: Options) -> None:  # noqa: ARG002 - nothing in a frame depends on a setting
        self._framer = StartEndFramer(LF, bytes([CR]))

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        frames = self._framer.feed(data.translate(SEVEN_BITS))
        return [frame if isinstance(frame, ProtocolError) else _request(frame) for frame in frames]

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:
        match request.ask:
            case Ask.UNKNOWN:
                return command(b"?")
            case Ask.INFO:
                return command(b"SMA:2/1.0")
            case Ask.ZERO if not done:
                return _columns(b"E", now, DASHES)
            case Ask.TARE if not done:
                return _columns(NO_TARE, now, DASHES)
        return _shown(now)

    def broadcast(self, now: Indication) -> bytes:  # noqa: ARG002 - the seam is shared with continuous scales
        """This scale repeats only when told to."""
        return b""


_ASKED_BY = {
    WEIGHT: Ask.WEIGHT,
    REPEAT: Ask.STREAM,
    ZERO: Ask.ZERO,
    TARE: Ask.TARE,
    CLEAR_TARE: Ask.CLEAR_TARE,
    ABOUT: Ask.INFO,
}


def _request(frame: bytes) -> Request:
    return Request(_ASKED_BY.get(frame[1:-1], Ask.UNKNOWN), raw=frame)


def _shown(now: Indication) -> bytes:
    field = shown(now, WEIGHT_CHARACTERS)
    if isinstance(field, bytes):
        return _columns(b"Z" if now.centre_zero else b" ", now, field)
    if field is Status.ERROR:
        return _columns(b"I", now, DASHES)
    return _columns(OVER if field is Status.OVERLOAD else UNDER, now, b"0".rjust(WEIGHT_CHARACTERS))


def _columns(state: bytes, now: Indication, field: bytes) -> bytes:
    kind, motion = b"N" if now.tare else b"G", b"M" if now.motion else b" "
    return command(
        state + b"1" + kind + motion + b" " + field + now.unit.encode("ascii").ljust(UNIT_CHARACTERS)
    )


SPEC = DriverSpec(
    name="sma",
    kind=Kind.SCALE,
    title="SMA SCP-0499 (Fairbanks, B-TEK, Sartorius and Minebea process indicators, Cardinal)",
    decoder=SmaDecoder,
    build=sma_scale,
    device_half=SmaDeviceHalf,
    options=(style_option(Style.POLL, Style.ON_DEMAND, Style.DEVICE_REPEATED),),
    sources=(
        "Scale Manufacturers Association SCP-0499, first edition, Mod 1 of 2005",
        "Sartorius PR 5220 instrument manual, page 130; PR 5211 instrument manual, page EN-54",
        "B-TEK T419S service manual, page 61",
        "Fairbanks PR 5410 instruction manual, page 120",
    ),
    capabilities=frozenset({"zero", "tare", "clear_tare", HARMLESS_PROBE}),
    probe=command(WEIGHT),
)
