"""The terms of a connection: why a CONNECT is refused, and what CONNACK tells the client of our limits.

Owns: these two answers. Must not know: sessions, sockets.
"""

from __future__ import annotations

from simulators.broker.faults import Faults
from simulators.mqtt.codec import PACKET_LIMIT
from simulators.mqtt.packets import Connect, Version
from simulators.mqtt.properties import Properties
from simulators.mqtt.reasons import Reason
from simulators.mqtt.topics import is_topic

CLIENT_ID_LIMIT = 128  # booth ids have 24 characters; a longer name only fattens every log line
MAXIMUM_QOS = 1


def refusal_of(connect: Connect) -> Reason | None:
    """Why a CONNECT cannot be taken."""
    if len(connect.client_id) > CLIENT_ID_LIMIT:
        return Reason.CLIENT_IDENTIFIER_NOT_VALID
    if not connect.client_id and connect.version is Version.V311 and not connect.clean_start:
        return Reason.CLIENT_IDENTIFIER_NOT_VALID
    if connect.properties.authentication_method is not None:
        return Reason.BAD_USER_NAME_OR_PASSWORD
    if connect.will is not None and connect.will.qos > MAXIMUM_QOS:
        return Reason.QOS_NOT_SUPPORTED
    if connect.will is not None and not is_topic(connect.will.topic):
        return Reason.TOPIC_NAME_INVALID
    return None


def terms(faults: Faults, assigned_client_id: str | None) -> Properties:
    """What the client may do; only MQTT 5 clients get to read it."""
    return Properties(
        assigned_client_id=assigned_client_id,
        maximum_qos=MAXIMUM_QOS,
        receive_maximum=faults.receive_maximum,
        maximum_packet_size=faults.maximum_packet_size or PACKET_LIMIT,
    )
