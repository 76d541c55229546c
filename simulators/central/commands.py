"""Commands as the centre sends them.

Owns: the JSON of a command. Must not know: storage, MQTT, what a booth makes of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ISSUED_BY = "central-simulator"

JsonValue = str | int | bool | None | list["JsonValue"] | Mapping[str, "JsonValue"]
Signer = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class Order:
    """What is ordered of whom: a booth's id, "_all" or "_g/NAME". `notafter_s` from now.

    `spread_s` is over how long many booths act; without it they know how long that is.
    """

    to: str
    type: str
    args: Mapping[str, JsonValue]
    notafter_s: float = 60.0
    spread_s: int | None = None


def make_command(
    command_id: str, order: Order, counter: int, signer: tuple[str, Signer] | None = None
) -> str:
    """Its payload. `signer` is a key id and what signs the canonical JSON of everything else."""
    notafter = datetime.now(UTC) + timedelta(seconds=order.notafter_s)
    command: dict[str, JsonValue] = {
        "id": command_id,
        "type": order.type,
        "args": order.args,
        "to": order.to,
        "notafter": notafter.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "issuedby": ISSUED_BY,
        "counter": counter,
    }
    if order.spread_s is not None:
        command["spread"] = order.spread_s
    if signer is not None:
        keyid, sign = signer
        command["keyid"] = keyid
        command["signature"] = sign(canonical(command).encode())
    return canonical(command)


def make_configuration(to: str, version: int, config: str, signer: tuple[str, Signer] | None = None) -> str:
    """The payload of `dn/cfg`: what is to lie over the booth's own settings."""
    wish: dict[str, JsonValue] = {"version": version, "config": config, "to": to, "issuedby": ISSUED_BY}
    if signer is not None:
        keyid, sign = signer
        wish["keyid"] = keyid
        wish["signature"] = sign(canonical(wish).encode())
    return canonical(wish)


def canonical(value: Mapping[str, JsonValue]) -> str:
    """One spelling for one content."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
