"""Digi DS-425 bench scale, its line of net weight and tare.

Owns: both halves of the protocol and its driver. Must not know: ports, other scales, who uses the weight.
Manual: Digi DS-425 service manual V1.04, page 16, sections 4.1 to 4.3. Line: 2400 to 19200 baud, 8 data bits,
no parity, 1 stop bit. Two settings of the scale (SPEC02, bits 0 and 1) make four forms of one line:

    [status CR] [0] net(7) CR [4] tare(7) CR LF       status: NUL stable, SOH unstable

The unit is not on the wire.

Faults survived: joining in mid-line, noise, lines cut off or run together, a form that is not the one set.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from drivers.scales.goals import Exchange
from drivers.scales.polling import PolledProtocol, PolledScale
from drivers.scales.streaming import StreamedProtocol, StreamedScale
from drivers.scales.text_lines import CRLF, no_grammar, number, torn
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
from edge_agent.sdk.framing import LineFramer
from edge_agent.sdk.ports import Driver
from edge_agent.sdk.values import Reading, Status

STABLE, UNSTABLE = b"\x00", b"\x01"
NET_HEAD, TARE_HEAD = b"0", b"4"
ENQ = b"\x05"
COLUMNS = 7
NUMBER = rb" *-? *\d+[.,]?\d*"
FORMS = {  # whether there is a status and whether there are heads
    "header_stability": (True, True),
    "header": (False, True),
    "stability": (True, False),
    "plain": (False, False),
}
REPLY_S = 1.0  # what the makers of cash registers allow


def _grammar(dialect: str) -> re.Pattern[bytes]:
    status, heads = FORMS[dialect]
    net, tare = (NET_HEAD, TARE_HEAD) if heads else (b"", b"")
    return re.compile(
        (rb"([\x00\x01])\r" if status else rb"()") + net + rb"(%b)\r" % NUMBER + tare + rb"(%b)" % NUMBER
    )


# Lines (scale to host)


class DigiDsDecoder:
    """Lines of the scale as readings."""

    def __init__(self, options: Options) -> None:
        self._grammar = _grammar(options.text("dialect"))
        self._unit = options.text("unit")
        self._framer = LineFramer(CRLF, sequence=True)

    def reset(self) -> None:
        self._framer.reset()

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        return self._understand(self._framer.feed(data))

    def flush(self) -> list[Reading | ProtocolError]:
        return [torn(line) for line in self._framer.flush()]

    def _understand(self, lines: Sequence[bytes | ProtocolError]) -> list[Reading | ProtocolError]:
        return [line if isinstance(line, ProtocolError) else self._line(line) for line in lines]

    def _line(self, line: bytes) -> Reading | ProtocolError:
        parts = self._grammar.fullmatch(line)
        if parts is None or len(parts[2]) != COLUMNS or len(parts[3]) != COLUMNS:
            return no_grammar(line)
        net, tare = (number(part.replace(b",", b".")) for part in (parts[2], parts[3]))
        stable = None if not parts[1] else parts[1] == STABLE
        status = Status.MOTION if stable is False else Status.OK
        return Reading(status, net, self._unit, stable, net=True, tare=tare, raw=line)


# The driver


def build(context: Context) -> Driver:
    """A driver that listens, or, where it is set so, one that asks."""
    codec = DigiDsDecoder(context.options)
    if not context.options.flag("ask"):
        return StreamedScale(context, StreamedProtocol(codec=codec))
    return PolledScale(context, PolledProtocol(codec, Exchange(ENQ, _any, REPLY_S), goals={}))


def _any(_reading: Reading) -> bool:
    return True


# The scale's own side


class DigiDsDeviceHalf:
    """What a scale sends, unasked or at each ENQ."""

    def __init__(self, options: Options) -> None:
        self._status, self._heads = FORMS[options.text("dialect")]
        self._unit = options.text("unit")
        self._asked = options.flag("ask")

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        return [Request(Ask.WEIGHT, raw=ENQ) for _ in range(data.count(ENQ))]

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:  # noqa: ARG002
        return self._line(now) if request.ask is Ask.WEIGHT and self._asked else b""

    def broadcast(self, now: Indication) -> bytes:
        return b"" if self._asked else self._line(now)

    def _line(self, now: Indication) -> bytes:
        """Nothing where there is no weight, or none that fits: the manual has no frame for it."""
        net, tare = _columns(now.net), _columns(now.tare)
        if now.overload or now.fault or now.unit != self._unit or max(len(net), len(tare)) > COLUMNS:
            return b""
        status = (UNSTABLE if now.motion else STABLE) + b"\r" if self._status else b""
        net_head, tare_head = (NET_HEAD, TARE_HEAD) if self._heads else (b"", b"")
        return status + net_head + net + b"\r" + tare_head + tare + CRLF


def _columns(weight: Decimal) -> bytes:
    return format(weight, "f").rjust(COLUMNS).encode("ascii")


SPEC = DriverSpec(
    name="digi_ds",
    kind=Kind.SCALE,
    title="Digi DS-425",
    decoder=DigiDsDecoder,
    build=build,
    device_half=DigiDsDeviceHalf,
    serial=SerialSettings(baud=9600),
    options=(
        Option("dialect", "header_stability", "the form of the line, SPEC02 of the scale", tuple(FORMS)),
        Option(
            "unit",
            "kg",
            "the unit that the scale shows; it does not send it",
            choices=("kg", "g", "lb", "oz"),
        ),
        Option("ask", False, "whether the scale waits to be asked (ENQ); off: it sends of itself"),
    ),
    dialects=tuple(FORMS),
    unit_on_wire=False,
    sources=("Digi DS-425 service manual V1.04, page 16, sections 4.1 to 4.3",),
)
