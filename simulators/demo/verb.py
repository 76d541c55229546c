"""The verb `demo` of the edge-agent command, brought by the simulators through an entry point.

Owns: its arguments. Must not know: the booth's day.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from edge_agent.sdk.errors import ConfigError

SHORTEST_S = 10  # to start, to accept one parcel and to count


def register(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("demo", help="the whole booth on simulators, live in the terminal")
    parser.add_argument("--seconds", type=_seconds, metavar="N", help="end by itself with a summary")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where labels and logs go")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when every promise held, 1 when one broke. Raises ConfigError for a folder that takes nothing."""
    from simulators.demo.play import play

    if args.folder is not None:
        _make(args.folder)
    return asyncio.run(play(args.seconds, args.folder))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        why = f"{folder} cannot be used: {error.strerror}"
        raise ConfigError("demo.folder", why, hint="name another --folder") from error


def _seconds(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not SHORTEST_S <= int(text) <= 86_400:
        raise argparse.ArgumentTypeError(f"a whole number from {SHORTEST_S} to 86400, not {text!r}")
    return int(text)
