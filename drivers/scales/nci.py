"""NCI serial protocols SCP-01 and SCP-02 (Weigh-Tronix, Avery, Fairbanks, Brecknell, Salter, Ohaus Aviator).

Owns: both halves of the protocol and its driver. Must not know: ports, other scales, who uses the weight.
Manual: Weigh-Tronix SCP-01, 8408-14788-01; NCI 6702 manual, page 14; Avery Weigh-Tronix 7821, page 25; ECR
form (SCP-02): Mettler Toledo DIVA service manual 72191202, pages 34 to 36; fourth status byte: Ohaus Aviator
7000 service manual, page 49. Line: 1200 to 19200 baud, 7 data bits, any parity, 1 stop bit. A letter and CR
ask; the scale answers

    LF  0001.25lb CR LF  hh… CR ETX      weight as on the display, unit, two or more status bytes
    LF  hh… CR ETX                       status only            LF ? CR ETX   unknown command

SCP-02 writes the unit in capitals and S before the status, and gives the status alone where there is no good
weight. Some models leave out the LF before the status, or the CR after it.

Faults survived: bytes with the parity bit left in, joining in mid-frame, noise before a frame, frames cut off
by silence or by the next one.
"""

from __future__ import annotations

import re
from decimal import Decimal

from drivers.scales.goals import Exchange, Goal
from drivers.scales.polling import PolledProtocol, PolledScale
from drivers.scales.streaming import StreamedScale
from drivers.scales.styles import Style, scale_for, style_option
from drivers.scales.text_lines import SEVEN_BITS, CommandLines, no_such_unit, number, shown, torn, unit_named
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
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.framing import LineFramer
from edge_agent.sdk.values import Reading, Status

ETX = b"\x03"
SCP01, SCP02 = "scp01", "scp02_ecr"

WEIGHT, STATUS, ZERO, TARE = b"W", b"S", b"Z", b"T"

# Status bytes: bits 4 and 5 always 1; bit 6 says that another follows and is never set in the first.
FIXED, MORE = 0x30, 0x40
MOTION, AT_ZERO, RAM_ERROR, EEPROM_ERROR = 1, 2, 4, 8  # first byte
UNDER, OVER, ROM_ERROR, NOT_CALIBRATED = 1, 2, 4, 8  # second byte
NET, START_ZERO_ERROR = 4, 8  # third byte; its lowest two bits are the range
MOST_STATUS_BYTES = 4

FRAME = re.compile(rb"\n(?:([^\r\n]*)\r\n?)?(S?)([0-?][0-\x7f]{1,3}|\?)\r?\Z")
NUMERALS = {
    SCP01: re.compile(rb" *(-? *(?:\d+(?:\.\d+)?|\.\d+)) *([A-Za-z]{1,3}) *"),
    SCP02: re.compile(rb"((?=[\d.]{6,7}[A-Z])\d+(?:\.\d+)?)([A-Z]{2})"),
}
OUT_OF_RANGE = re.compile(rb" *(\^{4,9}|_{4,9}|-{4,9}) *([A-Za-z]{1,3}) *")
MARKS = {b"^": Status.OVERLOAD, b"_": Status.UNDERLOAD, b"-": Status.ERROR}
POUNDS_AND_OUNCES = re.compile(rb"[ \d]+lb[ \d.]+oz *", re.IGNORECASE)

REPLY_S = 1.0  # what the manual advises; the scale answers within one weighing cycle, 0.3 s


# Requests (host to scale)


def command(letter: bytes) -> bytes:
    """One request."""
    return letter + b"\r"


# Replies (scale to host)


class NciDecoder:
    """Replies of the scale as readings. `raw` is the frame as a 7-bit port delivers it."""

    def __init__(self, options: Options) -> None:
        self._dialect = options.text("dialect")
        self._framer = LineFramer(ETX)

    def reset(self) -> None:
        self._framer.reset()

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        found: list[Reading | ProtocolError] = []
        for piece in self._framer.feed(data.translate(SEVEN_BITS)):
            found += [piece] if isinstance(piece, ProtocolError) else self._up_to_end(piece)
        return found

    def flush(self) -> list[Reading | ProtocolError]:
        return [torn(piece) for piece in self._framer.flush()]

    def _up_to_end(self, piece: bytes) -> list[Reading | ProtocolError]:
        """The frame that ETX has ended, and what stood before it."""
        frame = FRAME.search(piece)
        if frame is None:
            return [ProtocolError("frame.grammar", "no reply of this protocol", piece)]
        before = piece[: frame.start()]
        if frame[1] is None and before.endswith(b"\r"):
            return [torn(piece)]  # the weight that belongs to this status has lost its beginning
        noise = [ProtocolError("frame.noise", "bytes before a frame", before)] if before else []
        return [*noise, self._reply(frame)]

    def _reply(self, frame: re.Match[bytes]) -> Reading | ProtocolError:
        text, prefix, status = frame[1], frame[2], frame[3]
        raw = frame[0] + ETX
        if status == b"?" and not prefix and text is None:
            return Reading(Status.ERROR, info="an unknown command", raw=raw)
        if not is_status(status) or bool(prefix) is not (self._dialect == SCP02):
            return ProtocolError("frame.grammar", "no status of this dialect", raw)
        if text is None:
            return status_reading(status, raw)
        return self._weight(text, status, raw)

    def _weight(self, text: bytes, status: bytes, raw: bytes) -> Reading | ProtocolError:
        numeral = NUMERALS[self._dialect].fullmatch(text)
        mark = OUT_OF_RANGE.fullmatch(text)
        weighed = numeral or mark
        unit = unit_named(weighed[2] if weighed else text)
        if unit is None:
            known = weighed or POUNDS_AND_OUNCES.fullmatch(text)
            return no_such_unit(raw) if known else ProtocolError("frame.grammar", "no weight", raw)
        if numeral:
            return status_reading(status, raw, unit, number(numeral[1]))
        if mark:
            return status_reading(status, raw, unit, marked=MARKS[mark[1][:1]])
        return Reading(Status.INFO, unit=unit, info=unit, raw=raw)


def is_status(status: bytes) -> bool:
    """Whether each byte has its fixed bits, and each but the last announces the next."""
    follow = [bool(byte & MORE) for byte in status[1:]]
    return all(byte & FIXED == FIXED for byte in status) and follow == [True] * (len(follow) - 1) + [False]


def status_reading(
    status: bytes,
    raw: bytes,
    unit: str | None = None,
    weight: Decimal | None = None,
    marked: Status | None = None,
) -> Reading:
    """What the status bytes make of a weight, or of the mark in its place."""
    first, second = status[:2]
    third = status[2] if len(status) > 2 else 0
    state = _state(first, second, third, marked, at_zero=not weight)
    has_number = state in (Status.OK, Status.ZERO, Status.MOTION)
    return Reading(
        state,
        weight if has_number else None,
        unit,
        stable=not first & MOTION,
        net=bool(third & NET) if third else None,
        raw=raw,
    )


def _state(first: int, second: int, third: int, marked: Status | None, *, at_zero: bool) -> Status:
    """The gravest of what the bits and the marks in place of digits tell."""
    for told, state in (
        (first & (RAM_ERROR | EEPROM_ERROR), Status.ERROR),
        (second & (ROM_ERROR | NOT_CALIBRATED), Status.ERROR),
        (third & START_ZERO_ERROR or marked is Status.ERROR, Status.ERROR),
        (second & OVER or marked is Status.OVERLOAD, Status.OVERLOAD),
        (second & UNDER or marked is Status.UNDERLOAD, Status.UNDERLOAD),
        (first & MOTION, Status.MOTION),
        (first & AT_ZERO and at_zero, Status.ZERO),
    ):
        if told:
            return state
    return Status.OK


# The driver


def nci_scale(context: Context) -> PolledScale | StreamedScale:
    """The driver of one scale, in the style that is set."""
    is_weight = _is_answer if context.options.text("dialect") == SCP02 else _is_weight
    return scale_for(
        context,
        PolledProtocol(
            codec=NciDecoder(context.options),
            weight=Exchange(command(WEIGHT), is_weight, REPLY_S),
            goals={
                Goal.ZERO: Exchange(command(ZERO), _is_status_reply, REPLY_S),
                Goal.TARE: Exchange(command(TARE), _is_status_reply, REPLY_S),
            },
        ),
    )


def _is_weight(reading: Reading) -> bool:
    """A bare status answers W only where it tells why there is no weight."""
    return reading.weight is not None or reading.status not in (Status.OK, Status.ZERO, Status.INFO)


def _is_answer(reading: Reading) -> bool:
    return reading.status is not Status.INFO


def _is_status_reply(reading: Reading) -> bool:
    return reading.weight is None and reading.status is not Status.INFO


# The scale's own side


class NciDeviceHalf:
    """What a scale makes of the host's letters."""

    def __init__(self, options: Options) -> None:
        self._ecr = options.text("dialect") == SCP02
        self._commands = CommandLines(_request)

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        return self._commands.feed(data.translate(SEVEN_BITS))

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:  # noqa: ARG002
        """The status alone answers a zero or tare, done or not."""
        status = (b"S" if self._ecr else b"") + _status(now, ecr=self._ecr) + b"\r" + ETX
        if request.ask is Ask.UNKNOWN:
            return b"\n?\r" + ETX
        if request.ask is not Ask.WEIGHT:
            return b"\n" + status
        weight = _ecr_weight(now) if self._ecr else _weight(now)
        return b"\n" + weight + b"\r\n" + status if weight else b"\n" + status

    def broadcast(self, now: Indication) -> bytes:  # noqa: ARG002 - the seam is shared with continuous scales
        """This scale never speaks unasked."""
        return b""


_ASKED_BY = {WEIGHT: Ask.WEIGHT, STATUS: Ask.STATUS, ZERO: Ask.ZERO, TARE: Ask.TARE}
_IN_PLACE_OF_DIGITS = {Status.OVERLOAD: b"^" * 6, Status.UNDERLOAD: b"_" * 6, Status.ERROR: b"-" * 6}
_DISPLAY_CHARACTERS, _ECR_CHARACTERS = 7, 6


def _request(line: bytes) -> Request:
    return Request(_ASKED_BY.get(line, Ask.UNKNOWN), raw=line)


def _weight(now: Indication) -> bytes:
    field = shown(now, _DISPLAY_CHARACTERS)
    digits = field if isinstance(field, bytes) else _IN_PLACE_OF_DIGITS[field]
    return digits + now.unit.encode("ascii")


def _ecr_weight(now: Indication) -> bytes:
    """Empty where the scale gives its status alone."""
    field = shown(now, _ECR_CHARACTERS)
    if now.motion or now.net < 0 or isinstance(field, Status):
        return b""
    return field.replace(b" ", b"0") + now.unit.upper().encode("ascii")


def _status(now: Indication, *, ecr: bool) -> bytes:
    width = _ECR_CHARACTERS if ecr else _DISPLAY_CHARACTERS
    beyond = Status.UNDERLOAD if ecr and now.net < 0 else shown(now, width)
    first = (
        FIXED
        | (MOTION if now.motion else 0)
        | (AT_ZERO if now.centre_zero else 0)
        | (EEPROM_ERROR if now.fault else 0)
    )
    over = OVER if beyond is Status.OVERLOAD else 0
    second = FIXED | (UNDER if beyond is Status.UNDERLOAD else over)
    return bytes([first, second | MORE, FIXED | NET]) if now.tare else bytes([first, second])


SPEC = DriverSpec(
    name="nci",
    kind=Kind.SCALE,
    title="NCI SCP-01 and SCP-02 (Weigh-Tronix, Avery, Fairbanks, Brecknell, Ohaus Aviator)",
    decoder=NciDecoder,
    build=nci_scale,
    device_half=NciDeviceHalf,
    serial=SerialSettings(baud=9600, bits=7, parity="E", stop=1),
    options=(
        Option("dialect", SCP01, "scp01, or the cash register form scp02_ecr", choices=(SCP01, SCP02)),
        style_option(Style.POLL, Style.ON_DEMAND),
    ),
    dialects=(SCP01, SCP02),
    sources=(
        "Weigh-Tronix 8408-14788-01 (SCP-01), as quoted in github RichardChambers/anduino_uno",
        "NCI 6702 user's manual, page 14; Avery Weigh-Tronix 7821 user instructions, page 25",
        "Mettler Toledo DIVA service manual 72191202, pages 34 to 36 (SCP-02, ECR)",
        "Ohaus Aviator 7000 service manual, page 49 (status bytes)",
        "github JackFlashTechnologies/java-nci, tests (status with parity bit, padded units)",
    ),
    capabilities=frozenset({"zero", "tare", HARMLESS_PROBE}),
    probe=command(WEIGHT),
)
