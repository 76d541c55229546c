"""A stream of bytes on one file descriptor that the event loop watches: what serial ports and TCP share.

Owns: the open descriptor, the bytes that wait for their reader, back-pressure, hang-up, write deadlines.
Must not know: how the descriptor was opened, what the bytes mean.

No thread and no polling: the loop wakes once for each chunk. At a hang-up the watching ends first, so that
a dead descriptor, which is always "ready", can never spin the loop.
"""

from __future__ import annotations

import asyncio
import os
import select

from edge_agent.links.waiting import Stream, Waiting
from edge_agent.sdk.errors import LinkError

WRITE_CHUNK = 64 * 1024  # for each turn of the loop: a large page must not keep the other devices waiting
CLOSED = -1
REPLUG = "check the cable and the power of the device"


class DescriptorLink:
    """A ByteLink on a non-blocking descriptor, which it owns from now on."""

    DISCARD_READS = 16  # 256 KiB, more than kernel buffers hold: a device that floods cannot keep us at it

    def __init__(self, descriptor: int, url: str, device: str, waiting: Waiting | None = None) -> None:
        self._descriptor = descriptor
        self._url = url
        self._device = device
        self._loop = asyncio.get_running_loop()
        self._waiting: Waiting = Stream() if waiting is None else waiting
        self._arrived = asyncio.Event()
        self._room: asyncio.Future[None] | None = None
        self._writing = asyncio.Lock()
        self._watched = False
        self._loss = ""
        self._unfinished = False
        self._watch()

    @property
    def url(self) -> str:
        return self._url

    async def read(self) -> bytes:
        while not self._waiting:
            if self._loss:
                raise self._lost()
            self._watch()
            self._arrived.clear()
            await self._arrived.wait()
        data = self._waiting.take()
        self._watch()
        return data

    async def write(self, data: bytes, timeout_s: float) -> None:
        accepted = 0
        self._unfinished = True
        try:
            async with asyncio.timeout(timeout_s), self._writing:
                while True:
                    accepted += self._push(data[accepted : accepted + WRITE_CHUNK], accepted)
                    if accepted == len(data):
                        break
                    await self._until_room()
        except TimeoutError:
            raise LinkError(
                "link.write_timeout",
                f"{self._url} took {accepted} of {len(data)} bytes in {timeout_s} s",
                device=self._device,
                hint="switch the device off and on",
                accepted=accepted,
            ) from None
        self._unfinished = False

    def discard_input(self) -> int:
        dropped = self._waiting.clear()
        for _ in range(self.DISCARD_READS):
            data = self._pull()
            if not data:
                break
            dropped += len(data)
        self._watch()
        return dropped

    async def close(self) -> None:
        if self._descriptor == CLOSED:
            return
        self.discard_input()  # unread bytes would make TCP reset the connection, and lose what is still to go
        self._lose("closed by the agent")
        descriptor, self._descriptor = self._descriptor, CLOSED
        await self._release(descriptor)

    async def _release(self, descriptor: int) -> None:
        os.close(descriptor)

    def _watch(self) -> None:
        if not self._watched and not self._loss and self._waiting.room:
            self._loop.add_reader(self._descriptor, self._on_readable)
            self._watched = True

    def _unwatch(self) -> None:
        if self._watched:
            self._loop.remove_reader(self._descriptor)
            self._watched = False

    def _on_readable(self) -> None:
        if data := self._pull():
            self._waiting.add(data)
        if not self._waiting.room:
            self._unwatch()
        if self._waiting:
            self._arrived.set()

    def _pull(self) -> bytes:
        """What can be read now within the limit; nothing if nothing waits or the link is lost."""
        if self._loss:
            return b""
        try:
            data = os.read(self._descriptor, self._waiting.room)
        except BlockingIOError:
            if _is_hung_up(self._descriptor):
                self._lose("hung up")
            return b""
        except OSError as error:
            self._lose(error.strerror or "read failed")
            return b""
        if not data:
            self._lose("hung up")
        return data

    def _push(self, data: bytes, accepted: int) -> int:
        """How many bytes the descriptor takes now."""
        if self._loss:
            raise self._lost(accepted)
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._lose(error.strerror or "write failed")
            raise self._lost(accepted) from error

    async def _until_room(self) -> None:
        room = self._room = self._loop.create_future()
        self._loop.add_writer(self._descriptor, self._on_writable)
        try:
            await room
        finally:
            self._room = None
            if not self._loss:
                self._loop.remove_writer(self._descriptor)

    def _on_writable(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def _lose(self, reason: str) -> None:
        """Stop watching for good, then wake whoever waits; only the first reason is kept."""
        if self._loss:
            return
        self._unwatch()
        self._loop.remove_writer(self._descriptor)
        self._loss = reason
        self._arrived.set()
        self._on_writable()

    def _lost(self, accepted: int = 0) -> LinkError:
        return LinkError(
            "link.lost", f"{self._url}: {self._loss}", device=self._device, hint=REPLUG, accepted=accepted
        )


def _is_hung_up(descriptor: int) -> bool:
    """Whether a descriptor without data is dead: it would be reported as readable for ever."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(0))
