"""`edge-sim printer`: one simulated printer, of any language that it is told to speak.

Owns: its arguments. Must not know: its commands, how it is run.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from drivers.printers.media import DOTS_PER_MM
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Kind
from simulators.label_tray import LabelTray
from simulators.paper_path import Label
from simulators.print_buffer import Answer
from simulators.printer import BUFFER_BYTES, LANGUAGES, SPEED_MM_S, PrinterSim
from simulators.programs.running import add_port_arguments, run_devices, wire_of
from simulators.programs.specs import find_spec
from simulators.wire import Wire

HEAD_DOTS = 832  # four inches at 203 dpi
HEADS = {"escpos": 576, "cpcl": 384}  # 80 mm receipts, 58 mm mobile printers


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
    parser.add_argument(
        "--language", choices=tuple(LANGUAGES), default="escpos", help="what it speaks (default escpos)"
    )
    parser.add_argument(
        "--width-dots",
        type=int,
        metavar="N",
        help="of the head (default 576; 832 for label languages; more at a finer --dpi)",
    )
    parser.add_argument(
        "--dpi", choices=tuple(DOTS_PER_MM), default="203", help="resolution of the head (default 203)"
    )
    parser.add_argument(
        "--speed", type=float, default=SPEED_MM_S, metavar="MM", help="printed in a second (default 150)"
    )
    parser.add_argument(
        "--buffer", type=int, default=BUFFER_BYTES, metavar="BYTES", help="received ahead (default 65536)"
    )
    parser.add_argument(
        "--answers",
        nargs="*",
        choices=[answer.value for answer in Answer],
        default=tuple(Answer),
        help="what it can answer (all)",
    )


def printer_of(args: argparse.Namespace, wire: Wire, folder: Path | None, *, keeps: bool) -> PrinterSim:
    """The printer that was asked for. Raises ConfigError."""
    return PrinterSim(
        wire,
        SystemClock(),
        language=args.language,
        width_dots=head_dots(args),
        dots_per_mm=DOTS_PER_MM[args.dpi],
        tray=LabelTray(folder, _tell),
        speed_mm_s=args.speed,
        buffer_bytes=args.buffer,
        answers=frozenset(Answer(word) for word in args.answers),
        keeps_half_command=keeps,
        seed=args.seed,
    )


def head_dots(args: argparse.Namespace) -> int:
    """Dots of the head: as given, or as usual for what it speaks and its resolution."""
    given: int | None = args.width_dots
    usual = HEADS.get(args.language, HEAD_DOTS) * DOTS_PER_MM[args.dpi] // DOTS_PER_MM["203"]
    return usual if given is None else given


async def run(args: argparse.Namespace) -> int:
    wire = wire_of(args, find_spec(args.language, Kind.PRINTER).serial)
    printer = printer_of(args, wire, args.labels, keeps=args.keeps_half_command)
    return await run_devices({"printer": printer}, args.control, args.seed)


def _tell(label: Label) -> None:
    print(f"label: {label.mark}, {label.page.height} rows", flush=True)
