"""How long to wait before the next try to connect. Pure: told what happened, gives seconds.

Owns: the numbers and their reasons. Must not know: sockets, MQTT packets, the loop.

Three things at once: a short outage is over soon after the broker is back; nine thousand booths do not come
back in the same instant; two boxes with one id do not throw each other out for ever.
"""

from __future__ import annotations

import random

FIRST_S = 0.5
CAP_S = 15.0  # after any outage the first event arrives within this
PER_OUTAGE = 1 / 30  # after a minute's outage try every 2 s, after eight minutes every 15 s
CROWD_S = 60.0  # a broker that is reached and does not answer in time is stormed: its 9,000 booths spread out
REFUSED_S = 60.0  # a broker that knows us and refuses: a person must act, so look rarely
REFUSED_FREE = 3  # the first refusals may come from a broker that is just loading its passwords
STABLE_S = 60.0  # a shorter connection does not reset the back-off: two boxes with one id, a bad ACL
TAKEN_OVER_S = 60.0  # somebody else uses our id: at most one connect a minute
SHORT_LIVES = 4  # a broker that restarts cuts us off so often; beyond it somebody fights for our id


class Backoff:
    """One session's memory of its tries. All times on the monotonic clock."""

    def __init__(self, now_s: float, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - spreads reconnects, guards nothing
        self._down_since_s = now_s
        self._short_lives = 0
        self._crowded = 0
        self._refusals = 0
        self._taken_over = False

    @property
    def duplicate(self) -> bool:
        """Whether another client seems to use our id."""
        return self._taken_over or self._short_lives > SHORT_LIVES

    def connected(self) -> None:
        self._crowded = self._refusals = 0

    def lived(self, up_since_s: float, now_s: float, *, taken_over: bool, excused: bool = False) -> None:
        """A connection has ended; `excused` where it is known why, and nobody else is to blame."""
        self._taken_over = taken_over
        if now_s - up_since_s >= STABLE_S:
            self._down_since_s, self._short_lives = now_s, 0
        elif not excused:
            self._short_lives += 1

    def settled(self) -> None:
        """The present connection has held for STABLE_S: nobody fights for our id any more."""
        self._short_lives = 0
        self._taken_over = False

    def failed(self, *, busy: bool, refused: bool) -> None:
        """A try has failed. `busy`: reached, and no answer in time; `refused`: an answer, and it was no."""
        self._taken_over = False
        self._crowded = self._crowded + 1 if busy else 0
        self._refusals = self._refusals + 1 if refused else 0

    def delay_s(self, now_s: float) -> float:
        """How long to wait now."""
        if self._taken_over or self._short_lives > SHORT_LIVES + 7:
            return TAKEN_OVER_S * self._random.uniform(1.0, 1.5)
        if self._crowded:
            return self._random.uniform(FIRST_S, min(CROWD_S, CAP_S * 2 ** min(self._crowded - 1, 4)))
        ceiling = min(CAP_S, max(FIRST_S, (now_s - self._down_since_s) * PER_OUTAGE))
        fights = self._short_lives - SHORT_LIVES
        if fights > 0:
            ceiling = max(ceiling, FIRST_S * 2**fights)
        if self._refusals > REFUSED_FREE:
            ceiling = REFUSED_S
        return ceiling * self._random.uniform(0.5, 1.0)
