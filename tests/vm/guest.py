"""Asking the guest to do things: shell commands, and Python functions of the project that run in there.

Owns: the conversation with the resident (tools/vm/guest/resident.py). Must not know: QEMU.
"""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.vm.machine import SHARED, Machine

CALL_S = 400.0  # no test needs a tenth of it on an idle machine
HELLO_S = 2.0  # a woken guest answers within milliseconds; what was said before it listened is lost
WAKE_S = 400.0
CHANCE_BYTES = 32  # the size of the key of Linux's generator
SLACK_S = 60.0  # on top of the guest's own deadline, before we give the guest up
LOOK_S = 1.0  # each look starts programs in the guest: a fifth of a second of the host's processor
SEARCH_PATH = ["/project"]


class GuestError(AssertionError):
    """A command or function failed in the guest; the text is what it had to say."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    output: str


class Guest:
    """The resident of a running machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.told: list[str] = []
        self._number = 0
        self._link = machine.connect("resident")
        self._held = b""

    def greet(self, timeout_s: float = WAKE_S) -> None:
        """Wait until the resident answers."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                self._ask({"do": "hello"}, HELLO_S)
            except TimeoutError:
                continue
            return
        raise GuestError(f"the guest does not answer; QEMU: {self.machine.log()}")

    def settle(self) -> None:
        """After waking up: the right time, random numbers of its own, and the project's files."""
        arguments = {"now_s": time.time(), "share": SHARED, "chance": secrets.token_hex(CHANCE_BYTES)}
        if trouble := self._ask({"do": "settle", "arguments": arguments}, CALL_S)["value"]:
            raise GuestError(f"the project's folder could not be mounted: {trouble}")

    def warm(self, modules: Sequence[str]) -> None:
        """Have these modules of the project imported once for all calls."""
        request = {"do": "warm", "modules": list(modules), "path": SEARCH_PATH}
        if missing := self._ask(request, CALL_S)["value"]:
            raise GuestError(f"cannot be imported in the guest: {missing}")

    def try_run(self, command: str, *, timeout_s: float = CALL_S) -> Ended:
        """Run a shell command, whatever comes of it."""
        answer = self._ask({"do": "run", "command": command, "timeout_s": timeout_s}, timeout_s + SLACK_S)
        self.told.append(f"$ {command}\n{answer['output']}")
        if "error" in answer:
            raise GuestError(f"{command}: {answer['error']}\n{answer['output']}")
        return Ended(answer["code"], answer["output"])

    def run(self, command: str, *, timeout_s: float = CALL_S) -> str:
        """Run a shell command that must succeed; gives its output."""
        ended = self.try_run(command, timeout_s=timeout_s)
        if ended.code != 0:
            raise GuestError(f"{command}: exit status {ended.code}\n{ended.output}")
        return ended.output

    def call(self, function: Callable[..., Any], *, timeout_s: float = CALL_S, **arguments: object) -> Any:
        """Run a module-level function of the project in the guest; its value must fit JSON."""
        return self.call_named(f"{function.__module__}:{function.__qualname__}", timeout_s, **arguments)

    def call_named(self, name: str, timeout_s: float = CALL_S, **arguments: object) -> Any:
        request = {"do": "call", "function": name, "arguments": arguments, "path": SEARCH_PATH}
        answer = self._ask({**request, "timeout_s": timeout_s}, timeout_s + SLACK_S)
        self.told.append(f"{name}({arguments})\n{answer['output']}{answer.get('error', '')}")
        print(answer["output"], end="")
        if "error" in answer:
            raise GuestError(f"{name} failed in the guest:\n{answer['error']}\n{answer['output']}")
        return answer["value"]

    def wait_until(self, command: str, *, timeout_s: float = CALL_S) -> str:
        """Repeat a shell command until it succeeds; gives its output."""
        deadline = time.monotonic() + timeout_s
        while True:
            ended = self.try_run(command)
            if ended.code == 0:
                return ended.output
            if time.monotonic() > deadline:
                raise GuestError(f"not within {timeout_s} s: {command}\n{ended.output}")
            time.sleep(LOOK_S)

    def close(self) -> None:
        self._link.close()

    def _ask(self, request: dict[str, object], timeout_s: float) -> dict[str, Any]:
        self._number += 1
        line = json.dumps({**request, "id": self._number}).encode() + b"\n"
        self._link.settimeout(timeout_s)
        self._link.sendall(line)
        deadline = time.monotonic() + timeout_s
        while True:
            answer = json.loads(self._line(deadline))
            if answer["id"] == self._number:
                return dict(answer)

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self._held:
            self._link.settimeout(max(0.01, deadline - time.monotonic()))
            data = self._link.recv(65536)
            if not data:
                raise GuestError(f"the guest is gone; QEMU: {self.machine.log()}")
            self._held += data
        line, _, self._held = self._held.partition(b"\n")
        return line


def quiet_close(link: socket.socket) -> None:
    """Shut down first: a blocked reader would keep the port open in QEMU."""
    link.shutdown(socket.SHUT_RDWR)
    link.close()
