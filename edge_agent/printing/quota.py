"""How many labels and how much paper a printer gave in the last hour, and whether there may be more.

Owns: the window and its bounds. Must not know: printers, the ledger, what is printed.

Whoever orders from afar, by mistake or on purpose, cannot empty the rolls, nor stop the counter's printing:
a part of the hour is the counter's own.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from edge_agent.ledger.print_jobs import Paper
from edge_agent.printing.age import Moment, age

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Quota:
    """Bounds for one hour. Orders may use up `orders_percent` of both; the rest is the counter's own."""

    labels: int = 600
    mm: int = 100_000
    orders_percent: int = 50


class Window:
    """The paper of one printer in the last hour. An attempt counts once, however often it is tried."""

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._used: OrderedDict[tuple[str, int], Paper] = OrderedDict()

    @property
    def labels(self) -> int:
        return len(self._used)

    @property
    def mm(self) -> int:
        return sum(paper.mm for paper in self._used.values())

    def use(self, paper: Paper) -> None:
        """An attempt takes paper, or gives it back since it was not printed."""
        self._used.pop((paper.job, paper.attempt), None)
        if paper.mm > 0:
            self._used[paper.job, paper.attempt] = paper

    def allows(self, mm: int, *, ordered: bool) -> bool:
        """Whether one more label of this length may be printed now."""
        percent = self._quota.orders_percent if ordered else 100
        labels, length = self._quota.labels * percent // 100, self._quota.mm * percent // 100
        return self.labels < labels and self.mm + mm <= length

    def counts(self, paper: Paper) -> bool:
        """Whether this paper still counts."""
        return (paper.job, paper.attempt) in self._used

    def forget(self, now: Moment) -> None:
        """Drop what is older than an hour."""
        old = [p for p in self._used.values() if age(Moment(p.boot, p.at), now).least_ms >= HOUR_MS]
        for paper in old:
            del self._used[paper.job, paper.attempt]
