"""Weights sent as lines of text: where a line ends, what a numeral and a unit may look like.

Owns: the decoder of lines and the reader of commands that many protocols share, and the units by the names
that scales give them. Must not know: any protocol's grammar; its page hands in what understands a line.

Faults survived: any chunking, noise that ends in a line of its own, lines beyond the bound, and a line cut
off by silence: its last digit may be missing, so that it is reported and never read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from edge_agent.sdk.driver import Indication, Request
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.framing import LineFramer
from edge_agent.sdk.values import Reading, Status

CRLF = b"\r\n"
SEVEN_BITS = bytes(value & 0x7F for value in range(256))
COMMAND_LIMIT = 64  # the longest command of any text protocol has about twenty characters

# By the name in lower case. Not here: what weighs differently from place to place (tical, baht, the taels of
# Hong Kong, Singapore and Taiwan) and what is no unit of weight (newton).
UNIT_NAMES = {
    "kg": "kg",
    "g": "g",
    "mg": "mg",
    "t": "t",
    "lb": "lb",
    "oz": "oz",
    "ozt": "ozt",
    "ct": "ct",
    "gn": "gn",
    "dwt": "dwt",
    "tl": "tael",
    "ton": "ton",
    "pcs": "pcs",
    "pc": "pcs",
    "%": "%",
}
COUNTED = {"pcs": Status.COUNT, "%": Status.PERCENT}
OTHER_UNIT = "set the scale to kg, g, lb or oz"


def unit_named(name: bytes, names: Mapping[str, str] = UNIT_NAMES) -> str | None:
    """The unit that a scale means by this name, in either case, blanks around it ignored."""
    return names.get(name.decode("ascii", "replace").strip().lower())


def number(numeral: bytes) -> Decimal:
    """A numeral that a grammar has matched; the sign may stand apart from its digits."""
    return Decimal(numeral.replace(b" ", b"").decode("ascii"))


def weighed(
    numeral: bytes,
    unit_name: bytes,
    raw: bytes,
    *,
    stable: bool | None,
    net: bool | None = None,
    status: Status | None = None,
    names: Mapping[str, str] = UNIT_NAMES,
) -> Reading | ProtocolError:
    """A reading with its number: in motion, counted or in percent by flag and unit, or as told."""
    unit = unit_named(unit_name, names)
    if unit is None:
        return no_such_unit(raw)
    by_flag = Status.MOTION if stable is False else Status.OK
    return Reading(status or COUNTED.get(unit, by_flag), number(numeral), unit, stable, net, raw=raw)


def no_such_unit(raw: bytes) -> ProtocolError:
    """A frame that is right in all but a unit that is not weighed in here."""
    return ProtocolError("scale.unit", "a unit that is not weighed in here", raw, hint=OTHER_UNIT)


def no_grammar(raw: bytes) -> ProtocolError:
    """A line that is none of the protocol's."""
    return ProtocolError("frame.grammar", "no line of this protocol", raw)


class LineDecoder:
    """Lines that end in CR, LF or both, each understood whole. `raw` of a reading is without the line end.

    With `seven_bits` the parity bit is taken away: a 7-bit line read by an 8-bit port.
    """

    def __init__(
        self,
        understand: Callable[[bytes], Reading | ProtocolError],
        *,
        seven_bits: bool = False,
        terminators: bytes = CRLF,
    ) -> None:
        self._understand = understand
        self._table = SEVEN_BITS if seven_bits else None
        self._framer = LineFramer(terminators)

    def reset(self) -> None:
        self._framer.reset()

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        lines = self._framer.feed(data.translate(self._table))
        return [line if isinstance(line, ProtocolError) else self._understand(line) for line in lines]

    def flush(self) -> list[Reading | ProtocolError]:
        return [torn(line) for line in self._framer.flush()]


def torn(frame: bytes | ProtocolError) -> ProtocolError:
    """What silence has cut off."""
    if isinstance(frame, ProtocolError):
        return frame
    return ProtocolError("frame.torn", "frame cut off", frame)


# The scale's own side


class CommandLines:
    """What a host writes, one command a line."""

    def __init__(self, understand: Callable[[bytes], Request]) -> None:
        self._understand = understand
        self._framer = LineFramer(CRLF, COMMAND_LIMIT)

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        lines = self._framer.feed(data)
        return [line if isinstance(line, ProtocolError) else self._understand(line) for line in lines]


def shown(now: Indication, width: int, weight: Decimal | None = None) -> bytes | Status:
    """The net weight, or the one given, right-aligned in its field; or the state in which there is none."""
    weight = now.net if weight is None else weight
    numeral = format(weight, "f").encode("ascii")
    if now.fault:
        return Status.ERROR
    if now.overload or len(numeral) > width:
        return Status.UNDERLOAD if weight < 0 else Status.OVERLOAD
    return numeral.rjust(width)
