"""A line of text with a weight in it, from a scale without a protocol page: print output, local platforms.

Owns: the configurable line profile, both its halves, and its driver. Must not know: ports, who uses the
weight. Without a picture the line is free: a label, a sign, one number and a unit, in this order and nothing
else. With a picture it has columns, as drivers/scales/pictures.py says. The free line is pinned by captures
of Kern, G&G, Mettler MS-TS and Sterling 7600 scales; a profile of one's own is proved with known weights.

Faults survived: joining in mid-line, noise, lines cut off or run together; with a picture, or while the scale
sends all the time, also lost bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from drivers.scales.pictures import UNIT, Fields, Picture
from drivers.scales.streaming import SILENCE_S, StreamedProtocol, StreamedScale
from drivers.scales.styles import Style, Unasked, style_of, style_option
from drivers.scales.text_lines import CRLF, UNIT_NAMES, no_grammar, torn, weighed
from edge_agent.sdk.driver import (
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
from edge_agent.sdk.framing import LineFramer, SilenceFramer
from edge_agent.sdk.ports import Codec
from edge_agent.sdk.values import UNITS, Reading, Status

LABEL = rb"(?:S?G)?W?(?i:gross)|(?:S?N)?W?(?i:net)|(?:S?C)?O?(?i:count)|[GN]"  # after an echoed command
FREE = re.compile(  # a sign stands before its digits, or in the first column; elsewhere it is torn from them
    rb"(?:(?P<apart>[+-]) +| *(?:(?P<label>%b) +)?)" % LABEL
    + rb"(?P<sign>[+-]?)(?P<number>\d+(?:\.\d*)?) *(?P<unit>[A-Za-z%]*)\.? *"
)
FREE_NET = b"net"
LABELS = {b"N": FREE_NET, b"NET": FREE_NET, b"G": b"gross", b"OSS": b"gross"}  # by their last three letters
SIGNS = {b"+": b"", b" ": b"", b"0": b"", b"": b"", b"-": b"-"}
WHOLE = re.compile(rb"[+-]?\d+")
NAMES = {**UNIT_NAMES, "pieces": "pcs"}
AS_SENT = -1
FORWARD, REVERSED = "forward", "reversed"
NO_UNIT = "set 'unit' to what the scale's display shows"


def _free(line: bytes) -> Fields | None:
    parts = FREE.fullmatch(line)
    if parts is None:
        return None
    label = LABELS.get((parts["label"] or b"").upper()[-3:])
    return Fields((parts["apart"] or b"") + parts["sign"], parts["number"], parts["unit"], net=label)


def _latin(text: str, option: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise ConfigError(
            "config.characters", f"option {option!r} has characters of more than a byte"
        ) from None


# Lines (scale to host)


class Profile:
    """The settings that both halves share."""

    def __init__(self, options: Options) -> None:
        texts = ("start", "end", "stable_mark", "net_mark", "overload_mark")
        self.start, self.end, self.stable, self.net, self.overload = (
            _latin(options.text(name), name) for name in texts
        )
        columns = _latin(options.text("picture"), "picture")
        self.picture = Picture(columns) if columns else None
        self.step = -1 if options.text("order") == REVERSED else 1
        self.decimals = options.integer("decimals")
        self.unit = options.text("unit").encode("ascii")
        if not self.picture:
            self.net = FREE_NET


class PrintLineDecoder:
    """Lines of the scale as readings."""

    def __init__(self, options: Options) -> None:
        self._profile = Profile(options)
        end = self._profile.end
        self._framer = LineFramer(end) if end else SilenceFramer()

    def reset(self) -> None:
        self._framer.reset()

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        return self._understand(self._framer.feed(data))

    def flush(self) -> list[Reading | ProtocolError]:
        """Silence ends a line only where the profile has no other end."""
        lines = self._framer.flush()
        return [torn(line) for line in lines] if self._profile.end else self._understand(lines)

    def _understand(self, lines: Sequence[bytes | ProtocolError]) -> list[Reading | ProtocolError]:
        return [line if isinstance(line, ProtocolError) else self._line(line) for line in lines]

    def _line(self, raw: bytes) -> Reading | ProtocolError:
        profile = self._profile
        before, start, line = raw.rpartition(profile.start) if profile.start else (b"", b"", raw)
        if profile.start and not start:
            return no_grammar(raw)
        line = line[:: profile.step]
        if self._is_overload(line):
            return Reading(Status.OVERLOAD, raw=raw)
        fields = profile.picture.read(line) if profile.picture else _free(line)
        return self._reading(fields, raw[len(before) :]) if fields else no_grammar(raw)

    def _is_overload(self, line: bytes) -> bool:
        mark, picture = self._profile.overload, self._profile.picture
        return bool(mark) and (picture.marked(line, mark) if picture else line.strip() == mark)

    def _reading(self, fields: Fields, raw: bytes) -> Reading | ProtocolError:
        numeral, unit = self._numeral(fields), fields.unit.strip() or self._profile.unit
        if numeral is None:
            return no_grammar(raw)
        if not unit:
            return ProtocolError("scale.no_unit", "the line has no unit", raw, hint=NO_UNIT)
        stable = _is_mark(fields.stability, self._profile.stable)
        net = _is_mark(fields.net, self._profile.net)
        return weighed(numeral, unit, raw, stable=stable, net=net, names=NAMES)

    def _numeral(self, fields: Fields) -> bytes | None:
        """The number with its sign, and with the point that the profile puts into it."""
        sign, decimals = SIGNS.get(fields.sign), self._profile.decimals
        if sign is None or (decimals != AS_SENT and not WHOLE.fullmatch(fields.number)):
            return None
        if decimals <= 0:
            return sign + fields.number
        digits = fields.number.rjust(decimals + 1, b"0")
        return sign + digits[:-decimals] + b"." + digits[-decimals:]


def _is_mark(field: bytes | None, mark: bytes) -> bool | None:
    return None if field is None or not mark else field.strip() == mark


# The driver


class SteadyLines:
    """Lines of a scale that sends all the time: one as long as the one before has lost nothing on the way.

    The first line, and the first after each change of length, are not taken.
    """

    def __init__(self, lines: Codec[Reading]) -> None:
        self._lines = lines
        self._length = 0

    def reset(self) -> None:
        self._lines.reset()
        self._length = 0

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        return [value for line in self._lines.feed(data) for value in self._steady(line)]

    def flush(self) -> list[Reading | ProtocolError]:
        return [value for line in self._lines.flush() for value in self._steady(line)]

    def _steady(self, line: Reading | ProtocolError) -> list[Reading | ProtocolError]:
        if isinstance(line, ProtocolError):
            return [line]
        before, self._length = self._length, len(line.raw)
        if before == self._length:
            return [line]
        return [ProtocolError("frame.length", "not as long as the line before", line.raw)] if before else []


class PrintLine(StreamedScale):
    """The driver of one scale: it speaks unasked."""

    def __init__(self, context: Context) -> None:
        printed = style_of(context.options) is Style.AUTO_PRINT or not context.options.text("end")
        codec = PrintLineDecoder(context.options)
        super().__init__(
            context,
            StreamedProtocol(
                codec=codec if printed or context.options.text("picture") else SteadyLines(codec),
                anchor=_latin(context.options.text("end"), "end"),
                silence_s=None if printed else SILENCE_S,
            ),
        )


# The scale's own side


class PrintLineDeviceHalf:
    """What such a scale prints; it understands nothing."""

    def __init__(self, options: Options) -> None:
        self._profile = Profile(options)
        self._unasked = Unasked(style_of(options))

    def feed(self, data: bytes) -> list[Request | ProtocolError]:  # noqa: ARG002
        return []

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:  # noqa: ARG002
        return b""

    def broadcast(self, now: Indication) -> bytes:
        line = self._line(now) if self._unasked.speaks(now) and not now.fault else None
        profile = self._profile
        return b"" if line is None else profile.start + line[:: profile.step] + profile.end

    def _line(self, now: Indication) -> bytes | None:
        profile = self._profile
        fields = self._fields(now)
        if fields is None:
            return None
        if profile.picture:
            return profile.picture.write(fields)
        if now.overload:
            return fields.number
        label = b"     N" if now.tare else b""
        return label + (fields.sign + fields.number).rjust(14) + b" " + fields.unit + b"  "

    def _fields(self, now: Indication) -> Fields | None:
        profile = self._profile
        number = profile.overload if now.overload else self._digits(abs(now.net))
        sign = b"-" if now.net < 0 and not now.overload else b""
        stability = b"" if now.motion else profile.stable
        unit, net = now.unit.encode("ascii"), profile.net if now.tare else b""
        told = not profile.picture or profile.picture.has(UNIT) or unit == profile.unit
        return Fields(sign, number, unit, stability, net) if number and told else None

    def _digits(self, weight: Decimal) -> bytes:
        decimals = self._profile.decimals
        if decimals == AS_SENT:
            return format(weight, "f").encode("ascii")
        scaled = weight.scaleb(decimals)
        return str(int(scaled)).encode("ascii") if scaled == scaled.to_integral_value() else b""


SPEC = DriverSpec(
    name="print_line",
    kind=Kind.SCALE,
    title="Any scale that prints its weight as a line of text (configurable)",
    decoder=PrintLineDecoder,
    build=PrintLine,
    device_half=PrintLineDeviceHalf,
    serial=SerialSettings(baud=9600),
    options=(
        style_option(Style.CONTINUOUS, Style.AUTO_PRINT),
        Option(
            "picture", "", "columns of the line: S sign, N number, U unit, T stability, G net, ? anything"
        ),
        Option("start", "", "characters before each line, as \\u0002 for STX"),
        Option("end", CRLF.decode("ascii"), "characters any of which ends a line; none: a pause does"),
        Option("order", FORWARD, "which character of a line comes first", choices=(FORWARD, REVERSED)),
        Option(
            "decimals",
            AS_SENT,
            "decimals of a number sent without a point; -1: as sent",
            minimum=AS_SENT,
            maximum=5,
        ),
        Option("unit", "", "the unit where the line has none", choices=("", *sorted(UNITS))),
        Option("stable_mark", "", "what the columns T say when the load is at rest"),
        Option("net_mark", "", "what the columns G say of a net weight"),
        Option("overload_mark", "", "what the line, or its columns N or T, say in overload"),
    ),
    sources=(
        "github eamars/OpenTrickler-RP2040-Controller issue 15 (Kern, G&G)",
        "github chumpon-asaneerat/NSerialCommTools (Mettler MS204TS)",
        "github avodah-dev/scale-interface, site visit log (Sterling 7600)",
    ),
)
