"""A fresh paho client for one connection: how it is set up, and paho's words turned into ours.

Owns: paho (its only importer), CONNECT's contents, the limits in CONNACK. Must not know: the loop, timers.
A broker that breaks the protocol makes paho raise almost anything: see BROKEN_PROTOCOL.
"""

from __future__ import annotations

import logging
import socket
import ssl
import struct
from dataclasses import dataclass
from typing import Any, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt import MQTTException
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.uplink.broker import Broker, Inbound

log = logging.getLogger(__name__)

SESSION_EXPIRY_S = 3600  # only shortens command delay; correctness does not need it
RECEIVE_MAXIMUM = 16  # commands that may be under way to us at once
WILL_DELAY_S = 10  # a short dip of the link is no outage
PACKET_BYTES = 128 * 1024  # the largest packet we take: twice the largest payload that is read
ANY_WINDOW = 65535  # what holds where the broker names no Receive Maximum
ANY_PACKET = 268_435_455  # what MQTT's length field can say
UNSUPPORTED_VERSION = {0x84, 0x01}  # of MQTT 5, and the same of 3.1.1

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


@dataclass(frozen=True, slots=True)
class Greeting:
    """CONNACK: `refusal` empty when we are welcome."""

    refusal: str
    code: int
    wrong_version: bool
    window: int
    packet_bytes: int


class Ears(Protocol):
    """Who hears paho; called inside `read`, `write` and `tend`, on the loop."""

    def greeted(self, greeting: Greeting) -> None: ...
    def subscribed(self, refusals: list[str]) -> None: ...
    def published(self, mid: int, reason: int) -> None: ...
    def message(self, inbound: Inbound) -> None: ...
    def socket_closed(self) -> None: ...
    def ended(self, reason: str, code: int) -> None: ...
    def wants_write(self) -> None: ...


class PahoClient:
    """Thrown away with its connection: what it still holds can never be sent by itself."""

    def __init__(self, broker: Broker, version: int, patience_s: float, ears: Ears) -> None:
        self._broker = broker
        self._version = version
        self._ears = ears
        self._client = self._make(patience_s)

    def _make(self, patience_s: float) -> mqtt.Client:
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
        client.on_log = _on_log
        client.connect_timeout = patience_s
        client.max_inflight_messages_set(0)  # the flow owns the window
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_socket_close = lambda *_: self._ears.socket_closed()
        client.on_socket_register_write = lambda *_: self._ears.wants_write()
        client.on_socket_unregister_write = _ignore
        if broker.will_topic:
            self._set_will(client)
        if broker.username:
            client.username_pw_set(broker.username, broker.password or None)
        return client

    def _set_will(self, client: mqtt.Client) -> None:
        will = _properties(PacketTypes.WILLMESSAGE) if self._version == 5 else None
        if will is not None:
            will.WillDelayInterval = WILL_DELAY_S
        client.will_set(
            self._broker.will_topic, self._broker.will_payload, qos=1, retain=True, properties=will
        )

    def connect(self) -> None:
        """Name, TCP, TLS, and CONNECT on its way. Blocks: called in a thread. Raises OSError, ValueError."""
        broker, client = self._broker, self._client
        if broker.tls is not None:
            context = broker.tls()
            context.sslsocket_class = TidySocket
            client.tls_set_context(context)
        if self._version != 5:
            client.connect(broker.host, broker.port, broker.keepalive_s)
            return
        properties = _properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.MaximumPacketSize = PACKET_BYTES
        client.connect(broker.host, broker.port, broker.keepalive_s, clean_start=False, properties=properties)

    def socket(self) -> socket.socket | None:
        sock = self._client.socket()
        return sock if isinstance(sock, socket.socket) else None

    @property
    def keepalive_s(self) -> int:
        """Ours, or what the broker asked for instead."""
        return self._client.keepalive

    def read(self) -> None:
        self._client.loop_read()

    def write(self) -> None:
        self._client.loop_write()

    def tend(self) -> None:
        """Keep-alive; every few seconds."""
        self._client.loop_misc()

    def want_write(self) -> bool:
        return self._client.want_write()

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool, expiry_s: int) -> int:
        """`expiry_s` is told to an MQTT 5 broker; 0 for none."""
        properties = None
        if expiry_s and self._version == 5:
            properties = _properties(PacketTypes.PUBLISH)
            properties.MessageExpiryInterval = expiry_s
        return self._client.publish(topic, payload, qos, retain, properties).mid

    def disconnect(self) -> None:
        self._client.disconnect()

    def deafen(self) -> None:
        """Nobody listens any more."""
        self._client.on_disconnect = self._client.on_socket_close = None

    def hang_up(self) -> None:
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def _on_connect(
        self, _c: Any, _u: Any, _f: Any, reason: ReasonCode, properties: Properties | None
    ) -> None:
        refusal = f"refused by the broker: {reason}" if reason.is_failure else ""
        if not refusal and getattr(properties, "MaximumQoS", 1) == 0:
            refusal = "the broker allows no QoS 1"
        self._ears.greeted(
            Greeting(
                refusal,
                reason.value if reason.is_failure else 0,
                reason.value in UNSUPPORTED_VERSION,
                int(getattr(properties, "ReceiveMaximum", ANY_WINDOW)),
                int(getattr(properties, "MaximumPacketSize", ANY_PACKET)),
            )
        )
        if not refusal:
            self._client.subscribe([(topic, 1) for topic in self._broker.subscriptions])

    def _on_subscribe(self, _c: Any, _u: Any, _m: int, reasons: list[ReasonCode], _p: Any) -> None:
        self._ears.subscribed([str(reason) for reason in reasons if reason.is_failure])

    def _on_disconnect(self, _c: Any, _u: Any, _f: Any, reason: ReasonCode, _p: Any) -> None:
        self._ears.ended(f"disconnected: {reason}", reason.value)

    def _on_publish(self, _c: Any, _u: Any, mid: int, reason: ReasonCode, _p: Any) -> None:
        self._ears.published(mid, reason.value)

    def _on_message(self, _c: Any, _u: Any, message: mqtt.MQTTMessage) -> None:
        client, mid, qos = self._client, message.mid, message.qos
        done = [False]

        def acknowledge() -> None:
            done[0] = True
            if qos:
                client.ack(mid, qos)

        heard = False
        try:
            self._ears.message(Inbound(message.topic, bytes(message.payload), message.retain, acknowledge))
            heard = True
        finally:
            if not heard and not done[0]:  # a fault of ours: redelivered for ever it would fill our window
                acknowledge()


class TidySocket(ssl.SSLSocket):
    """Closed if the handshake fails, which paho leaves to the garbage collector; keeps the peer's alert."""

    alert = ""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except (OSError, ValueError):
            self.close()
            raise

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self.alert = str(error.reason or error)
            raise


def decrypted_bytes(sock: socket.socket) -> int:
    """What TLS has taken from the socket already: the loop would not see it there."""
    return sock.pending() if isinstance(sock, ssl.SSLSocket) else 0


def alert_of(sock: socket.socket | None) -> str:
    """Why the peer ended TLS, where it said so ("SSLV3_ALERT_CERTIFICATE_EXPIRED")."""
    return sock.alert if isinstance(sock, TidySocket) else ""


def _properties(kind: int) -> Properties:
    return Properties(kind)  # type: ignore[no-untyped-call]  # paho ships this class untyped


def _on_log(_client: Any, _userdata: Any, level: int, text: str) -> None:
    """Losses are told by the uplink, once; what paho swallows is a fault of ours and is always told."""
    if level == mqtt.MQTT_LOG_ERR and "exception" in text:
        log.error("%s", text)
    else:
        log.debug("%s", text)


def _ignore(*_: Any) -> None:
    """Paho asks for this callback; the connection's flush does the work."""
