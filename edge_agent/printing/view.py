"""How print jobs are shown: to the centre, to a technician, in the status. Never what stands on a label.

Owns: that form. Must not know: who asks.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.events.model import JsonValue
from edge_agent.ledger.print_jobs import Known
from edge_agent.printing.age import Moment, age
from edge_agent.printing.lane import Lane
from edge_agent.printing.quota import Quota


def as_shown(known: Known) -> dict[str, JsonValue]:
    """One job and how it stands."""
    order, step = known.order, known.step
    return {
        "job": order.job,
        "order": order.key,
        "requester": order.requester,
        "kind": order.kind,
        "printer": order.printer,
        "subject": order.subject,
        "attempt": step.attempt,
        "state": step.state.value,
        "proof": step.proof,
        "reason": step.reason,
        "can_reprint": bool(order.data) and not order.voided,
    }


def list_of(found: Sequence[Known], lanes: Sequence[Lane], now: Moment) -> list[JsonValue]:
    """The jobs with their ages, and what a waiting one waits for."""
    shown: list[JsonValue] = []
    for known in found:
        order = known.order
        old = age(Moment(order.boot, order.at), now)
        waiting = next((job for lane in lanes if (job := lane.spool.job(order.job))), None)
        told = as_shown(known)
        told["reason"] = waiting.reason if waiting else told["reason"]
        shown.append({**told, "age_ms": old.least_ms, "age_known": old.known})
    return shown


def lane_of(lane: Lane, quota: Quota) -> dict[str, JsonValue]:
    """A printer's lane."""
    window, roll = lane.feed.window, lane.feed.roll
    return {
        "id": lane.printer,
        "waiting": len(lane.spool),
        "printing": lane.printing.order.job if lane.printing else None,
        "suspended": lane.spool.is_suspended,
        "labels_last_hour": window.labels,
        "labels_per_hour": quota.labels,
        "paper_mm_last_hour": window.mm,
        "paper_mm_per_hour": quota.mm,
        "paper_left_mm": roll.left_mm,
        "paper_near_end": roll.is_near_end,
    }
