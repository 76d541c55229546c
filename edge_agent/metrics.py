"""Figures for the centre every few minutes, and an honest count of those that were given up.

Owns: what `up/metrics` holds, when it is told, the event `telemetry.shed`. Must not know: MQTT, SQL.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence

from edge_agent.box import condition
from edge_agent.events.model import EventDraft, JsonValue, StoredEvent
from edge_agent.ledger.ledger import Entry, Ledger
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import DeviceError
from edge_agent.uplink.credentials import Credentials
from edge_agent.uplink.uplink import Uplink

log = logging.getLogger(__name__)

LOOK_S = 60.0  # bytes of the day and what was given up are looked at this often
SHED_TOLD_S = 3600.0  # one event an hour at most tells what was given up: it must not fill what it spares
BUDGET_SLOT = "uplink-budget"

Figures = Callable[[], Mapping[str, JsonValue]]


class Shed:
    """Counts what was given up since it was last told."""

    def __init__(self) -> None:
        self._counts: Tally[str] = Tally()

    def __call__(self, count: int, why: str) -> None:
        self._counts[why] += count

    def taken(self) -> dict[str, JsonValue]:
        """The counts by reason, which begin anew; empty when there is nothing."""
        counts, self._counts = self._counts, Tally()
        return dict(sorted(counts.items()))

    def back(self, counts: Mapping[str, JsonValue]) -> None:
        """They could not be told."""
        for why, count in counts.items():
            if isinstance(count, int):
                self._counts[why] += count


class Metrics:
    """Tells figures while the agent runs, and tends what needs a look now and then."""

    def __init__(
        self,
        uplink: Uplink,
        ledger: Ledger,
        clock: Clock,
        *,
        every_s: int,
        figures: Figures,
        shed: Shed,
        stored: Callable[[Sequence[StoredEvent]], None],
        credentials: Credentials | None,
    ) -> None:
        """`every_s` 0 tells none."""
        self._uplink = uplink
        self._ledger = ledger
        self._clock = clock
        self._every_s = every_s
        self._figures = figures
        self._shed = shed
        self._stored = stored
        self._credentials = credentials
        self._told_s: float | None = None
        self._shed_told_s: float | None = None
        self._shed_in_ledger = 0

    async def run(self) -> None:
        """Until cancelled."""
        await self._restore_budget()
        while True:
            await self._clock.sleep(min(LOOK_S, self._every_s or LOOK_S))
            try:
                await self._tell_shed()
                await self._keep_budget()
            except DeviceError as error:
                log.error("%s", error)
            await self._tell()

    async def figures(self) -> dict[str, JsonValue]:
        """What `up/metrics` holds now."""
        health, stamp = self._uplink.health, self._clock.stamp()
        figures: dict[str, JsonValue] = {
            **self._figures(),
            "uptimems": stamp.uptime_ms,
            "uplink": {
                "connections": health.connections,
                "sent_again": health.resent,
                "dead_letters": health.rejected,
                "bytes_today": self._uplink.flow.budget.used,
            },
            "alarms": [*health.alarms()],
            "box": await asyncio.to_thread(condition),
        }
        if self._credentials is not None and (days := self._credentials.days_left()) is not None:
            figures["cert_days_left"] = days
        return figures

    async def _tell(self) -> None:
        now_s = self._clock.monotonic_s()
        due = self._told_s is None or now_s - self._told_s >= self._every_s
        if self._every_s and due:
            self._told_s = now_s
            self._uplink.metrics(await self.figures())

    async def _tell_shed(self) -> None:
        """While the centre is there, and only what has come together in an hour."""
        now_s = self._clock.monotonic_s()
        if self._ledger.shed > self._shed_in_ledger:
            self._shed(self._ledger.shed - self._shed_in_ledger, "ledger")
            self._shed_in_ledger = self._ledger.shed
        if self._shed_told_s is not None and now_s - self._shed_told_s < SHED_TOLD_S:
            return
        if not self._uplink.health.proven or not (counts := self._shed.taken()):
            return
        total = sum(count for count in counts.values() if isinstance(count, int))
        data: dict[str, JsonValue] = {"count": total, "reasons": counts}
        try:
            self._stored(
                await self._ledger.commit(
                    Entry([EventDraft("telemetry.shed", "telemetry", self._clock.stamp(), data)])
                )
            )
        except DeviceError:
            self._shed.back(counts)
            raise
        self._shed_told_s = now_s

    async def _keep_budget(self) -> None:
        if kept := self._uplink.flow.budget.to_keep():
            await self._ledger.commit(Entry(slots={BUDGET_SLOT: kept}))

    async def _restore_budget(self) -> None:
        budget = self._uplink.flow.budget
        if budget.limited:
            try:
                budget.restore(await self._ledger.slot(BUDGET_SLOT))
            except DeviceError as error:
                log.error("%s", error)
