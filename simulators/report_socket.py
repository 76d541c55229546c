"""Where a host finds a simulated HID device without a kernel: a UNIX socket of packets in its node's place.

Owns: the socket under its name, one packet for each report, unplugging and re-plugging.
Must not know: which device it is, what a report says.
"""

from __future__ import annotations

import socket
from pathlib import Path

from edge_agent.sdk.clock import Clock, SystemClock
from edge_agent.sdk.errors import ConfigError
from simulators.descriptors import Conversation
from simulators.talking import BACKLOG, ListeningEndpoint

MAX_HOSTS = 1  # as many as the agent's lock lets in


class ReportSocketEndpoint(ListeningEndpoint):
    """A HID device's end. With `report_bytes` a longer write goes out as reports of that size."""

    def __init__(
        self, directory: Path, name: str, *, report_bytes: int = 0, clock: Clock | None = None
    ) -> None:
        super().__init__(Conversation(clock or SystemClock()), MAX_HOSTS)
        if name in {"", ".", ".."} or Path(name).name != name:
            raise ConfigError("sim.port_name", f"{name!r} is no file name")
        self.path = Path(directory) / name
        self._report_bytes = report_bytes

    @property
    def url(self) -> str:
        return f"hidraw:{self.path}"

    async def write(self, data: bytes) -> None:
        size = self._report_bytes or max(1, len(data))
        for at in range(0, len(data), size):
            await super().write(data[at : at + size])

    def _listen(self) -> socket.socket:
        return _listen(self.path)

    def _vanished(self) -> None:
        self.path.unlink(missing_ok=True)


def _listen(path: Path) -> socket.socket:
    """A listening socket under this name; what stands there and is no socket is left alone."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        if path.is_socket():
            path.unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
        listener.setblocking(False)
        listener.bind(str(path))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError("sim.path_taken", f"cannot make {path}: {error.strerror}") from None
    return listener
