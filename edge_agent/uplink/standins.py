"""What goes to the centre in the place of an event that cannot: the numbering stays gapless.

Owns: events too large for the broker, refused by it one by one, or gone from the ledger.
Must not know: the wire.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace

from edge_agent.events.model import StoredEvent
from edge_agent.ledger.ids import uuid_text
from edge_agent.ledger.outbox import Rejection
from edge_agent.sdk.values import ClockQuality, Stamp
from edge_agent.uplink.doubt import BATCH_EVENTS
from edge_agent.uplink.health import Health
from edge_agent.uplink.marks import Marks
from edge_agent.uplink.messages import compact, event_text

log = logging.getLogger(__name__)

ESCAPED = 6  # bytes that one character may take in JSON
ENVELOPE_BYTES = 512  # of a CloudEvent beside data and subject
SUBJECT_KEPT = 32  # characters of the subject of an event that the broker cannot carry: an item's number
KEPT = 1024  # numbers that a broker refused one by one; more of them are a broker that refuses everything
WITHHELD = "event.withheld"


class StandIns:
    """Knows which events the broker does not carry."""

    def __init__(self, marks: Marks, health: Health, booth: str, epoch: str) -> None:
        self._marks = marks
        self._health = health
        self._booth = booth
        self._epoch = epoch
        self._refused: set[int] = set()
        self._suspects: set[int] = set()

    @property
    def single(self) -> bool:
        """Whether messages hold one event each, to find the one that the broker refuses."""
        return bool(self._suspects)

    def refused(self, seqs: Sequence[int]) -> None:
        """The broker refused a message for its content."""
        if len(seqs) > 1:
            self._suspects.update(seqs)
            return
        self._suspects.difference_update(seqs)
        if len(self._refused) < KEPT:
            self._refused.update(seqs)

    def carried(self, seqs: Sequence[int]) -> None:
        """The broker took these."""
        if self._suspects:
            self._suspects.difference_update(seqs)

    def instead_of(self, event: StoredEvent, limit: int) -> StoredEvent | None:
        """The event itself, or a note in its place; None where there is no room to lay it aside for that."""
        if event.seq in self._refused:
            return self._withhold(event, "refused_by_broker")
        longest = ESCAPED * (len(event.data) + len(event.subject)) + ENVELOPE_BYTES
        if longest > limit and len(event_text(event, self._booth).encode()) + 2 > limit:
            return self._withhold(event, "too_large_for_broker")
        return event

    def without_gap(self, after: int, events: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
        """Events that follow `after`, up to the first that the ledger has lost; or notes for lost ones."""
        for index, event in enumerate(events):
            if event.seq != after + 1 + index:
                return events[:index] if index else self._for_missing(after + 1, event.seq)
        return events

    def _for_missing(self, first: int, beyond: int) -> list[StoredEvent]:
        """The centre is told, instead of waiting for ever."""
        if "event_missing" not in self._health.trouble:
            log.error("events %d to %d are gone from the ledger", first, beyond - 1)
        self._health.trouble.add("event_missing")
        body = compact({"reason": "missing_at_booth"}).decode()
        nowhen = Stamp(0, 0, ClockQuality.NONE)
        return [
            StoredEvent(self._epoch, seq, self._id(seq), "unknown", WITHHELD, "ledger", nowhen, body)
            for seq in range(first, min(beyond, first + BATCH_EVENTS))
        ]

    def _id(self, seq: int) -> str:
        """The same at every repetition."""
        return uuid_text(hashlib.sha256(f"{self._booth}/{self._epoch}/{seq}".encode()).digest()[:16])

    def _withhold(self, event: StoredEvent, reason: str) -> StoredEvent | None:
        self._health.trouble.add("event_too_large" if reason.startswith("too") else "event_refused")
        aside = [Rejection(event.seq, reason)]
        fresh = self._marks.reject(aside)
        if self._marks.lacks(aside) is not None:
            return None
        if fresh:
            log.error("event %d is not sent: %s; kept as a dead letter", event.seq, reason)
        body = compact({"reason": reason, "type": event.type}).decode()
        return replace(event, type=WITHHELD, subject=event.subject[:SUBJECT_KEPT], data=body)
