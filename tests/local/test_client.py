"""The command line's side of the socket: every kind of trouble is one error with a hint."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.local import client as module
from edge_agent.local.client import ask, watch
from edge_agent.sdk.errors import CommandError, LinkError


@contextlib.contextmanager
def answering(path: Path, answer: bytes, *, reads: bool = True) -> Iterator[None]:
    """A server that gives each client this answer and closes."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(4)

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                if reads:
                    connection.recv(4096)
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        server.close()
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as last:
            last.connect(str(path))
        thread.join(5)


def test_an_answer_is_given(tmp_path: Path) -> None:
    with answering(tmp_path / "s", b'{"ok":true,"result":{"a":1}}\n'):
        assert ask(tmp_path / "s", {"op": "x"}) == {"a": 1}


def test_a_refusal_is_raised_with_code_and_hint(tmp_path: Path) -> None:
    with (
        answering(tmp_path / "s", b'{"ok":false,"code":"a.b","error":"no","hint":"try"}\n'),
        pytest.raises(CommandError) as refused,
    ):
        ask(tmp_path / "s", {"op": "x"})
    assert (refused.value.code, refused.value.message, refused.value.hint) == ("a.b", "no", "try")


@pytest.mark.parametrize("reads", [True, False], ids=["reads", "closes at once"])
@pytest.mark.parametrize(
    "answer",
    [b"", b"{", b"{\n", b"[]\n", b"null\n", b"\xff\n", b"[" * 50_000 + b"\n", b"HTTP/1.1 400\r\n\r\n"],
)
def test_what_is_no_answer_is_an_agent_that_cannot_be_reached(
    tmp_path: Path, answer: bytes, reads: bool
) -> None:
    with answering(tmp_path / "s", answer, reads=reads), pytest.raises(LinkError) as told:
        ask(tmp_path / "s", {"op": "x"})
    assert told.value.code == "local.unreachable"


def test_no_socket_names_the_path_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LinkError) as told:
        ask(tmp_path / "none", {"op": "x"})
    assert str(tmp_path / "none") in told.value.message
    assert "systemctl" in told.value.hint


def test_a_socket_that_nobody_serves_is_told(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "s"))
    left.close()
    with pytest.raises(LinkError):
        ask(tmp_path / "s", {"op": "x"})


def test_an_agent_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.1)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "s"))
    server.listen(1)
    try:
        with pytest.raises(LinkError) as told:
            ask(tmp_path / "s", {"op": "x"})
        assert told.value.code == "local.unreachable"
    finally:
        server.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may connect everywhere")
def test_a_socket_of_another_group_says_so(tmp_path: Path) -> None:
    with answering(tmp_path / "s", b""):
        (tmp_path / "s").chmod(0)
        with pytest.raises(LinkError) as told:
            ask(tmp_path / "s", {"op": "x"})
    assert "group" in told.value.hint


def test_watching_gives_line_by_line_until_the_agent_stops(tmp_path: Path) -> None:
    with answering(tmp_path / "s", b'{"news":"a"}\n{"news":"b"}\n'):
        assert list(watch(tmp_path / "s")) == [{"news": "a"}, {"news": "b"}]


def test_watching_what_is_no_agent_is_told(tmp_path: Path) -> None:
    with answering(tmp_path / "s", b"hello\n"), pytest.raises(LinkError):
        list(watch(tmp_path / "s"))
