"""Yaohua XK3190 indicators and the many that copy them, in the continuous forms that are found in the field.

Owns: both halves of the protocol and its driver. Must not know: ports, other scales, who uses the weight.
Manuals: XK3190-A9+, page 9, XK3190-A26 (Nikcell), pages 10 and 11, XK3190-A12(E), page 12; captures of an
A12. Line: 600 to 9600 baud, 8 data bits, no parity, 1 stop bit. The indicator sends with each measurement:

    a9_tf0        STX sign w w w w w w d x x ETX     d decimals, x x exclusive or of sign to d, in hex
    reversed_eq   = and eight characters, last first: =000.3000 is 3.000 and =00.1000- is -1.00
    forward_eq    = and eight characters: =0003.000 is 3.000 and =-0001.00 is -1.00
    a12e_checked  WG or WN, weight(7), kg, x x CR LF, or blanks and OL23 (too heavy), LO23 (below zero)
    a12_w         ww gross, wn net or wt tare, weight(7), unit CR LF

Whether = lines run forward or backward cannot be seen from them: a known weight must tell, and a setting say.
None of these forms has a motion flag; the first three have no unit.

Faults survived: joining in mid-frame, noise, frames cut off or run together, a wrong check character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from drivers.scales.goals import Exchange, Goal
from drivers.scales.streaming import StreamedProtocol, StreamedScale
from drivers.scales.text_lines import CRLF, LineDecoder, no_grammar, number, weighed
from edge_agent.sdk.checksums import xor_of
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
from edge_agent.sdk.ports import Codec
from edge_agent.sdk.values import Reading, Status

A9_TF0, REVERSED, FORWARD, A12E, A12_W = "a9_tf0", "reversed_eq", "forward_eq", "a12e_checked", "a12_w"
DIALECTS = (A9_TF0, REVERSED, FORWARD, A12E, A12_W)
STX, ETX = 0x02, 0x03

TF0 = re.compile(rb"([+-]\d{6})([0-4])([0-9A-F]{2})")
EQUALS = re.compile(rb"[0-](\d+\.?\d*)")
EQUALS_CHARACTERS = 8
EQUALS_LIMIT = 32  # four frames without a sign of the next: no such line
CHECKED = re.compile(rb"W([GN])(-?\d+\.?\d* ?)(kg|lb)[0-9A-F]{2}")
CHECKED_CHARACTERS = 13
BEYOND = {b"OL".rjust(11): Status.OVERLOAD, b"LO".rjust(11): Status.UNDERLOAD}
PLAIN = re.compile(rb"w([wnt])(-?\d+\.?\d* ?)(kg|lb)")  # a unit of one letter could be the rest of kg
COLUMNS = 7

# Key strokes that an A12 takes over the line.
READ, TARE, ZERO = b"R", b"T", b"Z"


def hex_check(data: bytes) -> bytes:
    """The exclusive or of the bytes, as two characters."""
    return b"%02X" % xor_of(data)


# Frames (indicator to host)


class Tf0Decoder:
    """Frames of form 0, which have a check character but no unit."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._framer = StartEndFramer(STX, bytes([ETX]))

    def reset(self) -> None:
        self._framer.reset()

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        return self._understand(self._framer.feed(data))

    def flush(self) -> list[Reading | ProtocolError]:
        return self._understand(self._framer.flush())

    def _understand(self, frames: Sequence[bytes | ProtocolError]) -> list[Reading | ProtocolError]:
        return [f if isinstance(f, ProtocolError) else self._frame(f) for f in frames]

    def _frame(self, frame: bytes) -> Reading | ProtocolError:
        parts = TF0.fullmatch(frame[1:-1])
        if parts is None:
            return no_grammar(frame)
        if parts[3] != hex_check(frame[1:-3]):
            return ProtocolError("frame.checksum", "wrong check characters", frame)
        return Reading(Status.OK, number(parts[1]).scaleb(-int(parts[2])), self._unit, raw=frame)


class EqualsDecoder:
    """Frames between equals signs, in the order that is set. What silence leaves unfinished is forgotten."""

    def __init__(self, unit: str, *, backwards: bool) -> None:
        self._unit = unit
        self._step = -1 if backwards else 1
        self.reset()

    def reset(self) -> None:
        self._held: bytes | None = None

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        first, *others = data.split(b"=")
        found: list[Reading | ProtocolError] = []
        if self._held is not None:
            self._held += first
        for piece in others:
            found += self._end()
            self._held = piece
        if self._held is not None and len(self._held) > EQUALS_LIMIT:
            found += self._end()
        return found

    def flush(self) -> list[Reading | ProtocolError]:
        if self._held is not None and len(self._held) == EQUALS_CHARACTERS:
            return self._end()
        self._held = None
        return []

    def _end(self) -> list[Reading | ProtocolError]:
        frame, self._held = self._held, None
        return [] if frame is None else [self._frame(frame)]

    def _frame(self, frame: bytes) -> Reading | ProtocolError:
        text, raw = frame[:: self._step], b"=" + frame[:EQUALS_LIMIT]
        if len(text) != EQUALS_CHARACTERS or not EQUALS.fullmatch(text):
            return no_grammar(raw)
        return Reading(Status.OK, number(text), self._unit, raw=raw)


def _checked_line(line: bytes) -> Reading | ProtocolError:
    parts = CHECKED.fullmatch(line)
    beyond = BEYOND.get(line[:-2])
    if len(line) != CHECKED_CHARACTERS or not (parts or beyond):
        return no_grammar(line)
    if line[-2:] != hex_check(line[:-2]):
        return ProtocolError("frame.checksum", "wrong check characters", line)
    if parts is None:
        return Reading(beyond or Status.ERROR, raw=line)
    return weighed(parts[2], parts[3], line, stable=None, net=parts[1] == b"N")


def _plain_line(line: bytes) -> Reading | ProtocolError:
    parts = PLAIN.fullmatch(line)
    if parts is None or len(parts[2]) != COLUMNS:
        return no_grammar(line)
    if parts[1] == b"t":
        return weighed(parts[2], parts[3], line, stable=None, status=Status.TARE)
    return weighed(parts[2], parts[3], line, stable=None, net=parts[1] == b"n")


def decoder(options: Options) -> Codec[Reading]:
    """The codec of the form that is set."""
    dialect, unit = options.text("dialect"), options.text("unit")
    forms: Mapping[str, Callable[[], Codec[Reading]]] = {
        A9_TF0: lambda: Tf0Decoder(unit),
        REVERSED: lambda: EqualsDecoder(unit, backwards=True),
        FORWARD: lambda: EqualsDecoder(unit, backwards=False),
        A12E: lambda: LineDecoder(_checked_line),
        A12_W: lambda: LineDecoder(_plain_line),
    }
    return forms[dialect]()


# The driver


class Yaohua(StreamedScale):
    """The driver of one indicator: it speaks unasked; only the A12 takes key strokes."""

    def __init__(self, context: Context) -> None:
        dialect = context.options.text("dialect")
        letters = {Goal.ZERO: ZERO, Goal.TARE: TARE} if dialect == A12_W else {}
        super().__init__(
            context,
            StreamedProtocol(
                codec=decoder(context.options),
                anchor=CRLF if dialect in (A12E, A12_W) else b"",
                pause_ends=dialect in (REVERSED, FORWARD),
                goals={goal: Exchange(letter, _any) for goal, letter in letters.items()},
            ),
        )


def _any(_reading: Reading) -> bool:
    return True


# The indicator's own side


class YaohuaDeviceHalf:
    """What an indicator sends; a weight that its form cannot tell is not sent."""

    def __init__(self, options: Options) -> None:
        self._dialect = options.text("dialect")
        self._unit = options.text("unit")
        tells = {A9_TF0: _tf0, REVERSED: _reversed, FORWARD: _forward, A12E: _checked, A12_W: _plain}
        self._tell: Callable[[Indication], bytes] = tells[self._dialect]

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        if self._dialect != A12_W:
            return []
        letters = (bytes([value]) for value in data)
        return [Request(_ASKED_BY[letter], raw=letter) for letter in letters if letter in _ASKED_BY]

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:  # noqa: ARG002
        return self.broadcast(now) if request.ask is Ask.WEIGHT else b""

    def broadcast(self, now: Indication) -> bytes:
        with_unit = self._dialect in (A12E, A12_W)
        if now.fault or (now.unit != self._unit and not with_unit):
            return b""
        return self._tell(now)


_ASKED_BY = {READ: Ask.WEIGHT, TARE: Ask.TARE, ZERO: Ask.ZERO}


def _tf0(now: Indication) -> bytes:
    decimals = max(0, -int(now.net.as_tuple().exponent))
    digits = f"{int(abs(now.net).scaleb(decimals)):06d}"
    if now.overload or len(digits) > 6 or decimals > 4:
        return b""
    body = f"{'-' if now.net < 0 else '+'}{digits}{decimals}".encode("ascii")
    return bytes([STX]) + body + hex_check(body) + bytes([ETX])


def _forward(now: Indication) -> bytes:
    sign = b"-" if now.net < 0 else b"0"
    digits = _columns(abs(now.net))
    return b"" if now.overload or not digits else b"=" + sign + digits


def _reversed(now: Indication) -> bytes:
    frame = _forward(now)
    return frame[:1] + frame[:0:-1]


def _checked(now: Indication) -> bytes:
    digits = _columns(now.net)
    if now.overload or not digits:
        body = (b"LO" if now.net < 0 else b"OL").rjust(11)
    elif now.unit in ("kg", "lb"):
        body = (b"WN" if now.tare else b"WG") + digits + now.unit.encode("ascii")
    else:
        return b""
    return body + hex_check(body) + CRLF


def _plain(now: Indication) -> bytes:
    digits = _columns(now.net)
    if now.overload or not digits or now.unit not in ("kg", "lb"):
        return b""
    return (b"wn" if now.tare else b"ww") + digits + now.unit.encode("ascii") + CRLF


def _columns(weight: Decimal) -> bytes | None:
    sign = "-" if weight < 0 else ""
    text = sign + format(abs(weight), "f").rjust(COLUMNS - len(sign), "0")
    return text.encode("ascii") if len(text) == COLUMNS else None


SPEC = DriverSpec(
    name="yaohua",
    kind=Kind.SCALE,
    title="Yaohua XK3190 (A9, A12, A26, ...) and indicators that send like them",
    decoder=decoder,
    build=Yaohua,
    device_half=YaohuaDeviceHalf,
    serial=SerialSettings(baud=9600),
    options=(
        Option("dialect", A9_TF0, "the form that the indicator sends; prove = forms by a weight", DIALECTS),
        Option(
            "unit",
            "kg",
            "the unit that the indicator shows; only A12 sends it",
            choices=("kg", "g", "lb", "t"),
        ),
    ),
    dialects=DIALECTS,
    unit_on_wire=False,
    sources=(
        "Yaohua XK3190-A9+ manual, page 9",
        "Nikcell XK3190-A26 manual, pages 10 and 11",
        "Yaohua XK3190-A12(E) manual, page 12",
        "captures of an A9 and an A12 in public code",
    ),
    capabilities=frozenset({"zero", "tare"}),
)
