"""An endpoint in memory: the device at one end, a driver's link at the other, no operating system between.

Owns: LoopbackEndpoint and its host end, which is a ByteLink. Must not know: devices, protocols, faults.
For tests on a manual clock: bytes cross at once and nothing waits on real time.
"""

from __future__ import annotations

import asyncio
from collections import deque

from edge_agent.sdk.errors import LinkError

QUEUE_BYTES = 65_536  # as much as a TCP connection holds; a device that floods loses the rest


class Lane:
    """Bytes in one direction, cut into the chunks that were written, with the hang-ups between them."""

    def __init__(self) -> None:
        self._held: deque[bytes | None] = deque()
        self._news = asyncio.Event()
        self._bytes = 0

    @property
    def chunks(self) -> int:
        """How many chunks wait, a hang-up counting as one."""
        return len(self._held)

    def put(self, data: bytes) -> int:
        """Take what fits; gives how many bytes that was."""
        taken = data[: QUEUE_BYTES - self._bytes]
        if taken:
            self._held.append(taken)
            self._bytes += len(taken)
            self._news.set()
        return len(taken)

    def end(self) -> None:
        if None not in self._held:
            self._held.append(None)
            self._news.set()

    async def take(self) -> bytes:
        """The next chunk. Raises LinkError at a hang-up."""
        while not self._held:
            self._news.clear()
            await self._news.wait()
        data = self._held.popleft()
        if data is None:
            raise LinkError("link.lost", "hung up")
        self._bytes -= len(data)
        return data

    def drop(self) -> int:
        """Forget what waits; gives how many bytes that was."""
        dropped = self._bytes
        self._held = deque(item for item in self._held if item is None)
        self._bytes = 0
        return dropped


class LoopbackEndpoint:
    """The device's end. `host()` gives a fresh link, as opening the port does."""

    def __init__(self, name: str = "device") -> None:
        self.url = f"loopback:{name}"
        self.to_device = Lane()
        self.to_host: Lane | None = None
        self.lost_bytes = 0
        self._plugged = False

    @property
    def connected(self) -> bool:
        return self.to_host is not None

    async def start(self) -> None:
        await self.plug()

    async def close(self) -> None:
        await self.unplug()

    async def plug(self) -> None:
        self._plugged = True

    async def unplug(self) -> None:
        self._plugged = False
        self.hang_up()

    async def read(self) -> bytes:
        return await self.to_device.take()

    async def write(self, data: bytes) -> None:
        taken = self.to_host.put(data) if self.to_host is not None else 0
        self.lost_bytes += len(data) - taken

    def host(self) -> LoopbackLink:
        """Open the port. Raises LinkError where it is unplugged or open already."""
        if not self._plugged or self.to_host is not None:
            raise LinkError("link.open_failed", "unplugged or in use", device=self.url)
        self.to_host = Lane()
        return LoopbackLink(self, self.to_host)

    def hang_up(self) -> None:
        """End the conversation for both ends."""
        if self.to_host is not None:
            self.to_host.end()
            self.to_device.end()
            self.to_host = None


class LoopbackLink:
    """The host's end: a ByteLink."""

    def __init__(self, endpoint: LoopbackEndpoint, lane: Lane) -> None:
        self.url = endpoint.url
        self._endpoint = endpoint
        self._lane = lane

    @property
    def _alive(self) -> bool:
        return self._endpoint.to_host is self._lane

    async def read(self) -> bytes:
        if not self._alive and not self._lane.chunks:
            raise LinkError("link.lost", "hung up", device=self.url)
        return await self._lane.take()

    async def write(self, data: bytes, timeout_s: float) -> None:
        """`timeout_s` is not waited for: what does not fit at once is not taken."""
        if not self._alive:
            raise LinkError("link.lost", "hung up", device=self.url)
        taken = self._endpoint.to_device.put(data)
        if taken < len(data):
            raise LinkError("link.write_timeout", f"took {taken} bytes in {timeout_s} s", accepted=taken)

    def discard_input(self) -> int:
        return self._lane.drop()

    async def close(self) -> None:
        if self._alive:
            self._endpoint.hang_up()
