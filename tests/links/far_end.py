"""The other end of a real port: a pty master or an accepted connection, driven by the test."""

import asyncio
import os
import socket
import struct
import tty
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from edge_agent.links.descriptor import DescriptorLink
from edge_agent.links.serial import SerialLink
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import LinkError

Result = TypeVar("Result")

LINE = SerialSettings()
PATIENCE_S = 40.0  # generous: the machine of a test may be busy


def open_descriptors() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def eventually(condition: Callable[[], bool], message: str) -> None:
    for _ in range(round(PATIENCE_S / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(message)


async def soon(work: Awaitable[Result]) -> Result:
    """The result, within a generous deadline."""
    return await asyncio.wait_for(work, PATIENCE_S)


async def lost(work: Awaitable[object]) -> LinkError:
    """The LinkError that this ends with."""
    try:
        await soon(work)
    except LinkError as error:
        return error
    raise AssertionError("no LinkError")


async def read_exactly(link: DescriptorLink, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await soon(link.read())
    return data


class Cable:
    """A pty: the agent opens `path`, the test holds the device's end as a link of its own."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave  # held open, so that the pty stays raw between two openings
        os.set_blocking(self.master, False)
        self.device = DescriptorLink(self.master, "device's end", "device")

    async def __aenter__(self) -> "Cable":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.unplug()

    async def unplug(self) -> None:
        if self._slave != -1:
            os.close(self._slave)
            self._slave = -1
        await self.device.close()


async def open_port(cable: Cable, settings: SerialSettings = LINE) -> SerialLink:
    return await SerialLink.open(cable.path, settings, device="scale")


class Server:
    """A TCP device on loopback that accepts into `accepted` and does nothing on its own."""

    def __init__(self, family: int = socket.AF_INET, receive_buffer: int = 0) -> None:
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        self.accepted: list[socket.socket] = []

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for connection in self.accepted:
            connection.close()

    def accept(self) -> socket.socket:
        """The connection that the agent just made."""
        connection, _ = self._listener.accept()
        self.accepted.append(connection)
        return connection


def reset(connection: socket.socket) -> None:
    """Close with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
