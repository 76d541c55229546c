"""A range of events sent again because the centre asked: bounded, marked, behind everything else.

Owns: the range, how far it came, what is refused of it. Must not know: the wire, what the centre does with
it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from edge_agent.events.model import StoredEvent
from edge_agent.ledger.ledger import Ledger
from edge_agent.sdk.errors import CommandError
from edge_agent.uplink.doubt import BATCH_EVENTS
from edge_agent.uplink.outgoing import Message, Outgoing
from edge_agent.uplink.refusals import Deed, refusal

REPLAY_EVENTS = 20_000  # what is kept after it was acknowledged; also what one order may ask for
REPLAY_PAUSE_S = 30.0  # a broker that refused a repetition
READ_EVENTS = 64


class Replay:
    """At most one at a time."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._next = 1
        self._confirmed = 0
        self._last = 0
        self._mark = ""
        self._open: set[int] = set()
        self._ended = asyncio.Event()
        self.sent = 0

    @property
    def wanted(self) -> bool:
        """Whether something of it is still to be sent or answered."""
        return self._next <= self._last or bool(self._open)

    def begin(self, first: int, last: int, mark: str) -> None:
        """Raises CommandError replay.busy, replay.too_much."""
        if self.wanted:
            raise CommandError("replay.busy", "another range is being sent again", hint="wait for its end")
        if not 1 <= first <= last or last - first >= REPLAY_EVENTS:
            raise CommandError(
                "replay.range", f"a range is at most {REPLAY_EVENTS} events, from the lower to the higher"
            )
        self._next, self._last, self._mark, self.sent = first, last, mark, 0
        self._open.clear()
        self._ended.clear()

    async def ended(self) -> None:
        """Wait until nothing of it is to be sent or answered."""
        await self._ended.wait()

    def stop(self) -> int:
        """Send no more of it; gives the first number that is not known to have left."""
        following = min([*self._open, self._next])
        self._last = 0
        self._open.clear()
        return following

    def rewind(self) -> None:
        """What was not answered goes again."""
        if self._open:
            self._next = min(self._open)
            self._open.clear()

    async def send(self, out: Outgoing, woken: Callable[[], None]) -> bool:
        """Put some of it on the wire; `woken` when an answer has made room. False when nothing left."""

        def answered(message: Message, reason: int) -> None:
            self._answered(out, message, reason)
            woken()

        events, mark = await self.load()
        left = out.send(events, answered, batch=BATCH_EVENTS, replay=mark)
        self.took([seq for message in left for seq in message.seqs])
        return bool(left)

    def _answered(self, out: Outgoing, message: Message, reason: int) -> None:
        refused = refusal(reason)
        if refused is None:
            out.carried(message)
            self.confirmed(message.seqs)
            return
        self.rewind()
        out.pause(REPLAY_PAUSE_S)
        if refused.deed is Deed.SPLIT:
            out.refused(message, reason)

    async def load(self) -> tuple[list[StoredEvent], str]:
        """The next events of the range; none when it is through."""
        if self._next > self._last:
            return [], ""
        events = await self._ledger.after(self._next - 1, READ_EVENTS)
        events = [event for event in events if event.seq <= self._last]
        if not events:
            self._next = self._last + 1
            self._look()
        return events, self._mark

    def took(self, seqs: Sequence[int]) -> None:
        """These have left."""
        if seqs:
            self._next = seqs[-1] + 1
            self._open.update(seqs)

    def confirmed(self, seqs: Sequence[int]) -> None:
        """The broker has them."""
        self.sent += len(self._open.intersection(seqs))
        self._open.difference_update(seqs)
        self._look()

    def _look(self) -> None:
        if not self.wanted:
            self._ended.set()
