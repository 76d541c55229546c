"""The data of one label in a file: for its preview, or for its order.

Owns: reading it. Must not know: templates, the queue.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from edge_agent.events.model import JsonValue
from edge_agent.printing.fields import label_fields
from edge_agent.sdk.errors import ConfigError

STANDARD_INPUT = "-"
MAX_FILE_BYTES = 262_144  # many times what a label may be given; a larger one is another file


def read_fields(name: str) -> Mapping[str, JsonValue]:
    """The fields in this file. Raises ConfigError for the file, CommandError print.data for a field in it."""
    try:
        if name == STANDARD_INPUT:
            text = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                text = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _unusable(name, f"cannot be read: {error.strerror or error}") from error
    if len(text) > MAX_FILE_BYTES:
        raise _unusable(name, f"is larger than {MAX_FILE_BYTES} bytes")
    return label_fields(_parsed(text, name))


def _parsed(text: bytes, name: str) -> dict[str, Any]:
    """Numbers with decimals stay what they are, so that their field can be named."""
    try:
        if name.endswith(".toml"):
            data: object = tomllib.loads(text.decode(), parse_float=Decimal)
        else:
            data = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise _unusable(name, f"is neither JSON nor TOML (.toml): {error}") from error
    if not isinstance(data, dict):
        raise _unusable(name, "holds no table of fields")
    return data


def _unusable(name: str, why: str) -> ConfigError:
    return ConfigError("label.data", f"{name} {why}", hint="give the label's fields, see docs/labels.md")
