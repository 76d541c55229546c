"""CONNECT, CONNACK, PINGREQ, PINGRESP and DISCONNECT: both halves, in the order of the standard.

Owns: the bodies of these packets (what follows the fixed header). Must not know: framing, sockets, sessions.
Document: MQTT Version 5.0, OASIS Standard, 7 March 2019, sections 3.1, 3.2 and 3.12 to 3.14.
"""

from __future__ import annotations

from edge_agent.sdk.errors import ProtocolError
from simulators.mqtt.fields import Fields, binary, malformed, text, u16, violation
from simulators.mqtt.packets import Connack, Connect, Disconnect, Pingreq, Pingresp, Version, Will
from simulators.mqtt.properties import NO_PROPERTIES, Properties, read_properties, write_properties

PROTOCOL_NAME = "MQTT"  # MQTT 3.1 said MQIsdp: refused as an unsupported version

# bits of the connect flags
_CLEAN_START = 0x02
_WILL = 0x04
_WILL_QOS_SHIFT = 3
_WILL_RETAIN = 0x20
_PASSWORD = 0x40
_USERNAME = 0x80


def write_connect(packet: Connect) -> bytes:
    head = text(PROTOCOL_NAME) + bytes([packet.version, _connect_flags(packet)]) + u16(packet.keep_alive_s)
    body = head + properties_of(packet.properties, packet.version) + text(packet.client_id)
    if packet.will is not None:
        body += properties_of(packet.will.properties, packet.version)
        body += text(packet.will.topic) + binary(packet.will.payload)
    if packet.username is not None:
        body += text(packet.username)
    if packet.password is not None:
        body += binary(packet.password)
    return body


def read_connect(body: bytes) -> Connect:
    fields = Fields(body)
    version = _read_version(fields, body)
    flags = fields.u8()
    keep_alive_s = fields.u16()
    _check_flags(flags, version, body)
    properties = read_properties(fields, "CONNECT") if version is Version.V5 else NO_PROPERTIES
    client_id = fields.text()
    will = _read_will(fields, flags, version) if flags & _WILL else None
    username = fields.text() if flags & _USERNAME else None
    password = fields.binary() if flags & _PASSWORD else None
    fields.end()
    clean = bool(flags & _CLEAN_START)
    return Connect(client_id, version, clean, keep_alive_s, will, username, password, properties)


def write_connack(packet: Connack, version: Version) -> bytes:
    head = bytes([packet.session_present, packet.reason])
    return head + properties_of(packet.properties, version)


def read_connack(body: bytes, version: Version) -> Connack:
    fields = Fields(body)
    session_present = bool(fields.flag())
    reason = fields.u8()
    properties = read_properties(fields, "CONNACK") if version is Version.V5 else NO_PROPERTIES
    fields.end()
    return Connack(reason, session_present, properties)


def read_pingreq(body: bytes) -> Pingreq:
    Fields(body).end()
    return Pingreq()


def read_pingresp(body: bytes) -> Pingresp:
    Fields(body).end()
    return Pingresp()


def write_disconnect(packet: Disconnect, version: Version) -> bytes:
    """Empty for "normal disconnection", as both versions allow."""
    if version is Version.V311 or (packet.reason == 0 and packet.properties == NO_PROPERTIES):
        return b""
    return bytes([packet.reason]) + write_properties(packet.properties)


def read_disconnect(body: bytes, version: Version) -> Disconnect:
    fields = Fields(body)
    if version is Version.V311:
        fields.end()
        return Disconnect()
    reason = fields.u8() if fields else 0
    properties = read_properties(fields, "DISCONNECT") if fields else NO_PROPERTIES
    fields.end()
    return Disconnect(reason, properties)


def properties_of(properties: Properties, version: Version) -> bytes:
    """The properties, or nothing in 3.1.1."""
    return write_properties(properties) if version is Version.V5 else b""


def _connect_flags(packet: Connect) -> int:
    flags = _CLEAN_START * packet.clean_start
    if packet.will is not None:
        flags |= _WILL | packet.will.qos << _WILL_QOS_SHIFT | _WILL_RETAIN * packet.will.retain
    flags |= _USERNAME * (packet.username is not None)
    return flags | _PASSWORD * (packet.password is not None)


def _read_version(fields: Fields, body: bytes) -> Version:
    name = fields.text()
    level = fields.u8()
    if name != PROTOCOL_NAME or level not in {Version.V311, Version.V5}:
        raise ProtocolError("mqtt.unsupported_version", "neither MQTT 3.1.1 nor MQTT 5", body[:16])
    return Version(level)


def _check_flags(flags: int, version: Version, body: bytes) -> None:
    will_qos = flags >> _WILL_QOS_SHIFT & 3
    if flags & 1 or will_qos == 3:
        raise malformed("connect flags that the standard reserves", body)
    if not flags & _WILL and (will_qos or flags & _WILL_RETAIN):
        raise malformed("will QoS or retain without a will", body)
    if version is Version.V311 and flags & _PASSWORD and not flags & _USERNAME:
        raise violation("a password without a user name")


def _read_will(fields: Fields, flags: int, version: Version) -> Will:
    properties = read_properties(fields, "WILL") if version is Version.V5 else NO_PROPERTIES
    topic = fields.text()
    payload = fields.binary()
    return Will(topic, payload, flags >> _WILL_QOS_SHIFT & 3, bool(flags & _WILL_RETAIN), properties)
