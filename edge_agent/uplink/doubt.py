"""What has left the booth and is not known to be stored: how much there may be of it, and when it goes again.

Owns: the wait for the centre, its growth, how carefully a silent or absent centre is tried.
Must not know: messages, numbers, the wire. Pure: told the time.

A centre that is silent gets everything once more after 30 s, as the contract says. One that stays silent is
then tried with a single event at growing distances: on a metered link a dead centre must not cost the month's
bytes. An event alone also passes a broker that drops large messages without a word.
"""

from __future__ import annotations

CENTRAL_ACK_TIMEOUT_S = 30.0  # contract: no acknowledgement within 30 s of PUBACK, then again
TIMEOUT_CAP_S = 480.0  # a centre that is back is found within eight minutes even if it does not say so
NOBODY_FIRST_S = 5.0  # a consumer may be starting just now
NOBODY_CAP_S = 60.0
WINDOWS_AHEAD = 4  # one on the wire, three while a loaded centre commits: so much may come twice after a cut
BATCH_EVENTS = 32  # contract: a message holds 1 to 32 events
CAREFUL = 2  # silent for so many rounds, it is tried with one event, and people are told


class Doubt:
    """`ahead` events may be in doubt at one time, `batch` of them in one message."""

    def __init__(self) -> None:
        self._ahead = BATCH_EVENTS
        self._silent = 0
        self._vain = 0
        self._nobody = 0
        self._since_s: float | None = None
        self._batch = BATCH_EVENTS

    def opened(self, window: int) -> None:
        """With so many messages at a time: what was in doubt leaves again now."""
        self._ahead = WINDOWS_AHEAD * window * BATCH_EVENTS
        self._since_s = None

    @property
    def ahead(self) -> int:
        return 1 if self._nobody or self._silent >= CAREFUL else self._ahead

    @property
    def batch(self) -> int:
        return 1 if self._nobody or self._silent >= CAREFUL else self._batch

    @property
    def in_vain(self) -> bool:
        """Whether round after round nothing is stored, be it that the centre answers to other things."""
        return self._vain >= CAREFUL

    def delivered(self, now_s: float) -> None:
        """The broker has it; the oldest that waits for the centre counts, not the newest."""
        self._nobody = 0
        if self._since_s is None:
            self._since_s = now_s

    def heard(self) -> None:
        """The centre is there, if it has nothing new."""
        self._silent = self._nobody = 0

    def progress(self, now_s: float, *, waits: bool) -> None:
        """The centre has stored more; `waits` if still not everything that was delivered."""
        self._silent = self._vain = 0
        self._batch = min(BATCH_EVENTS, self._batch * 2)
        self._since_s = now_s if waits else None

    def overdue(self, now_s: float) -> bool:
        """Whether it is time to send again."""
        if self._since_s is None:
            return False
        patience_s = min(TIMEOUT_CAP_S, CENTRAL_ACK_TIMEOUT_S * (1 << self._silent))
        return now_s - self._since_s > patience_s

    def again(self, now_s: float) -> None:
        """It is sent again now."""
        self._silent = min(self._silent + 1, 16)
        self._vain = min(self._vain + 1, CAREFUL)
        self._since_s = now_s
        if self._silent >= CAREFUL:
            self._batch = 1

    def nobody(self) -> float:
        """The broker has no consumer for it; gives how long to wait before the next try."""
        self._since_s = None
        self._nobody = min(self._nobody + 1, 16)
        return min(NOBODY_CAP_S, NOBODY_FIRST_S * 2.0 ** (self._nobody - 1))
