"""The `edge-agent` command: finds the verb, imports only what that verb needs.

Owns: the table of verbs, exit codes, how an error is shown. Must not know: what a verb does.

Exit codes: 0 ok, 1 a fault was found, 2 wrong usage or configuration, 3 the agent cannot be reached.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from edge_agent import __version__
from edge_agent.cli.terminal import drop_output, open_streams, told
from edge_agent.logs import one_line
from edge_agent.sdk.errors import ConfigError, EdgeError, LinkError

OK, FAULT, USAGE, UNREACHABLE = 0, 1, 2, 3

VERBS = {
    "run": "edge_agent.cli.run",
    "config": "edge_agent.cli.config",
    "status": "edge_agent.cli.status",
    "decode": "edge_agent.cli.decode",
    "scan": "edge_agent.cli.scan",
    "print": "edge_agent.cli.order",
    "devices": "edge_agent.cli.devices",
    "parcel": "edge_agent.cli.parcel",
    "letters": "edge_agent.cli.letters",
    "enroll": "edge_agent.cli.enroll",
    "schema": "edge_agent.cli.schema",
}
FOREIGN_GROUP = (
    "edge_agent.verbs"  # verbs that other packages bring (the demo: simulators are no part of the agent)
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; gives the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    open_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # Bangla on a Latin terminal is escaped, no error
    try:
        return _run(words)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone; there is nobody to tell
        drop_output()
        return OK


def _run(words: list[str]) -> int:
    as_json = False
    try:
        args = _arguments(words)
        as_json = getattr(args, "json", False)
        run: Callable[[argparse.Namespace], int] = args.run
        code = run(args)
        with told():
            sys.stdout.flush()
    except EdgeError as error:
        _show(error, as_json=as_json)
        return _code(error)
    return code


def _arguments(words: list[str]) -> argparse.Namespace:
    """The arguments, or SystemExit after a help or a refusal. Raises ConfigError as `told` does."""
    try:
        return _parser(words[:1]).parse_args(words)
    except SystemExit:
        with told():
            sys.stdout.flush()
        raise


def _parser(first: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-agent",
        description="The booth edge agent: scanners, scales, labels and the way to the centre.",
    )
    parser.add_argument("--version", action="version", version=f"edge-agent {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    wanted = first[0] if first else ""
    if wanted in VERBS:
        import_module(VERBS[wanted]).register(verbs)
        return parser
    from importlib.metadata import entry_points

    foreign = {point.name: point for point in entry_points(group=FOREIGN_GROUP)}
    if wanted in foreign:
        foreign[wanted].load()(verbs)
        return parser
    for module in VERBS.values():
        import_module(module).register(verbs)
    for point in foreign.values():
        point.load()(verbs)
    return parser


def _code(error: EdgeError) -> int:
    if isinstance(error, LinkError) and error.code.startswith("local."):
        return UNREACHABLE
    return USAGE if isinstance(error, ConfigError) else FAULT


def _show(error: EdgeError, *, as_json: bool) -> None:
    if as_json:
        shown = {"error": error.message, "code": error.code, "device": error.device, "hint": error.hint}
        print(json.dumps(shown), file=sys.stderr)
    else:
        print(f"edge-agent: {one_line(str(error))}", file=sys.stderr)
