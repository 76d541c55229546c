"""`edge-sim`: the simulated devices, broker and centre on the command line.

Owns: the list of subcommands, exit codes (0 ended as wanted, 2 wrong usage or settings).
Must not know: what a subcommand does; only the one that is asked for is imported.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_agent.sdk.errors import EdgeError

# name -> (its page, what it is)
COMMANDS = {
    "scale": ("simulators.programs.scale", "a scale of any protocol"),
    "scanner": ("simulators.programs.scanner", "a scanner that sends text lines"),
    "printer": ("simulators.programs.printer", "a printer: ESC/POS, ZPL, TSPL, EPL2 or CPCL"),
    "usb": ("simulators.usb.cli", "USB devices, real to this machine's kernel"),
    "broker": ("simulators.broker.cli", "an MQTT broker"),
    "central": ("simulators.central.cli", "a stand-in for the central system"),
    "booth": ("simulators.programs.booth", "all of these together, in one folder"),
}
AFTER = "Devices take orders, a line each, on standard input and on --control; `help` lists them."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; gives the exit code."""
    _open_streams()
    try:
        words = list(sys.argv[1:] if argv is None else argv)
        return _run(_parser(words).parse_args(words))
    except EdgeError as error:
        print(f"edge-sim: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


def _run(args: argparse.Namespace) -> int:
    """Run the page of the subcommand; whoever read our output and left has ended it as wanted."""
    code = 0
    try:
        code = asyncio.run(importlib.import_module(COMMANDS[args.command][0]).run(args))
        sys.stdout.flush()
    except* BrokenPipeError:
        _drop_output()
    except* OSError as errors:
        if not _is_full(errors):
            raise
        _drop_output()
        print("edge-sim: the output cannot be written: no space is left", file=sys.stderr)
        code = 2
    return code


def _is_full(errors: BaseExceptionGroup[OSError]) -> bool:
    return errors.split(lambda error: isinstance(error, OSError) and error.errno == errno.ENOSPC)[1] is None


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the exit would try to write again


def _open_streams() -> None:
    """Outputs that take everything: the null device where one is closed (Python has None there)."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for the whole run
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # Bangla on a Latin terminal is escaped, no error


def _parser(words: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edge-sim", description=__doc__.partition("\n")[0], epilog=AFTER)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((word for word in words if word in COMMANDS), "")
    for name, (page, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, epilog=AFTER)
        if name == chosen:
            importlib.import_module(page).add_arguments(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
