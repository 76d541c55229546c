"""`edge-sim scanner`: one simulated scanner that sends text lines.

Owns: its arguments. Must not know: framing, how it is run.
"""

from __future__ import annotations

import argparse

from drivers.scanners.line import SPEC, LineScannerDevice
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Options
from simulators.programs.running import add_port_arguments, run_devices, wire_of
from simulators.programs.specs import options_of
from simulators.scanner import ScannerSim


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_port_arguments(parser)
    known = ", ".join(option.name for option in SPEC.options)
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help=f"of {known}")


async def run(args: argparse.Namespace) -> int:
    device = LineScannerDevice(Options(SPEC.options, options_of(SPEC, args.option)))
    scanner = ScannerSim(device.encode, wire_of(args, SPEC.serial), SystemClock())
    return await run_devices({"scanner": scanner}, args.control, args.seed)
