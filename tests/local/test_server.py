"""The agent's Unix socket: one answer to each line, bounds, and no client that harms another."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge_agent.local import server as module
from edge_agent.local.server import CLIENTS, LINE_BYTES, WATCH_LINES, LocalServer, Request
from edge_agent.sdk.errors import ConfigError, DeviceError

DEADLINE_S = 20.0
READ_BYTES = 64 << 20


async def echo(request: Request) -> object:
    return {"got": request.get("text")}


async def refuse(_request: Request) -> object:
    raise DeviceError("scale.motion", "it moves", hint="touch nothing")


async def hang(_request: Request) -> object:
    await asyncio.Event().wait()
    return None


async def huge(_request: Request) -> object:
    return {"text": "x" * 1_000_000}


async def broken(_request: Request) -> object:
    raise KeyError("a bug")


OPERATIONS = {"echo": echo, "refuse": refuse, "hang": hang, "huge": huge, "broken": broken}


class Client:
    """One connection to the socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, request: object) -> None:
        raw = request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n"
        self.writer.write(raw)

    async def next(self) -> dict[str, object] | None:
        """The next answer; None once the server has closed."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                line = await self.reader.readline()
        except ConnectionError:
            return None
        return json.loads(line) if line else None

    async def ask(self, request: object) -> dict[str, object]:
        self.send(request)
        answer = await self.next()
        assert answer is not None
        return answer


@asynccontextmanager
async def serving(folder: Path, greeting: Request | None = None) -> AsyncIterator[LocalServer]:
    hello = None if greeting is None else lambda: greeting
    made = LocalServer(folder / "s.sock", OPERATIONS, hello)  # type: ignore[arg-type]  # objects for JSON
    await made.start()
    try:
        yield made
    finally:
        async with asyncio.timeout(DEADLINE_S):
            await made.close()


@asynccontextmanager
async def client(folder: Path) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_unix_connection(folder / "s.sock", limit=READ_BYTES)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def watching(server: LocalServer) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not server.watched:  # noqa: ASYNC110 - a property of the server, nothing announces it
            await asyncio.sleep(0.001)


async def test_an_operation_is_answered_on_one_line(tmp_path: Path) -> None:
    async with serving(tmp_path), client(tmp_path) as one:
        assert await one.ask({"op": "echo", "text": "ক\n"}) == {"ok": True, "result": {"got": "ক\n"}}


async def test_one_connection_may_ask_many_times(tmp_path: Path) -> None:
    async with serving(tmp_path), client(tmp_path) as one:
        for number in range(50):
            one.send({"op": "echo", "text": str(number)})
        answers = [await one.next() for _ in range(50)]
        assert answers == [{"ok": True, "result": {"got": str(number)}} for number in range(50)]


async def test_what_an_operation_refuses_is_told_with_its_hint(tmp_path: Path) -> None:
    async with serving(tmp_path), client(tmp_path) as one:
        answer = await one.ask({"op": "refuse"})
        assert answer == {"ok": False, "code": "scale.motion", "error": "it moves", "hint": "touch nothing"}


async def test_a_bug_in_an_operation_is_told_and_the_connection_lives(tmp_path: Path) -> None:
    async with serving(tmp_path), client(tmp_path) as one:
        answer = await one.ask({"op": "broken"})
        assert (answer["ok"], answer["code"]) == (False, "local.bug")
        assert await one.ask({"op": "echo", "text": "x"}) == {"ok": True, "result": {"got": "x"}}


@pytest.mark.parametrize(
    ("request_line", "code"),
    [
        (b"\n", "local.invalid"),
        (b"{\n", "local.invalid"),
        (b"[]\n", "local.invalid"),
        (b"null\n", "local.invalid"),
        (b"\xff\xfe\n", "local.invalid"),
        (b"[" * 50_000 + b"\n", "local.invalid"),
        (b"9" * 10_000 + b"\n", "local.invalid"),
        (b"{}\n", "local.unknown"),
        (b'{"op":"no-such"}\n', "local.unknown"),
        (b'{"op":["echo"]}\n', "local.unknown"),
        (b'{"op":"\\ud800"}\n', "local.unknown"),
    ],
    ids=lambda value: repr(value[:16]) if isinstance(value, bytes) else "",
)
async def test_a_wrong_request_is_refused_and_the_connection_lives(
    tmp_path: Path, request_line: bytes, code: str
) -> None:
    async with serving(tmp_path), client(tmp_path) as one:
        assert (await one.ask(request_line))["code"] == code
        assert (await one.ask({"op": "echo"}))["ok"] is True


async def test_text_that_no_unicode_has_goes_through_as_its_escape(tmp_path: Path) -> None:
    async with serving(tmp_path), client(tmp_path) as one:
        answer = await one.ask(b'{"op":"echo","text":"\\udc80"}\n')
        assert answer["result"] == {"got": "\udc80"}


async def test_a_request_longer_than_its_bound_ends_that_connection_only(tmp_path: Path) -> None:
    async with serving(tmp_path), client(tmp_path) as other:
        async with client(tmp_path) as one:
            one.send(b"x" * (2 * LINE_BYTES + 2))
            assert await one.next() is None
        assert (await other.ask({"op": "echo"}))["ok"] is True


async def test_an_operation_that_never_ends_is_answered_and_keeps_nobody_else_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.1)
    async with serving(tmp_path), client(tmp_path) as one, client(tmp_path) as other:
        one.send({"op": "hang"})
        assert (await other.ask({"op": "echo"}))["ok"] is True
        answer = await one.next()
        assert answer is not None
        assert answer["code"] == "local.timeout"


async def test_more_clients_than_places_are_told_so(tmp_path: Path) -> None:
    async with serving(tmp_path), contextlib.AsyncExitStack() as stack:
        for _ in range(CLIENTS):
            one = await stack.enter_async_context(client(tmp_path))
            assert (await one.ask({"op": "echo"}))["ok"] is True
        async with client(tmp_path) as one_more:
            answer = await one_more.next()
            assert answer is not None
            assert answer["code"] == "local.busy"
            assert await one_more.next() is None


async def test_a_client_that_asks_nothing_loses_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_S", 0.05)
    async with serving(tmp_path), client(tmp_path) as idle:
        assert await idle.next() is None


async def test_a_client_that_reads_nothing_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    async with serving(tmp_path):
        deaf = socket.socket(socket.AF_UNIX)
        deaf.connect(str(tmp_path / "s.sock"))
        deaf.sendall(b'{"op":"huge"}\n' * 20)
        async with client(tmp_path) as other:
            assert (await other.ask({"op": "echo"}))["ok"] is True
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 5
    deaf.close()


async def test_a_client_that_reads_nothing_loses_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_S", 0.05)
    monkeypatch.setattr(module, "LINGER_S", 0.05)
    async with serving(tmp_path) as server:
        deaf = socket.socket(socket.AF_UNIX)
        deaf.connect(str(tmp_path / "s.sock"))
        deaf.sendall(b'{"op":"huge"}\n' * 20)
        async with asyncio.timeout(DEADLINE_S):
            while not server._clients:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.001)
            while server._clients:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.001)
        deaf.close()


async def test_a_client_that_vanishes_leaves_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        for request in (b'{"op":"huge"}\n', b'{"op":"watch"}\n', b'{"op":', b""):
            gone = socket.socket(socket.AF_UNIX)
            gone.connect(str(tmp_path / "s.sock"))
            gone.sendall(request)
            gone.close()
        async with client(tmp_path) as one:
            assert (await one.ask({"op": "echo"}))["ok"] is True
        async with asyncio.timeout(DEADLINE_S):
            while server._clients or server.watched:
                server.tell({"news": "x"})
                await asyncio.sleep(0.001)


# Watching


async def test_a_watcher_hears_how_things_stand_and_then_what_happens(tmp_path: Path) -> None:
    standing = {"news": "cue", "prompt": "scan_parcel"}
    async with serving(tmp_path, standing) as server, client(tmp_path) as one:
        one.send({"op": "watch"})
        assert await one.next() == standing
        await watching(server)
        for seq in (1, 2):
            server.tell({"news": "event", "seq": seq})
        assert [await one.next(), await one.next()] == [
            {"news": "event", "seq": 1},
            {"news": "event", "seq": 2},
        ]


async def test_every_watcher_hears_everything(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, client(tmp_path) as one, client(tmp_path) as two:
        for watcher in (one, two):
            watcher.send({"op": "watch"})
        async with asyncio.timeout(DEADLINE_S):
            while len(server._watchers) < 2:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.001)
        server.tell({"news": "x"})
        assert await one.next() == await two.next() == {"news": "x"}


async def test_a_slow_watcher_loses_the_oldest_and_is_told_how_many(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, client(tmp_path) as one:
        one.send({"op": "watch"})
        await watching(server)
        for number in range(WATCH_LINES + 44):
            server.tell({"news": "event", "seq": number})
        assert await one.next() == {"news": "lost", "lines": 44}
        assert await one.next() == {"news": "event", "seq": 44}


async def test_nothing_is_kept_for_nobody(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        assert not server.watched
        server.tell({"news": "x"})


async def test_a_watcher_that_goes_is_forgotten(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        async with client(tmp_path) as one:
            one.send({"op": "watch"})
            await watching(server)
        async with asyncio.timeout(DEADLINE_S):
            while server.watched:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.001)


async def test_a_stop_lets_watchers_go(tmp_path: Path) -> None:
    async with client_after(tmp_path) as (server, one):
        one.send({"op": "watch"})
        await watching(server)
        await server.close()
        assert await one.next() is None


@asynccontextmanager
async def client_after(folder: Path) -> AsyncIterator[tuple[LocalServer, Client]]:
    async with serving(folder) as server, client(folder) as one:
        yield server, one


# The socket itself


async def test_only_owner_and_group_may_connect_and_the_socket_goes_with_the_agent(tmp_path: Path) -> None:
    async with serving(tmp_path):
        mode = (tmp_path / "s.sock").stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o660
    assert not (tmp_path / "s.sock").exists()


async def test_a_socket_left_over_by_a_kill_is_taken_over(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "s.sock"))
    left.close()
    async with serving(tmp_path), client(tmp_path) as one:
        assert (await one.ask({"op": "echo"}))["ok"] is True


async def test_a_file_in_the_way_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "s.sock").write_text("precious")
    with pytest.raises(ConfigError) as refused:
        await LocalServer(tmp_path / "s.sock", {}).start()
    assert refused.value.code == "local.socket"
    assert (tmp_path / "s.sock").read_text() == "precious"


async def test_a_path_that_is_too_long_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        await LocalServer(tmp_path / ("x" * 120), {}).start()
    assert "None" not in refused.value.message
