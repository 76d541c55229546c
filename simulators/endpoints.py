"""Where a host finds a simulated device: a pseudo-terminal behind a stable name, or a TCP port.

Owns: making, naming, unplugging and re-plugging the two; the Endpoint seam that every device is built on.
Must not know: which device it is, protocols, faults on the way (simulators.wire).

A pty is infinitely fast and shows no parity: `line` paces what the device sends, nothing checks the framing.
"""

from __future__ import annotations

import errno
import os
import socket
import tty
from pathlib import Path
from typing import Protocol

from edge_agent.sdk.clock import Clock, SystemClock
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import ConfigError
from simulators.descriptors import Conversation, Descriptor
from simulators.talking import BACKLOG, ListeningEndpoint, TalkingEndpoint

MAX_CLIENTS = 8  # more than a booth has programs; further ones are turned away
HOST_QUEUE_BYTES = 4096  # asked of the kernel for what a TCP host sends ahead: a printer's buffer is not ours


class Endpoint(Protocol):
    """The device's end of a line. A device never notices that nobody listens: such bytes are lost."""

    @property
    def url(self) -> str:
        """The port as the agent's configuration names it."""

    @property
    def connected(self) -> bool:
        """Whether bytes would reach a host (a pty: whether it is plugged in)."""

    async def start(self) -> None:
        """Plug in for the first time."""

    async def close(self) -> None:
        """Unplug for good; safe to call twice."""

    async def read(self) -> bytes:
        """The next chunk from the host. Raises LinkError("link.lost") once per hang-up, then waits on."""

    async def write(self, data: bytes) -> None:
        """Send to the host; returns when the bytes are away or lost."""

    async def unplug(self) -> None:
        """Vanish: the host is hung up on. Nothing happens if unplugged already."""

    async def plug(self) -> None:
        """Come back under the same name. Nothing happens if plugged in already."""


class PtyEndpoint(TalkingEndpoint):
    """A serial port: `<directory>/<name>` is a symlink that moves to a new pty at each re-plug."""

    def __init__(
        self,
        directory: Path,
        name: str,
        *,
        line: SerialSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(Conversation(clock or SystemClock(), line))
        if name in {"", ".", ".."} or Path(name).name != name:
            raise ConfigError("sim.port_name", f"{name!r} is no file name")
        self.path = Path(directory) / name
        self._far_end: int | None = None

    @property
    def url(self) -> str:
        return f"serial:{self.path}"

    @property
    def connected(self) -> bool:
        return self._far_end is not None

    async def unplug(self) -> None:
        far_end, self._far_end = self._far_end, None
        if far_end is None:
            return
        _unpoint(self.path, os.ttyname(far_end))
        os.close(far_end)
        self._talk.hang_up()

    async def plug(self) -> None:
        if self._far_end is not None:
            return
        ours, far_end = os.openpty()
        try:
            tty.setraw(far_end)
            _point(self.path, os.ttyname(far_end))
        except OSError as error:
            os.close(ours)
            os.close(far_end)
            raise ConfigError("sim.path_taken", f"cannot make {self.path}: {error.strerror}") from None
        self._far_end = far_end  # held open: a pty whose last user leaves forgets that it is raw, and echoes
        self._talk.join(Descriptor(ours))


class TcpEndpoint(ListeningEndpoint):
    """A network port. One host at a time (others are turned away at once), or several that all hear all."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        one_client: bool = True,
        line: SerialSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(Conversation(clock or SystemClock(), line), 1 if one_client else MAX_CLIENTS)
        self._host = host
        self._port = port

    @property
    def url(self) -> str:
        return f"tcp:{self._host}:{self._port}"

    def _listen(self) -> socket.socket:
        listener = _listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        return listener

    def _welcome(self, host: socket.socket) -> None:
        host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HOST_QUEUE_BYTES)
        listener.setblocking(False)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError("sim.port_taken", f"cannot listen on {host}:{port}: {error.strerror}") from None
    return listener


def _point(link: Path, target: str) -> None:
    """Have the symlink point to the target, in one step; what is no symlink is left alone."""
    if link.exists() and not link.is_symlink():
        raise FileExistsError(errno.EEXIST, "it exists and is no symlink")
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def _unpoint(link: Path, target: str) -> None:
    """Remove the symlink unless somebody else has taken the name meanwhile."""
    if link.is_symlink() and str(link.readlink()) == target:
        link.unlink()
