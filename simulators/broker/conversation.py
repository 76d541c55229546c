"""The server's half of MQTT with one client: what each packet means and what is answered.

Owns: the order of a conversation, flow control both ways, reason codes. Must not know: sockets, timers.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from edge_agent.sdk.errors import ProtocolError
from simulators.broker.faults import PubackFate
from simulators.broker.session import WINDOW_LIMIT, Session
from simulators.broker.shared import Shared
from simulators.broker.terms import refusal_of, terms
from simulators.mqtt.codec import PACKET_LIMIT
from simulators.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Version,
    Will,
)
from simulators.mqtt.reasons import FAILURE, Reason, connack_311, reason_of

RECEIVE_MAXIMUM = 0xFFFF  # what holds where no Receive Maximum was named
_SUBACK_FAILURE_311 = 0x80


class Wire(Protocol):
    """The connection as the conversation sees it."""

    @property
    def writable(self) -> bool:
        """Whether the client takes bytes now."""

    def send(self, packet: Packet, version: Version, limit: int) -> bool:
        """Write a packet; False (and nothing written) if it is longer than the limit."""

    def hang_up(self) -> None:
        """Close after what was written."""

    def abort(self) -> None:
        """Vanish without a word."""

    def keep_alive(self, seconds: int) -> None:
        """Expect a packet at least every one and a half of this; 0 expects none."""

    def later(self, delay_s: float, deed: Callable[[], None]) -> None:
        """Do something later, unless the connection is gone by then."""


class Conversation:
    def __init__(self, shared: Shared, wire: Wire) -> None:
        self._shared = shared
        self._wire = wire
        self._version = Version.V311
        self._session: Session | None = None
        self._will: Will | None = None
        self._packet_limit = PACKET_LIMIT
        self._owed: set[int] = set()
        self._answered_now = 0
        self._receive_maximum = RECEIVE_MAXIMUM
        self.window = WINDOW_LIMIT
        self.over = False
        self.mute = False

    @property
    def client_id(self) -> str:
        return self._session.client_id if self._session is not None else ""

    @property
    def writable(self) -> bool:
        return self._wire.writable

    def take(self, packets: list[Packet | ProtocolError]) -> None:
        """The packets of one chunk, in order."""
        for packet in packets:
            if self.over or self.mute:
                break
            if isinstance(packet, ProtocolError):
                self._broken(packet)
            elif isinstance(packet, Publish) and self._session is not None:
                self._publish(packet, self._session)
            elif self._session is None:
                self._before_connect(packet)
            else:
                self._other(packet, self._session)
        self._answered_now = 0

    def deliver(self, packet: Publish) -> bool:
        sent = self._wire.send(packet, self._version, self._packet_limit)
        self._shared.stats.delivered += sent
        self._shared.stats.too_large += not sent
        return sent

    def evict(self, reason: int) -> None:
        """Tell why (in MQTT 5) and end it from our side; the will stands."""
        if self.over:
            return
        if self._version is Version.V5 and self._session is not None:
            self._send(Disconnect(reason))
        self._wire.hang_up()
        self.ended()

    def ended(self) -> None:
        """The connection is over, whoever ended it."""
        if self.over:
            return
        self.over = True
        session, self._session = self._session, None
        if session is not None:
            self._shared.registry.release(session, self._will)

    def writable_again(self) -> None:
        if self._session is not None:
            self._session.pump()

    def _before_connect(self, packet: Packet) -> None:
        if not isinstance(packet, Connect):
            self._broken(ProtocolError("mqtt.protocol", "the first packet is not CONNECT"))
            return
        self._version = packet.version
        faults = self._shared.faults
        self._shared.stats.connects += 1
        if faults.no_connack:
            self.mute = True
            return
        refusal = faults.connack_reason or refusal_of(packet)
        if refusal:
            self._refuse(refusal)
        else:
            self._admit(packet)

    def _admit(self, connect: Connect) -> None:
        faults = self._shared.faults
        assigned = None
        if not connect.client_id:
            assigned = f"auto-{secrets.token_hex(8)}"
            connect = replace(connect, client_id=assigned)
        admission = self._shared.registry.admit(connect)
        if isinstance(admission, Reason):
            self._refuse(admission)
            return
        self._shared.stats.takeovers += admission.takeover
        self._session = admission.session
        self._will = connect.will
        self._packet_limit = connect.properties.maximum_packet_size or PACKET_LIMIT
        self.window = min(connect.properties.receive_maximum or RECEIVE_MAXIMUM, WINDOW_LIMIT)
        self._receive_maximum = faults.receive_maximum or RECEIVE_MAXIMUM
        self._send(Connack(0, admission.present, terms(faults, assigned)))
        self._wire.keep_alive(connect.keep_alive_s)
        admission.session.attach(self)

    def _refuse(self, reason: int) -> None:
        code = reason if self._version is Version.V5 else connack_311(reason)
        self._send(Connack(code))
        self._wire.hang_up()
        self.ended()

    def _other(self, packet: Packet, session: Session) -> None:
        match packet:
            case Puback():
                session.acknowledged(packet.packet_id)
            case Pingreq():
                self._send(Pingresp())
            case Subscribe():
                self._subscribe(packet, session)
            case Unsubscribe():
                done = [self._shared.router.unsubscribe(session, one) for one in packet.filters]
                reasons = [Reason.SUCCESS if one else Reason.NO_SUBSCRIPTION_EXISTED for one in done]
                self._send(Unsuback(packet.packet_id, tuple(reasons)))
            case Disconnect():
                self._goodbye(packet, session)
            case _:
                self._broken(ProtocolError("mqtt.protocol", f"{type(packet).__name__} from a client"))

    def _publish(self, packet: Publish, session: Session) -> None:
        self._shared.stats.published += 1
        refusal = self._publish_refusal(packet)
        if refusal:
            self.evict(refusal)
        elif packet.qos == 0:
            self._route(packet, session)
        else:
            self._publish_acknowledged(packet, session)

    def _publish_refusal(self, packet: Publish) -> Reason | None:
        if packet.qos == 2:
            return Reason.QOS_NOT_SUPPORTED
        if packet.properties.topic_alias is not None:
            return Reason.TOPIC_ALIAS_INVALID
        if packet.properties.subscription_ids:
            return Reason.PROTOCOL_ERROR
        unanswered = len(self._owed) + self._answered_now + bool(packet.qos)
        if self._version is Version.V5 and unanswered > self._receive_maximum:
            return Reason.RECEIVE_MAXIMUM_EXCEEDED
        return None

    def _publish_acknowledged(self, packet: Publish, session: Session) -> None:
        stats = self._shared.stats
        stats.pubacks_due += 1
        fate = self._shared.faults.fate(session.client_id, stats.pubacks_due)
        reason = fate.reason or (0 if fate.forgotten else self._route(packet, session))
        if fate.hang_up:
            self._wire.abort()
            return
        if packet.packet_id in self._owed:
            return
        self._answer(packet.packet_id, reason, fate)

    def _route(self, packet: Publish, session: Session) -> int:
        routed = self._shared.router.publish(packet, session)
        self._shared.stats.refused += routed.reason == Reason.QUOTA_EXCEEDED
        return routed.reason

    def _answer(self, packet_id: int, reason: int, fate: PubackFate) -> None:
        if not fate.dropped and not fate.delay_s:
            self._answered_now += 1
            self._send_puback(packet_id, reason)
            return
        self._owed.add(packet_id)
        if not fate.dropped:
            self._wire.later(fate.delay_s, lambda: self._answer_late(packet_id, reason))

    def _answer_late(self, packet_id: int, reason: int) -> None:
        self._owed.discard(packet_id)
        self._send_puback(packet_id, reason)

    def _send_puback(self, packet_id: int, reason: int) -> None:
        self._shared.stats.pubacks_sent += 1
        self._send(Puback(packet_id, reason))

    def _subscribe(self, packet: Subscribe, session: Session) -> None:
        if any(one.no_local and one.filter.startswith("$share/") for one in packet.topics):
            self._broken(ProtocolError("mqtt.protocol", "no-local on a shared subscription"))
            return
        identifiers = packet.properties.subscription_ids
        known = set(session.subscriptions)
        identifier = identifiers[0] if identifiers else None
        reasons = [self._shared.router.subscribe(session, one, identifier) for one in packet.topics]
        if self._version is Version.V311:
            reasons = [min(reason, _SUBACK_FAILURE_311) for reason in reasons]
        self._send(Suback(packet.packet_id, tuple(reasons)))
        for topic, reason in zip(packet.topics, reasons, strict=True):
            wanted = topic.retain_handling == 0 or (topic.retain_handling == 1 and topic.filter not in known)
            subscription = session.subscriptions.get(topic.filter)
            if reason < FAILURE and wanted and subscription is not None and subscription.group is None:
                self._shared.router.send_retained(session, subscription)

    def _goodbye(self, packet: Disconnect, session: Session) -> None:
        expiry_s = packet.properties.session_expiry_s
        if expiry_s and session.expiry_s == 0:
            self._broken(ProtocolError("mqtt.protocol", "a session of no length cannot be prolonged"))
            return
        if expiry_s is not None:
            session.expiry_s = expiry_s
        if packet.reason != Reason.DISCONNECT_WITH_WILL:
            self._will = None
        self._wire.hang_up()
        self.ended()

    def _broken(self, error: ProtocolError) -> None:
        self._shared.stats.protocol_errors += 1
        if error.code == "mqtt.unsupported_version" and self._session is None:
            self._refuse(Reason.UNSUPPORTED_PROTOCOL_VERSION)
        else:
            self.evict(reason_of(error))

    def _send(self, packet: Packet) -> None:
        self._wire.send(packet, self._version, PACKET_LIMIT)
