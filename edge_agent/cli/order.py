"""`edge-agent print confirm|reprint` and `print void`: what a person decides about the label in hand.

Owns: the verbs. Must not know: the flow.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from edge_agent.cli import preview
from edge_agent.cli.status import DEFAULT_SOCKET
from edge_agent.local.client import ask

ORDERS = {
    "confirm": ("print.confirm", "the label came out: take the parcel as accepted"),
    "reprint": ("print.reprint", "no label came out: print it again, marked REPRINT"),
    "void": ("parcel.void", "give up the parcel in hand"),
}


def register(verbs: Any) -> None:
    """Add the verb and its orders."""
    parser = verbs.add_parser("print", help="decide about the label in hand")
    orders = parser.add_subparsers(dest="order", required=True, metavar="ORDER")
    for name, (_, text) in ORDERS.items():
        order = orders.add_parser(name, help=text)
        order.add_argument("--socket", type=Path, default=DEFAULT_SOCKET, metavar="PATH")
        order.add_argument("--json", action="store_true", help="one JSON object")
        order.set_defaults(run=run)
    preview.register(orders)


def run(args: argparse.Namespace) -> int:
    """0 when done; 1 when there is nothing to decide; 3 when the agent cannot be reached."""
    answer = ask(args.socket, {"op": ORDERS[args.order][0]})
    print(json.dumps(answer) if args.json else f"{args.order}: the counter is now {answer['phase']}")
    return 0
