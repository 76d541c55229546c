"""How far the central store has everything, written to the ledger in batches.

Owns: when the mark is written, and that nothing of it is forgotten. Must not know: the wire, SQL.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from edge_agent.ledger.ledger import Ledger
from edge_agent.ledger.letters import LETTERS_LIMIT
from edge_agent.ledger.outbox import Rejection
from edge_agent.sdk.errors import DeviceError
from edge_agent.uplink.health import Health

log = logging.getLogger(__name__)

MARK_EVENTS = 500  # acknowledgements are written in batches: flash wears by writes
MARK_AFTER_S = 0.5  # and at the latest after this, so that a restart repeats little
MARK_AGAIN_S = 10.0  # a disk that did not take the mark: what is lost by waiting is sent again, no more
KNOWN_LIMIT = 10_000  # rejections remembered so that a repetition costs no write; forgotten, it costs one


class Marks:
    """Follows the acknowledged end of one ledger."""

    def __init__(self, ledger: Ledger, health: Health) -> None:
        self._ledger = ledger
        self._health = health
        self._known: set[int] = set(ledger.letters.known)
        health.rejected = ledger.letters.count
        self._upto = ledger.acked
        self._written = ledger.acked
        self._rejected: dict[int, Rejection] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    @property
    def has_rejections(self) -> bool:
        """Whether a refused event is not yet among the dead letters."""
        return bool(self._rejected)

    def reject(self, rejections: Sequence[Rejection]) -> list[Rejection]:
        """To be kept as dead letters; gives those that are not known yet. Written with the next mark.

        Where there is no room for more, it is as if the others had not been refused: see `lacks`.
        """
        fresh = [rejection for rejection in rejections if rejection.seq not in self._known]
        room = max(0, LETTERS_LIMIT - self._ledger.letters.count - len(self._rejected))
        if room or len(fresh) > room:
            self._health.letters_full = len(fresh) > room
        fresh = fresh[:room]
        if len(self._known) + len(fresh) > KNOWN_LIMIT:
            self._known = set(self._ledger.letters.known)
        self._known.update(rejection.seq for rejection in fresh)
        self._rejected.update((rejection.seq, rejection) for rejection in fresh)
        return fresh

    def lacks(self, rejections: Sequence[Rejection]) -> int | None:
        """The lowest number of these for which there was no room: its event must stay where it is."""
        return min((one.seq for one in rejections if one.seq not in self._known), default=None)

    def refused(self, rejections: Sequence[Rejection], upto: int) -> int:
        """The centre refuses these and has the rest up to `upto`; gives up to where that can be believed.

        Beyond is sent again, until a person or time has made room: nothing is laid aside without a place.
        """
        fresh = self.reject(rejections)
        if fresh:
            log.error("the centre refuses %d events, first %d: %s", len(fresh), fresh[0].seq, fresh[0].code)
        lacking = self.lacks([one for one in rejections if one.seq > self._upto])
        return upto if lacking is None else min(upto, lacking - 1)

    def reach(self, upto: int) -> None:
        """Everything up to here is stored centrally."""
        self._upto = upto
        self._soon()

    async def close(self) -> None:
        """Write the last mark."""
        if self._writing is not None:
            await self._writing
        if self._upto > self._written or self._rejected:
            await self._write()
        self._stop_timer()

    def _soon(self) -> None:
        """Now if much has come together, else after a while."""
        if self._is_much():
            self._start()
        elif self._timer is None and self._upto > self._written:
            self._again(MARK_AFTER_S)

    def _is_much(self) -> bool:
        return self._upto - self._written >= MARK_EVENTS or bool(self._rejected)

    def _again(self, after_s: float) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(after_s, self._start)

    def _start(self) -> None:
        self._stop_timer()
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write(), name="uplink mark")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _write(self) -> None:
        """And again while much has come meanwhile."""
        while True:
            upto, rejected = self._upto, self._rejected
            self._rejected = {}
            try:
                await self._ledger.acknowledge(upto, list(rejected.values()))
            except DeviceError as error:
                log.error("%s", error)
                self._rejected = rejected | self._rejected
                self._again(MARK_AGAIN_S)
                return
            self._written = max(self._written, upto)
            self._health.rejected = self._ledger.letters.count
            if not self._is_much():
                break
        self._soon()
