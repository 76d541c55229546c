"""The CAS indicator's own line of 22 bytes, and the short one of 10 (CI, NT, PDI, Caston families).

Owns: both halves of the protocol and its driver. Must not know: ports, other scales, who uses the weight.
Manuals: CAS CI-400, pages 104 to 106, CI-600D, page 75, NT-200, page 49. The indicator sends all the time,
or, in command mode, when asked by its number:

    HH , KK , id lamp , weight(8) blank unit(2) CR LF     HH: ST stable, US unstable, OL overload
    weight(8) CR LF                                       KK: GS gross, NT net

Id and lamp are raw bytes, control codes included: a line is never taken for text before they are cut out.
The 18-byte line of the same indicators is the layout and18 of the protocol st_gs.

Faults survived: joining in mid-line, an id or lamp byte that looks like a line end, lines cut off or run
together, noise between lines.
"""

from __future__ import annotations

import re
from decimal import Decimal

from drivers.scales.goals import Exchange, Goal
from drivers.scales.polling import PolledProtocol, PolledScale
from drivers.scales.streaming import StreamedProtocol, StreamedScale
from drivers.scales.text_lines import CRLF, CommandLines, LineDecoder, no_grammar, number
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
from edge_agent.sdk.ports import Codec, Driver
from edge_agent.sdk.values import Reading, Status

LINE_22, LINE_10 = "cas_22", "cas_10"
UNITS = ("kg", "g", "t", "lb", "oz")
HEAD = re.compile(rb"(ST|US|OL),(GS|NT),(.)(.),", re.DOTALL)
HEAD_BYTES = 9
NUMBER = re.compile(rb" *-? *\d+\.?\d*")
NUMBER_BYTES = 8
COLUMNS = re.compile(rb"([-. \d]{8}) ([ A-Za-z]{2})")
OVERLOADED = re.compile(rb"[-+. \d]{0,10}[A-Za-z]{0,2} ?")

# Lamp byte: bit 7 always 1, bit 6 stable, bit 5 fixed.
HOLD, PRINTER, GROSS, TARED, ZERO_POINT = 16, 8, 4, 2, 1
LAMP_ALWAYS, LAMP_STABLE = 0x80, 0x40

# Command mode: D, two digits of the indicator's number, the command, CR LF.
WEIGH, ZERO, TARE = b"KW", b"KZ", b"HY"
REPLY_S = 1.0  # an indicator answers with its next update, five times a second or faster
NO_UNIT = "set 'unit' to what the scale's display shows"


# Lines of 22 bytes (indicator to host)


class Cas22Decoder:
    """Readings of the long line; `device_id` is the raw id byte."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        self._held += data
        found: list[Reading | ProtocolError] = []
        while self._step(found):
            pass
        return found

    def flush(self) -> list[Reading | ProtocolError]:
        held = self._cut(len(self._held))[:SCALE_LINE_LIMIT]
        return [ProtocolError("frame.torn", "line cut off", held)] if held else []

    def _step(self, found: list[Reading | ProtocolError]) -> bool:
        """Take one line, or what stands before the next head; False when more bytes are needed."""
        head = HEAD.search(self._held)
        if head is None or head.start() > 0:
            return self._drop_noise(head.start() if head else len(self._held) - HEAD_BYTES + 1, found)
        end = self._held.find(CRLF, HEAD_BYTES)
        inner = HEAD.search(self._held, HEAD_BYTES)
        if inner and (end < 0 or inner.start() < end):
            found.append(ProtocolError("frame.torn", "line cut off", self._cut(inner.start())))
            return True
        if end < 0:
            return self._overflow(found)
        found.append(_line(self._cut(end)))
        self._held = self._held[len(CRLF) :]
        return True

    def _drop_noise(self, size: int, found: list[Reading | ProtocolError]) -> bool:
        """Bytes before a head, or, without one, all but what may begin it once there are too many."""
        if not HEAD.search(self._held) and len(self._held) <= SCALE_LINE_LIMIT:
            return False
        found.append(ProtocolError("frame.noise", "bytes outside a line", self._cut(size)[:SCALE_LINE_LIMIT]))
        return True

    def _overflow(self, found: list[Reading | ProtocolError]) -> bool:
        if len(self._held) <= SCALE_LINE_LIMIT:
            return False
        piece = self._cut(len(self._held))[:SCALE_LINE_LIMIT]
        found.append(ProtocolError("frame.too_long", f"no line end within {SCALE_LINE_LIMIT} bytes", piece))
        return False

    def _cut(self, size: int) -> bytes:
        piece, self._held = self._held[:size], self._held[size:]
        return piece


def _line(line: bytes) -> Reading | ProtocolError:
    head = HEAD.match(line)
    if head is None:
        return no_grammar(line)
    columns = line[HEAD_BYTES:]
    net, device = head[2] == b"NT", head[3][0]
    if head[1] == b"OL" and OVERLOADED.fullmatch(columns):
        return Reading(Status.OVERLOAD, net=net, device_id=device, raw=line)
    parts = COLUMNS.fullmatch(columns)
    unit = parts[2].strip().decode("ascii").lower() if parts else ""
    if head[1] == b"OL" or parts is None or unit not in UNITS or not NUMBER.fullmatch(parts[1]):
        return no_grammar(line)
    weight, lamp = number(parts[1]), head[4][0]
    held = bool(lamp & HOLD)
    stable = head[1] == b"ST" and not held
    return Reading(
        _status(head[1] == b"ST", weight, lamp),
        weight,
        unit,
        stable,
        net,
        info="hold" if held else None,
        device_id=device,
        raw=line,
    )


def _status(stable: bool, weight: Decimal, lamp: int) -> Status:
    if not stable:
        return Status.MOTION
    return Status.ZERO if lamp & ZERO_POINT and weight == 0 else Status.OK


# Lines of 10 bytes


class Cas10Decoder(LineDecoder):
    """Readings of the short line, which has no unit and no flag."""

    def __init__(self, unit: str) -> None:
        super().__init__(self._line)
        self._unit = unit

    def _line(self, line: bytes) -> Reading | ProtocolError:
        if len(line) != NUMBER_BYTES or not NUMBER.fullmatch(line):
            return no_grammar(line)
        if not self._unit:
            return ProtocolError("scale.no_unit", "the line has no unit", line, hint=NO_UNIT)
        return Reading(Status.OK, number(line), self._unit, raw=line)


def decoder(options: Options) -> Codec[Reading]:
    """The codec of the line that is set."""
    if options.text("dialect") == LINE_10:
        return Cas10Decoder(options.text("unit"))
    return Cas22Decoder()


# The driver


def build(context: Context) -> Driver:
    """A driver that listens, or, where the indicator's number is set, one that asks."""
    codec = decoder(context.options)
    address = context.options.integer("address")
    if not address:
        return StreamedScale(context, StreamedProtocol(codec=codec))
    words = {Goal.ZERO: ZERO, Goal.TARE: TARE}
    return PolledScale(
        context,
        PolledProtocol(
            codec=codec,
            weight=Exchange(encode_command(WEIGH, address), _any, REPLY_S),
            goals={g: Exchange(encode_command(word, address), _any, REPLY_S) for g, word in words.items()},
        ),
    )


def encode_command(command: bytes, address: int) -> bytes:
    """A command for the indicator of that number (command mode)."""
    return b"D%02d%b%b" % (address, command, CRLF)


def _any(_reading: Reading) -> bool:
    return True


# The indicator's own side


class Cas22DeviceHalf:
    """What an indicator sends unasked; with a number it is in command mode and speaks only when asked."""

    def __init__(self, options: Options) -> None:
        self._short = options.text("dialect") == LINE_10
        self._address = options.integer("address")
        self._commands = CommandLines(self._request)

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        return self._commands.feed(data)

    def _request(self, line: bytes) -> Request:
        head = b"D%02d" % self._address
        ask = _ASKED_BY.get(line[len(head) :]) if self._address and line.startswith(head) else None
        return Request(ask or Ask.UNKNOWN, raw=line)

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:
        if request.ask is Ask.WEIGHT:
            return self._frame(now)
        return request.raw + CRLF if done and request.ask is not Ask.UNKNOWN else b""

    def broadcast(self, now: Indication) -> bytes:
        return b"" if self._address else self._frame(now)

    def _frame(self, now: Indication) -> bytes:
        weight = _columns(now.net)
        over = now.overload or weight is None
        if now.unit not in UNITS or now.fault or (self._short and over):
            return b""
        if self._short:
            return (weight or b"") + CRLF
        head = b"OL" if over else b"US" if now.motion else b"ST"
        kind = b"NT" if now.tare else b"GS"
        ident = bytes([self._address or ord("1"), _lamp(now)])
        shown = b" " * NUMBER_BYTES if over or weight is None else weight
        unit = now.unit.encode("ascii").rjust(2)
        return b",".join((head, kind, ident, shown + b" " + unit)) + CRLF


_ASKED_BY = {WEIGH: Ask.WEIGHT, ZERO: Ask.ZERO, TARE: Ask.TARE}


def _columns(weight: Decimal) -> bytes | None:
    sign = "-" if weight < 0 else ""
    text = sign + format(abs(weight), "f").rjust(NUMBER_BYTES - len(sign), "0")
    return text.encode("ascii") if len(text) == NUMBER_BYTES else None


def _lamp(now: Indication) -> int:
    return (
        LAMP_ALWAYS
        | (0 if now.motion or now.overload else LAMP_STABLE)
        | (TARED if now.tare else GROSS)
        | (ZERO_POINT if now.centre_zero and not now.overload else 0)
    )


SPEC = DriverSpec(
    name="cas_22",
    kind=Kind.SCALE,
    title="CAS indicators, lines of 22 or 10 bytes (CI, NT, PDI, Caston)",
    decoder=decoder,
    build=build,
    device_half=Cas22DeviceHalf,
    serial=SerialSettings(baud=9600),
    options=(
        Option("dialect", LINE_22, "the length of the line, as set in the indicator", (LINE_22, LINE_10)),
        Option("unit", "", "for lines of 10 bytes, which carry no unit", choices=("", *UNITS)),
        Option(
            "address", 0, "the indicator's number in command mode; 0: it sends unasked", minimum=0, maximum=99
        ),
    ),
    dialects=(LINE_22, LINE_10),
    sources=(
        "CAS CI-400 owner's manual, pages 104 to 106",
        "CAS CI-600D manual, page 75; NT-200 manual, page 49",
        "github elyor04/go-cas-scales (a unit that sends id and lamp as raw bytes)",
    ),
    capabilities=frozenset({"zero", "tare"}),
)
