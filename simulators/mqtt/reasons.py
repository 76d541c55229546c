"""MQTT 5 reason codes and what MQTT 3.1.1 says instead.

Owns: the numbers of the standard and their meaning in words. Must not know: packets, sockets.
Document: MQTT Version 5.0, OASIS Standard, 7 March 2019, section 2.4; MQTT 3.1.1, section 3.2.2.3.
"""

from __future__ import annotations

from enum import IntEnum

from edge_agent.sdk.errors import ProtocolError


class Reason(IntEnum):
    """Codes below 0x80 are success; the same number may have a second name in another packet."""

    SUCCESS = 0x00
    GRANTED_QOS_1 = 0x01
    DISCONNECT_WITH_WILL = 0x04
    NO_MATCHING_SUBSCRIBERS = 0x10
    NO_SUBSCRIPTION_EXISTED = 0x11
    UNSPECIFIED_ERROR = 0x80
    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    IMPLEMENTATION_SPECIFIC_ERROR = 0x83
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    CLIENT_IDENTIFIER_NOT_VALID = 0x85
    BAD_USER_NAME_OR_PASSWORD = 0x86
    NOT_AUTHORIZED = 0x87
    SERVER_UNAVAILABLE = 0x88
    SERVER_BUSY = 0x89
    SERVER_SHUTTING_DOWN = 0x8B
    KEEP_ALIVE_TIMEOUT = 0x8D
    SESSION_TAKEN_OVER = 0x8E
    TOPIC_FILTER_INVALID = 0x8F
    TOPIC_NAME_INVALID = 0x90
    RECEIVE_MAXIMUM_EXCEEDED = 0x93
    TOPIC_ALIAS_INVALID = 0x94
    PACKET_TOO_LARGE = 0x95
    QUOTA_EXCEEDED = 0x97
    ADMINISTRATIVE_ACTION = 0x98
    PAYLOAD_FORMAT_INVALID = 0x99
    RETAIN_NOT_SUPPORTED = 0x9A
    QOS_NOT_SUPPORTED = 0x9B


FAILURE = 0x80  # from here on a code says no

_CONNACK_311 = {
    Reason.UNSUPPORTED_PROTOCOL_VERSION: 1,
    Reason.CLIENT_IDENTIFIER_NOT_VALID: 2,
    Reason.BAD_USER_NAME_OR_PASSWORD: 4,
    Reason.NOT_AUTHORIZED: 5,
}
_UNAVAILABLE_311 = 3  # the code of 3.1.1 that comes nearest to every other refusal

_ERRORS = {
    "mqtt.malformed": Reason.MALFORMED_PACKET,
    "mqtt.torn": Reason.MALFORMED_PACKET,
    "mqtt.protocol": Reason.PROTOCOL_ERROR,
    "mqtt.unsupported_packet": Reason.IMPLEMENTATION_SPECIFIC_ERROR,
    "mqtt.unsupported_version": Reason.UNSUPPORTED_PROTOCOL_VERSION,
    "mqtt.too_large": Reason.PACKET_TOO_LARGE,
}


def connack_311(reason: int) -> int:
    """The return code of 3.1.1 for a reason of MQTT 5."""
    if reason < FAILURE:
        return 0
    return _CONNACK_311.get(Reason(reason), _UNAVAILABLE_311) if is_known(reason) else _UNAVAILABLE_311


def is_known(reason: int) -> bool:
    """Whether the number stands in the table above."""
    return any(reason == known for known in Reason)


def reason_words(reason: int) -> str:
    """The reason for a message to a person: "not authorized (0x87)"."""
    name = Reason(reason).name.lower().replace("_", " ") if is_known(reason) else "unknown reason"
    return f"{name} (0x{reason:02X})"


def reason_of(error: ProtocolError) -> Reason:
    """What a peer is told about the bytes that it sent."""
    return _ERRORS.get(error.code, Reason.UNSPECIFIED_ERROR)
