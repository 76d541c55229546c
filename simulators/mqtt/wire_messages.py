"""PUBLISH, PUBACK, SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK: both halves, in the order of the standard.

Owns: the bodies of these packets (what follows the fixed header). Must not know: framing, sockets, sessions.
Document: MQTT Version 5.0, OASIS Standard, 7 March 2019, sections 3.3, 3.4 and 3.8 to 3.11.
"""

from __future__ import annotations

from simulators.mqtt.fields import Fields, malformed, text, u16, violation
from simulators.mqtt.packets import (
    Puback,
    Publish,
    Suback,
    Subscribe,
    Topic,
    Unsuback,
    Unsubscribe,
    Version,
)
from simulators.mqtt.properties import NO_PROPERTIES, Properties, read_properties, write_properties
from simulators.mqtt.topics import is_topic
from simulators.mqtt.wire_connect import properties_of

# bits of the fixed header of PUBLISH
_RETAIN = 0x01
_QOS_SHIFT = 1
_DUP = 0x08

# bits of the subscription options
_NO_LOCAL = 0x04
_RETAIN_AS_PUBLISHED = 0x08
_RETAIN_HANDLING_SHIFT = 4


def publish_flags(packet: Publish) -> int:
    return _RETAIN * packet.retain | packet.qos << _QOS_SHIFT | _DUP * packet.dup


def write_publish(packet: Publish, version: Version) -> bytes:
    packet_id = u16(packet.packet_id) if packet.qos else b""
    return text(packet.topic) + packet_id + properties_of(packet.properties, version) + packet.payload


def read_publish(flags: int, body: bytes, version: Version) -> Publish:
    qos = flags >> _QOS_SHIFT & 3
    dup = bool(flags & _DUP)
    if qos == 3 or (dup and not qos):
        raise malformed("PUBLISH with QoS 3, or a duplicate with QoS 0", body)
    fields = Fields(body)
    topic = fields.text()
    packet_id = _read_packet_id(fields) if qos else 0
    properties = read_properties(fields, "PUBLISH") if version is Version.V5 else NO_PROPERTIES
    if not is_topic(topic) and (topic or properties.topic_alias is None):
        raise violation("PUBLISH to something that is no topic name", body)
    return Publish(topic, fields.rest(), qos, bool(flags & _RETAIN), dup, packet_id, properties)


def write_puback(packet: Puback, version: Version) -> bytes:
    head = u16(packet.packet_id)
    if version is Version.V311 or (packet.reason == 0 and packet.properties is NO_PROPERTIES):
        return head
    if packet.properties == NO_PROPERTIES:
        return head + bytes([packet.reason])
    return head + bytes([packet.reason]) + write_properties(packet.properties)


def read_puback(body: bytes, version: Version) -> Puback:
    fields = Fields(body)
    packet_id = _read_packet_id(fields)
    if version is Version.V311:
        fields.end()
    reason = fields.u8() if fields else 0
    properties = read_properties(fields, "PUBACK") if fields else NO_PROPERTIES
    fields.end()
    return Puback(packet_id, reason, properties)


def write_subscribe(packet: Subscribe, version: Version) -> bytes:
    head = u16(packet.packet_id) + properties_of(packet.properties, version)
    return head + b"".join(text(topic.filter) + bytes([_options(topic, version)]) for topic in packet.topics)


def read_subscribe(body: bytes, version: Version) -> Subscribe:
    fields = Fields(body)
    packet_id, properties = _read_head(fields, version, "SUBSCRIBE")
    topics = []
    while fields:
        topics.append(_read_topic(fields, version))
    if not topics:
        raise violation("SUBSCRIBE without a topic filter")
    return Subscribe(packet_id, tuple(topics), properties)


def write_suback(packet: Suback, version: Version) -> bytes:
    return u16(packet.packet_id) + properties_of(packet.properties, version) + bytes(packet.reasons)


def read_suback(body: bytes, version: Version) -> Suback:
    fields = Fields(body)
    packet_id, properties = _read_head(fields, version, "SUBACK")
    return Suback(packet_id, tuple(fields.rest()), properties)


def write_unsubscribe(packet: Unsubscribe, version: Version) -> bytes:
    head = u16(packet.packet_id) + properties_of(packet.properties, version)
    return head + b"".join(text(one) for one in packet.filters)


def read_unsubscribe(body: bytes, version: Version) -> Unsubscribe:
    fields = Fields(body)
    packet_id, properties = _read_head(fields, version, "UNSUBSCRIBE")
    filters = []
    while fields:
        filters.append(fields.text())
    if not filters:
        raise violation("UNSUBSCRIBE without a topic filter")
    return Unsubscribe(packet_id, tuple(filters), properties)


def write_unsuback(packet: Unsuback, version: Version) -> bytes:
    if version is Version.V311:
        return u16(packet.packet_id)
    return u16(packet.packet_id) + write_properties(packet.properties) + bytes(packet.reasons)


def read_unsuback(body: bytes, version: Version) -> Unsuback:
    fields = Fields(body)
    packet_id, properties = _read_head(fields, version, "UNSUBACK")
    if version is Version.V311:
        fields.end()
    return Unsuback(packet_id, tuple(fields.rest()), properties)


def _read_packet_id(fields: Fields) -> int:
    packet_id = fields.u16()
    if packet_id == 0:
        raise violation("packet identifier 0")
    return packet_id


def _read_head(fields: Fields, version: Version, packet: str) -> tuple[int, Properties]:
    packet_id = _read_packet_id(fields)
    return packet_id, read_properties(fields, packet) if version is Version.V5 else NO_PROPERTIES


def _options(topic: Topic, version: Version) -> int:
    if version is Version.V311:
        return topic.qos
    flags = _NO_LOCAL * topic.no_local | _RETAIN_AS_PUBLISHED * topic.retain_as_published
    return topic.qos | flags | topic.retain_handling << _RETAIN_HANDLING_SHIFT


def _read_topic(fields: Fields, version: Version) -> Topic:
    name = fields.text()
    options = fields.u8()
    handling = options >> _RETAIN_HANDLING_SHIFT & 3
    reserved = 0xC0 if version is Version.V5 else 0xFC
    if options & 3 == 3 or options & reserved or handling == 3:
        raise malformed("subscription options that the standard reserves", bytes([options]))
    return Topic(name, options & 3, bool(options & _NO_LOCAL), bool(options & _RETAIN_AS_PUBLISHED), handling)
