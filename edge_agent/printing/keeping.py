"""What the print ledger no longer needs: paper out of the hour's window, and what stood on old labels.

Owns: what is forgotten, and how often that is looked for. Must not know: who orders, what is printed, SQL.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence

from edge_agent.ledger.print_jobs import KEEP_DATA, PrintOrder
from edge_agent.printing.age import Moment, age
from edge_agent.printing.lane import Lane
from edge_agent.printing.records import Ports, Records
from edge_agent.sdk.errors import DeviceError

log = logging.getLogger(__name__)

COUNT_S = 60.0  # metrics may be a minute old
FORGET_MINUTES = 10  # what is to be forgotten after a day may stay ten minutes longer


def outlived(finished: Sequence[PrintOrder], now: Moment, keep_ms: int) -> list[str]:
    """The jobs of which the data is kept no longer: beyond the newest KEEP_DATA, or too old.

    `finished` has the newest order first. Where no clock tells how old an order is, it is at least as old as
    those that came after it: so a booth that is switched off each evening forgets, too.
    """
    gone, old = [], False
    for number, order in enumerate(finished):
        its = age(Moment(order.boot, order.at), now)
        old = its.least_ms >= keep_ms or (old and not its.known)
        if old or number >= KEEP_DATA:
            gone.append(order.job)
    return gone


class Keeping:
    """Forgets, while the queue runs."""

    def __init__(self, ports: Ports, records: Records, lanes: Sequence[Lane]) -> None:
        self._ports = ports
        self._records = records
        self._lanes = lanes

    async def run(self, count: Callable[[], Awaitable[object]]) -> None:
        """Forget every ten minutes, and `count` each minute what metrics tell, until cancelled."""
        for minute in itertools.count():
            try:
                if minute % FORGET_MINUTES == 0:
                    await self._forget()
                await count()
            except DeviceError as error:
                log.error("%s", error)
            await self._ports.clock.sleep(COUNT_S)

    async def _forget(self) -> None:
        prints, now = self._ports.ledger.prints, self._records.now()
        windows = [lane.feed.window for lane in self._lanes]
        for window in windows:
            window.forget(now)
        old = [paper for paper in await prints.paper() if not any(w.counts(paper) for w in windows)]
        if old:
            await prints.forget_paper(old)
        gone = outlived(await prints.held(), now, self._ports.rules.keep_ms)
        if gone:
            await prints.forget(gone)
