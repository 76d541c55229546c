"""Drivers that only have a specification, and a registry of them: what settings see of a driver."""

from __future__ import annotations

from decimal import Decimal
from importlib.metadata import EntryPoint
from typing import Any

from edge_agent.registry import GROUP, Registry
from edge_agent.sdk.driver import Context, DriverSpec, Kind, Option, Options, SerialSettings
from edge_agent.sdk.ports import Driver


def _no_codec(options: Options) -> Any:
    raise NotImplementedError


def _no_driver(context: Context) -> Driver:
    raise NotImplementedError


OPTIONS = (
    Option("poll_ms", 200, "Milliseconds between two requests.", minimum=100, maximum=5000),
    Option("blanking", Decimal("0.02"), "Weights below this are shown as zero.", minimum=Decimal(0)),
    Option("echo", True, "Whether the scale repeats what it is asked."),
    Option("mark", "none", "What stands before the weight.", choices=("none", "star", "dash")),
)

FAKE_SCALE = DriverSpec(
    name="fake_scale",
    kind=Kind.SCALE,
    title="A scale that sends no unit",
    decoder=_no_codec,
    build=_no_driver,
    serial=SerialSettings(2400, 7, "E", 1),
    options=OPTIONS,
    dialects=("plain", "fancy"),
    unit_on_wire=False,
)
TCP_SCALE = DriverSpec(
    name="tcp_scale",
    kind=Kind.SCALE,
    title="A scale on the network",
    decoder=_no_codec,
    build=_no_driver,
    transports=frozenset({"tcp"}),
)
RECORDED_SCALE = DriverSpec(
    name="recorded_scale", kind=Kind.SCALE, title="A scale of which we have recordings", decoder=_no_codec
)
FAKE_SCANNER = DriverSpec(
    name="fake_scanner", kind=Kind.SCANNER, title="A scanner", decoder=_no_codec, build=_no_driver
)
FAKE_PRINTER = DriverSpec(
    name="fake_printer",
    kind=Kind.PRINTER,
    title="A printer",
    decoder=_no_codec,
    build=_no_driver,
    transports=frozenset({"serial", "tcp", "lp", "usb"}),
    options=(Option("speed", -1, "Speed; -1 leaves it.", minimum=-1, maximum=13, gaps=(0,)),),
)
NO_SPEC = "this is no specification"


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=GROUP)


def fake(name: str) -> EntryPoint:
    return point(name, f"tests.settings.fakes:{name.upper()}")


def registry() -> Registry:
    """Two scales, one that cannot be driven, a scanner, a printer and a broken driver."""
    names = ("fake_scale", "tcp_scale", "recorded_scale", "fake_scanner", "fake_printer")
    return Registry([*map(fake, names), point("broken", "tests.settings.no_such_module:SPEC")])
