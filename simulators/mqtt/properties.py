"""The properties of MQTT 5: one table, and both halves of the wire.

Owns: identifiers, types, and the packets in which each may stand. Must not know: what a broker does.
Document: MQTT Version 5.0, OASIS Standard, 7 March 2019, section 2.2.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulators.mqtt.fields import Fields, binary, text, u16, u32, varint, violation

NEVER_EXPIRES = 0xFFFF_FFFF  # a session expiry interval of this value means "for ever"


@dataclass(frozen=True, slots=True)
class Properties:
    """All properties of one packet; None or an empty tuple means that it carries no such property."""

    payload_format: int | None = None
    message_expiry_s: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    subscription_ids: tuple[int, ...] = ()
    session_expiry_s: int | None = None
    assigned_client_id: str | None = None
    server_keep_alive_s: int | None = None
    authentication_method: str | None = None
    authentication_data: bytes | None = None
    request_problem_information: int | None = None
    will_delay_s: int | None = None
    request_response_information: int | None = None
    response_information: str | None = None
    server_reference: str | None = None
    reason_text: str | None = None
    receive_maximum: int | None = None
    topic_alias_maximum: int | None = None
    topic_alias: int | None = None
    maximum_qos: int | None = None
    retain_available: int | None = None
    user: tuple[tuple[str, str], ...] = ()
    maximum_packet_size: int | None = None
    wildcard_available: int | None = None
    subscription_ids_available: int | None = None
    shared_available: int | None = None


NO_PROPERTIES = Properties()


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a value is read and written; a repeated one may stand more than once."""

    read: Callable[[Fields], Any]
    write: Callable[[Any], bytes]
    repeated: bool = False
    not_zero: bool = False


_FLAG = _Kind(Fields.flag, lambda value: bytes([value]))
_U16 = _Kind(Fields.u16, u16)
_U16_NOT_ZERO = _Kind(Fields.u16, u16, not_zero=True)
_U32 = _Kind(Fields.u32, u32)
_U32_NOT_ZERO = _Kind(Fields.u32, u32, not_zero=True)
_VARINTS = _Kind(Fields.varint, varint, repeated=True, not_zero=True)
_TEXT = _Kind(Fields.text, text)
_BINARY = _Kind(Fields.binary, binary)
_PAIRS = _Kind(
    lambda fields: (fields.text(), fields.text()), lambda pair: text(pair[0]) + text(pair[1]), repeated=True
)
_ANY = (
    "CONNECT CONNACK PUBLISH WILL PUBACK SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK DISCONNECT"  # user properties
)

# identifier, field, kind, packets: in the order of table 2-4
_TABLE: tuple[tuple[int, str, _Kind, str], ...] = (
    (0x01, "payload_format", _FLAG, "PUBLISH WILL"),
    (0x02, "message_expiry_s", _U32, "PUBLISH WILL"),
    (0x03, "content_type", _TEXT, "PUBLISH WILL"),
    (0x08, "response_topic", _TEXT, "PUBLISH WILL"),
    (0x09, "correlation_data", _BINARY, "PUBLISH WILL"),
    (0x0B, "subscription_ids", _VARINTS, "PUBLISH SUBSCRIBE"),
    (0x11, "session_expiry_s", _U32, "CONNECT CONNACK DISCONNECT"),
    (0x12, "assigned_client_id", _TEXT, "CONNACK"),
    (0x13, "server_keep_alive_s", _U16, "CONNACK"),
    (0x15, "authentication_method", _TEXT, "CONNECT CONNACK"),
    (0x16, "authentication_data", _BINARY, "CONNECT CONNACK"),
    (0x17, "request_problem_information", _FLAG, "CONNECT"),
    (0x18, "will_delay_s", _U32, "WILL"),
    (0x19, "request_response_information", _FLAG, "CONNECT"),
    (0x1A, "response_information", _TEXT, "CONNACK"),
    (0x1C, "server_reference", _TEXT, "CONNACK DISCONNECT"),
    (0x1F, "reason_text", _TEXT, "CONNACK PUBACK SUBACK UNSUBACK DISCONNECT"),
    (0x21, "receive_maximum", _U16_NOT_ZERO, "CONNECT CONNACK"),
    (0x22, "topic_alias_maximum", _U16, "CONNECT CONNACK"),
    (0x23, "topic_alias", _U16, "PUBLISH"),
    (0x24, "maximum_qos", _FLAG, "CONNACK"),
    (0x25, "retain_available", _FLAG, "CONNACK"),
    (0x26, "user", _PAIRS, _ANY),
    (0x27, "maximum_packet_size", _U32_NOT_ZERO, "CONNECT CONNACK"),
    (0x28, "wildcard_available", _FLAG, "CONNACK"),
    (0x29, "subscription_ids_available", _FLAG, "CONNACK"),
    (0x2A, "shared_available", _FLAG, "CONNACK"),
)
_BY_ID = {row[0]: row for row in _TABLE}


def write_properties(properties: Properties) -> bytes:
    """Length and properties. Which packet they suit is the caller's care."""
    if properties is NO_PROPERTIES or properties == NO_PROPERTIES:
        return b"\0"
    out = bytearray()
    for identifier, name, kind, _packets in _TABLE:
        value = getattr(properties, name)
        values = value if kind.repeated else () if value is None else (value,)
        for one in values:
            out.append(identifier)
            out += kind.write(one)
    return varint(len(out)) + bytes(out)


def read_properties(fields: Fields, packet: str) -> Properties:
    """The properties at this place of a packet ("CONNECT", "WILL", …). Raises ProtocolError."""
    size = fields.varint()
    if size == 0:
        return NO_PROPERTIES
    inside = Fields(fields.take(size))
    found: dict[str, Any] = {}
    while inside:
        _read_one(inside, packet, found)
    if packet == "SUBSCRIBE" and len(found.get("subscription_ids", ())) > 1:
        raise violation("more than one subscription identifier in a SUBSCRIBE")
    for name in ("subscription_ids", "user"):
        found[name] = tuple(found.get(name, ()))
    return Properties(**found)


def _read_one(inside: Fields, packet: str, found: dict[str, Any]) -> None:
    identifier = inside.varint()
    row = _BY_ID.get(identifier)
    if row is None or packet not in row[3].split():
        raise violation(f"property 0x{identifier:02X} may not stand in {packet}")
    _, name, kind, _ = row
    value = kind.read(inside)
    if kind.not_zero and value == 0:
        raise violation(f"{name} may not be 0")
    if kind.repeated:
        found.setdefault(name, []).append(value)
    elif name in found:
        raise violation(f"{name} stands twice")
    else:
        found[name] = value
