"""The command line's side of the agent's socket. Blocking, for short-lived programs only.

Owns: asking and watching. Must not know: what the answers mean.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_agent.sdk.errors import CommandError, LinkError

ANSWER_S = 65.0  # a little longer than the server takes to give up
ANSWER_BYTES = 4 << 20  # the largest answer (a whole status) is some kilobytes


def ask(path: Path, request: dict[str, Any]) -> Any:
    """One operation. Raises LinkError local.unreachable, or CommandError with the server's refusal."""
    with _connected(path) as connection:
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = _object(_read_line(connection))
    if not answer.get("ok"):
        raise CommandError(
            str(answer.get("code", "local.refused")),
            str(answer.get("error", "refused")),
            hint=str(answer.get("hint", "")),
        )
    return answer.get("result")


def watch(path: Path) -> Iterator[dict[str, Any]]:
    """What happens, line by line, until the agent stops. Raises LinkError local.unreachable."""
    with _connected(path) as connection:
        connection.settimeout(None)
        connection.sendall(b'{"op":"watch"}\n')
        with connection.makefile("rb") as lines:
            while line := lines.readline(ANSWER_BYTES):
                yield _object(line)


@contextlib.contextmanager
def _connected(path: Path) -> Iterator[socket.socket]:
    """A connection; whatever goes wrong with it is one LinkError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_S)
        try:
            connection.connect(str(path))
            yield connection
        except OSError as error:
            raise LinkError(
                "local.unreachable",
                f"cannot reach the agent at {path}: {error.strerror or error}",
                hint=_hint(error),
            ) from error


def _hint(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "your user must be in the group edge-agent, or use sudo"
    return "is edge-agent running? systemctl status edge-agent"


def _read_line(connection: socket.socket) -> bytes:
    held = bytearray()
    ends = time.monotonic() + ANSWER_S
    while not held.endswith(b"\n"):
        connection.settimeout(max(0.01, ends - time.monotonic()))
        chunk = connection.recv(65536)
        if not chunk or len(held) > ANSWER_BYTES:
            raise LinkError("local.unreachable", "the agent closed the connection")
        held += chunk
    return bytes(held)


def _object(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise LinkError("local.unreachable", "what answers on this socket is not the agent")
    return answer
