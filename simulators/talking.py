"""What the ends of a simulated line have in common: one conversation, plugged in and out.

Owns: the half of an endpoint that is the same for a pty, a TCP port and a socket of packets.
Must not know: how the far end is made and named, which device it is.
"""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod

from simulators.descriptors import Conversation, Descriptor

BACKLOG = 8  # connections that wait between two turns of the loop


class TalkingEndpoint(ABC):
    """An Endpoint whose bytes go through one Conversation."""

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk

    @property
    def hosts(self) -> int:
        return self._talk.hosts

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
        await self._talk.write(data)

    @abstractmethod
    async def plug(self) -> None:
        """Come back under the same name. Nothing happens if plugged in already."""

    @abstractmethod
    async def unplug(self) -> None:
        """Vanish: the host is hung up on. Nothing happens if unplugged already."""


class ListeningEndpoint(TalkingEndpoint):
    """An Endpoint that hosts connect to: `room` at once, further ones are turned away."""

    def __init__(self, talk: Conversation, room: int) -> None:
        super().__init__(talk)
        self._room = room
        self._listener: socket.socket | None = None

    async def plug(self) -> None:
        if self._listener is not None:
            return
        self._listener = self._listen()
        asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    async def unplug(self) -> None:
        if self._listener is None:
            return
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        self._listener = None
        self._vanished()
        self._talk.hang_up()

    def _accept(self, listener: socket.socket) -> None:
        try:
            host, _ = listener.accept()
        except OSError:
            return  # gone again before we looked
        if self._talk.hosts >= self._room:
            host.close()
            return
        self._welcome(host)
        self._talk.join(Descriptor(host.detach()))

    @abstractmethod
    def _listen(self) -> socket.socket:
        """A listening socket that does not block. Raises ConfigError for a name that is taken."""

    def _vanished(self) -> None:
        """Take away what named the socket."""

    def _welcome(self, host: socket.socket) -> None:
        """Set up a host's connection."""
