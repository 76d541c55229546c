"""`edge-sim printer`: one simulated ESC/POS printer.

Owns: its arguments. Must not know: its commands, how it is run.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from drivers.printers.escpos import SPEC
from edge_agent.sdk.clock import SystemClock
from simulators.label_tray import LabelTray
from simulators.paper_path import Label
from simulators.printer import BUFFER_BYTES, SPEED_MM_S, Answer, PrinterSim
from simulators.programs.running import add_port_arguments, run_devices, wire_of
from simulators.wire import Wire


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_port_arguments(parser)
    parser.add_argument("--labels", type=Path, metavar="DIR", help="keep each label here as a PNG file")
    add_printer_arguments(parser)
    parser.add_argument(
        "--keeps-half-command",
        action="store_true",
        help="wait on inside a raster band after a hang-up, as serial printers do",
    )


def add_printer_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--width-dots", type=int, default=576, metavar="N", help="of the head (default 576)")
    parser.add_argument(
        "--speed", type=float, default=SPEED_MM_S, metavar="MM", help="printed in a second (default 150)"
    )
    parser.add_argument(
        "--buffer", type=int, default=BUFFER_BYTES, metavar="BYTES", help="received ahead (default 65536)"
    )
    parser.add_argument(
        "--answers", nargs="*", choices=tuple(Answer), default=tuple(Answer), help="what it can answer (all)"
    )


def printer_of(args: argparse.Namespace, wire: Wire, folder: Path | None, *, keeps: bool) -> PrinterSim:
    """The printer that was asked for. Raises ConfigError."""
    return PrinterSim(
        wire,
        SystemClock(),
        width_dots=args.width_dots,
        tray=LabelTray(folder, _tell),
        speed_mm_s=args.speed,
        buffer_bytes=args.buffer,
        answers=frozenset(Answer(word) for word in args.answers),
        keeps_half_command=keeps,
        seed=args.seed,
    )


async def run(args: argparse.Namespace) -> int:
    wire = wire_of(args, SPEC.serial)
    printer = printer_of(args, wire, args.labels, keeps=args.keeps_half_command)
    return await run_devices({"printer": printer}, args.control, args.seed)


def _tell(label: Label) -> None:
    print(f"label: {label.mark}, {label.page.height} rows", flush=True)
