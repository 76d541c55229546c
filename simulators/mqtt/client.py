"""A small asyncio MQTT client for simulators: one connection, no thread, no task of its own.

Owns: one connection from CONNECT to DISCONNECT, its packet identifiers, windows and inbox.
Must not know: reconnecting, topics of the booth, storage. Who uses it decides what a loss means.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import TypeVar

from edge_agent.sdk.errors import LinkError, ProtocolError
from simulators.mqtt.client_wire import ClientWire
from simulators.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Topic,
    Unsuback,
    Unsubscribe,
    Version,
    Will,
)
from simulators.mqtt.properties import NO_PROPERTIES, Properties
from simulators.mqtt.reasons import FAILURE, reason_words

ANSWER_TIMEOUT_S = 10.0  # an answer on a loaded loopback takes milliseconds; a dead broker shows within this
INBOX_LIMIT = 256  # messages taken from the broker and not yet from us; also our Receive Maximum
WINDOW_311 = 64  # unanswered QoS 1 messages where 3.1.1 names no Receive Maximum
_PACKET_IDS = 0xFFFF

AnswerT = TypeVar("AnswerT", Puback, Suback, Unsuback)
FutureT = TypeVar("FutureT")


class MqttClient:
    """One connection to a broker. `connect` first; `close` (or `async with`) ends it and frees everything.

    A lost connection raises LinkError("mqtt.lost") out of whatever waits, and out of every later call.
    """

    def __init__(
        self,
        client_id: str,
        *,
        host: str,
        port: int,
        version: Version = Version.V5,
        clean_start: bool = True,
        session_expiry_s: int = 0,
        keep_alive_s: int = 30,
        will: Will | None = None,
        username: str | None = None,
        password: bytes | None = None,
        inbox_limit: int = INBOX_LIMIT,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        properties = Properties(receive_maximum=inbox_limit, session_expiry_s=session_expiry_s or None)
        self._connect = Connect(
            client_id,
            version,
            clean_start,
            keep_alive_s,
            will,
            username,
            password,
            properties if version is Version.V5 else NO_PROPERTIES,
        )
        self._address = (host, port)
        self._tls = tls
        self._inbox: deque[Publish] = deque()
        self._inbox_limit = inbox_limit
        self._arrived = asyncio.Event()
        self._answers: dict[int, asyncio.Future[Packet]] = {}
        self._last_id = 0
        self._greeting: asyncio.Future[Connack] | None = None
        self._wire: ClientWire | None = None
        self._window = asyncio.Semaphore(WINDOW_311)
        self.inbox_dropped = 0  # came although the inbox was full; QoS 1 ones stay unacknowledged

    async def connect(self, timeout_s: float = ANSWER_TIMEOUT_S) -> Connack:
        """Open the connection. Raises LinkError("mqtt.unreachable", "mqtt.refused" or "mqtt.no_answer")."""
        if self._wire is not None:
            raise LinkError("mqtt.in_use", "a client serves one connection", device=self._device)
        loop = asyncio.get_running_loop()
        self._greeting = loop.create_future()
        self._wire = ClientWire(self._connect.version, self._take, self._ended)
        answer: Connack | None = None
        try:
            async with asyncio.timeout(timeout_s):
                await self._open(loop, self._wire)
                self._wire.send(self._connect)
                answer = await self._greeting
        except TimeoutError:
            raise self._error("mqtt.no_answer", f"no CONNACK within {timeout_s:g} s") from None
        finally:
            if answer is None:
                await self._drop(abort=True)
        return await self._greeted(answer)

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        properties: Properties = NO_PROPERTIES,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> int:
        """Publish, with QoS 1 until the broker has answered; gives its reason code (0 in 3.1.1)."""
        wire = self._alive()
        await wire.writable(timeout_s)
        if qos == 0:
            wire.send(Publish(topic, payload, 0, retain, properties=properties))
            return 0
        async with self._window:
            packet_id = self._free_id()
            packet = Publish(topic, payload, 1, retain, packet_id=packet_id, properties=properties)
            return (await self._ask(packet_id, packet, Puback, timeout_s)).reason

    async def subscribe(
        self, wanted: str | Topic | Sequence[Topic], *, qos: int = 1, timeout_s: float = ANSWER_TIMEOUT_S
    ) -> tuple[int, ...]:
        """Subscribe; gives a reason for each filter. Raises LinkError("mqtt.refused") if one is refused."""
        topics = (Topic(wanted, qos),) if isinstance(wanted, str) else wanted
        topics = (topics,) if isinstance(topics, Topic) else tuple(topics)
        packet_id = self._free_id()
        answer = await self._ask(packet_id, Subscribe(packet_id, topics), Suback, timeout_s)
        refused = next((reason for reason in answer.reasons if reason >= FAILURE), None)
        if refused is not None:
            raise self._error("mqtt.refused", f"subscription refused: {reason_words(refused)}")
        return answer.reasons

    async def unsubscribe(self, *filters: str, timeout_s: float = ANSWER_TIMEOUT_S) -> tuple[int, ...]:
        packet_id = self._free_id()
        return (await self._ask(packet_id, Unsubscribe(packet_id, filters), Unsuback, timeout_s)).reasons

    async def receive(self, limit: int = 1) -> list[Publish]:
        """The messages that wait, at least one, at most `limit`; none once we have closed.

        A QoS 1 message is acknowledged when it is handed out here; not taking stops the broker's sending.
        """
        while not self._inbox:
            self._arrived.clear()
            if self._wire is None or self._wire.closing:
                return []
            self._alive()
            await self._arrived.wait()
        return [self._hand_out() for _ in range(min(limit, len(self._inbox)))]

    async def messages(self) -> AsyncIterator[Publish]:
        """Messages as they come, until `close`."""
        while taken := await self.receive():
            yield taken[0]

    async def close(self) -> None:
        """Say goodbye (the will is not published) and free the socket; safe to call twice."""
        if self._wire is not None and self._wire.connected:
            self._wire.send(Disconnect())
        await self._drop()

    async def abort(self) -> None:
        """Vanish as a crashed client does: the broker publishes the will."""
        await self._drop(abort=True)

    async def __aenter__(self) -> MqttClient:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _open(self, loop: asyncio.AbstractEventLoop, wire: ClientWire) -> None:
        try:
            await loop.create_connection(lambda: wire, *self._address, ssl=self._tls)
        except (OSError, ssl.SSLError) as error:
            raise self._error(
                "mqtt.unreachable",
                f"no broker there: {error.strerror or 'cannot connect'}",
                "start the broker",
            ) from error

    async def _greeted(self, answer: Connack) -> Connack:
        if answer.reason:
            await self._drop()
            words = reason_words(answer.reason)
            if self._connect.version is Version.V311:
                words = f"return code {answer.reason}"
            raise self._error("mqtt.refused", f"connection refused: {words}")
        given = answer.properties
        if self._connect.version is Version.V5:
            self._window = asyncio.Semaphore(given.receive_maximum or _PACKET_IDS)
        keep_alive_s = given.server_keep_alive_s
        self._alive().keep_alive(self._connect.keep_alive_s if keep_alive_s is None else keep_alive_s)
        return answer

    async def _ask(self, packet_id: int, packet: Packet, kind: type[AnswerT], timeout_s: float) -> AnswerT:
        wire = self._alive()
        answer: asyncio.Future[Packet] = asyncio.get_running_loop().create_future()
        self._answers[packet_id] = answer
        try:
            wire.send(packet)
            async with asyncio.timeout(timeout_s):
                packet = await answer
        except TimeoutError:
            raise self._error("mqtt.no_answer", f"no {kind.__name__} within {timeout_s:g} s") from None
        finally:
            self._answers.pop(packet_id, None)
        if not isinstance(packet, kind):
            raise ProtocolError("mqtt.protocol", f"{type(packet).__name__} instead of {kind.__name__}")
        return packet

    def _free_id(self) -> int:
        for _ in range(_PACKET_IDS):
            self._last_id = self._last_id % _PACKET_IDS + 1
            if self._last_id not in self._answers:
                return self._last_id
        raise self._error("mqtt.no_packet_id", "65,535 requests wait for an answer")

    def _hand_out(self) -> Publish:
        message = self._inbox.popleft()
        if message.qos and self._wire is not None and self._wire.connected:
            self._wire.send(Puback(message.packet_id))
        return message

    def _take(self, packet: Packet) -> None:
        """A packet from the broker."""
        match packet:
            case Publish():
                self._keep(packet)
            case Puback() | Suback() | Unsuback():
                answer = self._answers.pop(packet.packet_id, None)
                if answer is not None and not answer.done():
                    answer.set_result(packet)
            case Connack() if self._greeting is not None and not self._greeting.done():
                self._greeting.set_result(packet)

    def _keep(self, message: Publish) -> None:
        if len(self._inbox) >= self._inbox_limit:
            self.inbox_dropped += 1
            return
        self._inbox.append(message)
        self._arrived.set()

    def _ended(self, error: LinkError) -> None:
        """The connection is gone: everything that waits is told."""
        for answer in self._answers.values():
            _fail(answer, self._error(error.code, error.message))
        if self._greeting is not None:
            _fail(self._greeting, self._error(error.code, error.message))
        self._arrived.set()

    async def _drop(self, *, abort: bool = False) -> None:
        if self._wire is not None:
            await self._wire.close(abort=abort)

    def _alive(self) -> ClientWire:
        if self._wire is None:
            raise self._error("mqtt.not_connected", "connect first")
        if self._wire.lost is not None:
            raise self._error(self._wire.lost.code, self._wire.lost.message)
        return self._wire

    def _error(self, code: str, message: str, hint: str = "") -> LinkError:
        return LinkError(code, message, device=self._device, hint=hint)

    @property
    def _device(self) -> str:
        return f"{self._connect.client_id} at {self._address[0]}:{self._address[1]}"


def _fail(waited_for: asyncio.Future[FutureT], error: LinkError) -> None:
    if not waited_for.done():
        waited_for.set_exception(error)
        waited_for.exception()  # looked at: a waiter that timed out in this very turn leaves it unread
