"""`edge-sim scanner`: one simulated scanner that sends lines, packets or reports.

Owns: its arguments. Must not know: framing, how it is run.
"""

from __future__ import annotations

import argparse
from importlib import import_module

from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import DriverSpec, Kind, Options
from simulators.programs.running import add_port_arguments, run_devices, wire_of
from simulators.programs.specs import find_spec, options_of
from simulators.scanner import Encode, ScannerSim

REPORT_BYTES = 64  # of every scanner that sends reports


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_port_arguments(parser)
    parser.add_argument("--protocol", default="line", help="its driver's name (default line)")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the protocol")


def encoder_of(spec: DriverSpec, options: Options) -> Encode:
    """What a scanner of this protocol sends for a barcode."""
    module, _, name = spec.extra["device"].partition(":")
    encode: Encode = getattr(import_module(module), name)(options).encode
    return encode


async def run(args: argparse.Namespace) -> int:
    spec = find_spec(args.protocol, Kind.SCANNER)
    encode = encoder_of(spec, Options(spec.options, options_of(spec, args.option)))
    scanner = ScannerSim(encode, wire_of(args, spec.serial, REPORT_BYTES), SystemClock())
    return await run_devices({"scanner": scanner}, args.control, args.seed)
