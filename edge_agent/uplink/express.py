"""Accepted parcels that overtake: read ahead of the stream while much waits.

Owns: how far the ledger has been looked through, when that is worth it, which of them are not known to be
stored. Must not know: the wire.
"""

from __future__ import annotations

from collections.abc import Iterable

from edge_agent.events.model import StoredEvent
from edge_agent.ledger.ledger import Ledger
from edge_agent.uplink.doubt import Doubt
from edge_agent.uplink.spans import Spans

WORTH_EVENTS = 256  # below this the stream itself is there in a moment, even on a slow link
LOOK_EVENTS = 4096  # rows looked through in one go: some milliseconds, also on a card


class Express:
    """Goes once through what waits; new events are looked at as they come."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._looked = 0
        self._found: list[StoredEvent] = []
        self._overtaking: set[int] = set()
        self._doubt = Doubt()

    def begin(self, window: int) -> None:
        """Anew: a new connection, or the centre is silent."""
        self._doubt.opened(window)
        self._again()

    @property
    def batch(self) -> int:
        return self._doubt.batch

    async def waiting(self, cursor: int, stored: Spans, *, held_back: bool) -> list[StoredEvent] | None:
        """What may overtake now, or None; `held_back` when the stream may not move at all."""
        room = self._doubt.ahead - len(self._overtaking)
        if room <= 0 or not (self._found or await self._look(cursor, held_back=held_back)):
            return None
        self._found = [event for event in self._found if event.seq > cursor and event.seq not in stored]
        return self._found[:room]

    async def _look(self, cursor: int, *, held_back: bool) -> bool:
        """Whether there was anything to look through."""
        last = self._ledger.last
        looked = max(self._looked, cursor)
        if looked >= last or not (held_back or last - cursor > WORTH_EVENTS):
            return False
        until = min(last, looked + LOOK_EVENTS)
        found = await self._ledger.urgent(looked, until)
        self._looked, self._found = until, found
        return True

    def left(self, seqs: Iterable[int]) -> None:
        """These are on the wire."""
        gone = set(seqs)
        self._overtaking |= gone
        self._found = [event for event in self._found if event.seq not in gone]

    def delivered(self, now_s: float) -> None:
        """The broker has some of them."""
        self._doubt.delivered(now_s)

    def stored(self, acked: int, also: Spans, now_s: float) -> None:
        """The centre has some of them."""
        before = len(self._overtaking)
        self._overtaking = {seq for seq in self._overtaking if seq > acked and seq not in also}
        if len(self._overtaking) < before:
            self._doubt.progress(now_s, waits=bool(self._overtaking))

    def check(self, now_s: float) -> None:
        """Look at the timer: those that the centre does not name go again."""
        if self._doubt.overdue(now_s):
            self._doubt.again(now_s)
            self._again()

    def _again(self) -> None:
        self._overtaking.clear()
        self._found = []
        self._looked = 0
