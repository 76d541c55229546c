"""What tests of the session and the uplink stand on: a handler that remembers, brokers that misbehave.

Owns: SeenHandler, `session_on`, OldBroker, `scripted`. Must not know: payloads of the contract.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from edge_agent.sdk.clock import Clock, SystemClock
from edge_agent.uplink.broker import Broker as Address
from edge_agent.uplink.broker import Inbound, Up
from edge_agent.uplink.session import Session
from simulators.mqtt.client import MqttClient
from simulators.mqtt.packets import Publish, Version
from tests.waiting import until

STATE, DOWN = "booth/v1/B1/up/state", "booth/v1/B1/dn/+"
CONNACK_5, SUBACK_5 = b"\x20\x03\x00\x00\x00", b"\x90\x04\x00\x01\x00\x01"


class SeenHandler:
    """Writes down what the session tells, in order."""

    def __init__(self) -> None:
        self.ups: list[Up] = []
        self.downs: list[str] = []
        self.codes: list[int] = []
        self.connected = False
        self.pubacks: list[tuple[int, int]] = []
        self.messages: list[Inbound] = []
        self.keeps_back = False

    async def was_up(self, times: int) -> None:
        """Wait until it has been up so many times."""
        await until(lambda: len(self.ups) >= times)

    async def was_down(self, times: int) -> None:
        """Wait until it has been told of so many losses and failed tries."""
        await until(lambda: len(self.downs) >= times)

    def went_up(self, up: Up) -> None:
        self.ups.append(up)
        self.connected = True

    def went_down(self, reason: str, code: int) -> None:
        self.downs.append(reason)
        self.codes.append(code)
        self.connected = False

    def acknowledged(self, mid: int, reason: int) -> None:
        self.pubacks.append((mid, reason))

    def arrived(self, message: Inbound) -> None:
        self.messages.append(message)
        if not self.keeps_back:
            message.done()


def address(port: int, *, protocol: str = "auto", keepalive_s: int = 30, **more: object) -> Address:
    return Address(
        host="127.0.0.1",
        port=port,
        client_id="B1",
        will_topic=STATE,
        will_payload=b'{"status":"offline","reason":"lost"}',
        subscriptions=(DOWN, "booth/v1/_sys/epoch"),
        protocol=protocol,
        keepalive_s=keepalive_s,
        **more,  # type: ignore[arg-type]  # username, password, tls
    )


@asynccontextmanager
async def session_on(
    where: Address, *, clock: Clock | None = None, wait: bool = True
) -> AsyncIterator[tuple[Session, SeenHandler]]:
    """A session that runs beside the test; up when the test begins, unless it shall not wait."""
    handler = SeenHandler()
    session = Session(where, handler, clock or SystemClock(), seed=1)
    async with beside(session.run()) as running:
        if wait:
            await until(lambda: handler.ups or running.done())
        yield session, handler


@asynccontextmanager
async def beside(work: Awaitable[None]) -> AsyncIterator[asyncio.Future[None]]:
    """Run it beside the test; what ended it with an error is raised here."""
    running = asyncio.ensure_future(work)
    try:
        yield running
        if running.done():
            running.result()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def listener(port: int, *topics: str) -> AsyncIterator[list[Publish]]:
    """Everything that is published on these topics, retained ones first."""
    heard: list[Publish] = []
    async with MqttClient("listener", host="127.0.0.1", port=port, version=Version.V5) as client:
        for topic in topics:
            await client.subscribe(topic)

        async def hear() -> None:
            while messages := await client.receive(100):
                heard.extend(messages)

        async with beside(hear()):
            yield heard


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def scripted(serve: Serve) -> AsyncIterator[int]:
    """A TCP server that does what the test says with each connection; gives its port."""
    open_now: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_now.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            open_now.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in list(open_now):
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)
        await server.wait_closed()


async def read_packet(reader: asyncio.StreamReader) -> bytes:
    """One whole MQTT packet of less than 16 KiB."""
    head = await reader.readexactly(2)
    length = head[1] & 0x7F
    if head[1] & 0x80:
        head += await reader.readexactly(1)
        length |= head[2] << 7
    return head + await reader.readexactly(length)


def old_broker(real_port: int, refusal: bytes, seen: list[int]) -> Serve:
    """In front of a broker: connections of MQTT 5 get `refusal` and are closed, those of 3.1.1 go through.

    The protocol levels that were tried are put into `seen`.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connect = await read_packet(reader)
        level = connect[connect.index(b"MQTT") + 4]
        seen.append(level)
        if level == 5:
            writer.write(refusal)
            await writer.drain()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", real_port)
        far_writer.write(connect)
        try:
            await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))
        finally:
            far_writer.close()

    return serve


async def _pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    sink.close()
