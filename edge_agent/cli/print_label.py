"""`edge-agent print label`: a label or receipt from the data in a file, on a printer of this booth.

Owns: the verb and its order. Must not know: the queue, what stands on a label.

For what no flow of the booth prints by itself: a COD receipt, a bag's label, an item's sticker.
"""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Callable
from typing import Any

from edge_agent.cli.label_data import read_fields
from edge_agent.cli.places import socket_argument
from edge_agent.local.client import ask


def register(orders: Any, run: Callable[[argparse.Namespace], int]) -> None:
    """Add the verb to those of `print`."""
    words = "print a label or receipt from the data in a file and tell how it ended"
    parser = orders.add_parser("label", help=words, description=words)
    parser.add_argument("template", metavar="TEMPLATE", help="its name, as in docs/labels.md")
    parser.add_argument(
        "--data",
        required=True,
        metavar="FILE",
        help="JSON or TOML of the fields, - for JSON on standard input",
    )
    parser.add_argument("--printer", metavar="ID", help="which printer; left out: the label printer")
    parser.add_argument("--item", metavar="NUMBER", help="what it is for, as its events tell")
    parser.add_argument(
        "--job",
        metavar="NAME",
        help="your name for it: the same name is printed once, however often it is ordered",
    )
    parser.add_argument("--no-wait", action="store_true", help="do not wait for its end")
    socket_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def order(args: argparse.Namespace) -> Any:
    """Order it. Raises CommandError, ConfigError for the file."""
    request: dict[str, Any] = {
        "op": "print.label",
        "job": args.job or secrets.token_hex(6),
        "template": args.template,
        "data": read_fields(args.data),
    }
    given = {"printer": args.printer, "item": args.item}
    return ask(args.socket, request | {name: value for name, value in given.items() if value})
