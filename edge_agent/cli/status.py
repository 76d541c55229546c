"""`edge-agent status`: one screen of what the running agent says of itself.

Owns: how it is shown to a person. Must not know: how the agent finds it out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from edge_agent.barcodes.display import display
from edge_agent.cli.places import socket_argument
from edge_agent.cli.terminal import tell
from edge_agent.local.client import ask
from edge_agent.logs import one_line

HEALTHY_DEVICE = "ready"
CANNOT_PRINT = "no"


def register(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("status", help="what the running agent says of itself")
    socket_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when everything is well, 1 when something needs a person, 3 when the agent cannot be reached."""
    status = ask(args.socket, {"op": "status"})
    if args.json:
        tell(json.dumps(status, indent=2))
    else:
        tell("\n".join(map(one_line, _lines(status))))  # a barcode may stand in the prompt
    return 0 if is_healthy(status) else 1


def is_healthy(status: dict[str, Any]) -> bool:
    """Whether nothing in this status needs a person."""
    devices = all(map(_works, status["devices"]))
    uplink = status["uplink"]["status"] in {"online", "disabled"}
    printing = not status["printing"]["unconfirmed"]
    return devices and uplink and printing and not status["ledger"]["reserve_spent"]


def _works(device: dict[str, Any]) -> bool:
    """Whether it does its work. A printer that cannot tell may well print; one that says no does not."""
    ready = device.get("printer", {}).get("ready")
    return bool(device["status"] == HEALTHY_DEVICE and ready != CANNOT_PRINT)


def _lines(status: dict[str, Any]) -> Iterator[str]:
    uplink, ledger, counter = status["uplink"], status["ledger"], status["counter"]
    why = f" ({uplink['reason']})" if uplink["reason"] else ""
    yield f"booth    {status['booth']}   agent {status['agent']}   running {_span(status['running_ms'])}"
    yield f"clock    {status['time']}   quality {status['clock']}"
    yield f"uplink   {uplink['status']}{why}"
    waiting = status["backlog"]["count"]
    yield f"ledger   {ledger['last']} events, {ledger['acknowledged']} acknowledged, {waiting} waiting"
    yield from _trial(status.get("configuration_on_trial"))
    if ledger["reserve_spent"]:
        yield f"disk     full: free space in {ledger['directory']}"
    if aside := uplink.get("rejected"):
        yield f"         {aside} that the centre does not take: edge-agent letters list"
    yield f"counter  {counter['phase']}: {counter['prompt']}"
    yield f"         {counter['accepted']} accepted, {counter['labels']} labels, {counter['refused']} refused"
    yield from _printing(status["printing"])
    for device in status["devices"]:
        yield _device_line(device)
        if device["hint"]:
            yield f"             {device['hint']}"
    yield from map(_stranger_line, status.get("unknown_devices", ()))


def _trial(trial: dict[str, Any] | None) -> Iterator[str]:
    if trial is not None:
        to_keep = "edge-agent config confirm" if trial["waits_for"] == "person" else "the centre answers"
        yield f"config   on trial: undone in {_span(trial['undone_in_s'] * 1000)} unless {to_keep}"


def _stranger_line(stranger: dict[str, str]) -> str:
    said = display(" ".join((stranger["usb_id"], stranger["name"])))
    return f"unknown  {said} at {display(stranger['port'])}: it could type, and is not read"


def _printing(printing: dict[str, Any]) -> Iterator[str]:
    for printer in printing["printers"]:
        near = ", paper near its end" if printer["paper_near_end"] else ""
        hour = f"{printer['labels_last_hour']} of {printer['labels_per_hour']} labels this hour"
        yield f"printing {printer['id']}: {printer['waiting']} waiting, {hour}{near}"
    if printing["unconfirmed"]:
        yield f"         {printing['unconfirmed']} labels in doubt: edge-agent print queue"


def _device_line(device: dict[str, Any]) -> str:
    said = device["reason"]
    if reading := device.get("reading"):
        shown = f"{reading['weight']} {reading['unit']}" if reading["weight"] else reading["status"]
        said = f"{shown}, {reading['age_ms'] / 1000:.1f} s ago"
    if printer := device.get("printer"):
        said = _printer_words(printer)
    return f"device   {device['id']:<12} {device['driver']:<12} {device['status']:<11} {said}".rstrip()


def _printer_words(printer: dict[str, Any]) -> str:
    words = [f"paper {printer['paper']}, cover {printer['cover']}", *printer["faults"]]
    words += [word for word in ("paused", "busy") if printer[word]]
    if printer["silent_since"]:
        words = [f"answers nothing since {printer['silent_since']}: look at it"]
    return " ".join(words)


def _span(milliseconds: int) -> str:
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
