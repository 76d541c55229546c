"""Events from the ledger to the central store: oldest first, through a window, gone only when stored there.

Owns: the cursor, the window, the acknowledgement timers. Must not know: paho, SQL.

An event's life here: waiting in the ledger, on the wire (its message has an id), with the broker (PUBACK),
stored centrally (`dn/ack`). PUBACK frees the wire's window, the central acknowledgement moves the ledger's
mark. What the centre does not acknowledge in time is sent again under the same number. In "broker" mode a
PUBACK counts as the acknowledgement, except "no matching subscribers", which is delivery to nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from edge_agent.events.model import StoredEvent
from edge_agent.ledger.ledger import Ledger
from edge_agent.ledger.outbox import Rejection
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import LinkError
from edge_agent.uplink.marks import Marks
from edge_agent.uplink.messages import BATCH_BYTES, BATCH_EVENTS, batches, compact, event_text

log = logging.getLogger(__name__)

READ_EVENTS = 8 * BATCH_EVENTS  # one read of the ledger fills this many messages; about 100 KiB of memory
PUBACK_TIMEOUT_S = 20.0  # a broker that took a message and says nothing
CENTRAL_ACK_TIMEOUT_S = 30.0  # contract: no acknowledgement within 30 s of PUBACK, then again
ESCAPED = 6  # bytes that one character may take in JSON
SUBJECT_KEPT = 32  # characters of the subject of an event that the broker cannot carry: an item's number
ENVELOPE_BYTES = 512  # of a CloudEvent beside data and subject
PAUSE_AFTER_REFUSAL_S = 30.0  # broker quota or implementation error: the rows stay, try again

NO_SUBSCRIBERS = 0x10
NOT_AUTHORISED = 0x87
PAUSES_S = {
    NO_SUBSCRIBERS: 5.0,  # a consumer may be starting just now
    NOT_AUTHORISED: 300.0,  # alarm, keep everything, probe rarely
}


class Wire(Protocol):
    """The part of the session that the publisher uses."""

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> int: ...
    def drop(self, reason: str) -> None: ...


@dataclass(slots=True)
class _Sent:
    """One message on the wire: the last event in it, and when it left."""

    last: int
    at: float


@dataclass(slots=True)
class Health:
    """What the uplink knows of itself, for status and `up/state`."""

    connected: bool = False
    reason: str = "not connected yet"
    no_consumer: bool = False
    forbidden: bool = False
    proven: bool = False
    resent: int = 0
    rejected: int = 0
    trouble: set[str] = field(default_factory=set)


class Publisher:
    """Drains the ledger through the session's window."""

    def __init__(
        self,
        ledger: Ledger,
        wire: Wire,
        clock: Clock,
        *,
        topic: str,
        booth: str,
        window: int = 32,
        central: bool = True,
        on_acknowledged: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`central` False counts the broker's PUBACK as stored (no central store yet)."""
        self._ledger = ledger
        self._wire = wire
        self._clock = clock
        self._topic = topic
        self._booth = booth
        self._configured = window
        self._window = window
        self._central = central
        self._on_acknowledged = on_acknowledged
        self._limit = BATCH_BYTES
        self._cursor = ledger.acked
        self._delivered = ledger.acked
        self._acked = ledger.acked
        self._delivered_at = 0.0
        self._sent: dict[int, _Sent] = {}
        self._wake = asyncio.Event()
        self._paused_until = 0.0
        self._marks = Marks(ledger)
        self.health = Health()

    @property
    def acked(self) -> int:
        """Everything up to here is known to be stored centrally."""
        return self._acked

    @property
    def busy(self) -> bool:
        """Whether something is under way, or held back, that a timer must watch."""
        return bool(self._sent) or self._acked < self._ledger.last

    async def run(self) -> None:
        """Send what waits, for ever. Cancel to stop; then call `close`."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._may_send() and self._cursor < self._ledger.last:
                events = await self._ledger.after(self._cursor, READ_EVENTS)
                if not events:
                    break
                if events[0].seq == self._cursor + 1:  # an offer may have sent them while we read
                    self._send(events)

    def offer(self, events: Sequence[StoredEvent]) -> None:
        """Events just committed: sent at once when nothing older waits, otherwise read back in their turn."""
        if events and self._may_send() and self._cursor == events[0].seq - 1:
            self._send(events)
        if self._cursor < self._ledger.last:
            self._wake.set()

    def went_up(self, window: int, packet_bytes: int) -> None:
        """A new connection: everything not known to be stored is sent again."""
        self._window = max(1, min(self._configured, window))
        overhead = len(self._topic) + 16
        self._limit = max(1024, min(BATCH_BYTES, packet_bytes - overhead))
        self._sent.clear()
        self._paused_until = 0.0
        self._rewind()
        self.health.connected, self.health.reason, self.health.proven = True, "", False
        self._wake.set()

    def went_down(self, reason: str) -> None:
        self._sent.clear()
        self.health.connected, self.health.reason, self.health.proven = False, reason, False

    def puback(self, mid: int, reason: int) -> bool:
        """The broker answered a message of ours; False when the id is not one of an event batch."""
        sent = self._sent.pop(mid, None)
        if sent is None:
            return False
        self.health.no_consumer = reason == NO_SUBSCRIBERS
        if reason >= 0x80 or self.health.no_consumer:
            self._refused(reason)
            return True
        self.health.forbidden = False
        if self._delivered == self._acked:  # the oldest that waits for the centre counts, not the newest
            self._delivered_at = self._clock.monotonic_s()
        self._delivered = max(self._delivered, self._all_delivered(sent.last))
        if not self._central:
            self._stored_upto(self._delivered)
        self._wake.set()
        return True

    def central_ack(self, epoch: str, upto: int, rejected: Sequence[Rejection]) -> None:
        """The central store has everything up to `upto`; what it refuses becomes a dead letter."""
        self.health.proven = True
        if epoch != self._ledger.epoch:
            return
        if upto > self._ledger.last:
            self.health.trouble.add("ack_beyond_end")
            log.error("the centre acknowledges %d, but only %d events exist", upto, self._ledger.last)
            upto = self._ledger.last
        fresh = self._marks.reject([r for r in rejected if self._acked < r.seq <= self._ledger.last])
        if fresh:
            self.health.rejected += len(fresh)
            log.error("the centre refuses %d events, first %d: %s", len(fresh), fresh[0].seq, fresh[0].code)
        self._stored_upto(upto)

    def resend(self) -> None:
        """The centre has come back: what it has not acknowledged may never have reached it."""
        if not self.health.connected:
            return
        if self.health.no_consumer:
            self._paused_until = 0.0  # this is what the pause was waiting for
        self.health.resent += self._cursor - self._acked
        self._rewind()
        self._wake.set()

    def check(self) -> None:
        """Look at the timers; called every few seconds while something is under way."""
        now = self._clock.monotonic_s()
        if self._sent and now - min(sent.at for sent in self._sent.values()) > PUBACK_TIMEOUT_S:
            self._wire.drop("the broker does not acknowledge")
            return
        waits = self._central and self._acked < self._delivered and not self._sent
        if waits and self.health.connected and now - self._delivered_at > CENTRAL_ACK_TIMEOUT_S:
            self.health.resent += self._cursor - self._acked
            self._rewind()
            self._delivered_at = now
        if self.health.connected and now >= self._paused_until:
            self._wake.set()

    async def close(self) -> None:
        """Write the last mark."""
        await self._marks.close()

    def _may_send(self) -> bool:
        return (
            self.health.connected
            and len(self._sent) < self._window
            and self._clock.monotonic_s() >= self._paused_until
        )

    def _send(self, events: Sequence[StoredEvent]) -> None:
        """Put events onto the wire as far as the window allows."""
        fitting = [self._withheld(event) if self._too_large(event) else event for event in events]
        for last, payload in batches(fitting, self._booth, self._limit):
            if not self._may_send():
                return
            try:
                mid = self._wire.publish(self._topic, payload)
            except LinkError:  # gone meanwhile; or larger than the smallest broker takes
                self._paused_until = self._clock.monotonic_s() + PAUSE_AFTER_REFUSAL_S
                return
            self._cursor = last
            self._sent[mid] = _Sent(last, self._clock.monotonic_s())

    def _too_large(self, event: StoredEvent) -> bool:
        longest = ESCAPED * (len(event.data) + len(event.subject)) + ENVELOPE_BYTES
        return longest > self._limit and len(event_text(event, self._booth).encode()) + 2 > self._limit

    def _withheld(self, event: StoredEvent) -> StoredEvent:
        """In place of an event that the broker cannot carry: the numbering stays gapless, it is kept here."""
        self.health.trouble.add("event_too_large")
        if self._marks.reject([Rejection(event.seq, "too_large_for_broker")]):
            log.error("event %d is larger than the broker takes; kept as a dead letter", event.seq)
        body = compact({"reason": "too_large_for_broker", "type": event.type}).decode()
        return replace(event, type="event.withheld", subject=event.subject[:SUBJECT_KEPT], data=body)

    def _all_delivered(self, last: int) -> int:
        """The highest event below which nothing is on the wire any more."""
        if not self._sent:
            return max(last, self._cursor)
        first_open = min(sent.last for sent in self._sent.values())
        return last if last < first_open else self._delivered

    def _refused(self, reason: int) -> None:
        """Nothing sent so far counts: a later message's PUBACK must not vouch for the refused one."""
        self.health.forbidden = reason == NOT_AUTHORISED
        pause = PAUSES_S.get(reason, PAUSE_AFTER_REFUSAL_S)
        self._paused_until = self._clock.monotonic_s() + pause
        self._sent.clear()
        self._rewind()
        log.error("the broker does not take events (reason 0x%02x); kept, next try in %d s", reason, pause)

    def _rewind(self) -> None:
        self._cursor = self._delivered = self._acked

    def _stored_upto(self, upto: int) -> None:
        if upto <= self._acked and not self._marks.has_rejections:
            return
        self._acked = max(self._acked, upto)
        self._cursor = max(self._cursor, self._acked)
        self._delivered = max(self._delivered, self._acked)
        self._delivered_at = self._clock.monotonic_s()
        self._on_acknowledged(self._acked)
        self._marks.reach(self._acked)
