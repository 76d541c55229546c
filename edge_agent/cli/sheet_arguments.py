"""The arguments of a verb that can print its codes at the booth. Light: `scan parse` has no use for a socket.

Owns: their names. Must not know: sheets, printers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_agent.sdk.errors import ConfigError


def register(action: argparse.ArgumentParser, what: str) -> None:
    """Add them to an action."""
    action.add_argument("--print", action="store_true", help=f"print {what} at the booth")
    action.add_argument(
        "--printer", metavar="ID", help="with --print: which printer; left out: the label printer"
    )
    action.add_argument(
        "--socket",
        type=Path,
        metavar="PATH",
        help="with --print: the agent's, if it is not that of the settings",
    )


def check(args: argparse.Namespace) -> None:
    """Raises ConfigError for a printer where nothing is printed."""
    if (args.printer or args.socket) and not args.print:
        raise ConfigError("print.usage", "--printer and --socket are for what is printed", hint="add --print")
