"""One connection to the broker: a fresh paho client, driven by the event loop, thrown away when it ends.

Owns: paho (its only importer), CONNECT to DISCONNECT. Must not know: payloads, the ledger, when to try again.

A client that is thrown away cannot send ghosts of its own queue: the ledger is the queue. Only `connect`
(name look-up, TCP, TLS) runs in a thread; see docs/decisions/0003-threads.md. A broker that breaks the
protocol makes paho raise almost anything: it is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import struct
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt import MQTTException
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.sdk.errors import LinkError
from edge_agent.uplink.broker import Broker, Handler, Inbound, Up
from edge_agent.uplink.dialling import Dialling

log = logging.getLogger(__name__)

SESSION_EXPIRY_S = 3600  # only shortens command delay; correctness does not need it
RECEIVE_MAXIMUM = 16  # commands that may be under way to us at once
WILL_DELAY_S = 10  # a short dip of the link is no outage
TCP_USER_TIMEOUT_MS = 30_000  # unacknowledged data on a dead link
PACKET_BYTES = 128 * 1024  # the largest packet we take: twice the largest payload that is read
ENVELOPE_BYTES = 16  # of a PUBLISH beside topic and payload

# What paho 2.2 raises on bytes that are no MQTT, found by feeding it such.
BROKEN_PROTOCOL = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
    MQTTException,
    struct.error,
)


class Connection:
    """One connection's life. All but `connect` happens on the loop."""

    def __init__(self, broker: Broker, handler: Handler, version: int, patience_s: float) -> None:
        """`patience_s` bounds the way to TCP and TLS, and again the way to an answer."""
        self._broker = broker
        self._patience_s = patience_s
        self._handler = handler
        self._version = version
        self._loop = asyncio.get_running_loop()
        self._lost: asyncio.Future[int] = self._loop.create_future()
        self._ready: asyncio.Future[Up] = self._loop.create_future()
        self._adopted: socket.socket | None = None
        self._misc: asyncio.TimerHandle | None = None
        self._flushing = False
        self._dialling: Dialling | None = None
        self._limits = (65535, 268_435_455)
        self.up = False
        self.answered = False
        self.refused_version = False
        self._client = self._make_client()

    def _make_client(self) -> mqtt.Client:
        broker = self._broker
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            protocol=mqtt.MQTTv5 if self._version == 5 else mqtt.MQTTv311,
            clean_session=None if self._version == 5 else False,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.suppress_exceptions = True
        client.enable_logger(log)
        client.connect_timeout = self._patience_s
        client.max_inflight_messages_set(0)  # the publisher owns the window
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_want_write
        client.on_socket_unregister_write = _ignore
        will = _properties(PacketTypes.WILLMESSAGE) if self._version == 5 else None
        if will is not None:
            will.WillDelayInterval = WILL_DELAY_S
        client.will_set(broker.will_topic, broker.will_payload, qos=1, retain=True, properties=will)
        if broker.username:
            client.username_pw_set(broker.username, broker.password or None)
        if broker.tls is not None:
            broker.tls.sslsocket_class = _TidySocket
            client.tls_set_context(broker.tls)
        return client

    async def open(self) -> None:
        """Connect and subscribe. Raises LinkError with the reason."""
        self._dialling = Dialling(self._connect, self._hang_up)
        try:
            await self._dialling.connected()
            self._adopt()
        except TimeoutError as error:
            raise LinkError("uplink.silent", "no way to the broker", device="uplink") from error
        except (OSError, ValueError) as error:
            raise LinkError("uplink.unreachable", _plain(error), device="uplink") from error
        try:
            async with asyncio.timeout(self._patience_s):
                up = await self._ready
        except TimeoutError:
            raise LinkError("uplink.silent", "the broker does not answer", device="uplink") from None
        if self._lost.done():  # in the same moment
            raise LinkError("uplink.refused", "the connection closed at once", device="uplink")
        self.up = True
        self._handler.went_up(up)

    def _connect(self) -> None:
        broker = self._broker
        if self._version == 5:
            properties = _properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
            properties.MaximumPacketSize = PACKET_BYTES
            self._client.connect(
                broker.host, broker.port, broker.keepalive_s, clean_start=False, properties=properties
            )
        else:
            self._client.connect(broker.host, broker.port, broker.keepalive_s)

    def _adopt(self) -> None:
        sock = self._client.socket()
        if not isinstance(sock, socket.socket):
            raise LinkError("uplink.unreachable", "the connection closed at once", device="uplink")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TCP_USER_TIMEOUT_MS)
        self._adopted = sock
        self._loop.add_reader(sock, self._read)
        self._flush()
        self._tick()

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> int:
        """Raises LinkError for a message that the broker would close the connection over."""
        if len(topic) + len(payload) + ENVELOPE_BYTES > self._limits[1]:
            raise LinkError("uplink.too_large", f"{len(payload)} bytes are more than the broker takes")
        return self._client.publish(topic, payload, qos, retain).mid

    async def wait_lost(self) -> int:
        return await asyncio.shield(self._lost)

    def lose(self, reason: str, code: int = 0) -> None:
        """The connection is over; told once."""
        if not self._ready.done():
            self._ready.set_exception(LinkError("uplink.refused", reason, device="uplink"))
            self._ready.exception()  # it may be that nobody waits any more
        if self._lost.done():
            return
        self._lost.set_result(code)
        if self.up:
            self.up = False
            self._handler.went_down(reason)

    async def leave(self) -> None:
        """Flush what paho holds and disconnect."""
        if self._adopted is None:
            return
        self._client.disconnect()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while self._watched and self._client.want_write():
                    self._flush()
                    await asyncio.sleep(0.01)
        self.lose("closed")

    async def close(self) -> None:
        if self._misc is not None:
            self._misc.cancel()
        self._release()
        self._client.on_disconnect = self._client.on_socket_close = None
        if self._dialling is None or not self._dialling.abandon():
            self._hang_up()
        self.lose("closed")

    def _hang_up(self) -> None:
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    @property
    def _watched(self) -> bool:
        """Whether the loop still watches the socket; paho's callbacks may end that inside any call."""
        return self._adopted is not None

    def _release(self) -> None:
        if self._adopted is not None:
            self._loop.remove_reader(self._adopted)
            self._loop.remove_writer(self._adopted)
            self._adopted = None

    @contextlib.contextmanager
    def _paho(self) -> Iterator[None]:
        """Around paho's own work on what the broker sent."""
        try:
            yield
        except BROKEN_PROTOCOL as error:
            self._release()
            self.lose(f"the broker breaks the protocol ({type(error).__name__})")

    def _tick(self) -> None:
        with self._paho():
            self._client.loop_misc()
        pause = min(5.0, self._broker.keepalive_s / 4)
        self._misc = self._loop.call_later(pause, self._tick)

    def _read(self) -> None:
        if self._adopted is None:
            return
        sock = self._adopted
        with self._paho():
            self._client.loop_read()
        if self._watched and _decrypted_bytes(sock):
            self._loop.call_soon(
                self._read
            )  # TLS has taken them from the socket: the loop would not see them

    def _flush(self) -> None:
        self._flushing = False
        sock = self._adopted
        if sock is None:
            return
        with self._paho():
            self._client.loop_write()
        if not self._watched:
            return
        if self._client.want_write():
            self._loop.add_writer(sock, self._flush)
        else:
            self._loop.remove_writer(sock)

    def _on_want_write(self, *_: Any) -> None:
        if self._adopted is not None and not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _on_socket_close(self, *_: Any) -> None:
        """The reason comes in `_on_disconnect`, at once after this; if none comes, it just closed."""
        self._release()
        self._loop.call_soon(self.lose, "connection closed")

    def _on_connect(
        self, _c: Any, _u: Any, _f: Any, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self.answered = True
        if reason.is_failure:
            self.refused_version = reason.value in {0x84, 0x01}
            self.lose(f"refused by the broker: {reason}", reason.value)
            return
        self._limits = (
            int(getattr(properties, "ReceiveMaximum", 65535)),
            int(getattr(properties, "MaximumPacketSize", 268_435_455)),
        )
        self._client.subscribe([(topic, 1) for topic in self._broker.subscriptions])

    def _on_subscribe(self, _c: Any, _u: Any, _m: int, reasons: list[ReasonCode], _p: Any) -> None:
        for reason in reasons:
            if reason.is_failure:
                log.error("the broker refuses a subscription: %s", reason)
        if not self._ready.done():
            self._ready.set_result(Up(self._limits[0], self._limits[1], self._version))

    def _on_disconnect(self, _c: Any, _u: Any, _f: Any, reason: ReasonCode, _p: Any) -> None:
        self._release()
        self.lose(f"disconnected: {reason}", reason.value)

    def _on_publish(self, _c: Any, _u: Any, mid: int, reason: ReasonCode, _p: Any) -> None:
        self._handler.acknowledged(mid, reason.value)

    def _on_message(self, _c: Any, _u: Any, message: mqtt.MQTTMessage) -> None:
        client, mid, qos = self._client, message.mid, message.qos
        inbound = Inbound(
            message.topic, bytes(message.payload), message.retain, lambda: _acknowledge(client, mid, qos)
        )
        self._handler.arrived(inbound)


class _TidySocket(ssl.SSLSocket):
    """Closed if the handshake fails: paho would leave that to the garbage collector, try after try."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except (OSError, ValueError):
            self.close()
            raise


def _acknowledge(client: mqtt.Client, mid: int, qos: int) -> None:
    if qos:
        client.ack(mid, qos)


def _properties(kind: int) -> Properties:
    return Properties(kind)  # type: ignore[no-untyped-call]  # paho ships this class untyped


def _decrypted_bytes(sock: socket.socket) -> int:
    return sock.pending() if isinstance(sock, ssl.SSLSocket) else 0


def _plain(error: Exception) -> str:
    """The reason in one line, with the clock named where it is to blame."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message} (check the box's clock)"
    return str(error) or type(error).__name__


def _ignore(*_: Any) -> None:
    """Paho asks for this callback; `_flush` does the work."""
