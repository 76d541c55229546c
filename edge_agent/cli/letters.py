"""`edge-agent letters …`: events that the centre refused, or that no broker carried.

Owns: the verb and how its answers are shown. Must not know: the ledger.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from edge_agent.cli.places import socket_argument
from edge_agent.cli.terminal import tell
from edge_agent.local.client import ask
from edge_agent.logs import one_line

FAULT = 1


def register(verbs: Any) -> None:
    """Add the verb and its orders."""
    parser = verbs.add_parser("letters", help="events that the centre does not take: look, release")
    orders = parser.add_subparsers(dest="order", required=True, metavar="ORDER")
    listed = orders.add_parser("list", help="their numbers, types and why they lie here; 1 if there are any")
    listed.add_argument("first", metavar="FROM", type=int, nargs="?", default=1, help="the oldest shown")
    shown = orders.add_parser("show", help="one of them, whole: it may be about a person")
    shown.add_argument("seq", metavar="SEQ", type=int, help="its number")
    released = orders.add_parser("release", help="send them again, as new events; once the cause is mended")
    released.add_argument("first", metavar="FROM", type=int, help="the first number")
    released.add_argument("last", metavar="TO", type=int, nargs="?", help="FROM alone if not given")
    for order in (listed, shown, released):
        socket_argument(order)
        order.add_argument("--json", action="store_true", help="one JSON object")
        order.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when done or none lies here, 1 when some do, or none of these; 3 when the agent is not reached."""
    answer = ask(args.socket, _request(args))
    lines = [json.dumps(answer)] if args.json else list(map(one_line, _lines(args.order, answer)))
    tell("\n".join(lines))
    return FAULT if _needs_somebody(args.order, answer) else 0


def _needs_somebody(order: str, answer: dict[str, Any]) -> bool:
    return bool(order == "list" and answer["count"]) or (order == "release" and not answer["released"])


def _request(args: argparse.Namespace) -> dict[str, Any]:
    if args.order == "show":
        return {"op": "letters.show", "seq": args.seq}
    if args.order == "list":
        return {"op": "letters.list", "from": args.first}
    return {"op": "letters.release", "from": args.first, "to": args.first if args.last is None else args.last}


def _lines(order: str, answer: dict[str, Any]) -> Iterator[str]:
    if order == "show":
        yield f"{answer['seq']}  {answer['type']}  {answer['code']}  {answer['time'] or 'time not kept'}"
        yield json.dumps({"subject": answer["subject"], "data": answer["data"]}, ensure_ascii=False)
        return
    if order == "release":
        none = "" if answer["released"] else "no dead letter has such a number: "
        yield f"{none}{answer['released']} released, {answer['count']} left"
        if "next" in answer:
            yield f"more of these numbers wait: edge-agent letters release {answer['next']} TO"
        return
    yield f"{answer['count']} dead letters"
    for letter in answer["letters"]:
        yield f"  {letter['seq']}  {letter['type']}  {letter['code']}"
    if len(answer["letters"]) < answer["count"]:
        following = answer["letters"][-1]["seq"] + 1 if answer["letters"] else 1
        yield f"  … more: edge-agent letters list {following}"
