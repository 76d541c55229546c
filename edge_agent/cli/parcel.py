"""`edge-agent parcel …`: begin a parcel that has no number, or give up the one in hand.

Owns: the verb and how its answers are shown. Must not know: the flow, leases.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from edge_agent.cli.places import socket_argument
from edge_agent.cli.terminal import tell
from edge_agent.local.client import ask
from edge_agent.logs import one_line

# Order: operation, what it is for.
ORDERS = {
    "number": ("parcel.number", "begin a parcel with the next leased number, as the code for it does"),
    "void": ("parcel.void", "give up the parcel in hand"),
}


def register(verbs: Any) -> None:
    """Add the verb and its orders."""
    parser = verbs.add_parser("parcel", help="begin a parcel without a number, or give up the one in hand")
    orders = parser.add_subparsers(dest="order", required=True, metavar="ORDER")
    for name, (_, text) in ORDERS.items():
        order = orders.add_parser(name, help=text, description=text)
        socket_argument(order)
        order.add_argument("--json", action="store_true", help="one JSON object")
        order.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when done, 1 when it cannot be, 3 when the agent cannot be reached."""
    answer = ask(args.socket, {"op": ORDERS[args.order][0]})
    item = answer.get("item")
    shown = f"{item}: " if item else ""
    tell(json.dumps(answer) if args.json else one_line(f"{shown}the counter is now {answer['phase']}"))
    return 0
