"""What waits for one printer, and what of it is printed next.

Owns: the order, the bound, what an order waits for. Must not know: how a job is printed or recorded.

The counter's own labels never wait here: they go first. Its receipts follow, then orders, each oldest first,
as far as their age, the quota and the printer allow.
"""

from __future__ import annotations

from dataclasses import replace

from edge_agent.ledger.prints import PrintState
from edge_agent.printing.age import Moment, age
from edge_agent.printing.job import Job, Requester
from edge_agent.printing.quota import Window
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import Proof

QUEUE_LIMIT = 32  # some ten minutes of printing; who orders more must see that it is too much
RETRY_MS = 10_000  # a printer that took nothing and cannot tell why is tried again this often
DOUBT_LIMIT = 3  # labels in doubt one after the other: something is wrong that only a person can see


class Spool:
    """The orders of one printer that are not yet on their way."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._waiting: dict[str, Job] = {}
        self._not_before_ms: dict[str, int] = {}
        self._doubts = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def jobs(self) -> list[Job]:
        """What waits, oldest first; the counter's own before orders, for its customer stands there."""
        return sorted(self._waiting.values(), key=lambda job: not job.is_counters)

    def job(self, job: str) -> Job | None:
        return self._waiting.get(job)

    @property
    def is_suspended(self) -> bool:
        """Whether orders wait for a person: label after label went into doubt."""
        return self._doubts >= DOUBT_LIMIT

    def admit(self, more: int = 0) -> None:
        """Raises CommandError where no more may wait, once so many more do."""
        if len(self._waiting) + more >= QUEUE_LIMIT:
            raise CommandError(
                "print.full",
                f"{QUEUE_LIMIT} jobs wait for this printer",
                hint="see to the printer, or cancel some",
            )

    def put(self, job: Job) -> None:
        """It waits, or waits with another state or reason."""
        self._waiting[job.order.job] = job

    def take(self, job: str) -> None:
        """It no longer waits."""
        self._waiting.pop(job, None)
        self._not_before_ms.pop(job, None)

    def stale(self, now: Moment) -> list[Job]:
        """What has waited for longer than it may."""
        return [job for job in self._waiting.values() if age(job.since, now).least_ms >= job.order.ttl_ms]

    def next(self, now: Moment, *, usable: bool) -> Job | None:
        """The order that is printed now, if one may be. What each of the others waits for is noted at it."""
        found = None
        for job in self.jobs():
            waits_for = self._waits_for(job, now, usable=usable)
            if waits_for:
                self._waiting[job.order.job] = replace(job, reason=waits_for)
            elif found is None and self._not_before_ms.get(job.order.job, 0) <= now.at.uptime_ms:
                found = job
        return found

    def later(self, job: Job, now: Moment, reason: str) -> None:
        """It could not be printed: try again after a while."""
        self._waiting[job.order.job] = replace(job, reason=reason)
        self._not_before_ms[job.order.job] = now.at.uptime_ms + RETRY_MS

    def hurry(self) -> None:
        """The printer is ready: whatever was put off may be tried."""
        self._not_before_ms.clear()

    def ended(self, proof: Proof) -> None:
        """A label of this printer has ended, whoever ordered it."""
        if proof is Proof.UNKNOWN:
            self._doubts += 1
        elif proof is not Proof.FAILED:
            self._doubts = 0

    def trusted(self) -> None:
        """A person has seen a label of this printer: it prints."""
        self._doubts = 0

    def _waits_for(self, job: Job, now: Moment, *, usable: bool) -> str:
        if job.state is not PrintState.QUEUED:
            return "print.drawing"
        if not age(job.since, now).known:
            return "print.age_unknown"  # ordered before this boot, and no clock tells how long ago
        if not self.window.allows(0, ordered=not job.is_counters):
            return "print.quota"
        if not usable:
            return "printer.not_ready"
        if self.is_suspended and job.order.requester != Requester.BOOTH:
            return "print.suspended"
        return ""
