"""Peers for broker tests: a paho client, and a raw socket."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as PahoProperties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_agent.sdk.errors import ProtocolError
from simulators.mqtt.codec import PacketCodec, encode
from simulators.mqtt.packets import Connack, Connect, Packet, Version

DEADLINE_S = 20.0  # generous: two slow cores with other work beside


async def until(condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """Wait for a condition; the failure shows which."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s:g} s: {condition.__name__}"
        await asyncio.sleep(0.005)


def properties(kind: int, **values: object) -> PahoProperties:
    made = PahoProperties(kind)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Paho:
    """A real client whose callbacks only write down what happened."""

    def __init__(
        self,
        port: int,
        client_id: str,
        version: Version = Version.V5,
        *,
        clean: bool = True,
        manual: bool = False,
    ) -> None:
        self.v5 = version is Version.V5
        self.client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5 if self.v5 else paho.MQTTv311,
            clean_session=None if self.v5 else clean,
            reconnect_on_failure=False,
            manual_ack=manual,
        )
        self._port = port
        self._clean = clean
        self.greetings: list[tuple[int, bool]] = []
        self.messages: list[paho.MQTTMessage] = []
        self.subscribed: dict[int, list[int]] = {}
        self.unsubscribed: set[int] = set()
        self.published: dict[int, int] = {}
        self.endings: list[int] = []
        self.client.on_connect = self._on_connect
        self.client.on_message = lambda _c, _u, message: self.messages.append(message)
        self.client.on_subscribe = self._on_subscribe
        self.client.on_unsubscribe = lambda _c, _u, mid, *_: self.unsubscribed.add(mid)
        self.client.on_publish = self._on_publish
        self.client.on_disconnect = self._on_disconnect

    def _on_connect(self, _c, _u, flags, reason, _p) -> None:
        self.greetings.append((reason.value, flags.session_present))

    def _on_subscribe(self, _c, _u, mid, reasons, _p) -> None:
        self.subscribed[mid] = [reason.value for reason in reasons]

    def _on_publish(self, _c, _u, mid, reason, _p) -> None:
        self.published[mid] = reason.value

    def _on_disconnect(self, _c, _u, _flags, reason, _p) -> None:
        self.endings.append(reason.value)

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]

    async def connect(
        self,
        *,
        expiry_s: int = 0,
        keep_alive_s: int = 30,
        will: tuple[str, bytes] | None = None,
        **more: object,
    ) -> bool:
        """Connect and give "session present"; `will_delay` belongs to the will, the rest to CONNECT."""
        delay = more.pop("will_delay", None)
        if will is not None:
            given = None if delay is None else properties(PacketTypes.WILLMESSAGE, WillDelayInterval=delay)
            self.client.will_set(will[0], will[1], qos=1, properties=given)
        count = len(self.greetings)
        if self.v5:
            wanted = properties(PacketTypes.CONNECT, SessionExpiryInterval=expiry_s, **more)
            self.client.connect(
                "127.0.0.1", self._port, keep_alive_s, clean_start=self._clean, properties=wanted
            )
        else:
            self.client.connect("127.0.0.1", self._port, keep_alive_s)
        self.client.loop_start()
        await until(lambda: len(self.greetings) > count)
        assert self.greetings[-1][0] == 0
        return self.greetings[-1][1]

    async def subscribe(self, wanted: str, qos: int = 1, **options: object) -> list[int]:
        if options:
            _, mid = self.client.subscribe(wanted, options=SubscribeOptions(qos=qos, **options))
        else:
            _, mid = self.client.subscribe(wanted, qos)
        await until(lambda: mid in self.subscribed)
        return self.subscribed[mid]

    async def unsubscribe(self, wanted: str) -> None:
        _, mid = self.client.unsubscribe(wanted)
        await until(lambda: mid in self.unsubscribed)

    async def publish(
        self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False, **more: object
    ) -> int:
        """Publish, wait for the answer, give its reason code."""
        given = properties(PacketTypes.PUBLISH, **more) if more else None
        mid = self.client.publish(topic, payload, qos, retain, given).mid
        await until(lambda: mid in self.published)
        return self.published[mid]

    def send(self, topic: str, payload: bytes) -> int:
        """Publish with QoS 1 and do not wait."""
        return self.client.publish(topic, payload, 1).mid

    async def close(self) -> None:
        """Say goodbye."""
        self.client.disconnect()
        await self._stopped()

    async def vanish(self) -> None:
        """Break the connection without a word."""
        opened = self.client.socket()
        if opened is not None:
            opened.shutdown(socket.SHUT_RDWR)
        await until(lambda: not self.client.is_connected())
        await self._stopped()

    async def _stopped(self) -> None:
        await asyncio.to_thread(self.client.loop_stop)
        self.client._reset_sockets()  # paho leaves its wake-up pair to the garbage collector


@asynccontextmanager
async def raw(port: int, connect: Connect | None = None) -> AsyncIterator[Raw]:
    """A socket that says what it is told, after an ordinary CONNECT if one is given."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    peer = Raw(reader, writer, connect.version if connect else Version.V5)
    try:
        if connect is not None:
            peer.send(connect)
            assert isinstance(await peer.next(), Connack)
        yield peer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


class Raw:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, version: Version) -> None:
        self.reader = reader
        self.writer = writer
        self.version = version
        self._codec = PacketCodec(version)
        self._packets: list[Packet | ProtocolError] = []

    def send(self, *packets: Packet) -> None:
        """All packets in one write."""
        self.writer.write(b"".join(encode(packet, self.version) for packet in packets))

    async def next(self) -> Packet | ProtocolError | None:
        """The next packet; None at the end of the stream."""
        async with asyncio.timeout(DEADLINE_S):
            while not self._packets:
                data = await self.bytes()
                if not data:
                    return None
                self._packets += self._codec.feed(data)
        return self._packets.pop(0)

    async def bytes(self) -> bytes:
        try:
            return await self.reader.read(65536)
        except ConnectionError:
            return b""

    async def silent_for(self, seconds: float) -> bool:
        """Whether nothing comes, not even the end, in this time."""
        try:
            async with asyncio.timeout(seconds):
                await self.next()
        except TimeoutError:
            return True
        return False
