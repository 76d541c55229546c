"""A broker that hangs up and does not say why: whether a message was too large for it.

Owns: when that is suspected, how carefully is sent meanwhile, when it is held for certain.
Must not know: topics, what a message is about, the wire. Pure: told the time.

MQTT 3.1.1 cannot say why, and some brokers of MQTT 5 do not. Sent again at each connection, a message over
the limit would end every one of them. So:

    suspected   twice in a row the broker hung up soon after something larger than all that it answered
    careful     then one message is under way at a time, and the one at which it ends is known
    certain     after the second such end; whatever is above the limit later is known at its first

An answer to something as large, or a minute of life, ends the suspicion. Below LEAST_PACKET_BYTES nothing is
ever blamed: a broker that dies again and again, or another box with our id, must not cost an ordinary event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST_PACKET_BYTES = 1024  # a broker that takes less takes no event at all
ROUNDS = 2  # a broker that restarts cuts us off once, and once more while it loads
PROOFS = 2
SOON_S = 15.0  # a broker hangs up when it reads the length; a slow link has a round trip of some seconds
CALM_S = 60.0  # a connection that lived so long did not end over what was sent at its beginning
UNEXPLAINED = {0x80, 0x81, 0x82, 0x83}  # closed without a word, malformed packet, protocol error, other


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A message that was under way when the connection ended: its bytes, and when it left."""

    size: int
    at_s: float


class HangUps:
    """The memory of one flow over its connections."""

    def __init__(self) -> None:
        self._up_at_s = 0.0
        self._rounds = self._proofs = 0
        self._suspect = self._carried = 0

    @property
    def careful(self) -> bool:
        """Whether only one message may be under way at a time."""
        return self._rounds >= ROUNDS

    def opened(self, now_s: float) -> None:
        """A new connection."""
        self._up_at_s = now_s
        if not self._rounds:
            self._carried = 0

    def answered(self, size: int, now_s: float) -> None:
        """The broker has read a message of this size, whatever it says of it."""
        self._carried = max(self._carried, size)
        if self._rounds and (size >= self._suspect or now_s - self._up_at_s >= CALM_S):
            self._calm()

    def certain(self, unanswered: Sequence[Unanswered], code: int, now_s: float) -> bool:
        """The connection has ended so; True if the largest of these was too large for the broker."""
        if now_s - self._up_at_s >= CALM_S:
            self._calm()
        largest = max(unanswered, key=lambda one: one.size, default=None)
        if largest is None or code not in UNEXPLAINED or not self._may_be(largest, now_s):
            return False
        self._suspect = largest.size
        if not self.careful:
            self._rounds += 1
            return False
        self._proofs += 1
        return self._proofs >= PROOFS

    def _may_be(self, one: Unanswered, now_s: float) -> bool:
        return one.size > max(LEAST_PACKET_BYTES, self._carried) and now_s - one.at_s < SOON_S

    def _calm(self) -> None:
        self._rounds = self._proofs = 0
        self._suspect = self._carried = 0
