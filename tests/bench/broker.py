"""A private mosquitto on a loopback port, which can be killed and come back with its sessions.

Owns: the process and its folder. Must not know: who connects.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

START_S = 10.0
SAVE_S = 0.3  # mosquitto writes its sessions at its next turn; there is no answer to wait for
PLACES = ("/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto")


class PrivateBroker:
    """One mosquitto. `start` after `kill` keeps port and sessions."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)  # it may give up root for a user of its own
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._settings = folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        self._settings.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nlog_type none\nset_tcp_nodelay true\n"
            f"persistence true\npersistence_location {folder}/\nautosave_interval 0\n"
            f"max_queued_messages 0\nmax_inflight_messages 0\n{user}"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it; gives the moment at which it first took a connection. Raises TimeoutError."""
        program = next((place for place in PLACES if Path(place).exists()), "mosquitto")
        self._process = subprocess.Popen(
            [program, "-c", str(self._settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
                return time.monotonic()
            time.sleep(0.005)
        raise TimeoutError("mosquitto did not start")

    def kill(self, *, keep_sessions: bool = False) -> None:
        if self._process is None:
            return
        if keep_sessions:
            self._process.send_signal(signal.SIGUSR1)
            time.sleep(SAVE_S)
        self._process.kill()
        self._process.wait()
        self._process = None
