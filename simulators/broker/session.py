"""One client's session: its subscriptions, what waits for it, and what it has not acknowledged.

Owns: queue, window, packet identifiers, message expiry. Must not know: sockets, other sessions, routing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from simulators.broker.tree import Subscription
from simulators.mqtt.packets import Publish
from simulators.mqtt.properties import NO_PROPERTIES

QUEUE_LIMIT = 30_000  # a subscriber may get every retained message of 9,000 booths (three each) in one go
QUEUE_BYTES_LIMIT = 32 << 20  # a thousand full event batches: half a minute of a whole fleet
WINDOW_LIMIT = 256  # unacknowledged messages to one client, however large its Receive Maximum is
OVERHEAD_BYTES = 64  # what a message costs beside topic and payload, for the byte bound
_PACKET_IDS = 0xFFFF


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came; `expires_at` on the broker's monotonic clock."""

    publish: Publish
    expires_at: float | None = None

    @property
    def size(self) -> int:
        return len(self.publish.topic) + len(self.publish.payload) + OVERHEAD_BYTES


@dataclass(slots=True, eq=False)
class Delivery:
    """A message on its way to one session. `packet_id` is 0 until it was sent the first time."""

    message: Message
    qos: int
    retain: bool = False
    identifiers: tuple[int, ...] = ()
    share: tuple[str, str] | None = None
    packet_id: int = 0


class Outlet(Protocol):
    """The connection that serves a session."""

    window: int

    @property
    def writable(self) -> bool:
        """Whether the client takes bytes now."""

    def deliver(self, packet: Publish) -> bool:
        """Send; False if the packet is larger than the client takes."""

    def evict(self, reason: int) -> None:
        """Send away, and let go of the session before returning."""


class Session:
    """Lives as long as its expiry interval says; `outlet` is None while the client is away."""

    def __init__(self, client_id: str, now: Callable[[], float]) -> None:
        self.client_id = client_id
        self.expiry_s = 0
        self.outlet: Outlet | None = None
        self.subscriptions: dict[str, Subscription] = {}
        self._now = now
        self._queue: deque[Delivery] = deque()
        self._queued_bytes = 0
        self._inflight: dict[int, Delivery] = {}
        self._ids: set[int] = set()
        self._last_id = 0

    def __len__(self) -> int:
        """Messages that wait or are not acknowledged."""
        return len(self._queue) + len(self._inflight)

    def offer(self, delivery: Delivery) -> bool:
        """Take a message; False if there is no room for it. QoS 0 is sent now or never, and never refused."""
        if delivery.qos == 0:
            if self.outlet is not None and self.outlet.writable:
                self._send(delivery)
            return True
        if len(self._queue) >= QUEUE_LIMIT or self._queued_bytes >= QUEUE_BYTES_LIMIT:
            return False
        self._push(delivery)
        self.pump()
        return True

    def attach(self, outlet: Outlet) -> None:
        """A client is here: what it did not acknowledge goes out again first, marked as duplicate."""
        self.outlet = outlet
        self._queue.extendleft(reversed(self._inflight.values()))
        self._queued_bytes += sum(one.message.size for one in self._inflight.values())
        self._inflight.clear()
        self.pump()

    def acknowledged(self, packet_id: int) -> None:
        """PUBACK, whatever its reason. An unknown identifier is ignored."""
        if self._inflight.pop(packet_id, None) is not None:
            self._ids.discard(packet_id)
            self.pump()

    def pump(self) -> None:
        """Send what the window and the connection allow."""
        outlet = self.outlet
        while outlet is not None and self._queue and len(self._inflight) < outlet.window and outlet.writable:
            delivery = self._queue.popleft()
            self._queued_bytes -= delivery.message.size
            self._send(delivery)

    def leftovers(self) -> list[Delivery]:
        """What the session had not delivered when it ended, oldest first; it is empty afterwards."""
        left = [*self._inflight.values(), *self._queue]
        self._inflight.clear()
        self._queue.clear()
        self._ids.clear()
        self._queued_bytes = 0
        return left

    def _push(self, delivery: Delivery) -> None:
        self._queue.append(delivery)
        self._queued_bytes += delivery.message.size

    def _send(self, delivery: Delivery) -> None:
        """Send it, unless it has expired or is larger than the client takes."""
        packet = self._packet(delivery)
        if packet is None or self.outlet is None or not self.outlet.deliver(packet):
            self._ids.discard(delivery.packet_id)
        elif delivery.qos:
            delivery.packet_id = packet.packet_id
            self._ids.add(packet.packet_id)
            self._inflight[packet.packet_id] = delivery

    def _packet(self, delivery: Delivery) -> Publish | None:
        """The PUBLISH to send; None if the message has expired."""
        message = delivery.message
        properties = message.publish.properties
        if message.expires_at is not None:
            left_s = message.expires_at - self._now()
            if left_s <= 0:
                return None
            properties = replace(properties, message_expiry_s=max(1, round(left_s)))
        if properties is not NO_PROPERTIES or delivery.identifiers:
            properties = replace(properties, subscription_ids=delivery.identifiers)
        packet_id = (delivery.packet_id or self._free_id()) if delivery.qos else 0
        return Publish(
            message.publish.topic,
            message.publish.payload,
            delivery.qos,
            delivery.retain,
            bool(delivery.packet_id),
            packet_id,
            properties,
        )

    def _free_id(self) -> int:
        """The next identifier that is not in use; far fewer are than there are numbers."""
        while True:
            self._last_id = self._last_id % _PACKET_IDS + 1
            if self._last_id not in self._ids:
                return self._last_id
