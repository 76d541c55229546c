"""Toledo 8217, the demand protocol of retail and postal counter scales (also DIVA, Viva, Brecknell 67xx).

Owns: both halves of the protocol and its driver. Must not know: ports, other scales, who uses the weight.
Manual: Mettler Toledo DIVA service manual 72191202, pages 39, 44 and 45; command table as in Brecknell 67xx
service manual, table 7.6. Line: 9600 baud, 7 data bits, even parity, 1 stop bit; one letter asks, the scale
answers STX … CR. The unit is not on the wire: kilograms have three decimals, pounds two.

Faults survived: bytes with the parity bit left in (an 8N1 port), joining in mid-frame, noise between frames,
frames cut off by silence or by the next one, echoes of an echo mode that was left on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from drivers.scales.goals import Exchange, Goal
from drivers.scales.polling import PolledProtocol, PolledScale
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
from edge_agent.sdk.errors import ConfigError, ProtocolError
from edge_agent.sdk.framing import StartEndFramer
from edge_agent.sdk.values import Reading, Status

STX, CR = 0x02, 0x0D
SEVEN_BITS = bytes(value & 0x7F for value in range(256))

WEIGHT, ZERO, TARE, CLEAR_TARE = b"W", b"Z", b"T", b"C"
HIGH_RESOLUTION, ECHO_ON, ECHO_OFF = b"H", b"E", b"F"
PROBE_TEXT = b"hello"
TARE_DIGITS = 5

# Status byte of a reply without a weight: bit 7 parity, bit 6 always 1.
NET, CENTRE_OF_ZERO, OUTSIDE_ZERO_RANGE, UNDER_ZERO, OVER_CAPACITY, MOTION = 32, 16, 8, 4, 2, 1

DECIMALS = {"kg": 3, "lb": 2}
NUMERAL = re.compile(rb"(\d{2}\.\d{3}|\d{3}\.\d{2})(N?)")

REPLY_S = 1.0  # the manual's scales answer within 0.2 s; a second is what other hosts allow
COMMAND_PAUSE_S = 0.2  # tare is carried out about 150 ms after T; leaving echo mode is as quick
WRONG_UNIT = "the setting 'unit' does not fit this scale: compare it with the scale's display"


# Requests (host to scale)


def encode_preset_tare(tare: Decimal, unit: str) -> bytes:
    """The request that sets a known tare: T and five digits. Raises ConfigError if it cannot be shown."""
    scaled = tare.scaleb(DECIMALS[unit])
    if scaled != scaled.to_integral_value() or not 0 <= scaled < 10**TARE_DIGITS:
        raise ConfigError("scale.tare_value", f"a tare of {tare} {unit} cannot be set on this scale")
    return TARE + f"{int(scaled):0{TARE_DIGITS}d}".encode()


def encode_probe() -> bytes:
    """Echo mode on, and a word to be echoed: harmless to a scale, and answered by no other device."""
    return ECHO_ON + PROBE_TEXT


# Replies (scale to host)


class Toledo8217Decoder:
    """Replies of the scale as readings. `raw` is the frame as a 7E1 port delivers it."""

    def __init__(self, options: Options) -> None:
        self._unit = options.text("unit")
        self._net_bit = options.flag("net_bit")
        self._framer = StartEndFramer(STX, bytes([CR]))
        self._echo = False

    def reset(self) -> None:
        self._framer.reset()
        self._echo = False

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        return self._understand(self._framer.feed(data.translate(SEVEN_BITS)))

    def flush(self) -> list[Reading | ProtocolError]:
        return self._understand(self._framer.flush())

    def _understand(self, frames: Sequence[bytes | ProtocolError]) -> list[Reading | ProtocolError]:
        return [self._outside(f) if isinstance(f, ProtocolError) else self._frame(f) for f in frames]

    def _outside(self, error: ProtocolError) -> Reading | ProtocolError:
        """What stands between frames is noise, unless it is the text that we asked to have echoed."""
        if not self._echo or error.code != "frame.noise" or not PROBE_TEXT.startswith(error.data):
            return error
        return Reading(Status.INFO, info=error.data.decode("ascii"), raw=error.data)

    def _frame(self, frame: bytes) -> Reading | ProtocolError:
        body = frame[1:-1]
        self._echo = body == ECHO_ON
        numeral = NUMERAL.fullmatch(body)
        if numeral:
            return self._weight(numeral[1].decode("ascii"), numeral[2] == b"N", frame)
        if len(body) == 2 and body[:1] == b"?" and body[1] & 0x40:
            return self._status(body[1], frame)
        if body in (ECHO_ON, ECHO_OFF):
            return Reading(Status.INFO, raw=frame)
        return ProtocolError("frame.grammar", "no reply of this protocol", frame)

    def _weight(self, numeral: str, net: bool, frame: bytes) -> Reading | ProtocolError:
        weight = Decimal(numeral)
        if weight.as_tuple().exponent != -DECIMALS[self._unit]:
            text = f"{numeral} is no weight in {self._unit}"
            return ProtocolError("scale.unit_mismatch", text, frame, hint=WRONG_UNIT)
        return Reading(Status.OK, weight, self._unit, stable=True, net=net, raw=frame)

    def _status(self, bits: int, frame: bytes) -> Reading:
        net = bool(bits & NET) if self._net_bit else None
        return Reading(_status_of(bits), stable=not bits & MOTION, net=net, raw=frame)


def _status_of(bits: int) -> Status:
    for bit, status in (
        (OVER_CAPACITY, Status.OVERLOAD),
        (UNDER_ZERO, Status.UNDERLOAD),
        (MOTION, Status.MOTION),
        (OUTSIDE_ZERO_RANGE, Status.ERROR),
        (CENTRE_OF_ZERO, Status.ZERO),
    ):
        if bits & bit:
            return status
    return Status.OK


# The driver


class Toledo8217(PolledScale):
    """The driver of one scale: polled, zeroed and tared as `polling` has it, in this protocol's words."""

    def __init__(self, context: Context) -> None:
        probe = Exchange(encode_probe(), _is_echo, REPLY_S) if context.options.flag("probe") else None
        super().__init__(
            context,
            PolledProtocol(
                codec=Toledo8217Decoder(context.options),
                weight=Exchange(WEIGHT, _is_state, REPLY_S),
                goals={
                    Goal.ZERO: Exchange(ZERO, _is_state, REPLY_S),
                    Goal.TARE: Exchange(TARE, _is_state, REPLY_S),
                    Goal.CLEAR_TARE: Exchange(CLEAR_TARE, _is_state, REPLY_S),
                },
                probe=probe,
                end_probe=ECHO_OFF,
                pause_s=COMMAND_PAUSE_S,
            ),
        )


def _is_echo(reading: Reading) -> bool:
    return reading.status is Status.INFO


def _is_state(reading: Reading) -> bool:
    return reading.status is not Status.INFO


# The scale's own side


class Toledo8217DeviceHalf:
    """What a scale makes of the host's letters. The end of a chunk is the pause that tells T from T01234."""

    def __init__(self, options: Options) -> None:
        self._unit = options.text("unit")
        self._echo = False
        self._tare: bytes | None = None

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        requests: list[Request | ProtocolError] = []
        for value in data.translate(SEVEN_BITS):
            requests += self._take(bytes([value]))
        if self._tare == TARE:
            requests += self._end_tare()
        return requests

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:
        if request.ask is Ask.INFO:
            return request.value.encode("ascii") if request.value else _framed(request.raw)
        if request.ask is Ask.STOP:
            return _framed(ECHO_OFF)
        if request.ask is Ask.WEIGHT and not _without_weight(now):
            return _framed(_numeral(now) + (b"N" if now.tare else b""))
        refused_zero = request.ask is Ask.ZERO and not done and not now.motion
        return _framed(b"?" + bytes([_status_bits(now) | (OUTSIDE_ZERO_RANGE if refused_zero else 0)]))

    def broadcast(self, now: Indication) -> bytes:  # noqa: ARG002 - the seam is shared with continuous scales
        """This scale never speaks unasked."""
        return b""

    def _take(self, letter: bytes) -> list[Request | ProtocolError]:
        if self._echo:
            return [self._echoed(letter)]
        if self._tare is not None:
            if letter.isdigit():
                self._tare += letter
                return self._end_tare() if len(self._tare) > TARE_DIGITS else []
            return [*self._end_tare(), *self._take(letter)]
        if letter == TARE:
            self._tare = letter
            return []
        self._echo = letter == ECHO_ON
        return [Request(_ASKED_BY.get(letter, Ask.UNKNOWN), raw=letter)]

    def _echoed(self, letter: bytes) -> Request:
        self._echo = letter != ECHO_OFF
        if not self._echo:
            return Request(Ask.STOP, raw=letter)
        return Request(Ask.INFO, value=letter.decode("ascii"), raw=letter)

    def _end_tare(self) -> list[Request | ProtocolError]:
        raw, self._tare = self._tare or b"", None
        if raw == TARE:
            return [Request(Ask.TARE, raw=raw)]
        if len(raw) <= TARE_DIGITS:
            return [ProtocolError("request.tare", f"a tare has {TARE_DIGITS} digits", raw)]
        value = Decimal(raw[1:].decode("ascii")).scaleb(-DECIMALS[self._unit])
        return [Request(Ask.TARE, value=format(value, "f"), raw=raw)]


_ASKED_BY = {
    WEIGHT: Ask.WEIGHT,
    ZERO: Ask.ZERO,
    CLEAR_TARE: Ask.CLEAR_TARE,
    ECHO_ON: Ask.INFO,
}


def _framed(body: bytes) -> bytes:
    return bytes([STX]) + body + bytes([CR])


def _numeral(now: Indication) -> bytes:
    return format(now.net, f"06.{DECIMALS.get(now.unit, 3)}f").encode("ascii")


def _without_weight(now: Indication) -> bool:
    return now.motion or now.overload or now.underload or now.fault or len(_numeral(now)) > 6


def _status_bits(now: Indication) -> int:
    over = now.overload or len(_numeral(now)) > 6
    return (
        0x40
        | (NET if now.tare else 0)
        | (CENTRE_OF_ZERO if now.centre_zero else 0)
        | (OUTSIDE_ZERO_RANGE if now.fault else 0)
        | (UNDER_ZERO if now.underload else 0)
        | (OVER_CAPACITY if over and not now.underload else 0)
        | (MOTION if now.motion else 0)
    )


SPEC = DriverSpec(
    name="toledo_8217",
    kind=Kind.SCALE,
    title="Toledo 8217 (Mettler Toledo DIVA, Viva; Brecknell 67xx; many retail scales)",
    decoder=Toledo8217Decoder,
    build=Toledo8217,
    device_half=Toledo8217DeviceHalf,
    serial=SerialSettings(baud=9600, bits=7, parity="E", stop=1),
    options=(
        Option("unit", "kg", "the unit that the scale indicates; it does not send it", choices=("kg", "lb")),
        Option("probe", True, "make sure of the scale by its echo mode; off: by its first weight"),
        Option("net_bit", True, "whether bit 5 of the status byte means net; off for Rice Lake BenchPro"),
    ),
    unit_on_wire=False,
    sources=(
        "Mettler Toledo DIVA service manual 72191202, pages 39, 44, 45",
        "Brecknell 67xxU service manual, page 71, table 7.6",
        "Transcell PC 150 manual, page B-3 (status byte)",
        "Rice Lake BenchPro manual (bits 5 and 6 always 1)",
    ),
    capabilities=frozenset({"zero", "tare", "clear_tare", "harmless_probe"}),
    probe=encode_probe(),
    end_probe=ECHO_OFF,
)
