"""The broker as a whole: listening, stopping, and the network going away.

Owns: the listening socket and the set of connections. Must not know: MQTT.
Everything is in memory: a stop forgets sessions, queues and retained messages. Not for production.
"""

from __future__ import annotations

import asyncio
import socket
from types import TracebackType

from simulators.broker.connection import Connection
from simulators.broker.faults import Faults
from simulators.broker.registry import Registry
from simulators.broker.router import Router
from simulators.broker.shared import Shared, Stats
from simulators.mqtt.reasons import Reason

BACKLOG = 4096  # a fleet that comes back at once; the kernel's own limit is usually the same
CONNECTIONS_LIMIT = 20_000  # two fleets of 9,000; a flood of sockets is refused at the door
THRESHOLD_TURNS = 3  # of the loop, from a connection's acceptance to its protocol's first word
STOP_TIMEOUT_S = 3.0  # a goodbye takes one turn of the loop; stragglers are cut off after this


class Broker:
    """An MQTT 3.1.1 and 5 broker on a TCP port; port 0 takes a free one and keeps it over a restart.

    `faults` may be changed while it runs. QoS 2 is refused (0x9B), passwords are not looked at.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.stats = Stats()
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._held_port: socket.socket | None = None
        self._shared: Shared | None = None
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._frozen = False
        self._healing: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port once started; 0 before."""
        return self._port

    @property
    def connections(self) -> int:
        return len(self._connections)

    @property
    def sessions(self) -> int:
        return len(self._shared.registry) if self._shared else 0

    async def start(self) -> None:
        """Listen. Raises OSError if the port is taken."""
        loop = asyncio.get_running_loop()
        router = Router(loop.time)
        self.stats = Stats()
        self._shared = Shared(loop.time, self.faults, self.stats, router, Registry(router, loop))
        await self._listen(self._bind(), self._shared)

    async def stop(self) -> None:
        """Say goodbye to all, free every socket, forget everything; safe to call twice."""
        await self._cancel_healing()
        shared, self._shared = self._shared, None
        await self._close_doors()
        self._release_port()
        self.thaw()
        for connection in list(self._connections):
            connection.conversation.evict(Reason.SERVER_SHUTTING_DOWN)
            connection.hang_up()
        await self._until_empty()
        if shared is not None:
            shared.registry.close()

    async def __aenter__(self) -> Broker:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def freeze(self) -> None:
        """From now on take bytes and connections, answer nothing (a stopped process, a half-open link)."""
        self._frozen = True
        for connection in self._connections:
            connection.freeze()

    def thaw(self) -> None:
        """Go on, with everything that came in the meantime."""
        self._frozen = False
        for connection in list(self._connections):
            connection.thaw()

    def drop_connections(self) -> None:
        """Break every connection without a word; new ones are welcome at once."""
        for connection in list(self._connections):
            connection.abort()

    async def cut(self, for_s: float | None = None) -> None:
        """The network is gone: connections break, new ones are refused; back after `for_s` or with `heal`."""
        await self._cancel_healing()
        if self._server is not None:
            await self._close_doors()
            self._held_port = self._bind()
        self.drop_connections()
        await self._until_empty()
        if for_s is not None:
            self._healing = asyncio.create_task(self._heal_after(for_s))

    async def heal(self) -> None:
        """The network is back; sessions and retained messages are as they were."""
        await self._cancel_healing()
        await self._open_again()

    def came(self, connection: Connection) -> None:
        """A socket is open (for connections only)."""
        self._connections.add(connection)
        self._empty.clear()
        if self._frozen:
            connection.freeze()
        late = connection.shared is not self._shared or self._held_port is not None
        if late or len(self._connections) > CONNECTIONS_LIMIT:
            connection.abort()  # a late one was on its way in when the door was closed

    def left(self, connection: Connection) -> None:
        """A socket is free again (for connections only)."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        door = socket.socket(family, socket.SOCK_STREAM)
        try:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind((self._host, self._port))
            door.setblocking(False)
        except OSError:
            door.close()
            raise
        self._port = int(door.getsockname()[1])
        return door

    async def _listen(self, door: socket.socket, shared: Shared) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(shared, self), sock=door, backlog=BACKLOG)

    async def _close_doors(self) -> None:
        """Take nobody in, let those who are on the threshold in, then close.

        asyncio lets go of a connection, unclosed, whose server is closed while it comes in: its client hangs.
        """
        server, self._server = self._server, None
        if server is None:
            return
        loop = asyncio.get_running_loop()
        for door in server.sockets:
            loop.remove_reader(door.fileno())
        for _ in range(THRESHOLD_TURNS):
            await asyncio.sleep(0)
        server.close()

    def _release_port(self) -> None:
        if self._held_port is not None:
            self._held_port.close()
            self._held_port = None

    async def _open_again(self) -> None:
        if self._held_port is not None and self._shared is not None:
            door, self._held_port = self._held_port, None
            await self._listen(door, self._shared)

    async def _heal_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._open_again()

    async def _cancel_healing(self) -> None:
        task, self._healing = self._healing, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _until_empty(self) -> None:
        if not self._connections:
            return
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._empty.wait()
        except TimeoutError:
            self.drop_connections()
            await self._empty.wait()
