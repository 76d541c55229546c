"""The command line's side of the agent's socket. Blocking, for short-lived programs only.

Owns: asking and watching. Must not know: what the answers mean.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_agent.sdk.errors import CommandError, LinkError

ANSWER_S = 65.0  # a little longer than the server takes to give up
ANSWER_BYTES = 4 << 20  # the largest answer (a whole status) is some kilobytes


def ask(path: Path, request: dict[str, Any]) -> Any:
    """One operation. Raises LinkError local.unreachable, or CommandError with the server's refusal."""
    with _connect(path) as connection:
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(_read_line(connection))
    if not answer.get("ok"):
        raise CommandError(
            str(answer.get("code", "local.refused")),
            str(answer.get("error", "refused")),
            hint=str(answer.get("hint", "")),
        )
    return answer["result"]


def watch(path: Path) -> Iterator[dict[str, Any]]:
    """What happens, line by line, until the agent stops. Raises LinkError local.unreachable."""
    with _connect(path) as connection:
        connection.settimeout(None)
        connection.sendall(b'{"op":"watch"}\n')
        with connection.makefile("rb") as lines:
            for line in lines:
                yield json.loads(line)


def _connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(ANSWER_S)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        hint = "is edge-agent running? systemctl status edge-agent"
        if isinstance(error, PermissionError):
            hint = "your user must be in the group edge-agent, or use sudo"
        raise LinkError(
            "local.unreachable", f"cannot reach the agent at {path}: {error.strerror}", hint=hint
        ) from error
    return connection


def _read_line(connection: socket.socket) -> bytes:
    held = bytearray()
    while not held.endswith(b"\n"):
        chunk = connection.recv(65536)
        if not chunk or len(held) > ANSWER_BYTES:
            raise LinkError("local.unreachable", "the agent closed the connection")
        held += chunk
    return bytes(held)
