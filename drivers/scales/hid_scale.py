"""USB scales of the HID point-of-sale class (Dymo, Mettler PS, Fairbanks, Stamps.com, ...).

Owns: both halves of the protocol and its driver. Must not know: USB, ports, who uses the weight.
Document: USB HID Point of Sale Usage Tables 1.02, section 4 (usage page 0x8D). The link carries whole
reports, one for each read and one for each write:

    scale  03 status unit exponent low high    weight = n x 10^exponent, n without a sign, low byte first
    host   02 bits                             bit 0 enforced zero return, bit 1 zero

The unit key of the scale changes the unit at any time. A weight below zero has no sign: status 5 is all that
tells it. What a vendor sends in reports of his own is no weight.

A Dymo switches itself off after three minutes and is unplugged by that; nothing can keep it awake.

Faults survived: reports of other kinds, empty and short ones, the old report that such scales hand out first.
"""

from __future__ import annotations

import struct
from decimal import Decimal

from drivers.scales.goals import Exchange, Goal
from drivers.scales.streaming import StreamedProtocol, StreamedScale
from drivers.scales.text_lines import torn
from edge_agent.sdk.driver import (
    SLEEPS,
    Ask,
    Context,
    DriverSpec,
    Indication,
    Kind,
    Option,
    Options,
    Request,
)
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import Reading, Status

CONTROL, WEIGHT = 2, 3
REPORT = struct.Struct("<BBBbH")  # report, status, unit, exponent, n
FAULT, ZERO, MOTION, STABLE, UNDER_ZERO, OVERLOAD, CALIBRATE, ZERO_AGAIN = range(1, 9)
BROKEN = (FAULT, CALIBRATE, ZERO_AGAIN)
UNITS = {
    1: "mg",
    2: "g",
    3: "kg",
    4: "ct",
    5: "tael",
    6: "gn",
    7: "dwt",
    8: "t",
    9: "ton",
    10: "ozt",
    11: "oz",
    12: "lb",
}
MOST_COUNT = 0xFFFF
EXPONENTS = range(-6, 3)  # from a thousandth of a gram in kilograms to a weighbridge that counts hundreds
NOISE_LIMIT = 64  # a full-speed report has 64 bytes at most

ZERO_BITS = {"zero_scale": 2, "enforced_zero": 1}
SILENCE_S = 10.0  # some scales report only every few seconds; one that sleeps is unplugged, not silent
STALE = 1  # the report from before the opening


# Reports (scale to host)


class HidScaleDecoder:
    """Weight reports as readings. A report that begins anew ends the piece before it."""

    def __init__(self, _options: Options) -> None:
        self.reset()

    def reset(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        found: list[Reading | ProtocolError] = []
        if self._held and len(data) >= REPORT.size and data[0] == WEIGHT:
            found += self.flush()
        self._held += data
        while self._held and self._held[0] != WEIGHT:
            found += self._other()
        while len(self._held) >= REPORT.size:
            report, self._held = self._held[: REPORT.size], self._held[REPORT.size :]
            found.append(self._report(report))
        return found

    def flush(self) -> list[Reading | ProtocolError]:
        held, self._held = self._held, b""
        return [torn(held)] if held else []

    def _other(self) -> list[Reading | ProtocolError]:
        """A report of another kind is no weight, nor is anything that comes with it."""
        other, self._held = self._held[:NOISE_LIMIT], b""
        return [ProtocolError("frame.report", "no weight report", other)]

    def _report(self, report: bytes) -> Reading | ProtocolError:
        value = _reading(report)
        if isinstance(value, ProtocolError) or self._held[:1] not in (b"", bytes([WEIGHT])):
            whole, self._held = report + self._held, b""
            return ProtocolError("frame.report", "no weight report", whole[:NOISE_LIMIT])
        return value


def _reading(report: bytes) -> Reading | ProtocolError:
    _, status, unit_code, exponent, count = REPORT.unpack(report)
    unit = UNITS.get(unit_code)
    if status in BROKEN:
        return Reading(Status.ERROR, raw=report)
    if status == OVERLOAD:
        return Reading(Status.OVERLOAD, unit=unit, raw=report)
    if status not in (ZERO, MOTION, STABLE, UNDER_ZERO) or unit is None or exponent not in EXPONENTS:
        return ProtocolError("frame.grammar", "no such status, unit or exponent", report)
    weight = _scaled(-count if status == UNDER_ZERO else count, exponent)
    if status == ZERO and not count:
        return Reading(Status.ZERO, weight, unit, stable=True, raw=report)
    if status == MOTION:
        return Reading(Status.MOTION, weight, unit, stable=False, raw=report)
    return Reading(Status.OK, weight, unit, None if status == UNDER_ZERO else True, raw=report)


def _scaled(count: int, exponent: int) -> Decimal:
    """The weight with the decimals that the exponent says."""
    if exponent > 0:
        return Decimal(count * 10**exponent)
    return Decimal(count).scaleb(exponent)


# The driver


class HidScale(StreamedScale):
    """The driver of one scale on a link of reports."""

    def __init__(self, context: Context) -> None:
        zero = bytes([CONTROL, ZERO_BITS[context.options.text("zero_by")]])
        super().__init__(
            context,
            StreamedProtocol(
                codec=HidScaleDecoder(context.options),
                anchor=b"",
                silence_s=SILENCE_S,
                stale=STALE,
                whole_reads=True,
                goals={Goal.ZERO: Exchange(zero, _any)},
            ),
        )


def _any(_reading: Reading) -> bool:
    return True


# The scale's own side


class HidScaleDeviceHalf:
    """What a scale reports; of the host's reports it knows the one that zeroes it."""

    def __init__(self, options: Options) -> None:
        self._bits = ZERO_BITS[options.text("zero_by")]

    def feed(self, data: bytes) -> list[Request | ProtocolError]:
        if len(data) != 2 or data[0] != CONTROL:
            return [ProtocolError("request.report", "no report that this scale takes", data[:NOISE_LIMIT])]
        return [Request(Ask.ZERO if data[1] & self._bits else Ask.UNKNOWN, raw=data)]

    def reply(self, request: Request, now: Indication, *, done: bool = True) -> bytes:  # noqa: ARG002
        """Reports are not answered."""
        return b""

    def broadcast(self, now: Indication) -> bytes:
        """One report; nothing where 16 bits cannot count the weight, or the class does not know its unit."""
        unit = next((code for code, name in UNITS.items() if name == now.unit), 0)
        exponent = int(now.net.as_tuple().exponent)
        count = int(abs(now.net).scaleb(-exponent))
        status = _status(now)
        if status in (FAULT, OVERLOAD):
            count, exponent = 0, 0
        if not unit or count > MOST_COUNT or exponent not in EXPONENTS:
            return b""
        return REPORT.pack(WEIGHT, status, unit, exponent, count)


def _status(now: Indication) -> int:
    if now.fault:
        return FAULT
    if now.overload:
        return OVERLOAD
    if now.underload:
        return UNDER_ZERO
    if now.motion:
        return MOTION
    return ZERO if now.centre_zero else STABLE


SPEC = DriverSpec(
    name="hid_scale",
    kind=Kind.SCALE,
    title="USB scales of the HID point-of-sale class (Dymo, Mettler PS, Fairbanks, Stamps.com)",
    decoder=HidScaleDecoder,
    build=HidScale,
    device_half=HidScaleDeviceHalf,
    transports=frozenset({"hidraw", "usb"}),
    options=(
        Option(
            "zero_by",
            "zero_scale",
            "the bit that zeroes the scale: zero_scale as in the standard, enforced_zero for Dymo",
            choices=tuple(ZERO_BITS),
        ),
    ),
    sources=(
        "USB HID Point of Sale Usage Tables 1.02, section 4",
        "github node-hid/node-hid issue 286 (Stamps.com and Fairbanks scales of 70 lb)",
        "antradar.com, Dymo USB scale interface; github erjiang/usbscale",
    ),
    capabilities=frozenset({"zero", SLEEPS}),
)
