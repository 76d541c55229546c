"""The configuration that the centre wants, as it comes down on `dn/cfg`: hostile until read here.

Owns: its fields and what of them is signed. Must not know: TOML, keys, whether it is applied.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.sdk.errors import CommandError
from edge_agent.uplink.canonical import Json, canonical, read_object


@dataclass(frozen=True, slots=True)
class Desired:
    """`config` is TOML that lies over booth.toml; empty takes away what lay there. `version` rises."""

    version: int
    config: str
    to: str | None = None
    keyid: str = ""
    signature: str = ""
    signed: bytes = b""


def read_desired(payload: bytes) -> Desired:
    """Raises CommandError message.invalid or message.too_large."""
    document = read_object(payload)
    version, config = document.get("version"), document.get("config")
    if type(version) is not int or version < 1:
        raise CommandError("message.invalid", "version must be a whole number from 1")
    if not isinstance(config, str):
        raise CommandError("message.invalid", "config must be the text of a configuration")
    to = document.get("to")
    return Desired(
        version,
        config,
        to if isinstance(to, str) else None,
        _text(document, "keyid"),
        _text(document, "signature"),
        canonical({name: value for name, value in document.items() if name != "signature"}),
    )


def _text(document: dict[str, Json], name: str) -> str:
    value = document.get(name, "")
    if not isinstance(value, str) or len(value) > 128:
        raise CommandError("message.invalid", f"{name} must be a short text")
    return value
