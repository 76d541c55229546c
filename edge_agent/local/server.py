"""The agent's Unix socket: one JSON object a line in, one or more out.

Owns: the connection, bounds, the watch stream. Must not know: what an operation does.

`{"op": "status"}` answers `{"ok": true, "result": {…}}` or `{"ok": false, "code": …, "error": …, "hint": …}`.
`{"op": "watch"}` answers with a line for each thing that happens until the client goes; a slow watcher loses
the oldest lines and is told how many.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from edge_agent.containment import contained
from edge_agent.events.model import JsonValue
from edge_agent.sdk.errors import CommandError, ConfigError, EdgeError

log = logging.getLogger(__name__)

LINE_BYTES = 64 * 1024  # a request is a short object
CLIENTS = 16  # a technician's shell, a page, a monitor; more is a mistake or an attack
ANSWER_S = 60.0  # many times what any operation takes on a healthy box
LATE_HINT = "see what became of it first: on the device, or edge-agent status, edge-agent print queue"
WATCH_LINES = 256  # held for a watcher that reads slowly
IDLE_S = 300.0  # a client that asks nothing, or reads nothing, for so long has forgotten us; a place is free
LINGER_S = 1.0  # what a client has not read by then it never reads
SOCKET_MODE = 0o660

Request = Mapping[str, JsonValue]
Operation = Callable[[Request], Awaitable[JsonValue]]


class LocalServer:
    """Serves operations by name on a Unix socket."""

    def __init__(
        self, path: Path, operations: Mapping[str, Operation], greeting: Callable[[], Request] | None = None
    ) -> None:
        """`greeting` is what a new watcher is told first: how things stand."""
        self._greeting = greeting
        self._path = path
        self._operations = operations
        self._clients: set[asyncio.Task[None]] = set()
        self._watchers: set[_Watcher] = set()
        self._server: asyncio.Server | None = None

    def extend(self, operations: Mapping[str, Operation]) -> None:
        """Further operations. Before `start`."""
        self._operations = {**self._operations, **operations}

    async def start(self) -> None:
        """Listen. Raises ConfigError where the socket cannot be made."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.is_socket():
                self._path.unlink()  # left over by a kill: the state directory's lock says who runs
            self._server = await asyncio.start_unix_server(self._accept, self._path, limit=LINE_BYTES)
            os.chmod(self._path, SOCKET_MODE)  # noqa: PTH101 - a socket, at its own path
        except OSError as error:
            raise ConfigError(
                "local.socket",
                f"cannot listen on {self._path}: {error.strerror or error}",
                hint="check local.socket in the configuration",
            ) from error

    async def close(self) -> None:
        """Stop listening and let all clients go."""
        if self._server is not None:
            self._server.close()
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    def tell(self, news: Request) -> None:
        """Give a line to every watcher."""
        if not self._watchers:
            return
        line = _line(news)
        for watcher in self._watchers:
            watcher.put(line)

    @property
    def watched(self) -> bool:
        """Whether anybody watches; spares making lines for nobody."""
        return bool(self._watchers)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._clients) >= CLIENTS:
            writer.write(_line(_refusal(CommandError("local.busy", "too many programs ask at once"))))
            writer.close()
            return
        self._clients.add(task)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            log.debug("a local client went away")
        finally:
            await _let_go(writer)
            self._clients.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    line = await reader.readuntil(b"\n")
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                return
            request = _parse(line)
            if isinstance(request, CommandError):
                writer.write(_line(_refusal(request)))
            elif request.get("op") == "watch":
                await self._watch(reader, writer)
                return
            else:
                writer.write(_line(await self._answer(request)))
            await _taken(writer)

    async def _answer(self, request: Request) -> Request:
        operation = self._operations.get(str(request.get("op")))
        if operation is None:
            known = ", ".join(sorted(self._operations))
            return _refusal(CommandError("local.unknown", f"unknown operation; known: {known}"))
        try:
            async with asyncio.timeout(ANSWER_S):
                with contained("a local operation", "local.bug"):
                    return {"ok": True, "result": await operation(request)}
        except EdgeError as error:
            return _refusal(error)
        except TimeoutError:
            told = f"not done within {ANSWER_S:.0f} s; it may yet be"
            return _refusal(CommandError("local.timeout", told, hint=LATE_HINT))

    async def _watch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        watcher = _Watcher()
        if self._greeting is not None:
            watcher.put(_line(self._greeting()))
        self._watchers.add(watcher)
        gone = asyncio.ensure_future(reader.read(1))
        try:
            while not gone.done():
                writer.write(await watcher.take(gone))
                await _taken(writer)
        finally:
            self._watchers.discard(watcher)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)


class _Watcher:
    """Lines that wait for one client."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._lost = 0
        self._some = asyncio.Event()

    def put(self, line: bytes) -> None:
        if len(self._lines) >= WATCH_LINES:
            self._lines.popleft()
            self._lost += 1
        self._lines.append(line)
        self._some.set()

    async def take(self, gone: asyncio.Future[bytes]) -> bytes:
        """Everything that waits; empty when the client is gone first."""
        waiting = asyncio.ensure_future(self._some.wait())
        both: set[asyncio.Future[Any]] = {waiting, gone}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        self._some.clear()
        lost = _line({"news": "lost", "lines": self._lost}) if self._lost else b""
        self._lost = 0
        lines = b"".join(self._lines)
        self._lines.clear()
        return lost + lines


def _parse(line: bytes) -> Request | CommandError:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return CommandError("local.invalid", "a request is one JSON object on one line")
    if not isinstance(request, dict):
        return CommandError("local.invalid", "a request is a JSON object")
    return request


def _refusal(error: EdgeError) -> Request:
    return {"ok": False, "code": error.code, "error": error.message, "hint": error.hint}


def _line(value: Request) -> bytes:
    """One JSON object on one line; a lone surrogate becomes its own JSON escape."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace") + b"\n"


async def _taken(writer: asyncio.StreamWriter) -> None:
    """Wait until the client has read most of what it was sent. Raises TimeoutError when it does not."""
    async with asyncio.timeout(IDLE_S):
        await writer.drain()


async def _let_go(writer: asyncio.StreamWriter) -> None:
    """Close in order, or at once where the client does not read."""
    writer.close()
    try:
        async with asyncio.timeout(LINGER_S):
            await writer.wait_closed()
    except TimeoutError:
        writer.transport.abort()
    except OSError:
        return  # it is gone already
