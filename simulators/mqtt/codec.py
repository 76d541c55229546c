"""A byte stream cut into MQTT packets, and packets made into bytes.

Owns: the fixed header, the bound on a packet, which packet has which flags. Must not know: sockets, sessions.
Document: MQTT Version 5.0, OASIS Standard, 7 March 2019, section 2.1.

Faults survived, each one ProtocolError in its place in the stream:
 1. a body that breaks a rule (the next packet is found by the length, yet a peer should be sent away),
 2. a packet longer than the bound (skipped, never held),
 3. a length that is no length: the stream has lost its frames, nothing is read until `reset`.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.sdk.errors import ProtocolError
from simulators.mqtt import wire_connect, wire_messages
from simulators.mqtt.fields import malformed, varint, violation
from simulators.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    PacketType,
    Pingreq,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Version,
)

PACKET_LIMIT = 1 << 20  # 32 times the largest event batch: room for a support bundle, none for a flood
_LENGTH_BYTES = 4  # a remaining length has four bytes at most

# packets whose body depends on nothing but the version
_READERS: dict[int, Callable[[bytes, Version], Packet]] = {
    PacketType.CONNACK: wire_connect.read_connack,
    PacketType.PUBACK: wire_messages.read_puback,
    PacketType.SUBSCRIBE: wire_messages.read_subscribe,
    PacketType.SUBACK: wire_messages.read_suback,
    PacketType.UNSUBSCRIBE: wire_messages.read_unsubscribe,
    PacketType.UNSUBACK: wire_messages.read_unsuback,
    PacketType.PINGREQ: lambda body, _: wire_connect.read_pingreq(body),
    PacketType.PINGRESP: lambda body, _: wire_connect.read_pingresp(body),
    PacketType.DISCONNECT: wire_connect.read_disconnect,
}
_MARKED = {PacketType.SUBSCRIBE, PacketType.UNSUBSCRIBE}  # their header flags are 0010, the others' 0000


def encode(packet: Packet, version: Version) -> bytes:
    """The packet's bytes. Raises ProtocolError for a field that does not fit."""
    match packet:
        case Publish():
            first = PacketType.PUBLISH << 4 | wire_messages.publish_flags(packet)
            return _framed(first, wire_messages.write_publish(packet, version))
        case Puback():
            return _framed(PacketType.PUBACK << 4, wire_messages.write_puback(packet, version))
        case Connect():
            return _framed(PacketType.CONNECT << 4, wire_connect.write_connect(packet))
        case Connack():
            return _framed(PacketType.CONNACK << 4, wire_connect.write_connack(packet, version))
        case Disconnect():
            return _framed(PacketType.DISCONNECT << 4, wire_connect.write_disconnect(packet, version))
        case Subscribe() | Suback() | Unsubscribe() | Unsuback():
            return _encode_subscription(packet, version)
        case Pingreq():
            return b"\xc0\0"
        case _:
            return b"\xd0\0"


class PacketCodec:
    """Packets out of chunks; the version is given, or learned from the CONNECT that comes first."""

    def __init__(self, version: Version | None = None, *, limit: int = PACKET_LIMIT) -> None:
        self._given_version = version
        self._limit = limit
        self.reset()

    def reset(self) -> None:
        self.version = self._given_version
        self._held = bytearray()
        self._needed = 0
        self._skip = 0
        self._lost = False

    def feed(self, data: bytes) -> list[Packet | ProtocolError]:
        """The packets that are now whole, in order."""
        if self._lost:
            return []
        if self._held:
            self._held += data
            if len(self._held) < self._needed:
                return []
            data = bytes(self._held)
            self._held.clear()
        return self._cut(data)

    def flush(self) -> list[Packet | ProtocolError]:
        """The peer closed: a packet that is not whole is torn."""
        torn = bytes(self._held[:64])
        was_torn = bool(self._held or self._skip)
        self.reset()
        return [ProtocolError("mqtt.torn", "the stream ends within a packet", torn)] if was_torn else []

    def _cut(self, data: bytes) -> list[Packet | ProtocolError]:
        found: list[Packet | ProtocolError] = []
        at = min(self._skip, len(data))
        self._skip -= at
        while at < len(data) and not self._lost:
            start, end = self._measure(data, at)
            if start > at and end - at > self._limit:
                found.append(self._too_large(data[at : at + 5], end - at))
                self._skip = max(0, end - len(data))
            elif end > len(data):
                self._held += data[at:]
                self._needed = end - at
            else:
                found.append(self._read(data[at], data[start:end]))
            at = end
        return found

    def _measure(self, data: bytes, at: int) -> tuple[int, int]:
        """Where the body starts and the packet ends; an end beyond the data asks for more bytes."""
        size, shift = 0, 0
        for place in range(at + 1, at + 1 + _LENGTH_BYTES):
            if place >= len(data):
                return at, len(data) + 1
            byte = data[place]
            size |= (byte & 0x7F) << shift
            if byte < 0x80:
                return place + 1, place + 1 + size
            shift += 7
        self._lost = True
        return at + 1, at + 1

    def _read(self, first: int, body: bytes) -> Packet | ProtocolError:
        if self._lost:
            return malformed("a length of more than four bytes", bytes([first]))
        try:
            return self._decode(first >> 4, first & 0x0F, body)
        except ProtocolError as error:
            return error

    def _decode(self, kind: int, flags: int, body: bytes) -> Packet:
        if kind == PacketType.PUBLISH and self.version is not None:
            return wire_messages.read_publish(flags, body, self.version)
        if flags != (2 if kind in _MARKED else 0):
            raise malformed("header flags that the standard reserves", bytes([kind << 4 | flags]))
        if kind == PacketType.CONNECT:
            packet = wire_connect.read_connect(body)
            self.version = packet.version
            return packet
        if self.version is None:
            raise violation("the first packet is not CONNECT", body)
        reader = _READERS.get(kind)
        if reader is None:
            raise ProtocolError("mqtt.unsupported_packet", f"packet type {kind} is not spoken", body[:16])
        return reader(body, self.version)

    def _too_large(self, head: bytes, size: int) -> ProtocolError:
        return ProtocolError("mqtt.too_large", f"a packet of {size} bytes; {self._limit} are the most", head)


def _framed(first: int, body: bytes) -> bytes:
    if len(body) < 0x80:
        return bytes((first, len(body))) + body
    return bytes((first,)) + varint(len(body)) + body


def _encode_subscription(packet: Subscribe | Suback | Unsubscribe | Unsuback, version: Version) -> bytes:
    match packet:
        case Subscribe():
            return _framed(PacketType.SUBSCRIBE << 4 | 2, wire_messages.write_subscribe(packet, version))
        case Suback():
            return _framed(PacketType.SUBACK << 4, wire_messages.write_suback(packet, version))
        case Unsubscribe():
            return _framed(PacketType.UNSUBSCRIBE << 4 | 2, wire_messages.write_unsubscribe(packet, version))
        case Unsuback():
            return _framed(PacketType.UNSUBACK << 4, wire_messages.write_unsuback(packet, version))
