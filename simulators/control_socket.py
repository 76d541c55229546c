"""A Unix socket on which a running simulator takes its orders: a line in, a line out.

Owns: the socket file, sessions and their bounds. Must not know: what the lines mean.
Only the user who started the simulator may connect.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType

from edge_agent.sdk.errors import ConfigError, ProtocolError
from edge_agent.sdk.framing import LineFramer

LINE_LIMIT = 16_384  # a burst of four full QR codes
SESSIONS = 8  # more than the tests, the demo and a person use together
READ_BYTES = 4096
OWNER_ONLY = 0o600


class ControlSocket:
    """Listens while it is entered; `serve` answers until cancelled."""

    def __init__(self, path: Path, answer: Callable[[str], Awaitable[str]]) -> None:
        self._path = path
        self._answer = answer
        self._listener: socket.socket | None = None
        self._sessions = 0

    async def __aenter__(self) -> ControlSocket:
        self._listener = _listen(self._path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            _remove(self._path)

    async def serve(self) -> None:
        if self._listener is None:
            return
        loop, listener = asyncio.get_running_loop(), self._listener
        async with asyncio.TaskGroup() as sessions:
            loop.add_reader(listener, self._came, listener, sessions)
            try:
                await asyncio.Event().wait()
            finally:
                loop.remove_reader(listener)

    def _came(self, listener: socket.socket, sessions: asyncio.TaskGroup) -> None:
        """Take one connection. A task that waited in `accept` could be cancelled with one in its hands."""
        try:
            client, _ = listener.accept()
        except OSError:
            return  # gone again before we looked
        if self._sessions >= SESSIONS:
            client.close()
            return
        client.setblocking(False)
        self._sessions += 1
        sessions.create_task(self._session(client)).add_done_callback(lambda _: self._left(client))

    def _left(self, client: socket.socket) -> None:
        """Also of a session that was cancelled before it began."""
        self._sessions -= 1
        client.close()

    async def _session(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        framer = LineFramer(b"\r\n", LINE_LIMIT)
        try:
            while data := await loop.sock_recv(client, READ_BYTES):
                for line in framer.feed(data):
                    await loop.sock_sendall(client, f"{await self._reply(line)}\n".encode())
        except OSError:
            return  # the other end went away: it wants no answer

    async def _reply(self, line: bytes | ProtocolError) -> str:
        if isinstance(line, ProtocolError):
            return f"error a line has at most {LINE_LIMIT} bytes"
        return await self._answer(line.decode(errors="replace"))


def _listen(path: Path) -> socket.socket:
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        listener.bind(str(path))
        path.chmod(OWNER_ONLY)  # before listen: nobody could connect until now
        listener.listen(SESSIONS)
    except OSError as error:
        listener.close()
        raise ConfigError("sim.control_path", f"cannot listen on {path}: {error.strerror or error}") from None
    return listener


def _remove_stale(path: Path) -> None:
    """Remove the socket of a simulator that was killed; leave alone one that answers, and any other file."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            _remove(path)
        except OSError:
            return  # the bind will say what is wrong


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
