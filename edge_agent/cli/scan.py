"""`edge-agent scan parse`: what a barcode means, or why it is refused, on the desk, without a scanner.

Owns: the verb, and how a meaning is shown. Must not know: any barcode standard.

Exit codes: 0 the barcode is valid, 1 it is refused, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_agent.barcodes.aim import has_identifier
from edge_agent.barcodes.courier import SHIPPED, CourierPattern
from edge_agent.barcodes.display import display
from edge_agent.barcodes.meaning import Meaning, Shown
from edge_agent.barcodes.parse import KINDS, parse
from edge_agent.cli import sheet_arguments
from edge_agent.cli.places import settings_argument
from edge_agent.cli.terminal import tell

LONGEST_VALUE_SHOWN = 200  # two lines of a terminal; --json gives all of it

REASONS = {
    "check_digit": "the check digit is wrong: a digit was misread or mistyped",
    "control_characters": "there are control characters in it",
    "country": "the country code does not exist",
    "date": "a date or time in it does not exist",
    "empty": "there is nothing in it",
    "format": "a character stands where it may not",
    "host": "the host name of the address is none",
    "length": "it is too short or too long",
    "letters": "there are letters where only digits may be",
    "missing": "it does not begin with an AIM identifier",
    "no_match": "it is like none of the couriers' numbers",
    "no_primary_key": "it is an ordinary web address",
    "prefix": "the number is not of a book",
    "qualifier": "an identifier stands in the wrong place of the address",
    "repeated": "an identifier stands in it twice",
    "scheme": "it does not begin with https:// or http://",
    "short": "the AIM identifier is cut off",
    "too_long": "it is longer than any barcode",
    "unknown": "the AIM identifier does not exist",
    "unknown_ai": "a GS1 application identifier does not exist",
}
_SHOWN_ABOVE = frozenset(("valid", "type", "error", "warnings"))


def register(verbs: Any) -> None:
    """Add the verb and its one action."""
    parser = verbs.add_parser("scan", help="what a barcode means")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    action = actions.add_parser("parse", help="what TEXT means, or why it is refused")
    action.add_argument("--json", action="store_true", help="one JSON object")
    action.add_argument(
        "--as", dest="kind", choices=KINDS, metavar="KIND", help=f"the rule to apply: {', '.join(KINDS)}"
    )
    action.add_argument(
        "-c", "--config", type=Path, metavar="FILE", help="also the couriers of these settings"
    )
    action.add_argument("text", metavar="TEXT", help="as scanned; put -- before a text that begins with -")
    action.set_defaults(run=run)
    _codes(actions.add_parser("codes", help="the command codes to print for this booth"))


def _codes(action: argparse.ArgumentParser) -> None:
    action.add_argument("--json", action="store_true", help="one JSON object")
    settings_argument(action)
    action.add_argument("--days", default="365", metavar="N", help="good for so many days (365)")
    action.add_argument("--once", action="store_true", help="each counts a single time")
    action.add_argument("--only", metavar="COMMAND", help="one of confirm, reprint, void, zero, tare")
    sheet_arguments.register(action, "them as a sheet")
    action.set_defaults(run=_run_codes)


def _run_codes(args: argparse.Namespace) -> int:
    from edge_agent.cli import scan_codes  # settings, which parsing needs not

    return scan_codes.run(args)


def run(args: argparse.Namespace) -> int:
    """0 when the barcode is valid, 1 when it is refused."""
    text = _as_scanned(args.text)
    kind = args.kind or ("aim" if has_identifier(text) else None)
    meaning = parse(text, kind, couriers=_couriers(args.config))
    tell(json.dumps(_as_published(meaning, kind)) if args.json else "\n".join(lines(meaning)))
    return 0 if meaning.valid else 1


def _as_scanned(text: str) -> str:
    """Bytes that are no UTF-8 are Latin-1, as scanners' codecs read them: JSON knows no half characters."""
    try:
        sent = os.fsencode(text)
    except UnicodeEncodeError:  # not from a shell
        sent = text.encode("utf-8", "surrogatepass")
    try:
        return sent.decode()
    except UnicodeDecodeError:
        return sent.decode("latin-1")


def _couriers(file: Path | None) -> Sequence[CourierPattern]:
    """The patterns that ship, and before them those of the settings. Raises ConfigError."""
    if file is None:
        return SHIPPED
    from edge_agent.registry import Registry
    from edge_agent.settings.load import load

    return (*(courier.made for courier in load(file, Registry.installed()).courier), *SHIPPED)


def _as_published(meaning: Meaning, kind: str | None) -> dict[str, Shown]:
    """As the shared test vectors spell it: asked for a GTIN, that error has a blank in its name."""
    shown = meaning.as_dict()
    if kind == "gtin" and meaning.error == "check_digit":
        shown["error"] = "check digit"
    return shown


def lines(meaning: Meaning) -> list[str]:
    """The meaning for a person: the verdict, then a line for each thing known; all of it escaped."""
    verdict = "valid" if meaning.valid else f"refused, {meaning.error}: {_reason(meaning)}"
    shown = [f"{meaning.type}: {verdict}"]
    for name, value in meaning.as_dict().items():
        if name not in _SHOWN_ABOVE and value is not None:
            shown.append(f"  {name:<16} {_text(value)}")
    return shown + [f"  warning          {warning}" for warning in meaning.warnings]


def _reason(meaning: Meaning) -> str:
    return REASONS.get(meaning.error or "", "it does not follow the rule")


def _text(value: Shown) -> str:
    if isinstance(value, list):
        return " ".join(f"({item[0]}){display(item[1])}" for item in value)
    return display(str(value), LONGEST_VALUE_SHOWN)
