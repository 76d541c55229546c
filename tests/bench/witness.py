"""Who stands at the booth: hears on the local socket what the agent says is on disk.

Owns: the count of lines that were told as stored. Must not know: the ledger, MQTT.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from edge_agent.local.client import watch
from edge_agent.sdk.errors import EdgeError


class Witness(threading.Thread):
    """Counts the `scan.read` events that it is told of, until the agent ends."""

    def __init__(self, socket: Path) -> None:
        super().__init__(name="bench witness", daemon=True)
        self.told = 0
        self.listens = threading.Event()
        self._socket = socket

    def run(self) -> None:
        with contextlib.suppress(EdgeError, OSError):
            for news in watch(self._socket):
                self.listens.set()  # the standing prompt comes first
                self.told += news.get("type") == "scan.read"
