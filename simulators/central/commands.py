"""Commands as the centre sends them.

Owns: the JSON of a command. Must not know: storage, MQTT, what a booth makes of it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

ISSUED_BY = "central-simulator"

JsonValue = str | int | bool | None | list["JsonValue"] | Mapping[str, "JsonValue"]
Signer = Callable[[bytes], str]


def make_command(
    kind: str, args: Mapping[str, JsonValue], counter: int, *, notafter_s: float, sign: Signer | None = None
) -> tuple[str, str]:
    """Its id and its payload. `sign` makes the signature from the canonical JSON of everything else."""
    command_id = str(uuid.uuid4())
    notafter = datetime.now(UTC) + timedelta(seconds=notafter_s)
    command: dict[str, JsonValue] = {
        "id": command_id,
        "type": kind,
        "args": args,
        "notafter": notafter.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "issuedby": ISSUED_BY,
        "counter": counter,
    }
    if sign is not None:
        command["signature"] = sign(canonical(command).encode())
    return command_id, canonical(command)


def canonical(value: Mapping[str, JsonValue]) -> str:
    """One spelling for one content."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
