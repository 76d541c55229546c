"""An event that the broker said yes to and the centre, which is there, does not get: perhaps for its size.

Owns: when that is held for certain. Must not know: the wire, the centre's words. Pure: told the time.

Over MQTT 3.1.1 a broker may drop a message above its limit and acknowledge it all the same. Then only this
tells: the centre answers, and does not have the first event that it lacks, long after the broker took it. Of
several events in one message each goes alone next. One that is alone is laid aside after ROUNDS rounds; below
LEAST_PACKET_BYTES never: a centre that does not take an ordinary event must say so itself.
"""

from __future__ import annotations

from edge_agent.uplink.hangups import LEAST_PACKET_BYTES
from edge_agent.uplink.outgoing import Message

LATE_S = 5.0  # after the broker's word: a loaded centre has committed by then
ROUNDS = 5  # of half a minute: a centre that commits once a minute is not mistaken for a broker that drops


class PassedOver:
    """Follows the message that begins with the first event that the centre lacks."""

    def __init__(self) -> None:
        self._head: Message | None = None
        self._first = 0
        self._since_s = 0.0
        self._rounds = 0
        self._heard = False

    def delivered(self, message: Message, now_s: float) -> None:
        """The broker has the message that begins with the first event that the centre lacks."""
        if message.seqs[0] != self._first:
            self._first, self._since_s, self._rounds, self._heard = message.seqs[0], now_s, 0, False
        self._head = message

    def heard(self, now_s: float) -> None:
        """The centre has said what it has."""
        self._heard = self._heard or now_s - self._since_s >= LATE_S

    def verdict(self, lacking: int) -> Message | None:
        """The centre still lacks this number in time: the message that is too large, if one is."""
        head, self._head = self._head, None
        heard, self._heard = self._heard, False
        if head is None or not heard or head.seqs[0] != lacking or head.size <= LEAST_PACKET_BYTES:
            return None
        self._rounds += 1
        return head if len(head.seqs) > 1 or self._rounds >= ROUNDS else None
