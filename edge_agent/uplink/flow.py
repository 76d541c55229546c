"""Everything of ours that is on the wire at QoS 1, on this connection: one window for all of it.

Owns: the broker's Receive Maximum (paho does not obey it), who is told of which PUBACK, the wait for it, and
which message is to blame when the broker hangs up over a size.
Must not know: what the messages are about, the ledger, paho.

A broker that named no Maximum Packet Size says with its DISCONNECT only that something was too large.
Whatever it was is still unanswered, so the largest of what is unanswered is at least as large: that one is
not taken, for certain, and nothing can be said of the others. One that says nothing at all: see hangups.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge_agent.sdk.clock import Clock
from edge_agent.uplink.budget import Budget
from edge_agent.uplink.hangups import HangUps, Unanswered

log = logging.getLogger(__name__)

PUBACK_TIMEOUT_S = 20.0  # a broker that took a message and says nothing
LEAST_WINDOW = 1
PENALTY_LIMIT = 64  # our largest window is 100: beyond this it is one anyway
ENVELOPE_BYTES = 24  # of a PUBLISH beside topic and payload
PACKET_TOO_LARGE = 0x95  # reason of a PUBACK, or of the DISCONNECT of a broker that named no limit

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
    size: int


class Flow:
    """`room` messages more may leave now; each is answered once, or the connection ends."""

    def __init__(self, wire: Wire, clock: Clock, budget: Budget) -> None:
        self._wire = wire
        self._clock = clock
        self._under: dict[int, _Under] = {}
        self._window = 0
        self._penalty = 1
        self._spilled = 0  # the largest at QoS 0, which is never answered
        self._hangups = HangUps()
        self.budget = budget

    def opened(self, window: int) -> None:
        """A new connection. A broker that found us over its maximum before gets half of it."""
        self._under.clear()
        self._spilled = 0
        self._window = max(LEAST_WINDOW, window // self._penalty)
        self._hangups.opened(self._clock.monotonic_s())

    def closed(self, code: int = 0) -> bool:
        """The connection is gone, and all answers with it; the largest may be told that it was too large.

        True where one of them was: this is why it is gone.
        """
        under, self._under = list(self._under.values()), {}
        self._window = 0
        unanswered = [Unanswered(one.size, one.at_s) for one in under]
        silent = self._hangups.certain(unanswered, code, self._clock.monotonic_s())
        if not under or not (silent or code == PACKET_TOO_LARGE):
            return False
        largest = max(under, key=lambda one: one.size)
        if not silent and largest.size < self._spilled:
            return False
        log.error("the broker hangs up over a message of %d bytes", largest.size)
        largest.answered(PACKET_TOO_LARGE)
        return True

    def overran(self) -> None:
        """The broker counts more under way than we do: a new connection, with half of the window."""
        self._penalty = min(self._penalty * 2, PENALTY_LIMIT)
        self._wire.drop("the broker counts otherwise")

    @property
    def room(self) -> int:
        window = min(self._window, LEAST_WINDOW) if self._hangups.careful else self._window
        return window - len(self._under)

    @property
    def idle(self) -> bool:
        return not self._under

    def send(
        self, topic: str, payload: bytes, answered: Answered, *, retain: bool = False, expiry_s: int = 0
    ) -> None:
        """Put one message on the wire; only with room. Raises LinkError uplink.down, uplink.too_large."""
        mid = self._wire.publish(topic, payload, retain=retain, expiry_s=expiry_s)
        size = len(topic) + len(payload) + ENVELOPE_BYTES
        self._under[mid] = _Under(answered, self._clock.monotonic_s(), size)
        self.budget.spend(size)

    def spill(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """At QoS 0, outside of the window: lost if the network does not take it at once. Raises LinkError."""
        if self._wire.flowing:
            self._wire.publish(topic, payload, qos=0, retain=retain)
            size = len(topic) + len(payload) + ENVELOPE_BYTES
            self._spilled = max(self._spilled, size)
            self.budget.spend(size)

    def puback(self, mid: int, reason: int) -> bool:
        """The broker's answer; False where the message is none of ours."""
        under = self._under.pop(mid, None)
        if under is None:
            return False
        self._hangups.answered(under.size, self._clock.monotonic_s())
        under.answered(reason)
        return True

    def check(self) -> None:
        """Leave a broker that does not answer; called every few seconds while something is under way."""
        if not self._under:
            return
        oldest_s = min(under.at_s for under in self._under.values())
        if self._clock.monotonic_s() - oldest_s > PUBACK_TIMEOUT_S:
            self._wire.drop("the broker does not acknowledge")
