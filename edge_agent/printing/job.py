"""The life of one print job as a pure state machine.

Owns: the transitions and what each of them records. Must not know: queues, printers, the ledger's file.

Each function gives the job as it becomes true once its steps and events are on disk together. Bytes leave
only after `sending` is on disk; what may have left is never sent again by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from edge_agent.events.model import EventDraft, JsonValue
from edge_agent.ledger.print_jobs import Paper, PrintOrder
from edge_agent.ledger.prints import UNSENT_ENDS, PrintState, PrintStep
from edge_agent.printing.age import Moment
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import PrintResult, Proof, Stamp

MOST_ATTEMPTS = 20  # a label that did not come out twenty times needs a technician, not more paper
LABEL_FAULT = "label."  # how a reason begins where the label itself is at fault
HOPELESS = frozenset({"printer.page_too_wide", "printer.profile"})  # waiting does not help
PROOF_RANK = {Proof.PRINTED: 3, Proof.CONSUMED: 2, Proof.SENT: 1}

MAY_BE_ON_PAPER = frozenset({PrintState.SENT, PrintState.CONFIRMED, PrintState.UNCONFIRMED})
WAITING = frozenset({PrintState.RECEIVED, PrintState.RENDERED, PrintState.QUEUED})


class Kind(StrEnum):
    LABEL = "label"
    RECEIPT = "receipt"
    SLIP = "slip"
    TEST = "test"


class Requester(StrEnum):
    """Who ordered a job: the counter's flow, the centre, or somebody at the booth."""

    FLOW = "flow"
    CENTRE = "centre"
    BOOTH = "booth"


@dataclass(frozen=True, slots=True)
class Job:
    """A job and the attempt that is at stake."""

    order: PrintOrder
    attempt: int
    state: PrintState
    proof: str = ""
    reason: str = ""

    @property
    def is_counters(self) -> bool:
        """Whether the counter's flow ordered it."""
        return self.order.requester == Requester.FLOW

    @property
    def since(self) -> Moment:
        """When this attempt was ordered."""
        return Moment(self.order.boot, self.order.at)


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes true together: the job, and what is written for it."""

    job: Job
    steps: Sequence[PrintStep] = ()
    events: Sequence[EventDraft] = ()
    orders: Sequence[PrintOrder] = ()
    paper: Sequence[Paper] = ()


def received(order: PrintOrder) -> Change:
    """A new job, or one that failed before its first byte and is ordered again."""
    return _step(Job(order, order.ordered, PrintState.RECEIVED), order.at, orders=[order])


def following(order: PrintOrder) -> Change:
    """A job of the counter that follows from what is recorded with it; it is drawn when its turn comes."""
    return _step(Job(order, order.ordered, PrintState.QUEUED), order.at, orders=[order])


def crowded_out(order: PrintOrder, code: str) -> Change:
    """The same, where no more may wait: that it was wanted is on record, and a person may ask for it."""
    wanted = following(order)
    ended = _ended(wanted.job, order.at, PrintState.FAILED, "label.failed", code)
    return replace(ended, steps=[*wanted.steps, *ended.steps], orders=wanted.orders)


def drawn(job: Job, at: Stamp) -> Change:
    """It can be drawn: it waits for its printer."""
    rendered = _written(replace(job, state=PrintState.RENDERED), at)
    queued = _step(replace(job, state=PrintState.QUEUED, reason=""), at)
    return replace(queued, steps=[rendered, *queued.steps])


def undrawable(job: Job, at: Stamp, code: str) -> Change:
    """It cannot be drawn, so it is never printed."""
    reason = code if code.startswith(LABEL_FAULT) else LABEL_FAULT + code
    return _ended(job, at, PrintState.FAILED, "label.failed", reason)


def chosen(job: Job, now: Moment, mm: int) -> Change:
    """Its turn has come: with this on disk the first byte may leave."""
    paper = Paper(job.order.job, job.attempt, job.order.printer, mm, now.boot, now.at)
    return replace(_step(replace(job, state=PrintState.SENDING, reason=""), now.at), paper=[paper])


def printed(job: Job, now: Moment, result: PrintResult, least: Proof) -> Change:
    """The printer's word about it. What came after a scan of the label itself adds nothing."""
    if job.state is PrintState.CONFIRMED:
        return Change(job)
    if result.proof is Proof.FAILED:
        return _refused(job, now, result.reason)
    if PROOF_RANK.get(result.proof, 0) < PROOF_RANK[least]:
        return _unconfirmed(job, now.at, result.reason, result.proof.value)
    state = PrintState.SENT if result.proof is Proof.SENT else PrintState.CONFIRMED
    return _proved(job, now.at, state, result.proof.value)


def expired(job: Job, at: Stamp) -> Change:
    """It waited too long: an old label that comes out by surprise is worse than none."""
    return _ended(job, at, PrintState.EXPIRED, "label.expired", job.reason or "print.ttl")


def cancelled(job: Job, at: Stamp) -> Change:
    """A person's order, while nothing was sent. Raises CommandError once bytes may have left."""
    if job.state not in WAITING:
        proved = job.state is PrintState.CONFIRMED  # a good label: nobody is to be told to tear it up
        began = job.state is PrintState.SENDING or (job.state in MAY_BE_ON_PAPER and not proved)
        raise CommandError(
            "print.sending" if began else "print.ended",
            f"the job is {job.state}: nothing is left to cancel",
            hint="tear the label up if it came out" if began else "",
        )
    return _ended(job, at, PrintState.CANCELLED, "label.cancelled", "ordered")


def reprinted(job: Job, now: Moment, ttl_ms: int) -> Change:
    """A person's order to print it once more, marked. Raises CommandError where that cannot be."""
    if job.order.voided:
        raise CommandError("print.voided", "the parcel of this label was given up")
    if not _may_come_again(job):
        waits = job.state is PrintState.SENDING or job.state in WAITING
        message = f"the job is {job.state}: there is nothing to print again"
        raise CommandError(
            "print.waiting" if waits else "print.ended",
            message,
            hint="wait for its end" if waits else "order a new job",
        )
    if not job.order.data:
        raise CommandError("print.forgotten", "what was on it is forgotten", hint="order a new label")
    if job.attempt >= MOST_ATTEMPTS:
        raise CommandError("print.too_often", f"printed {job.attempt} times", hint="call the technician")
    attempt = job.attempt if job.state is PrintState.FAILED else job.attempt + 1
    order = replace(job.order, ordered=attempt, boot=now.boot, at=now.at, ttl_ms=ttl_ms)
    return _step(Job(order, attempt, PrintState.QUEUED), now.at, orders=[order])


def confirmed(job: Job, at: Stamp, proof: str) -> Change:
    """Somebody has seen it: its mark was scanned, or a person says so. Raises CommandError."""
    if job.state is PrintState.CONFIRMED:
        return Change(job)
    if job.state is PrintState.SENDING:
        return _proved(job, at, PrintState.CONFIRMED, proof)
    if job.state not in MAY_BE_ON_PAPER:
        raise CommandError("print.not_sent", f"the job is {job.state}: no byte of it was sent")
    done = replace(job, state=PrintState.CONFIRMED, proof=proof, reason="")
    return _step(done, at, _event("label.confirmed", done, at, proof=proof))


def restarted(job: Job, at: Stamp) -> Change:
    """The agent has come up with this job unfinished."""
    if job.state is PrintState.SENDING:
        return _unconfirmed(job, at, "agent.restarted", "")
    if job.state in {PrintState.RECEIVED, PrintState.RENDERED}:  # drawing it may be what ended the agent
        return _ended(job, at, PrintState.FAILED, "label.failed", "agent.restarted")
    return Change(job)


def _may_come_again(job: Job) -> bool:
    """What failed never left: the same attempt. A reprint that did not leave may be asked for anew."""
    if job.state in MAY_BE_ON_PAPER or job.state is PrintState.FAILED:
        return True
    return job.attempt > 1 and job.state in UNSENT_ENDS


def _refused(job: Job, now: Moment, reason: str) -> Change:
    """The printer took nothing of it: it waits for another turn, with its paper given back."""
    back = [Paper(job.order.job, job.attempt, job.order.printer, 0, now.boot, now.at)]
    if reason in HOPELESS or reason.startswith(LABEL_FAULT):
        ended = _ended(job, now.at, PrintState.FAILED, "label.failed", reason)
        return replace(ended, paper=back)
    failed = _written(replace(job, state=PrintState.FAILED, reason=reason), now.at)
    again = _step(replace(job, state=PrintState.QUEUED, reason=reason), now.at)
    return replace(again, steps=[failed, *again.steps], paper=back)


def _unconfirmed(job: Job, at: Stamp, reason: str, proof: str) -> Change:
    doubtful = replace(job, state=PrintState.UNCONFIRMED, reason=reason, proof=proof)
    return _step(doubtful, at, _event("label.unconfirmed", doubtful, at, reason=reason))


def _proved(job: Job, at: Stamp, state: PrintState, proof: str) -> Change:
    done = replace(job, state=state, proof=proof, reason="")
    kind = "label.printed" if job.attempt == 1 else "label.reprinted"
    return _step(done, at, _event(kind, done, at, proof=proof))


def _ended(job: Job, at: Stamp, state: PrintState, kind: str, reason: str) -> Change:
    ended = replace(job, state=state, reason=reason)
    return _step(ended, at, _event(kind, ended, at, reason=reason))


def _step(job: Job, at: Stamp, *events: EventDraft, orders: Sequence[PrintOrder] = ()) -> Change:
    return Change(job, [_written(job, at)], list(events), orders)


def _written(job: Job, at: Stamp) -> PrintStep:
    order = job.order
    return PrintStep(order.job, job.attempt, order.subject, job.state, at.utc_ms, job.proof, job.reason)


def _event(kind: str, job: Job, at: Stamp, **more: JsonValue) -> EventDraft:
    order = job.order
    data: dict[str, JsonValue] = {"job": order.job, "attempt": job.attempt, "kind": order.kind}
    if order.requester != Requester.FLOW:
        data |= {"requester": order.requester, "order": order.key}
    return EventDraft(kind, order.subject, at, {**data, **more})
