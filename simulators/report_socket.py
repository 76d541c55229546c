"""Where a host finds a simulated HID device without a kernel: a UNIX socket of packets in its node's place.

Owns: the socket under its name, one packet for each report, unplugging and re-plugging.
Must not know: which device it is, what a report says.
"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from edge_agent.sdk.clock import Clock, SystemClock
from edge_agent.sdk.errors import ConfigError
from simulators.descriptors import Conversation, Descriptor

BACKLOG = 8  # connections that wait between two turns of the loop
MAX_HOSTS = 1  # as many as the agent's lock lets in


class ReportSocketEndpoint:
    """A HID device's end. With `report_bytes` a longer write goes out as reports of that size."""

    def __init__(
        self, directory: Path, name: str, *, report_bytes: int = 0, clock: Clock | None = None
    ) -> None:
        if name in {"", ".", ".."} or Path(name).name != name:
            raise ConfigError("sim.port_name", f"{name!r} is no file name")
        self.path = Path(directory) / name
        self._report_bytes = report_bytes
        self._talk = Conversation(clock or SystemClock())
        self._listener: socket.socket | None = None

    @property
    def url(self) -> str:
        return f"hidraw:{self.path}"

    @property
    def connected(self) -> bool:
        return self._talk.hosts > 0

    @property
    def lost_bytes(self) -> int:
        """Bytes sent that no host took."""
        return self._talk.lost_bytes

    async def start(self) -> None:
        await self.plug()

    async def close(self) -> None:
        await self.unplug()

    async def read(self) -> bytes:
        return await self._talk.read()

    async def write(self, data: bytes) -> None:
        size = self._report_bytes or max(1, len(data))
        for at in range(0, len(data), size):
            await self._talk.write(data[at : at + size])

    async def unplug(self) -> None:
        if self._listener is None:
            return
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        self._listener = None
        self.path.unlink(missing_ok=True)
        self._talk.hang_up()

    async def plug(self) -> None:
        if self._listener is not None:
            return
        self._listener = _listen(self.path)
        asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            host, _ = listener.accept()
        except OSError:
            return  # gone again before we looked
        if self._talk.hosts >= MAX_HOSTS:
            host.close()
            return
        self._talk.join(Descriptor(host.detach()))


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
