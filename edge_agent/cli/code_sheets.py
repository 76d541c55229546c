"""Code sheets on the booth's own printer: its command codes, and the code for a new scanner.

Owns: what stands on a sheet, the order to the running agent. Must not know: how codes are made, how paper is
printed.
"""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edge_agent.barcodes.booth_command import BoothCommand, CommandCode
from edge_agent.cli.printed import WAITING, end_of
from edge_agent.local.client import ask
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.errors import CommandError
from edge_agent.settings.model import Settings

COMMANDS, CHALLENGE = "commands-80", "challenge-80"
WAIT_S = 60  # for paper, as a test page: a technician stands before the printer
NAMES: Mapping[BoothCommand, tuple[str, str]] = {
    BoothCommand.CONFIRM: ("The label came out", "লেবেল ঠিক আছে"),
    BoothCommand.REPRINT: ("Print the label again", "আবার ছাপুন"),
    BoothCommand.VOID: ("Give up the parcel in hand", "পার্সেল বাতিল করুন"),
    BoothCommand.ZERO: ("Zero the scale", "স্কেল শূন্য করুন"),
    BoothCommand.TARE: ("Tare the scale", "পাত্রের ওজন বাদ দিন"),
}
ONCE = (" (once)", " (একবার)")


def print_commands(
    args: argparse.Namespace, settings: Settings, codes: Sequence[tuple[CommandCode, str]], until: str
) -> dict[str, Any]:
    """The sheet of these codes, good until YYYYMMDD; its job at its end. Raises EdgeError."""
    rows = [
        {"name": name + ONCE[0] * code.once, "name_bn": name_bn + ONCE[1] * code.once, "code": text}
        for code, text in codes
        for name, name_bn in [NAMES[code.command]]
    ]
    day = f"{until[:4]}-{until[4:6]}-{until[6:]}"
    data = {"command": rows, "commands": {"until": day}}
    return _printed(args, settings, COMMANDS, data, "command-codes")


def print_challenge(args: argparse.Namespace, settings: Settings, code: str, device: str) -> dict[str, Any]:
    """The sheet with this code for the scanner on this port; its job at its end. Raises EdgeError."""
    now = datetime.fromtimestamp(SystemClock().stamp().utc_ms / 1000, UTC)
    local = now + timedelta(minutes=settings.booth.utc_offset_minutes, seconds=args.wait)
    challenge = {"code": code, "until": f"{local:%Y-%m-%d %H:%M}"}
    data = {"challenge": challenge, "device": {"name": device}}
    return _printed(args, settings, CHALLENGE, data, "scanner-challenge")


def _printed(
    args: argparse.Namespace, settings: Settings, template: str, data: dict[str, Any], item: str
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "op": "print.label",
        "job": secrets.token_hex(6),
        "template": template,
        "data": data,
        "item": item,
        "wait_s": WAIT_S,
    }
    socket = args.socket or settings.local.socket
    job = end_of(socket, ask(socket, request | ({"printer": args.printer} if args.printer else {})))
    return _given_up(socket, job) if job["state"] in WAITING else job


def _given_up(socket: Path, job: dict[str, Any]) -> dict[str, Any]:
    """A sheet that comes out when nobody waits for it any more lies there for anybody."""
    try:
        result: dict[str, Any] = ask(socket, {"op": "print.cancel", "job": job["job"]})
    except CommandError:  # it has begun meanwhile
        return job
    return result
