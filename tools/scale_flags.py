"""What a scale's frames tell beside the number, found out by having its simulated side say it.

Owns: the flags of the support table. Must not know: any protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from edge_agent.sdk.driver import Ask, DriverSpec, Indication, Options, Request, ScaleDeviceHalf
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.values import Reading, Status
from edge_agent.settings.devices import options_of

REST = Indication(Decimal("1.235"))
ASKED = (Request(Ask.WEIGHT, raw=b"G"), Request(Ask.STABLE_WEIGHT))


def manner(spec: DriverSpec) -> str:
    """Who makes the scale speak, as its settings name it."""
    styles = next((option.choices for option in options_of(spec) if option.name == "style"), ())
    if styles:
        return ", ".join(style.replace("_", " ") for style in styles)
    unasked = any(half.broadcast(REST) for half, _ in _halves(spec))
    asked = any(option.name in ("ask", "address") for option in options_of(spec))
    return "continuous, on demand" if unasked and asked else "continuous" if unasked else "on demand"


def flags(spec: DriverSpec) -> str:
    """What every dialect tells, then what only some do."""
    found = [_flags_of(half, options, spec) for half, options in _halves(spec)]
    always = set.intersection(*found) if found else set()
    some = set.union(*found) - always if found else set()
    words = sorted(always) + [f"{flag} (some dialects)" for flag in sorted(some)]
    return ", ".join(words) or "–"


def _halves(spec: DriverSpec) -> Iterator[tuple[ScaleDeviceHalf, Options]]:
    own = {option.name for option in spec.options}
    for dialect in spec.dialects or ("",):
        told = {"dialect": dialect} if dialect and "dialect" in own else {}
        options = Options(spec.options, {**told, **({"unit": "kg"} if "unit" in own else {})})
        if spec.device_half is not None:
            yield spec.device_half(options), options


def _flags_of(half: ScaleDeviceHalf, options: Options, spec: DriverSpec) -> set[str]:
    rest, moving = _read(half, REST, options, spec), _read(half, _with(motion=True), options, spec)
    tared = _read(half, _with(tare=Decimal("0.235")), options, spec)
    heavy = _read(half, _with(overload=True), options, spec)
    found = set()
    if moving is not None and moving.status is Status.MOTION:
        found.add("motion")
    if rest is not None and rest.stable is True:
        found.add("stable")
    if tared is not None and tared.net and rest is not None and rest.net is False:
        found.add("net")
    if heavy is not None and heavy.status is Status.OVERLOAD:
        found.add("overload")
    if _tells_unit(half, options, spec):
        found.add("unit")
    return found


def _tells_unit(half: ScaleDeviceHalf, options: Options, spec: DriverSpec) -> bool:
    """Whether its kilograms are read as such where the settings say pounds."""
    if "unit" not in options:
        return spec.unit_on_wire
    pounds = Options(spec.options, {**options, "unit": "lb"})
    reading = _read(half, REST, pounds, spec)
    return reading is not None and reading.unit == REST.unit


def _with(*, motion: bool = False, tare: Decimal = Decimal(0), overload: bool = False) -> Indication:
    return Indication(REST.gross, motion=motion, tare=tare, overload=overload)


def _read(half: ScaleDeviceHalf, now: Indication, options: Options, spec: DriverSpec) -> Reading | None:
    """What its own codec makes of the frame."""
    for frame in (half.broadcast(now), *(half.reply(request, now) for request in ASKED)):
        codec = spec.decoder(options)
        values = [*codec.feed(frame), *codec.flush()]
        readings = [value for value in values if not isinstance(value, ProtocolError)]
        if readings:
            return readings[-1]
    return None
