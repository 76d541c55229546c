"""One job's life: what each step records, what a person may order when, what it is told as."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.ledger.prints import PrintState
from edge_agent.printing import job as life
from edge_agent.printing.job import Change, Job, Requester
from edge_agent.printing.mark import label_mark, marked, read_mark
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import PrintResult, Proof
from tests.printing.world import World, order

NOW = World().now
AT = NOW.at
ORDER = order(1, NOW)


def job(state: PrintState, attempt: int = 1, **more: str) -> Job:
    return Job(replace(ORDER, ordered=attempt), attempt, state, **more)


def states(change: Change) -> list[str]:
    return [step.state.value for step in change.steps]


def told(change: Change) -> list[str]:
    return [event.type for event in change.events]


def ended(proof: Proof, reason: str = "", *, least: Proof = Proof.SENT, attempt: int = 1) -> Change:
    result = PrintResult(ORDER.job, attempt, proof, 0, reason)
    return life.printed(job(PrintState.SENDING, attempt), NOW, result, least)


def test_a_job_goes_from_received_over_rendered_to_queued() -> None:
    received = life.received(ORDER)
    assert states(received) == ["received"]
    assert received.orders == [ORDER]
    queued = life.drawn(received.job, AT)
    assert states(queued) == ["rendered", "queued"]
    assert queued.job.state is PrintState.QUEUED


def test_sending_takes_its_paper_before_the_first_byte() -> None:
    change = life.chosen(job(PrintState.QUEUED), NOW, 124)
    assert states(change) == ["sending"]
    assert [(paper.attempt, paper.mm) for paper in change.paper] == [(1, 124)]


@pytest.mark.parametrize(
    ("proof", "least", "state", "event"),
    [
        (Proof.PRINTED, Proof.SENT, "confirmed", "label.printed"),
        (Proof.CONSUMED, Proof.SENT, "confirmed", "label.printed"),
        (Proof.SENT, Proof.SENT, "sent", "label.printed"),
        (Proof.SENT, Proof.CONSUMED, "unconfirmed", "label.unconfirmed"),
        (Proof.CONSUMED, Proof.PRINTED, "unconfirmed", "label.unconfirmed"),
        (Proof.UNKNOWN, Proof.SENT, "unconfirmed", "label.unconfirmed"),
    ],
)
def test_the_printers_word_is_weighed(proof: Proof, least: Proof, state: str, event: str) -> None:
    change = ended(proof, least=least)
    assert (states(change), told(change)) == ([state], [event])


def test_a_proof_is_told_as_it_was_given() -> None:
    (event,) = ended(Proof.CONSUMED).events
    assert event.subject == "item-1"
    assert event.data == {
        "job": ORDER.job,
        "attempt": 1,
        "kind": "label",
        "requester": "centre",
        "order": "order-1",
        "proof": "consumed",
    }


def test_the_counters_own_label_names_no_order() -> None:
    own = Job(replace(ORDER, requester=Requester.FLOW.value), 2, PrintState.SENDING)
    (event,) = life.printed(own, NOW, PrintResult("j", 2, Proof.SENT, 1), Proof.SENT).events
    assert event.type == "label.reprinted"
    assert "order" not in event.data


def test_what_the_printer_did_not_take_waits_again_and_gives_its_paper_back() -> None:
    change = ended(Proof.FAILED, "printer.paper_out")
    assert states(change) == ["failed", "queued"]
    assert told(change) == []
    assert change.job.reason == "printer.paper_out"
    assert [paper.mm for paper in change.paper] == [0]


@pytest.mark.parametrize("reason", ["printer.page_too_wide", "label.overflow"])
def test_what_no_waiting_helps_fails(reason: str) -> None:
    change = ended(Proof.FAILED, reason)
    assert (states(change), told(change)) == (["failed"], ["label.failed"])


def test_a_label_that_was_scanned_while_it_was_printed_is_proved_whatever_the_printer_says_later() -> None:
    scanned = life.confirmed(job(PrintState.SENDING), AT, "scanned")
    assert (states(scanned), told(scanned)) == (["confirmed"], ["label.printed"])
    late = life.printed(scanned.job, NOW, PrintResult("j", 1, Proof.UNKNOWN, 9, "link.lost"), Proof.SENT)
    assert (states(late), told(late)) == ([], [])


@pytest.mark.parametrize("state", [PrintState.SENT, PrintState.UNCONFIRMED])
def test_a_late_proof_is_recorded(state: PrintState) -> None:
    change = life.confirmed(job(state, proof="sent", reason="link.lost"), AT, "operator")
    assert (states(change), told(change)) == (["confirmed"], ["label.confirmed"])
    assert (change.job.proof, change.job.reason) == ("operator", "")


def test_a_second_proof_adds_nothing() -> None:
    assert life.confirmed(job(PrintState.CONFIRMED), AT, "scanned").steps == ()


@pytest.mark.parametrize(
    ("state", "after", "event"),
    [
        (PrintState.RECEIVED, ["failed"], ["label.failed"]),
        (PrintState.QUEUED, [], []),
        (PrintState.SENDING, ["unconfirmed"], ["label.unconfirmed"]),
    ],
)
def test_what_a_restart_makes_of_it(state: PrintState, after: list[str], event: list[str]) -> None:
    change = life.restarted(job(state), AT)
    assert (states(change), told(change)) == (after, event)


@pytest.mark.parametrize("state", [PrintState.RECEIVED, PrintState.QUEUED])
def test_what_was_not_sent_can_be_cancelled(state: PrintState) -> None:
    change = life.cancelled(job(state), AT)
    assert (states(change), told(change)) == (["cancelled"], ["label.cancelled"])


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (PrintState.SENDING, "print.sending"),
        (PrintState.SENT, "print.sending"),
        (PrintState.CONFIRMED, "print.ended"),
        (PrintState.UNCONFIRMED, "print.sending"),
        (PrintState.EXPIRED, "print.ended"),
        (PrintState.CANCELLED, "print.ended"),
    ],
)
def test_what_left_or_ended_cannot_be_cancelled(state: PrintState, code: str) -> None:
    with pytest.raises(CommandError) as refused:
        life.cancelled(job(state), AT)
    assert refused.value.code == code


@pytest.mark.parametrize("state", [PrintState.SENT, PrintState.CONFIRMED, PrintState.UNCONFIRMED])
def test_a_reprint_is_the_next_attempt_with_an_age_of_its_own(state: PrintState) -> None:
    change = life.reprinted(job(state), NOW, 5_000)
    assert states(change) == ["queued"]
    assert (change.job.attempt, change.job.order.ordered, change.job.order.ttl_ms) == (2, 2, 5_000)


def test_what_failed_without_a_byte_is_the_same_attempt() -> None:
    assert life.reprinted(job(PrintState.FAILED), NOW, 5_000).job.attempt == 1


@pytest.mark.parametrize("state", [PrintState.EXPIRED, PrintState.CANCELLED])
def test_a_reprint_that_did_not_leave_may_be_asked_for_anew(state: PrintState) -> None:
    assert life.reprinted(job(state, 2), NOW, 5_000).job.attempt == 3


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (job(PrintState.QUEUED), "print.waiting"),
        (job(PrintState.SENDING), "print.waiting"),
        (job(PrintState.EXPIRED), "print.ended"),
        (job(PrintState.SENT, life.MOST_ATTEMPTS), "print.too_often"),
        (Job(replace(ORDER, data=""), 1, PrintState.SENT), "print.forgotten"),
        (Job(replace(ORDER, voided=True), 1, PrintState.SENT), "print.voided"),
    ],
)
def test_a_reprint_that_cannot_be_is_refused(given: Job, code: str) -> None:
    with pytest.raises(CommandError) as refused:
        life.reprinted(given, NOW, 5_000)
    assert refused.value.code == code


def test_an_expired_job_says_what_it_waited_for() -> None:
    (event,) = life.expired(job(PrintState.QUEUED, reason="printer.paper_out"), AT).events
    assert event.data["reason"] == "printer.paper_out"


# The mark


def test_a_mark_reads_back_and_nothing_else_is_one() -> None:
    assert read_mark(label_mark("0123456789ab", 12, "RR102030405BD")) == ("0123456789ab", 12)
    for text in (
        "",
        "BXL1:0123456789AB:1:x",
        "BXL1:0123456789ab:0:x",
        "BXL2:0123456789ab:1:x",
        "RR102030405BD",
    ):
        assert read_mark(text) is None


def test_whoever_orders_a_label_cannot_choose_its_mark() -> None:
    data = marked({"item": {"number": "N", "qr": "theirs"}, "label": {"mark": "theirs"}, "x": 1}, "ours")
    assert data == {
        "item": {"number": "N", "qr": "ours"},
        "label": {"mark": "ours"},
        "slip": {"qr": "ours"},
        "x": 1,
    }
    assert marked({"item": "no object"}, "ours")["item"] == {"qr": "ours"}
