"""The packets of MQTT 3.1.1 and 5 as values.

Owns: what each packet carries. Must not know: its bytes (wire_connect, wire_messages), sockets, sessions.
Document: MQTT Version 5.0, OASIS Standard, 7 March 2019, section 3; names as there, 3.1.1 is the subset
without properties and reason codes. QoS 2 ends at the door: a PUBLISH or will with it is a value, its further
packets (PUBREC, PUBREL, PUBCOMP) and AUTH are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from simulators.mqtt.properties import NO_PROPERTIES, Properties


class Version(IntEnum):
    """The protocol level byte of CONNECT."""

    V311 = 4
    V5 = 5


class PacketType(IntEnum):
    """The high half of the first byte."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14
    AUTH = 15


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes when the client vanishes without a DISCONNECT."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True, slots=True)
class Connect:
    client_id: str
    version: Version = Version.V5
    clean_start: bool = True
    keep_alive_s: int = 0
    will: Will | None = None
    username: str | None = None
    password: bytes | None = field(default=None, repr=False)
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True, slots=True)
class Connack:
    """`reason` is a reason code in MQTT 5 and a return code in 3.1.1."""

    reason: int = 0
    session_present: bool = False
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True, slots=True)
class Publish:
    topic: str
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_id: int = 0
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True, slots=True)
class Puback:
    """`reason` is always 0 in 3.1.1, which cannot say no."""

    packet_id: int
    reason: int = 0
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True, slots=True)
class Topic:
    """One line of a SUBSCRIBE; everything but filter and QoS is MQTT 5."""

    filter: str
    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


@dataclass(frozen=True, slots=True)
class Subscribe:
    packet_id: int
    topics: tuple[Topic, ...]
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True, slots=True)
class Suback:
    packet_id: int
    reasons: tuple[int, ...]
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    packet_id: int
    filters: tuple[str, ...]
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True, slots=True)
class Unsuback:
    """`reasons` is empty in 3.1.1."""

    packet_id: int
    reasons: tuple[int, ...] = ()
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True, slots=True)
class Pingreq:
    """Still here?"""


@dataclass(frozen=True, slots=True)
class Pingresp:
    """Still here."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """In 3.1.1 only a client sends it, and without a reason."""

    reason: int = 0
    properties: Properties = NO_PROPERTIES


Packet = (
    Connect
    | Connack
    | Publish
    | Puback
    | Subscribe
    | Suback
    | Unsubscribe
    | Unsuback
    | Pingreq
    | Pingresp
    | Disconnect
)
