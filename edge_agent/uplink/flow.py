"""Everything of ours that is on the wire at QoS 1, on this connection: one window for all of it.

Owns: the broker's Receive Maximum (paho does not obey it), who is told of which PUBACK, the wait for it.
Must not know: what the messages are about, the ledger, paho.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge_agent.sdk.clock import Clock
from edge_agent.uplink.budget import Budget

PUBACK_TIMEOUT_S = 20.0  # a broker that took a message and says nothing
LEAST_WINDOW = 1
PENALTY_LIMIT = 64  # our largest window is 100: beyond this it is one anyway
ENVELOPE_BYTES = 24  # of a PUBLISH beside topic and payload

Answered = Callable[[int], object]


class Wire(Protocol):
    """The part of the session that the flow uses."""

    @property
    def flowing(self) -> bool: ...
    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expiry_s: int = 0
    ) -> int: ...
    def drop(self, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class _Under:
    """One message under way."""

    answered: Answered
    at_s: float


class Flow:
    """`room` messages more may leave now; each is answered once, or the connection ends."""

    def __init__(self, wire: Wire, clock: Clock, budget: Budget) -> None:
        self._wire = wire
        self._clock = clock
        self._under: dict[int, _Under] = {}
        self._window = 0
        self._penalty = 1
        self.budget = budget

    def opened(self, window: int) -> None:
        """A new connection. A broker that found us over its maximum before gets half of it."""
        self._under.clear()
        self._window = max(LEAST_WINDOW, window // self._penalty)

    def closed(self) -> None:
        """The connection is gone, and every answer with it."""
        self._under.clear()
        self._window = 0

    def overran(self) -> None:
        """The broker counts more under way than we do: a new connection, with half of the window."""
        self._penalty = min(self._penalty * 2, PENALTY_LIMIT)
        self._wire.drop("the broker counts otherwise")

    @property
    def room(self) -> int:
        return self._window - len(self._under)

    @property
    def idle(self) -> bool:
        return not self._under

    def send(
        self, topic: str, payload: bytes, answered: Answered, *, retain: bool = False, expiry_s: int = 0
    ) -> None:
        """Put one message on the wire; only with room. Raises LinkError uplink.down, uplink.too_large."""
        mid = self._wire.publish(topic, payload, retain=retain, expiry_s=expiry_s)
        self._under[mid] = _Under(answered, self._clock.monotonic_s())
        self.budget.spend(len(topic) + len(payload) + ENVELOPE_BYTES)

    def spill(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """At QoS 0, outside of the window: lost if the network does not take it at once. Raises LinkError."""
        if self._wire.flowing:
            self._wire.publish(topic, payload, qos=0, retain=retain)
            self.budget.spend(len(topic) + len(payload) + ENVELOPE_BYTES)

    def puback(self, mid: int, reason: int) -> bool:
        """The broker's answer; False where the message is none of ours."""
        under = self._under.pop(mid, None)
        if under is None:
            return False
        under.answered(reason)
        return True

    def check(self) -> None:
        """Leave a broker that does not answer; called every few seconds while something is under way."""
        if not self._under:
            return
        oldest_s = min(under.at_s for under in self._under.values())
        if self._clock.monotonic_s() - oldest_s > PUBACK_TIMEOUT_S:
            self._wire.drop("the broker does not acknowledge")
