"""Toledo continuous output, the frame of indicators and remote displays (Wildcat, Jaguar, IND; Kern, Ohaus).

Owns: both halves of the protocol and its driver. Must not know: ports, other scales, who uses the weight.
Manual: Mettler Toledo Wildcat technical manual E15609900A, pages 6-4 to 6-6; the ounce, troy and ton codes
and bit 6 of status word B as in Ohaus Courier 7000, tables 11-1 to 11-4. The indicator sends with each update
of its display, about seven times a second:

    STX  SWA SWB SWC  wwwwww  tttttt  CR  CHK

Six digits of weight and six of tare, blanks for leading zeros, no point: SWA says where it stands. CHK makes
the 7-bit sum of the frame zero.

Faults survived: bytes with the parity bit left in, joining in mid-frame, noise between frames, frames cut
off, a wrong check character, an indicator that sends none although one is expected.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from drivers.scales.goals import Exchange, Goal
from drivers.scales.streaming import StreamedProtocol, StreamedScale
from drivers.scales.text_lines import SEVEN_BITS
from edge_agent.sdk.checksums import seven_bit_complement
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
from edge_agent.sdk.framing import StartEndFramer
from edge_agent.sdk.values import Reading, Status

STX, CR = 0x02, 0x0D

# Status word A: bits 0-2 where the point stands, bits 3-4 the division (1, 2, 5), bit 5 always 1.
POINT = 0b000_0111
DUMMY_ZEROS = {0: "00", 1: "0"}  # codes below 2 add zeros; code n from 2 on means n - 2 decimals
DIVISION_ONE = 0b000_1000
ALWAYS_ONE = 0b010_0000
# Status word B.
NET, NEGATIVE, OUT_OF_RANGE, MOTION, KILOGRAM, NO_ZERO = 1, 2, 4, 8, 16, 64
# Status word C: bits 0-2 the unit, where 0 leaves it to status word B; bit 3 print, bit 4 expanded.
UNIT, EXPANDED = 0b000_0111, 0b001_0000
UNITS = {1: "g", 2: "t", 3: "oz", 4: "ozt", 5: "dwt", 6: "ton"}

BODY = re.compile(rb"([\x20-\x3f])([\x20-\x7f])([\x20-\x7f])(.{6})(.{6})", re.DOTALL)
NUMBER = re.compile(rb" *\d+")
DIGITS = 6
NO_CHECK = "an indicator that sends no check character needs the setting 'checksum = false'"

# Commands of the indicator's input (page 6-6); other characters are ignored, so that CR LF suits all models.
ZERO, TARE, CLEAR, PRINT = b"Z", b"T", b"C", b"P"
COMMAND_END = b"\r\n"


# Frames (indicator to host)


class ToledoContDecoder:
    """Frames of the indicator as readings. `raw` is the frame as a 7E1 port delivers it."""

    def __init__(self, options: Options) -> None:
        self._check_bytes = 1 if options.flag("checksum") else 0
        self._framer = StartEndFramer(STX, bytes([CR]), trailer=self._check_bytes)

    def reset(self) -> None:
        self._framer.reset()

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        return self._understand(self._framer.feed(data.translate(SEVEN_BITS)))

    def flush(self) -> list[Reading | ProtocolError]:
        return self._understand(self._framer.flush())

    def _understand(self, frames: Sequence[bytes | ProtocolError]) -> list[Reading | ProtocolError]:
        return [f if isinstance(f, ProtocolError) else self._frame(f) for f in frames]

    def _frame(self, frame: bytes) -> Reading | ProtocolError:
        if self._check_bytes and frame[-1] != seven_bit_complement(frame[:-1]):
            return ProtocolError("frame.checksum", "wrong check character", frame, hint=NO_CHECK)
        parts = BODY.fullmatch(frame[1 : len(frame) - 1 - self._check_bytes])
        if parts is None or not (NUMBER.fullmatch(parts[4]) and NUMBER.fullmatch(parts[5])):
            return ProtocolError("frame.grammar", "no frame of this protocol", frame)
        word_a, word_b, word_c = (part[0] for part in parts.groups()[:3])
        if not word_b & word_c & ALWAYS_ONE:
            return ProtocolError("frame.grammar", "no status words of this protocol", frame)
        unit = _unit(word_b, word_c)
        if unit is None or word_c & EXPANDED:
            return ProtocolError("scale.unit", "a unit or resolution without a legal weight", frame)
        weight, tare = (_number(part, word_a) for part in (parts[4], parts[5]))
        return _reading(word_b, unit, weight, tare, frame)


def _unit(word_b: int, word_c: int) -> str | None:
    if not word_c & UNIT:
        return "kg" if word_b & KILOGRAM else "lb"
    return UNITS.get(word_c & UNIT)


def _number(digits: bytes, word_a: int) -> Decimal:
    code = word_a & POINT
    text = digits.decode("ascii").lstrip()
    if code in DUMMY_ZEROS:
        return Decimal(text + DUMMY_ZEROS[code])
    return Decimal(text).scaleb(2 - code)


def _reading(word_b: int, unit: str, weight: Decimal, tare: Decimal, frame: bytes) -> Reading:
    stable, net = not word_b & MOTION, bool(word_b & NET)
    if word_b & OUT_OF_RANGE:
        status = Status.UNDERLOAD if word_b & NEGATIVE else Status.OVERLOAD
        return Reading(status, unit=unit, stable=stable, net=net, raw=frame)
    if word_b & NO_ZERO:
        return Reading(Status.ERROR, unit=unit, stable=stable, net=net, raw=frame)
    status = Status.OK if stable else Status.MOTION
    signed = weight.copy_negate() if word_b & NEGATIVE else weight
    return Reading(status, signed, unit, stable, net, tare if net else None, raw=frame)


# The driver


class ToledoCont(StreamedScale):
    """The driver of one indicator: it speaks unasked, and takes single letters as key strokes."""

    def __init__(self, context: Context) -> None:
        letters = {Goal.ZERO: ZERO, Goal.TARE: TARE, Goal.CLEAR_TARE: CLEAR}
        super().__init__(
            context,
            StreamedProtocol(
                codec=ToledoContDecoder(context.options),
                anchor=b"",
                goals={goal: Exchange(letter + COMMAND_END, _any) for goal, letter in letters.items()},
            ),
        )


def _any(_reading: Reading) -> bool:
    return True


# The indicator's own side


class ToledoContDeviceHalf:
    """What an indicator sends, and what it makes of the host's letters."""

    def __init__(self, options: Options) -> None:
        self._checksum = options.flag("checksum")

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        letters = (bytes([value]) for value in data.translate(SEVEN_BITS))
        return [Request(_ASKED_BY[letter], raw=letter) for letter in letters if letter in _ASKED_BY]

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:  # noqa: ARG002
        """A printed frame looks like any other; the other commands show only in the stream."""
        return self.broadcast(now) if request.ask is Ask.WEIGHT else b""

    def broadcast(self, now: Indication) -> bytes:
        if now.unit not in _TOLD_UNITS:
            return b""
        decimals = max(0, -int(min(now.net.as_tuple().exponent, now.tare.as_tuple().exponent)))
        weight, tare = _digits(now.net, decimals), _digits(now.tare, decimals)
        fits = len(weight) <= DIGITS and len(tare) <= DIGITS and decimals + 2 <= POINT
        word_b = ALWAYS_ONE | _bits(now, fits=fits)
        if not fits:
            weight = tare = b"0"
        words = bytes([ALWAYS_ONE | DIVISION_ONE | min(decimals + 2, POINT), word_b, _word_c(now.unit)])
        frame = bytes([STX]) + words + weight.rjust(DIGITS) + tare.rjust(DIGITS) + bytes([CR])
        return frame + bytes([seven_bit_complement(frame)]) if self._checksum else frame


_TOLD_UNITS = frozenset({"kg", "lb", *UNITS.values()})
_ASKED_BY = {ZERO: Ask.ZERO, TARE: Ask.TARE, CLEAR: Ask.CLEAR_TARE, PRINT: Ask.WEIGHT}


def _digits(weight: Decimal, decimals: int) -> bytes:
    return str(int(abs(weight).scaleb(decimals))).encode("ascii")


def _bits(now: Indication, *, fits: bool) -> int:
    return (
        (NET if now.tare else 0)
        | (NEGATIVE if now.net < 0 else 0)
        | (OUT_OF_RANGE if now.overload or not fits else 0)
        | (MOTION if now.motion else 0)
        | (KILOGRAM if now.unit != "lb" else 0)
        | (NO_ZERO if now.fault else 0)
    )


def _word_c(unit: str) -> int:
    return ALWAYS_ONE | next((code for code, name in UNITS.items() if name == unit), 0)


SPEC = DriverSpec(
    name="toledo_cont",
    kind=Kind.SCALE,
    title="Toledo continuous output (Mettler Toledo indicators; Kern, Ohaus, Cardinal, Rice Lake)",
    decoder=ToledoContDecoder,
    build=ToledoCont,
    device_half=ToledoContDeviceHalf,
    serial=SerialSettings(baud=9600, bits=7, parity="E", stop=1),
    options=(Option("checksum", True, "whether the indicator sends a check character after each frame"),),
    sources=(
        "Mettler Toledo Wildcat technical manual E15609900A, pages 6-4 to 6-6",
        "Ohaus Courier 7000 manual, page EN-52, tables 11-1 to 11-4",
        "Cardinal 225 manual 8200-M698-O1, page 118 (with and without check character)",
    ),
    capabilities=frozenset({"zero", "tare", "clear_tare"}),
)
