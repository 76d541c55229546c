"""CAS PD-II, the scale of cash registers (also SW-II, AP-1, ER), in the three dialects that tell a weight.

Owns: both halves of the protocol and its driver. Must not know: ports, other scales, who uses the weight.
Manuals: CAS PD-II, pages 19 and 23; CAS SW-II, page 15 (the frame of type 6 and its check character); github
kortoaus/cas-scale (ECR type 2). Line: 9600 baud, 7 data bits, even parity, 1 stop bit.

    ecr_2    W            ->  STX w5..w1 CR                   or STX ? status CR, when there is no weight
    type_0   ENQ DC2      ->  ACK STX id w5..w1 BCC ETX       (type 1 is the same)
    type_6   ENQ DC1      ->  ACK SOH STX sta sign w5..w0 un1 un0 BCC ETX EOT

Only type 6 sends unit and point. BCC is the exclusive or of what stands between STX and itself; it may have
any value, so that frames are cut by their length.

Faults survived: parity bits left in, joining in mid-frame, noise, frames cut off, a wrong check character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from drivers.scales.goals import Exchange
from drivers.scales.polling import PolledProtocol, PolledScale
from drivers.scales.text_lines import SEVEN_BITS, unit_named, weighed
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
from edge_agent.sdk.framing import SCALE_LINE_LIMIT
from edge_agent.sdk.values import Reading, Status

SOH, STX, ETX, EOT, ENQ, ACK, DC1, DC2, NAK = b"\x01\x02\x03\x04\x05\x06\x11\x12\x15"
CR = 0x0D

WEIGH = b"W"
REPLY_S = 1.0  # as for other cash register scales: they answer within 0.2 s
WEIGHT_DIGITS = 5

# Status byte of a refusal, as in Toledo 8217: bit 6 always 1.
OUTSIDE_ZERO_RANGE, UNDER_ZERO, OVER_CAPACITY, MOTION = 8, 4, 2, 1
REFUSED = (
    (OVER_CAPACITY, Status.OVERLOAD),
    (UNDER_ZERO, Status.UNDERLOAD),
    (MOTION, Status.MOTION),
    (OUTSIDE_ZERO_RANGE, Status.ERROR),
)

DIGITS = re.compile(rb"\d{5}")
REFUSAL = re.compile(rb"\?([\x40-\x7f])")
BLOCK_6 = re.compile(rb"([SU])([ -])( *\d+\.?\d*)((?i:kg|lb))")
OVERLOAD_6 = re.compile(rb"[SU]F[F .\d]{6}((?i:kg|lb))")
TYPE_6_COLUMNS = 6


class Shape(NamedTuple):
    """How a dialect cuts and asks: the bytes a frame begins with, its length, and how it ends."""

    start: bytes
    size: int
    end: bytes
    ask: bytes


SHAPES: Mapping[str, Shape] = {
    "ecr_2": Shape(bytes([STX]), 1 + WEIGHT_DIGITS + 1, bytes([CR]), WEIGH),
    "type_0": Shape(bytes([STX]), 3 + WEIGHT_DIGITS + 1, bytes([ETX]), bytes([ENQ, DC2])),
    "type_6": Shape(bytes([SOH, STX]), 15, bytes([ETX, EOT]), bytes([ENQ, DC1])),
}
SHORTER = {b"?\r": 3, b"?": 4}  # refusals of ecr_2: without and with a status byte
NOTABLE = re.compile(rb"[\x01\x02\x06\x15]")  # SOH, STX, and the answers to ENQ


# Replies (scale to host)


class CasPd2Decoder:
    """Replies of the scale as readings. `raw` is the frame as a 7E1 port delivers it."""

    def __init__(self, options: Options) -> None:
        dialect = options.text("dialect")
        self._shape = SHAPES[dialect]
        self._unit = options.text("unit")
        self._decimals = options.integer("decimals")
        understands = {"ecr_2": self._ecr_2, "type_0": self._type_0, "type_6": _type_6}
        self._understand: Callable[[bytes], Reading | ProtocolError] = understands[dialect]
        self._shorter = SHORTER if dialect == "ecr_2" else {}
        self.reset()

    def reset(self) -> None:
        self._held = b""
        self._noise = b""

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        self._held += data.translate(SEVEN_BITS)
        found: list[Reading | ProtocolError] = []
        while self._step(found):
            pass
        return found

    def flush(self) -> list[Reading | ProtocolError]:
        found: list[Reading | ProtocolError] = []
        self._tell_noise(found)
        if self._held:
            found.append(ProtocolError("frame.torn", "frame cut off", self._cut(len(self._held))))
        return found

    def _step(self, found: list[Reading | ProtocolError]) -> bool:
        """Take one frame, or what begins none; False when more bytes are needed."""
        start = self._shape.start
        if not self._held.startswith(start):
            if start.startswith(self._held):
                return False
            return self._skip(found)
        self._tell_noise(found)
        size = self._size()
        if len(self._held) < size:
            return False
        found.append(self._frame(size))
        return True

    def _size(self) -> int:
        sizes = (size for mark, size in self._shorter.items() if self._held.startswith(mark, 1))
        return next(sizes, self._shape.size)

    def _frame(self, size: int) -> Reading | ProtocolError:
        frame = self._held[:size]
        value = self._understand(frame) if frame.endswith(self._shape.end) else _no_reply(frame)
        again = -1 if isinstance(value, Reading) else frame.find(self._shape.start, 1)
        piece = self._cut(again if again > 0 else size)
        return value if piece == frame else ProtocolError("frame.torn", "frame cut off", piece)

    def _skip(self, found: list[Reading | ProtocolError]) -> bool:
        """An answer to ENQ, or bytes up to whatever may be a start or an answer."""
        if self._held[0] in (ACK, NAK) and not self._shorter:
            self._tell_noise(found)
            answer = self._cut(1)
            found += [Reading(Status.BUSY, raw=answer)] if answer[0] == NAK else []
            return True
        start = NOTABLE.search(self._held, 1)
        dropped = self._cut(start.start() if start else len(self._held))
        self._noise = (self._noise + dropped)[:SCALE_LINE_LIMIT]
        return True

    def _tell_noise(self, found: list[Reading | ProtocolError]) -> None:
        if self._noise:
            found.append(ProtocolError("frame.noise", "bytes outside a frame", self._noise))
            self._noise = b""

    def _cut(self, size: int) -> bytes:
        piece, self._held = self._held[:size], self._held[size:]
        return piece

    def _ecr_2(self, frame: bytes) -> Reading | ProtocolError:
        if frame[1:-1] == b"?":
            return Reading(Status.ERROR, raw=frame)
        if refusal := REFUSAL.fullmatch(frame[1:-1]):
            bits = refusal[1][0]
            status = next((state for bit, state in REFUSED if bits & bit), Status.OK)
            return Reading(status, stable=not bits & MOTION, raw=frame)
        return self._digits(frame[1:-1], frame, stable=True)

    def _type_0(self, frame: bytes) -> Reading | ProtocolError:
        if frame[-2] != xor_of(frame[1:-2]):
            return ProtocolError("frame.checksum", "wrong check character", frame)
        return self._digits(frame[2:-2], frame, stable=None)

    def _digits(self, digits: bytes, frame: bytes, *, stable: bool | None) -> Reading | ProtocolError:
        if not DIGITS.fullmatch(digits):
            return _no_reply(frame)
        weight = Decimal(digits.decode("ascii")).scaleb(-self._decimals)
        return Reading(Status.OK, weight, self._unit, stable, raw=frame)


def _type_6(frame: bytes) -> Reading | ProtocolError:
    block = frame[2:-3]
    if frame[-3] != xor_of(block):
        return ProtocolError("frame.checksum", "wrong check character", frame)
    if over := OVERLOAD_6.fullmatch(block):
        return Reading(Status.OVERLOAD, unit=unit_named(over[1]), raw=frame)
    parts = BLOCK_6.fullmatch(block)
    if parts is None or len(parts[3]) != TYPE_6_COLUMNS:
        return _no_reply(frame)
    return weighed(parts[2] + parts[3], parts[4], frame, stable=parts[1] == b"S")


def _no_reply(frame: bytes) -> ProtocolError:
    return ProtocolError("frame.grammar", "no reply of this dialect", frame)


# The driver


class CasPd2(PolledScale):
    """The driver of one scale, polled; the protocol has no commands."""

    def __init__(self, context: Context) -> None:
        ask = SHAPES[context.options.text("dialect")].ask
        protocol = PolledProtocol(
            codec=CasPd2Decoder(context.options), weight=Exchange(ask, _any, REPLY_S), goals={}
        )
        super().__init__(context, protocol)


def _any(_reading: Reading) -> bool:
    return True


# The scale's own side


class CasPd2DeviceHalf:
    """What a scale answers to a cash register."""

    def __init__(self, options: Options) -> None:
        self._dialect = options.text("dialect")
        self._decimals = options.integer("decimals")
        self._unit = options.text("unit")

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        asked = SHAPES[self._dialect].ask[-1]
        letters = data.translate(SEVEN_BITS)
        return [Request(Ask.WEIGHT, raw=bytes([letter])) for letter in letters if letter == asked]

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:  # noqa: ARG002
        if request.ask is not Ask.WEIGHT:
            return b""
        return {"ecr_2": self._ecr_2, "type_0": self._type_0, "type_6": _tell_6}[self._dialect](now)

    def broadcast(self, now: Indication) -> bytes:  # noqa: ARG002
        """This scale never speaks unasked."""
        return b""

    def _ecr_2(self, now: Indication) -> bytes:
        digits, bits = self._digits(now), _refusal_bits(now)
        if digits and not bits:
            return bytes([STX]) + digits + bytes([CR])
        return bytes([STX]) + b"?" + bytes([0x40 | bits | (0 if bits else OVER_CAPACITY), CR])

    def _type_0(self, now: Indication) -> bytes:
        digits = self._digits(now)
        block = b"0" + (digits or b"")
        sent = digits and not _refusal_bits(now)
        return bytes([ACK, STX]) + block + bytes([xor_of(block), ETX]) if sent else bytes([NAK])

    def _digits(self, now: Indication) -> bytes | None:
        """Five digits in the configured unit and decimals, exactly, or nothing."""
        scaled = now.net.scaleb(self._decimals)
        exact = now.unit == self._unit and scaled == scaled.to_integral_value()
        text = f"{int(abs(scaled)):0{WEIGHT_DIGITS}d}" if exact else ""
        return text.encode("ascii") if len(text) == WEIGHT_DIGITS else None


def _refusal_bits(now: Indication) -> int:
    flags = ((MOTION, now.motion), (OVER_CAPACITY, now.overload), (UNDER_ZERO, now.underload))
    return sum(bit for bit, is_set in (*flags, (OUTSIDE_ZERO_RANGE, now.fault)) if is_set)


def _tell_6(now: Indication) -> bytes:
    if now.unit not in ("kg", "lb") or now.fault:
        return bytes([NAK])
    weight = format(abs(now.net), "f").rjust(TYPE_6_COLUMNS).encode("ascii")
    sign = b"-" if now.net < 0 else b" "
    if now.overload or len(weight) > TYPE_6_COLUMNS:
        sign, weight = b"F", b"F" * TYPE_6_COLUMNS
    block = (b"U" if now.motion else b"S") + sign + weight + now.unit.encode("ascii")
    return bytes([ACK, SOH, STX]) + block + bytes([xor_of(block), ETX, EOT])


SPEC = DriverSpec(
    name="cas_pd2",
    kind=Kind.SCALE,
    title="CAS PD-II and its relatives (SW-II, AP-1, ER), as a cash register reads them",
    decoder=CasPd2Decoder,
    build=CasPd2,
    device_half=CasPd2DeviceHalf,
    serial=SerialSettings(baud=9600, bits=7, parity="E", stop=1),
    options=(
        Option("dialect", "ecr_2", "the interface type that is set in the scale", tuple(SHAPES)),
        Option("unit", "kg", "the unit that the scale shows; only type_6 sends it", choices=("kg", "lb")),
        Option("decimals", 3, "decimals of the five digits; type_6 sends the point", minimum=0, maximum=4),
    ),
    dialects=tuple(SHAPES),
    unit_on_wire=False,
    sources=(
        "CAS PD-II manual, pages 19 and 23",
        "CAS SW-II manual, page 15; CAS AP-1 protocol sheet (check character, point)",
        "github kortoaus/cas-scale (PD-II, ECR type 2)",
    ),
)
