"""Open descriptors towards the host, watched by the event loop: no thread, no task of their own.

Owns: one non-blocking descriptor (pty master or socket), and the conversation over one or several of them.
Must not know: how a descriptor came to be, what the bytes mean.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable

from edge_agent.sdk.clock import Clock
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import LinkError

READ_BYTES = 4096  # one chunk; a Linux tty hands out at most this much
PATIENCE_S = 0.5  # a host that takes nothing this long loses the rest: a device does not wait for it
PACE_SLICE_S = 0.01  # paced bytes leave in slices of this length: fine against any reply time-out


class Descriptor:
    """A non-blocking descriptor that is ours to close."""

    def __init__(self, number: int) -> None:
        os.set_blocking(number, False)
        self._number = number
        self._room: asyncio.Future[None] | None = None
        self.open = True

    def watch(self, arrived: Callable[[Descriptor], None]) -> None:
        """Call `arrived` once, when bytes or the end of them wait."""

        def once() -> None:
            self.ignore()
            arrived(self)

        asyncio.get_running_loop().add_reader(self._number, once)

    def ignore(self) -> None:
        asyncio.get_running_loop().remove_reader(self._number)

    def take(self) -> bytes | None:
        """What waits: bytes, nothing at all (empty), or None at the end of the conversation."""
        try:
            return os.read(self._number, READ_BYTES) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    async def send(self, data: bytes) -> int:
        """Hand over what the host takes in time; gives how many bytes that was."""
        sent = 0
        try:
            async with asyncio.timeout(PATIENCE_S):
                while sent < len(data) and self.open:
                    sent += await self._send_some(data[sent:])
        except TimeoutError:
            return sent
        return sent

    def close(self) -> None:
        """Free the descriptor; safe to call twice."""
        if not self.open:
            return
        self.open = False
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._number)
        loop.remove_writer(self._number)
        if self._room is not None:
            _resolve(self._room)
        os.close(self._number)

    async def _send_some(self, data: bytes) -> int:
        try:
            return os.write(self._number, data)
        except BlockingIOError:
            await self._wait_for_room()
        except OSError:
            self.close()
        return 0

    async def _wait_for_room(self) -> None:
        loop = asyncio.get_running_loop()
        self._room = room = loop.create_future()
        loop.add_writer(self._number, _resolve, room)
        try:
            await room
        finally:
            self._room = None
            if self.open:
                loop.remove_writer(self._number)


def _resolve(room: asyncio.Future[None]) -> None:
    if not room.done():
        room.set_result(None)


class Conversation:
    """What the host says and hears: one chunk read ahead at most, so a slow device holds the host back.

    Bytes for a host that is not there, or takes nothing, are lost and counted, as on a real line.
    """

    def __init__(self, clock: Clock, pace: SerialSettings | None = None) -> None:
        self._clock = clock
        self._byte_s = byte_time_s(pace)
        self._hosts: list[Descriptor] = []
        self._held: deque[bytes | None] = deque()  # never more than a chunk and a hang-up, see _listen
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self.lost_bytes = 0

    @property
    def hosts(self) -> int:
        return len(self._hosts)

    def join(self, host: Descriptor) -> None:
        self._hosts.append(host)
        self._listen()

    def hang_up(self) -> None:
        """Close every descriptor; the device learns of it once, after the bytes that came before."""
        for host in tuple(self._hosts):
            self._leave(host)

    async def read(self) -> bytes:
        """The next chunk. Raises LinkError("link.lost") once per hang-up, then waits for the next host."""
        while not self._held:
            self._listen()
            self._news.clear()
            await self._news.wait()
        data = self._held.popleft()
        if data is None:
            raise LinkError("link.lost", "the host hung up")
        return data

    async def write(self, data: bytes) -> None:
        """Send to every host, at the pace of the line."""
        step = max(1, round(PACE_SLICE_S / self._byte_s)) if self._byte_s else max(1, len(data))
        async with self._turn:
            for at in range(0, len(data), step):
                piece = data[at : at + step]
                await self._clock.sleep(len(piece) * self._byte_s)
                if not await self._send(piece):
                    self.lost_bytes += len(data) - at - len(piece)
                    return

    async def _send(self, data: bytes) -> bool:
        """Whether some host took all of it."""
        if not self._hosts:
            self.lost_bytes += len(data)
        whole = False
        for host in tuple(self._hosts):
            sent = await host.send(data)
            self.lost_bytes += len(data) - sent
            whole = whole or sent == len(data)
            if not host.open and host in self._hosts:
                self._leave(host)
        return whole

    def _listen(self) -> None:
        for host in () if self._held else tuple(self._hosts):
            host.watch(self._arrived)

    def _arrived(self, host: Descriptor) -> None:
        data = host.take()
        if data is None:
            self._leave(host)
        elif data:
            self._hold(data)
        self._listen()

    def _hold(self, data: bytes | None) -> None:
        self._held.append(data)
        self._news.set()
        for host in self._hosts:
            host.ignore()

    def _leave(self, host: Descriptor) -> None:
        self._hosts.remove(host)
        host.close()
        if not self._hosts and None not in self._held:
            self._hold(None)


def byte_time_s(line: SerialSettings | None) -> float:
    """How long one byte takes on a serial line; nothing where there is no pace."""
    if line is None:
        return 0.0
    return (1 + line.bits + (line.parity != "N") + line.stop) / line.baud
