"""`edge-agent print …`: try a printer, look at the queue, decide about labels.

Owns: the verbs and how their answers are shown. Must not know: the queue, the flow.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from edge_agent.cli import preview, print_label
from edge_agent.cli.places import socket_argument
from edge_agent.cli.printed import CAME_OUT, WAITING, end_of, job_line
from edge_agent.cli.terminal import tell
from edge_agent.local.client import ask
from edge_agent.logs import one_line

FAULT = 1
AWAITED = frozenset({"test", "slip", "label"})  # somebody stands before the printer
SHOWN = 20  # jobs on one screen; --json gives all

# Order: operation, whether it names a job ("job" must, "job?" may), a printer or nothing, what it is for.
ORDERS: dict[str, tuple[str, str, str]] = {
    "test": ("print.test", "printer?", "print a test page and tell how it ended"),
    "slip": ("print.slip", "printer?", "print the state of the booth and tell how it ended"),
    "queue": ("print.queue", "", "show what waits, what is in doubt, what was printed"),
    "reprint": ("print.reprint", "job?", "print a label again, marked REPRINT; without JOB the one in hand"),
    "cancel": ("print.cancel", "job", "give up a job of which nothing was sent"),
    "confirm": ("print.confirm", "job?", "the label came out; without JOB the one in hand"),
    "void": ("parcel.void", "", "give up the parcel in hand"),
    "roll": ("print.roll", "printer?", "a full roll was put in"),
}


NAMED = {
    "job": "as edge-agent print queue names it",
    "printer": "its id in the settings; left out: the label printer",
}


def register(verbs: Any) -> None:
    """Add the verb and its orders."""
    parser = verbs.add_parser("print", help="try a printer, see the queue, decide about labels")
    orders = parser.add_subparsers(dest="order", required=True, metavar="ORDER")
    for name, (_, named, text) in ORDERS.items():
        order = orders.add_parser(name, help=text, description=text)
        if named:
            word = named.rstrip("?")
            order.add_argument(
                word, metavar=word.upper(), nargs="?" if named.endswith("?") else None, help=NAMED[word]
            )
        if name in AWAITED:
            order.add_argument("--no-wait", action="store_true", help="do not wait for its end")
        socket_argument(order)
        order.add_argument("--json", action="store_true", help="one JSON object")
        order.set_defaults(run=run)
    print_label.register(orders, run)
    preview.register(orders)


def run(args: argparse.Namespace) -> int:
    """0 when done, 1 when it cannot be or a label needs a person, 3 when the agent cannot be reached."""
    answer = print_label.order(args) if args.order == "label" else _order(args)
    if args.order in AWAITED and not args.no_wait:
        answer = end_of(args.socket, answer)
    if args.json:
        tell(json.dumps(answer))
    else:
        tell("\n".join(map(one_line, _lines(args.order, answer))))
    return _code(args.order, answer)


def _order(args: argparse.Namespace) -> Any:
    operation, named, _ = ORDERS[args.order]
    word = named.rstrip("?")
    given = getattr(args, word, None) if word else None
    return ask(args.socket, {"op": operation, **({word: given} if given else {})})


def _code(order: str, answer: dict[str, Any]) -> int:
    if order in AWAITED:
        return 0 if answer["state"] in CAME_OUT | WAITING else FAULT
    if order == "queue":
        suspended = any(printer["suspended"] for printer in answer["printers"])
        return FAULT if answer["unconfirmed"] or suspended else 0
    return 0


def _lines(order: str, answer: dict[str, Any]) -> Iterator[str]:
    if order == "queue":
        yield from _queue(answer)
    elif order == "roll":
        yield f"{answer['printer']}: a full roll is in"
    elif "phase" in answer:
        yield f"{order}: the counter is now {answer['phase']}"
    else:
        yield job_line(answer)


def _queue(answer: dict[str, Any]) -> Iterator[str]:
    for printer in answer["printers"]:
        yield _printer(printer)
    yield f"{answer['waiting']} waiting, {answer['unconfirmed']} in doubt"
    for job in answer["jobs"][:SHOWN]:
        yield f"  {job_line(job)}  {_age(job['age_ms'], known=job['age_known'])}"
    if len(answer["jobs"]) > SHOWN:
        yield f"  … {len(answer['jobs']) - SHOWN} more, see --json"


def _printer(printer: dict[str, Any]) -> str:
    hour = f"{printer['labels_last_hour']} of {printer['labels_per_hour']} labels this hour"
    metres = f"{printer['paper_mm_last_hour'] // 1000} of {printer['paper_mm_per_hour'] // 1000} m"
    left = printer["paper_left_mm"]
    roll = f", about {left // 1000} m left" if left is not None else ""
    end = ", paper near its end" if printer["paper_near_end"] else ""
    held = ", orders held: see to the printer, then print a test" if printer["suspended"] else ""
    return f"{printer['id']}: {hour}, {metres}{roll}{end}{held}"


def _age(milliseconds: int, *, known: bool) -> str:
    minutes = milliseconds // 60_000
    return (
        f"{'' if known else 'over '}{minutes // 60} h {minutes % 60} min"
        if minutes >= 60
        else f"{minutes} min"
    )
