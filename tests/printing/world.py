"""A printer, a disk and people, around the pure machines: what is on paper is counted, not believed.

Owns: World, which plays the queue's shell without I/O. Must not know: the rules that it is judged by.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from edge_agent.events.model import EventDraft
from edge_agent.ledger.print_jobs import PrintOrder
from edge_agent.ledger.prints import FOLLOWS, PrintState
from edge_agent.printing import job as life
from edge_agent.printing.age import Moment
from edge_agent.printing.job import Change, Job, Requester
from edge_agent.printing.quota import Quota, Window
from edge_agent.printing.spool import Spool
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import ClockQuality, PrintResult, Proof, Stamp

MM = 124
TTL_MS = 600_000
QUALITIES = {"ntp": ClockQuality.NTP, "none": ClockQuality.NONE}

# What a printer may do with one label: what it says, and whether the label is on paper.
DEEDS: dict[str, tuple[Proof, str, bool]] = {
    "printed": (Proof.PRINTED, "", True),
    "consumed": (Proof.CONSUMED, "", True),
    "sent": (Proof.SENT, "", True),
    "out, but silent": (Proof.UNKNOWN, "link.lost", True),
    "not out, and silent": (Proof.UNKNOWN, "printer.no_proof", False),
    "refused": (Proof.FAILED, "printer.paper_out", False),
    "hopeless": (Proof.FAILED, "printer.page_too_wide", False),
}


def order(
    number: int, now: Moment, *, requester: Requester = Requester.CENTRE, ttl_ms: int = TTL_MS
) -> PrintOrder:
    return PrintOrder(
        job=f"{number:012x}",
        requester=requester.value,
        key=f"order-{number}",
        digest="d",
        kind="label",
        printer="printer-1",
        template="parcel-80",
        subject=f"item-{number}",
        data="{}",
        ttl_ms=ttl_ms,
        ordered=1,
        boot=now.boot,
        at=now.at,
    )


class World:
    """One booth with one printer. Every write is checked against the ledger's own order of states."""

    def __init__(self, quota: Quota | None = None, least: Proof = Proof.SENT) -> None:
        self.quota = quota or Quota()
        self.least = least
        self.disk: dict[tuple[str, int], Job] = {}
        self.orders: dict[str, PrintOrder] = {}
        self.events: list[EventDraft] = []
        self.on_paper: Counter[tuple[str, int]] = Counter()
        self.said: dict[tuple[str, int], set[str]] = {}
        self.reprints: Counter[str] = Counter()
        self.boot, self.uptime_ms, self.utc_ms = 0, 60_000, 1_800_000_000_000
        self.quality = "ntp"
        self.usable = True
        self.window = Window(self.quota)
        self.spool = Spool(self.window)

    @property
    def now(self) -> Moment:
        return Moment(f"boot-{self.boot}", Stamp(self.uptime_ms, self.utc_ms, QUALITIES[self.quality]))

    # What people and time do

    def order(self, number: int) -> None:
        job = f"{number:012x}"
        known = self.latest(job)
        if known is not None and known.state is not PrintState.FAILED:
            return
        self.spool.admit()
        attempt = known.attempt if known else 1
        self.write(life.received(replace(order(number, self.now), ordered=attempt)))

    def drawn(self, number: int, *, well: bool) -> None:
        job = self.spool.job(f"{number:012x}")
        if job is not None and job.state is PrintState.RECEIVED:
            at = self.now.at
            self.write(life.drawn(job, at) if well else life.undrawable(job, at, "label.overflow"))

    def cancel(self, number: int) -> None:
        if job := self.at_hand(number):
            self.write(life.cancelled(job, self.now.at))

    def reprint(self, number: int) -> None:
        if job := self.at_hand(number):
            fresh = job.state is PrintState.FAILED
            self.write(life.reprinted(job, self.now, TTL_MS))
            self.reprints[job.order.job] += not fresh

    def confirm(self, number: int) -> None:
        if job := self.at_hand(number):
            self.write(life.confirmed(job, self.now.at, "operator"))

    def scan(self, which: int) -> None:
        """A label that is on paper is held under the scanner."""
        found = sorted(key for key, count in self.on_paper.items() if count)
        if not found:
            return
        key = found[which % len(found)]
        job = self.disk[key]
        if job.state in life.MAY_BE_ON_PAPER:
            self.write(life.confirmed(job, self.now.at, "scanned"))
            self.spool.trusted()

    def wait(self, seconds: int) -> None:
        self.uptime_ms += seconds * 1000
        self.utc_ms += seconds * 1000

    def mend(self) -> None:
        self.usable, self.quality = True, "ntp"
        self.spool.hurry()

    # What the lane does

    def work(self, deed: str, cut: str = "") -> bool:
        """One round of the lane; `cut` names the moment at which the agent dies in it."""
        for job in self.spool.stale(self.now):
            self.write(life.expired(job, self.now.at))
        self.window.forget(self.now)
        job = self.spool.next(self.now, usable=self.usable)
        if job is None or cut == "before":
            return self.die(0, self.quality) if cut else False
        if not self.window.allows(MM, ordered=True):
            self.spool.later(job, self.now, "print.quota")
            return False
        sending = life.chosen(job, self.now, MM)
        self.write(sending)
        if cut == "sending":
            return self.die(0, self.quality)
        self._print(sending.job, deed, cut)
        return True

    def _print(self, job: Job, deed: str, cut: str) -> None:
        proof, reason, out = DEEDS[deed]
        key = (job.order.job, job.attempt)
        self.on_paper[key] += out
        if cut == "sent":
            self.die(0, self.quality)
            return
        self.said.setdefault(key, set()).add(proof.value)
        self.spool.ended(proof)
        result = PrintResult(
            job.order.job, job.attempt, proof, 100 if proof is not Proof.FAILED else 0, reason
        )
        change = life.printed(job, self.now, result, self.least)
        self.write(change)
        if change.job.state is PrintState.QUEUED:
            self.spool.later(change.job, self.now, reason)

    def die(self, off_s: int, quality: str, *, reboot: bool = False) -> bool:
        """The agent ends without a word and comes up again; with `reboot` the box was off for so long."""
        if reboot:
            self.boot, self.uptime_ms = self.boot + 1, 5_000
            self.utc_ms += off_s * 1000
            self.quality = quality
        kept = list(self.window._used.values())
        self.window = Window(self.quota)
        for paper in kept:
            self.window.use(paper)
        self.spool = Spool(self.window)
        for key, job in sorted(self.disk.items()):
            if job.state in life.WAITING | {PrintState.SENDING} and self.orders[key[0]].ordered == key[1]:
                change = life.restarted(job, self.now.at)
                self.write(change)
        return False

    # The disk

    def write(self, change: Change) -> None:
        for step in change.steps:
            key = (step.job, step.attempt)
            before = self.disk[key].state if key in self.disk else None
            assert step.state in FOLLOWS[before], f"{before} cannot become {step.state}"
            self.disk[key] = replace(change.job, state=step.state, proof=step.proof, reason=step.reason)
        for entered in change.orders:
            self.orders[entered.job] = entered
        for paper in change.paper:
            self.window.use(paper)
        self.events += change.events
        job = change.job
        if job.state in life.WAITING and self.orders[job.order.job].ordered == job.attempt:
            self.spool.put(job)
        else:
            self.spool.take(job.order.job) if self.is_waiting(job) else None

    def is_waiting(self, job: Job) -> bool:
        waiting = self.spool.job(job.order.job)
        return waiting is not None and waiting.attempt == job.attempt

    def latest(self, job: str) -> Job | None:
        found = [self.disk[key] for key in sorted(self.disk) if key[0] == job]
        return found[-1] if found else None

    def at_hand(self, number: int) -> Job | None:
        job = f"{number:012x}"
        return self.spool.job(job) or self.latest(job)


def asked(act: Callable[[int], None], number: int) -> None:
    """What somebody orders may be refused; anything else than a refusal is a fault."""
    with contextlib.suppress(CommandError):
        act(number)
