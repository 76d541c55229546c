"""The built-in broker as a process of its own, so that it can be killed as mosquitto is.

Owns: its start, its end by SIGKILL. Must not know: what goes through it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import held_port, until_listening


class BuiltInProcess:
    """`edge-sim broker` on a loopback port; `kill` is SIGKILL, and the port is kept until `close`."""

    def __init__(self) -> None:
        self._held = held_port()
        self.port = int(self._held.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [Path(sys.executable).with_name("edge-sim"), "broker", "--port", str(self.port)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until_listening(self.port, self._process)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.kill()
        self._held.close()
