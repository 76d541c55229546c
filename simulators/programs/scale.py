"""`edge-sim scale`: one simulated scale of any protocol.

Owns: its arguments. Must not know: protocols, how it is run.
"""

from __future__ import annotations

import argparse
from decimal import Decimal, InvalidOperation

from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import DriverSpec, Kind, OptionValue
from simulators.programs.running import add_port_arguments, run_devices, wire_of
from simulators.programs.specs import find_spec, options_of
from simulators.scale import RATE_HZ, ScaleSim
from simulators.scale_physics import ScalePhysics

LONG_AGO_S = 60.0  # when the first load was put: any load is at rest by now


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_port_arguments(parser)
    add_scale_arguments(parser)
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the protocol")


def add_scale_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--protocol", default="toledo_8217", help="its driver's name (default toledo_8217)")
    parser.add_argument("--unit", default="kg", help="what it indicates in (default kg)")
    parser.add_argument("--capacity", type=decimal, default=Decimal(30), metavar="MAX", help="default 30")
    parser.add_argument(
        "--division", type=decimal, default=Decimal("0.005"), metavar="D", help="default 0.005"
    )
    parser.add_argument("--put", type=decimal, default=Decimal(0), metavar="LOAD", help="on the pan at first")
    parser.add_argument(
        "--rate", type=float, default=RATE_HZ, metavar="HZ", help="of continuous sending (default 7)"
    )


def decimal(text: str) -> Decimal:
    """A decimal number, for argparse."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def physics_of(args: argparse.Namespace) -> ScalePhysics:
    """A scale of the size asked for, its first load at rest. Raises ConfigError."""
    physics = ScalePhysics(args.capacity, args.division, args.unit, seed=args.seed)
    physics.put(args.put)
    physics.advance(LONG_AGO_S)
    return physics


def with_unit(spec: DriverSpec, options: dict[str, OptionValue], unit: str) -> dict[str, OptionValue]:
    """The options, with the unit told to a protocol that must be told it."""
    told = any(option.name == "unit" for option in spec.options)
    return {"unit": unit, **options} if told else options


async def run(args: argparse.Namespace) -> int:
    spec = find_spec(args.protocol, Kind.SCALE)
    options = with_unit(spec, options_of(spec, args.option), args.unit)
    wire = wire_of(args, spec.serial)
    scale = ScaleSim(spec, options, wire, physics_of(args), SystemClock(), rate_hz=args.rate)
    return await run_devices({"scale": scale}, args.control, args.seed)
