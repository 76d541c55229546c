"""`edge-agent scan codes`: the booth's printed command codes, made with its key.

Owns: which codes, and their lines. Must not know: how a code is signed, how a sheet looks.

A code is whatever its text says to a scanner: as QR code or Code 128, on paper beside the counter. `--print`
makes that paper on the booth's own printer. Whoever
has the sheet has its commands until its last day; a new key ends all sheets at once.
"""

from __future__ import annotations

import argparse
import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from edge_agent.barcodes.booth_command import LETTERS, NAME_LENGTH, BoothCommand, CommandCode, make
from edge_agent.cli import code_sheets, sheet_arguments
from edge_agent.cli.printed import CAME_OUT, job_line
from edge_agent.cli.terminal import tell
from edge_agent.commands.barcode_key import command_key
from edge_agent.logs import one_line
from edge_agent.registry import Registry
from edge_agent.sdk.errors import ConfigError
from edge_agent.settings.load import load

DAYS_MOST = 3650
FAULT = 1


def run(args: argparse.Namespace) -> int:
    """0, 1 for a sheet that did not come out. Raises ConfigError where the settings name no key."""
    sheet_arguments.check(args)
    days = _days(args.days)
    if args.only not in (None, *(command.value.lower() for command in BoothCommand)):
        raise ConfigError(
            "scan.command", "there is no such command", hint="confirm, reprint, void, zero or tare"
        )
    settings = load(args.config, Registry.installed())
    key = command_key(settings.counter.command_key_file)
    if key is None:
        raise ConfigError(
            "config.command_key",
            "the settings name no counter.command_key_file",
            hint="make one with: openssl rand -hex 32",
        )
    until = f"{datetime.now(UTC) + timedelta(days=days):%Y%m%d}"
    booth = settings.booth.id
    codes = [(code, make(code, booth=booth, key=key)) for code in _codes(args, until)]
    job = code_sheets.print_commands(args, settings, codes, until) if args.print else None
    _tell(args, booth, codes, job)
    return 0 if job is None or job["state"] in CAME_OUT else FAULT


def _tell(
    args: argparse.Namespace, booth: str, codes: list[tuple[CommandCode, str]], job: dict[str, Any] | None
) -> None:
    """The codes; of a printed sheet how it ended, and not what anybody could copy from the screen."""
    if args.json:
        shown = [
            {"command": code.command.value.lower(), "until": code.until, "once": code.once, "text": text}
            for code, text in codes
        ]
        tell(json.dumps({"booth": booth, "codes": shown} | ({"print": job} if job else {}), indent=2))
    elif job:
        tell(one_line(job_line(job)))
    else:
        tell("\n".join(f"{code.command.value.lower():<8} {text}" for code, text in codes))


def _codes(args: argparse.Namespace, until: str) -> Iterator[CommandCode]:
    for command in BoothCommand:
        if args.only in (None, command.value.lower()):
            name = "".join(secrets.choice(LETTERS) for _ in range(NAME_LENGTH))
            yield CommandCode(command, name, args.once, until)


def _days(text: str) -> int:
    """A whole number of days. Raises ConfigError."""
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= DAYS_MOST):
        raise ConfigError("scan.days", f"{text[:20]!a} is no number of days from 1 to {DAYS_MOST}")
    return int(text)
