"""`edge-agent devices`: which ports there are, what hangs on them, and how it comes into the settings.

Owns: the actions and their arguments. Must not know: how any of them works; each is imported when needed.

Exit codes: 0 found, 1 not found or not clear, 2 wrong usage or settings.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

from edge_agent.cli import sheet_arguments
from edge_agent.cli.places import settings_argument

ACTIONS = {
    "list": "edge_agent.cli.devices_list",
    "watch": "edge_agent.cli.devices_watch",
    "identify": "edge_agent.cli.devices_identify",
    "learn": "edge_agent.cli.devices_learn",
    "adopt": "edge_agent.cli.devices_adopt",
}
SECONDS_LIMIT = 3600  # nobody stands before a booth for longer
PORT = "as /dev/ttyUSB0, serial:/dev/… or tcp:HOST:PORT"


def register(verbs: Any) -> None:
    """Add the verb and its actions."""
    parser = verbs.add_parser("devices", help="which devices there are, and what they speak")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _list(_action(actions, "list", "serial ports and USB printers, by names that survive a re-plug"))
    _watch(_action(actions, "watch", "tell each port that comes or goes"))
    _identify(_action(actions, "identify", "find out what a scale or printer speaks; writes nothing to it"))
    _learn(_action(actions, "learn", "learn the lines of an unknown scale from known weights"))
    _adopt(
        _action(
            actions, "adopt", "wait for a scale or scanner to be plugged in, and put it into the settings"
        )
    )


def run(args: argparse.Namespace) -> int:
    """The action's own exit code."""
    return int(import_module(ACTIONS[args.action]).run(args))


def _action(actions: Any, name: str, words: str) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = actions.add_parser(name, help=words, description=words)
    action.add_argument("--json", action="store_true", help="for programs")
    action.set_defaults(run=run)
    return action


def _list(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "-c", "--config", type=Path, metavar="FILE", help="also the devices of these settings"
    )


def _watch(action: argparse.ArgumentParser) -> None:
    action.add_argument("--seconds", type=_seconds, metavar="N", help="end by itself after so long")


def _identify(action: argparse.ArgumentParser) -> None:
    action.add_argument("port", nargs="?", metavar="PORT", help=PORT)
    action.add_argument("--all", action="store_true", help="every serial port, one after the other")
    action.add_argument("--printer", action="store_true", help="it is a printer (an lp: port always is)")
    action.add_argument("--driver", metavar="NAME", help="the language that a printer is switched to")
    _looking(action)


def _learn(action: argparse.ArgumentParser) -> None:
    action.add_argument("port", nargs="?", metavar="PORT", help=PORT)
    action.add_argument(
        "--weights", metavar="W,W,…", help="known weights as the display shows them: 0,1.000,2.500"
    )
    action.add_argument("--unit", default="", metavar="U", help="the unit that the display shows")
    action.add_argument("--line", metavar="L", help="the line settings, if they are known: 9600-8N1")
    action.add_argument("--seconds", type=_seconds, metavar="N", help="how long each weight is recorded")
    action.add_argument("--recording", type=Path, metavar="FILE", help="learn from this file, without a port")
    action.add_argument("--save", type=Path, metavar="FILE", help="keep what was recorded in this file")


def _adopt(action: argparse.ArgumentParser) -> None:
    action.add_argument("port", nargs="?", metavar="PORT", help=f"{PORT}; none: the next to be plugged in")
    settings_argument(action)
    action.add_argument("--wait", type=_seconds, default="120", metavar="N", help="for a plug (default 120)")
    action.add_argument("--yes", action="store_true", help="write without asking again")
    action.add_argument(
        "--scanner", action="store_true", help="a scanner: believed once it has read the code that is shown"
    )
    action.add_argument(
        "--png", type=Path, metavar="FILE", help="with --scanner: the code as a picture to print"
    )
    sheet_arguments.register(action, "the code for a new scanner (with --scanner)")
    _looking(action)


def _looking(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--probe", action="store_true", help="a silent scale may be asked: only harmless questions, each told"
    )
    action.add_argument(
        "--seconds", type=_seconds, metavar="N", help="how long to listen at each line setting"
    )
    action.add_argument("--line", metavar="L", help="listen at these line settings only: 9600-8N1")
    action.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting that is known: unit=kg"
    )
    action.add_argument("--display", metavar="W", help='what the scale shows now: "12.345 kg"')


def _seconds(text: str) -> int:
    """A whole number of seconds, for argparse."""
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= SECONDS_LIMIT):
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no number of seconds from 1 to {SECONDS_LIMIT}")
    return int(text)
