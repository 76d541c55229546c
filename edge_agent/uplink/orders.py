"""Commands as they come down: hostile until a model here has taken them.

Owns: what of a command is signed, what is kept of it. Must not know: keys, the session, what a command does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from edge_agent.sdk.errors import CommandError
from edge_agent.uplink.canonical import DOCUMENT_BYTES, Json, canonical, depth, read_object

ARGUMENT_DEPTH = 16  # nesting of a command's arguments
ID = re.compile(r"[A-Za-z0-9._\-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CommandMessage:
    """One order. `addressee` is whom its topic names, `to` whom it names itself, None where it does not.

    `signed` is what the signature covers: the canonical JSON of everything but the signature.
    """

    id: str
    type: str
    args: Mapping[str, Any]
    addressee: str = ""
    to: str | None = None
    notafter_ms: int | None = None
    issuedby: str = ""
    counter: int | None = None
    spread_s: int | None = None
    keyid: str = ""
    signature: str = ""
    signed: bytes = b""


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that is not even looked at: its id where it could be read, and why."""

    id: str
    error: CommandError


def read_order(payload: bytes, addressee: str = "", *, retained: bool = False) -> CommandMessage | Refused:
    """The command that came for `addressee`, or why it is none.

    A refusal is kept until it is told; its traceback would keep the whole message with it.
    """
    try:
        document = read_object(payload)
    except CommandError as error:
        return Refused("", error.with_traceback(None))
    try:
        command = _command(document, addressee)
    except CommandError as error:
        return Refused(_id_of(document), error.with_traceback(None))
    if retained:
        return Refused(command.id, CommandError("command.retained", "a retained command is never executed"))
    return command


def read_command(payload: bytes, addressee: str = "") -> CommandMessage:
    """Raises CommandError message.invalid or message.too_large."""
    return _command(read_object(payload), addressee)


def _command(document: dict[str, Json], addressee: str) -> CommandMessage:
    from edge_agent.uplink.order_body import read_body

    signed = canonical({name: value for name, value in document.items() if name != "signature"})
    body = read_body(document)
    if depth(body.args) > ARGUMENT_DEPTH:
        raise CommandError("message.invalid", "command arguments are nested too deeply")
    return CommandMessage(
        id=body.id,
        type=body.type,
        args=body.args,
        addressee=addressee,
        to=body.to,
        notafter_ms=_milliseconds(body.notafter),
        issuedby=body.issuedby,
        counter=body.counter,
        spread_s=body.spread,
        keyid=body.keyid,
        signature=body.signature,
        signed=signed,
    )


def _milliseconds(moment: datetime | None) -> int | None:
    """Unix milliseconds; a time without a zone counts as UTC."""
    if moment is None:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _id_of(document: Mapping[str, Json]) -> str:
    found = document.get("id")
    return found if isinstance(found, str) and ID.fullmatch(found) else ""


__all__ = ["DOCUMENT_BYTES", "CommandMessage", "Refused", "read_command", "read_order"]
