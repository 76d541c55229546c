"""`edge-agent scan codes`: the booth's printed command codes, made with its key.

Owns: which codes, and their lines. Must not know: how a code is signed, how it is printed.

A code is whatever its text says to a scanner: as QR code or Code 128, on paper beside the counter. Whoever
has the sheet has its commands until its last day; a new key ends all sheets at once.
"""

from __future__ import annotations

import argparse
import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from edge_agent.barcodes.booth_command import LETTERS, NAME_LENGTH, BoothCommand, CommandCode, make
from edge_agent.cli.terminal import tell
from edge_agent.commands.barcode_key import command_key
from edge_agent.registry import Registry
from edge_agent.sdk.errors import ConfigError
from edge_agent.settings.load import load

DAYS_MOST = 3650


def run(args: argparse.Namespace) -> int:
    """0; each code on a line of its own. Raises ConfigError where the settings name no key."""
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
    codes = [
        {"command": code.command.value.lower(), "until": until, "once": code.once, "text": text}
        for code in _codes(args, until)
        for text in [make(code, booth=settings.booth.id, key=key)]
    ]
    if args.json:
        tell(json.dumps({"booth": settings.booth.id, "codes": codes}, indent=2))
    else:
        tell("\n".join(f"{code['command']:<8} {code['text']}" for code in codes))
    return 0


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
