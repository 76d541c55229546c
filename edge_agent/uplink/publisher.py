"""Events from the ledger to the central store: through a window, gone only when stored there.

Owns: what leaves next, what each answer means, when it leaves again. Must not know: paho, SQL.

An event's life here: in the ledger, on the wire, with the broker (PUBACK), stored by the centre (`dn/ack`).
PUBACK frees the wire's window, the central acknowledgement moves the ledger's mark. What the centre does not
acknowledge in time is sent again under the same number. In "broker" mode a PUBACK counts, except to nobody.

Three lanes: accepted parcels overtake while much waits (express), everything in order (stream), and what the
centre asked for again (replay), in this order of right of way. See docs/decisions on priorities.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from edge_agent.events.model import StoredEvent
from edge_agent.ledger.ledger import Ledger
from edge_agent.ledger.outbox import Rejection
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import DeviceError
from edge_agent.uplink.doubt import BATCH_EVENTS, Doubt
from edge_agent.uplink.express import Express
from edge_agent.uplink.flow import PACKET_TOO_LARGE, Flow
from edge_agent.uplink.health import Health
from edge_agent.uplink.marks import Marks
from edge_agent.uplink.outgoing import Message, Outgoing
from edge_agent.uplink.passed_over import PassedOver
from edge_agent.uplink.refusals import Deed, Refusal, refusal
from edge_agent.uplink.replay import Replay
from edge_agent.uplink.spans import Spans
from edge_agent.uplink.standins import StandIns

log = logging.getLogger(__name__)

READ_EVENTS = 8 * BATCH_EVENTS  # one read of the ledger fills this many messages; about 100 KiB of memory
UNREADABLE_PAUSE_S = 10.0  # a ledger that cannot be read just now


class Publisher:
    """Drains the ledger through the flow."""

    def __init__(
        self,
        ledger: Ledger,
        flow: Flow,
        clock: Clock,
        *,
        topic: str,
        booth: str,
        health: Health,
        window: int = 32,
        central: bool = True,
        on_acknowledged: Callable[[int], None] = lambda _: None,
        on_silence: Callable[[], None] = lambda: None,
    ) -> None:
        """`central` False counts the broker's PUBACK as stored (no central store yet).

        `on_silence` asks the centre what it has.
        """
        self._ledger = ledger
        self._flow = flow
        self._clock = clock
        self._configured = self._window = window
        self._central = central
        self._on_acknowledged, self._on_silence = on_acknowledged, on_silence
        self._acked = self._delivered = self._cursor = ledger.acked
        self._also = Spans()
        self._sent: dict[Message, bool] = {}  # whether it belongs to the stream
        self._wake = asyncio.Event()
        self.doubt = Doubt()
        self._told_refusal = 0
        self._marks = Marks(ledger, health)
        self._express = Express(ledger)
        self._passed = PassedOver()
        self._standins = StandIns(self._marks, health, booth, ledger.epoch)
        self._out = Outgoing(flow, clock, self._standins, health, topic=topic, booth=booth)
        self.replayed = Replay(ledger)
        self.health = health

    @property
    def acked(self) -> int:
        """Everything up to here is known to be stored centrally."""
        return self._acked

    @property
    def busy(self) -> bool:
        """Whether something is under way, or held back, that a timer must watch."""
        return bool(self._sent) or self._acked < self._ledger.last or self.replayed.wanted

    async def run(self) -> None:
        """Send what waits, for ever. Cancel to stop; then call `close`."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while self._out.may and await self._send_some():
                    pass
            except DeviceError as error:  # read again later: the booth's work goes on
                log.error("%s", error)
                self.health.trouble.add("ledger_unreadable")
                self._out.pause(UNREADABLE_PAUSE_S)

    def offer(self, events: Sequence[StoredEvent]) -> None:
        """Events just committed: sent at once when nothing older waits, otherwise read back in their turn."""
        if events and self._cursor == events[0].seq - 1 and self._stream_may():
            self._send_stream(events)
        if self._cursor < self._ledger.last:
            self._wake.set()

    def replay(self, first: int, last: int, mark: str) -> None:
        """Send these again on request, behind everything else. Raises CommandError replay.…"""
        self.replayed.begin(first, last, mark)
        self._wake.set()

    def went_up(self, window: int, packet_bytes: int) -> None:
        """A new connection: everything not known to be stored is sent again."""
        self._window = max(1, min(self._configured, window))
        self._out.opened(packet_bytes)
        self._rewind()
        self.replayed.rewind()
        self._wake.set()

    def went_down(self) -> None:
        """The connection is gone; the flow has told before if one of the messages was too large."""
        self._sent.clear()

    def central_ack(
        self, epoch: str, upto: int, rejected: Sequence[Rejection], also: Sequence[Sequence[int]] = ()
    ) -> bool:
        """The central store has everything up to `upto`, and `also`; what it refuses is a dead letter.

        False where it speaks of another ledger.
        """
        if epoch != self._ledger.epoch:
            return False
        last = self._ledger.last
        self.doubt.heard()
        self._passed.heard(self._clock.monotonic_s())
        if upto > last:
            self.health.trouble.add("ack_beyond_end")
            log.error("the centre acknowledges %d, but only %d events exist", upto, last)
            upto = last
        believed = self._marks.refused([r for r in rejected if r.seq <= last], upto)
        if believed == upto:
            for first, final in also:
                self._also.add(max(first, self._acked + 1), min(final, last))
        self._stored_upto(believed)
        return True

    def resend(self) -> None:
        """The centre has come back: what it has not acknowledged may never have reached it."""
        if not self.health.connected:
            return
        if self.health.no_consumer:
            self._out.pause(0.0)  # this is what the pause was waiting for
        self.doubt.heard()
        self._send_again()

    def check(self) -> None:
        """Look at the timers; called every few seconds while something is under way."""
        now_s = self._clock.monotonic_s()
        if self._central and self.health.connected:
            if self.doubt.overdue(now_s):
                self.doubt.again(now_s)
                lost = self._passed.verdict(self._acked + 1)
                if lost is not None and not self.health.letters_full:  # else it waits for a place
                    self._out.refused(lost, PACKET_TOO_LARGE)
                self._send_again()
                self._on_silence()
            self._express.check(now_s)
        if self.health.connected and not self._out.paused:
            self._wake.set()

    async def close(self) -> None:
        """Write the last mark."""
        await self._marks.close()

    def _stream_may(self) -> bool:
        in_doubt = self._cursor - self._acked
        return self._out.may and in_doubt < self.doubt.ahead and self._flow.budget.records

    async def _send_some(self) -> bool:
        """The lane that has the right of way; False when none has anything to send now."""
        records = self._flow.budget.records
        if self.doubt.ahead > 1:
            urgent = await self._express.waiting(self._cursor, self._also, held_back=not records)
            if urgent is not None:
                return self._send_express(urgent)
        if self._cursor < self._ledger.last and self._stream_may():
            return await self._read_stream()
        return records and self.doubt.ahead > 1 and await self.replayed.send(self._out, self._wake.set)

    def _send_express(self, events: Sequence[StoredEvent]) -> bool:
        left = self._out.send(events, self._answered, batch=self._express.batch)
        self._sent.update((message, False) for message in left)
        self._express.left(seq for message in left for seq in message.seqs)
        return bool(left) or not events

    async def _read_stream(self) -> bool:
        before = self._cursor
        events = await self._ledger.after(before, min(READ_EVENTS, self.doubt.ahead))
        if self._cursor != before:
            return True  # an offer or a new connection moved it while we read
        if not events:
            return False
        return self._send_stream(self._standins.without_gap(before, events))

    def _send_stream(self, events: Sequence[StoredEvent]) -> bool:
        """Put events onto the wire in order, as far as window and doubt allow; skip those that are stored."""
        allowed = events[: max(0, self.doubt.ahead - (self._cursor - self._acked))]
        fresh = [event for event in allowed if event.seq not in self._also]
        left = self._out.send(fresh, self._answered, batch=self.doubt.batch)
        self._sent.update((message, True) for message in left)
        reached = left[-1].seqs[-1] if left else self._cursor
        if allowed and (not fresh or reached == fresh[-1].seq):
            self._cursor = allowed[-1].seq
            return True
        self._cursor = reached
        return bool(left)

    def _answered(self, message: Message, reason: int) -> None:
        """The broker's word on one message; of one that was given up meanwhile it says nothing."""
        stream = self._sent.pop(message, None)
        if stream is None:
            if reason == PACKET_TOO_LARGE:  # of the message itself that is true all the same
                self._out.refused(message, reason)
            return
        refused = refusal(reason)
        self.health.no_consumer = refused is not None and refused.deed is Deed.NOBODY
        if refused is not None:
            self._refused(message, reason, refused)
            return
        self.health.forbidden = False
        self._told_refusal = 0
        self._out.carried(message)
        if stream:
            self.doubt.delivered(self._clock.monotonic_s())
            if message.seqs[0] == self._acked + 1:
                self._passed.delivered(message, self._clock.monotonic_s())
            self._delivered = max(self._delivered, self._all_delivered(message.seqs[-1]))
        else:
            self._express.delivered(self._clock.monotonic_s())
        if not self._central:
            if not stream:
                self._also.add_all(message.seqs)
            self._stored_upto(self._delivered)
        self._wake.set()

    def _refused(self, message: Message, reason: int, refused: Refusal) -> None:
        """Nothing sent so far counts: a later message's PUBACK must not vouch for the refused one."""
        if self._told_refusal != reason:
            self._told_refusal = reason
            log.error("the broker does not take events (reason 0x%02x); they are kept", reason)
        self.health.forbidden = refused.deed is Deed.PARK
        pause_s = refused.pause_s
        self._rewind()
        if refused.deed is Deed.NOBODY:
            pause_s = self.doubt.nobody()
        elif refused.deed is Deed.SPLIT:
            self._out.refused(message, reason)
        elif refused.deed is Deed.RECONNECT:
            self._flow.overran()
        self._out.pause(pause_s)
        self._wake.set()

    def _send_again(self) -> None:
        self.health.resent += self._cursor - self._acked
        self._rewind()
        self._wake.set()

    def _all_delivered(self, last: int) -> int:
        """The highest event of the stream below which nothing is on the wire any more."""
        open_now = [message.seqs[-1] for message, stream in self._sent.items() if stream]
        if not open_now:
            return self._cursor
        return last if last < min(open_now) else self._delivered

    def _rewind(self) -> None:
        self._sent.clear()
        self._cursor = self._delivered = self._acked
        self.doubt.opened(self._window)
        self._express.begin(self._window)

    def _stored_upto(self, upto: int) -> None:
        now_s = self._clock.monotonic_s()
        upto = self._also.above(max(upto, self._acked))
        if upto > self._acked or self._marks.has_rejections:
            self._acked = upto
            self._cursor = max(self._cursor, upto)
            self._delivered = max(self._delivered, upto)
            self.doubt.progress(now_s, waits=upto < self._delivered)
            self._on_acknowledged(upto)
            self._marks.reach(upto)
        self._express.stored(self._acked, self._also, now_s)
        self._wake.set()
