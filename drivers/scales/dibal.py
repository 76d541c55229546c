"""Dibal and Epelsa retail scales, the price dialogue of cash registers (EPOS TISA, types 98 and 99).

Owns: both halves of the protocol and its driver. Must not know: ports, other scales, who uses the weight.
Document: sbzsystems.com, Dibal G310 and GDPOS; Dibal DPOS-400 manual 49-TGDP4ES02, pages 41 and 58 (its
status fields, time-out and zeros). Line: 9600 baud, 8 data bits, no parity, 1 stop bit.

    host   98 ppppp c CR LF                 a price, which may be zero
    scale  99 s wwwww e iiiiii c CR LF      s weight status, w grams, e amount status, i amount

The last character before the line end is the exclusive or of those before it. The scale waits up to 7 s for
the load to come to rest. Below zero and in overload it sends 00000: a zero from this scale proves nothing.

Faults survived: joining in mid-line, noise, lines cut off or run together, a wrong check character.
"""

from __future__ import annotations

import re
from decimal import Decimal

from drivers.scales.goals import Exchange
from drivers.scales.polling import PolledProtocol, PolledScale
from drivers.scales.text_lines import CRLF, CommandLines, LineDecoder, no_grammar
from edge_agent.sdk.checksums import xor_of
from edge_agent.sdk.driver import (
    Ask,
    Context,
    DriverSpec,
    Indication,
    Kind,
    Options,
    Request,
    SerialSettings,
)
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import Reading, Status

UNIT, DECIMALS = "kg", 3
MOST_GRAMS = 99_999
ANSWER = re.compile(rb"99([01])(\d{5})[01]\d{6}[0-?]")  # the check character goes on after 9 as ASCII does
QUESTION = re.compile(rb"98\d{5}[0-?]")
CORRECT, FAILED = b"0", b"1"

PATIENCE_S = 8.0  # the scale waits 7 s for rest, then answers


def checked(characters: bytes) -> bytes:
    """The characters with the one that makes them right."""
    return characters + bytes([xor_of(characters)])


# Questions (host to scale)


def encode_price(price: int = 0) -> bytes:
    """The question, with a price; zero is enough for a weight."""
    return checked(b"98%05d" % price) + CRLF


# Answers (scale to host)


class DibalDecoder(LineDecoder):
    """Answers of the scale as readings."""

    def __init__(self, _options: Options) -> None:
        super().__init__(_answer)


def _answer(line: bytes) -> Reading | ProtocolError:
    parts = ANSWER.fullmatch(line)
    if parts is None:
        return no_grammar(line)
    if checked(line[:-1]) != line:
        return ProtocolError("frame.checksum", "wrong check character", line)
    if parts[1] != CORRECT:
        return Reading(Status.ERROR, raw=line)
    weight = Decimal(parts[2].decode("ascii")).scaleb(-DECIMALS)
    return Reading(Status.OK, weight, UNIT, stable=True, raw=line)


# The driver


class Dibal(PolledScale):
    """The driver of one scale, polled; the protocol has no commands."""

    def __init__(self, context: Context) -> None:
        weight = Exchange(encode_price(), _any, PATIENCE_S)
        super().__init__(context, PolledProtocol(DibalDecoder(context.options), weight, goals={}))


def _any(_reading: Reading) -> bool:
    return True


# The scale's own side


class DibalDeviceHalf:
    """What a scale answers to a price."""

    def __init__(self, _options: Options) -> None:
        self._commands = CommandLines(_request)

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        return self._commands.feed(data)

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:
        """The weight at rest; one that did not come to rest, or has no grams, is a failure."""
        if request.ask is not Ask.STABLE_WEIGHT:
            return b""
        grams = _grams(now)
        failed = not done or now.motion or now.fault or grams is None
        status = FAILED if failed else CORRECT
        return checked(b"99%b%05d0000000" % (status, 0 if failed or grams is None else grams)) + CRLF

    def broadcast(self, now: Indication) -> bytes:  # noqa: ARG002 - the seam is shared with continuous scales
        """This scale never speaks unasked."""
        return b""


def _request(line: bytes) -> Request:
    right = QUESTION.fullmatch(line) and checked(line[:-1]) == line
    return Request(Ask.STABLE_WEIGHT if right else Ask.UNKNOWN, raw=line)


def _grams(now: Indication) -> int | None:
    """Whole grams of a weight in kilograms; zero stands for all that is below zero or too heavy."""
    grams = now.net.scaleb(DECIMALS)
    if now.overload or now.underload:
        return 0
    if now.unit != UNIT or grams != grams.to_integral_value() or grams > MOST_GRAMS:
        return None
    return int(grams)


SPEC = DriverSpec(
    name="dibal",
    kind=Kind.SCALE,
    title="Dibal and Epelsa retail scales (G310, DPOS-400, GDPOS)",
    decoder=DibalDecoder,
    build=Dibal,
    device_half=DibalDeviceHalf,
    serial=SerialSettings(baud=9600),
    sources=(
        "sbzsystems.com, Dibal G310 and GDPOS: serial settings and protocol",
        "Dibal DPOS-400 manual 49-TGDP4ES02, pages 41 and 58",
    ),
    capabilities=frozenset({"zero_proves_nothing"}),
)
