"""Messages of events on their way out: packed, put on the wire, or held back for a while.

Owns: the size of a message, what a refused one teaches of it, the pause after a refusal.
Must not know: which events, what an answer leads to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_agent.events.model import StoredEvent
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import LinkError
from edge_agent.uplink.flow import ENVELOPE_BYTES, PACKET_TOO_LARGE, Flow
from edge_agent.uplink.hangups import LEAST_PACKET_BYTES
from edge_agent.uplink.health import Health
from edge_agent.uplink.messages import BATCH_BYTES, batches
from edge_agent.uplink.standins import StandIns

NOT_TAKEN_PAUSE_S = 30.0  # a wire that takes no message of this size


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """One message on the wire: itself, the numbers in it, the bytes of its payload."""

    seqs: tuple[int, ...]
    size: int


class Outgoing:
    """Sends as much as window and pause allow."""

    def __init__(
        self, flow: Flow, clock: Clock, standins: StandIns, health: Health, *, topic: str, booth: str
    ) -> None:
        self._flow = flow
        self._clock = clock
        self._standins = standins
        self._health = health
        self._topic = topic
        self._booth = booth
        self._limit = BATCH_BYTES
        self._taken_bytes = BATCH_BYTES  # what a broker that names no limit has not refused for its size
        self._paused_until_s = 0.0

    def opened(self, packet_bytes: int) -> None:
        """A new connection to a broker that takes packets of this size."""
        room = packet_bytes - len(self._topic) - ENVELOPE_BYTES
        self._limit = max(LEAST_PACKET_BYTES, min(BATCH_BYTES, room))
        self._paused_until_s = 0.0

    @property
    def paused(self) -> bool:
        return self._clock.monotonic_s() < self._paused_until_s

    def pause(self, seconds: float) -> None:
        """Nothing leaves for so long."""
        self._paused_until_s = self._clock.monotonic_s() + seconds

    def refused(self, message: Message, reason: int) -> None:
        """The broker does not take this message for its content, or for its size: then smaller ones follow.

        Of several events each goes alone next. A single one is held back by itself.
        """
        if reason == PACKET_TOO_LARGE and len(message.seqs) > 1:
            self._taken_bytes = max(LEAST_PACKET_BYTES, min(self._taken_bytes, message.size // 2))
        self._standins.refused(message.seqs)

    def carried(self, message: Message) -> None:
        """The broker took this message."""
        self._standins.carried(message.seqs)

    @property
    def may(self) -> bool:
        """Whether a message may leave now."""
        return self._health.connected and self._flow.room > 0 and not self.paused

    def send(
        self,
        events: Sequence[StoredEvent],
        answered: Callable[[Message, int], None],
        *,
        batch: int,
        replay: str = "",
    ) -> list[Message]:
        """Put events on the wire in messages of at most `batch`; gives those that left."""
        fitting = list[StoredEvent]()
        for event in events:
            may_leave = self._standins.instead_of(event, self._limit)
            if may_leave is None:
                break
            fitting.append(may_leave)
        count = 1 if self._standins.single else batch
        limit = min(self._limit, self._taken_bytes)
        left = []
        for seqs, payload in batches(fitting, self._booth, limit, count=count, replay=replay):
            message = Message(tuple(seqs), len(payload))
            if not self.may or not self._put(message, payload, answered):
                break
            left.append(message)
        return left

    def _put(self, message: Message, payload: bytes, answered: Callable[[Message, int], None]) -> bool:
        try:
            self._flow.send(self._topic, payload, lambda reason: answered(message, reason))
        except LinkError:  # gone meanwhile; or larger than the smallest broker takes
            self.pause(NOT_TAKEN_PAUSE_S)
            return False
        return True
