"""Bytes between a USB function and the device simulator behind it, and the Endpoint that the simulator sees.

Owns: two bounded queues, hang-ups, the plug. Must not know: USB requests, devices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from edge_agent.sdk.errors import LinkError
from simulators.usb.bus import Plug, PluggedEndpoint
from simulators.usb.device import Function, Handshake

ROOM_BYTES = 4096  # a cheap printer's receive buffer; more and the host has to wait
PATIENCE_S = 0.5  # a host that takes nothing this long loses the rest: a device does not wait for it


class Pipe:
    """Both directions of one byte stream. Full towards the device means NAK; towards the host, patience."""

    def __init__(self) -> None:
        self._from_host = bytearray()
        self._to_host = bytearray()
        self._open = False
        self._hung_up = False
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._news: Callable[[], None] = lambda: None
        self.lost_bytes = 0
        self.received_bytes = 0

    @property
    def open(self) -> bool:
        """Whether a program on the host has the port open."""
        return self._open

    def on_news(self, news: Callable[[], None]) -> None:
        """What to call when a transfer that waits may now go on."""
        self._news = news

    def opened(self) -> None:
        """The host asks for data: a program has the port open. DTR would not tell: many leave it low."""
        self._open = True

    def hung_up(self) -> None:
        """The host closed the port, or the plug was pulled: bytes on the way are lost."""
        if not self._open:
            return
        self._open = False
        self._hung_up = True
        self.drop_to_host()
        self._arrived.set()

    def put(self, data: bytes) -> Handshake:
        """Bytes from the host."""
        if len(self._from_host) + len(data) > ROOM_BYTES and self._from_host:
            return Handshake.NAK
        self._from_host += data
        self.received_bytes += len(data)
        self._arrived.set()
        return Handshake.ACK

    def take(self, room: int) -> bytes:
        """Bytes for the host; empty where there are none."""
        data = bytes(self._to_host[:room])
        del self._to_host[:room]
        if data:
            self._room.set()
        return data

    def drop_to_host(self) -> None:
        """Forget what the host has not fetched."""
        self.lost_bytes += len(self._to_host)
        self._to_host.clear()
        self._room.set()

    def drop_from_host(self) -> None:
        """Forget what the device has not read."""
        self._from_host.clear()
        self._news()

    async def read(self) -> bytes:
        """What the host sent. Raises LinkError("link.lost") once per hang-up, then waits on."""
        while not self._from_host:
            if self._hung_up:
                self._hung_up = False
                raise LinkError("link.lost", "the host hung up")
            self._arrived.clear()
            await self._arrived.wait()
        data = bytes(self._from_host)
        self._from_host.clear()
        self._news()
        return data

    async def write(self, data: bytes) -> None:
        """Send to the host; returns when the bytes wait in the device's buffer, or are lost."""
        rest = memoryview(data)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while rest and self._open:
                    rest = await self._push(rest)
        except TimeoutError:
            pass  # counted below: nobody fetches
        self.lost_bytes += len(rest)

    async def _push(self, rest: memoryview) -> memoryview:
        room = ROOM_BYTES - len(self._to_host)
        if room <= 0:
            self._room.clear()
            await self._room.wait()
            return rest
        self._to_host += rest[:room]
        self._news()
        return rest[room:]


class StreamFunction(Function, Protocol):
    """A function that carries a byte stream."""

    pipe: Pipe

    def port_name(self, by_path: str) -> str:
        """The port as the agent's configuration names it, from the by-path name of the USB port."""


class UsbEndpoint(PluggedEndpoint):
    """A simulated device's end of a USB port: what simulators.endpoints.Endpoint asks for."""

    def __init__(self, function: StreamFunction, plug: Plug) -> None:
        super().__init__(plug)
        self._function = function

    @property
    def url(self) -> str:
        """By path, so that identical devices differ; known once plugged in."""
        return self._function.port_name(self._plug.path)

    @property
    def connected(self) -> bool:
        return self._function.pipe.open

    @property
    def lost_bytes(self) -> int:
        """Bytes sent that no host took."""
        return self._function.pipe.lost_bytes

    async def read(self) -> bytes:
        return await self._function.pipe.read()

    async def write(self, data: bytes) -> None:
        await self._function.pipe.write(data)
