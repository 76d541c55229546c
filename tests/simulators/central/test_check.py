"""The judge: what is a violation and what is not."""

from __future__ import annotations

import pytest

from edge_agent.sdk.errors import ConfigError
from simulators.central import check
from simulators.central.store import Store
from simulators.central.taken import Incoming
from tests.simulators.central.booth import batch, event


def record(db, *events, booth="B-1") -> None:
    store = Store(db)
    for number, one in enumerate(events):
        message = Incoming(f"booth/v1/{booth}/up/evt", booth, "evt", batch([one]), number)
        store.take([message], lambda _event: "")
    store.close()


def kinds(db) -> list[str]:
    return [one.kind for one in check(db)]


def test_a_clean_run_has_no_violations(db):
    record(db, event(1, "parcel.accepted"), event(2, "label.printed"), event(3, "parcel.delivered"))
    assert check(str(db)) == []


def test_a_gap_is_told_with_its_ends(db):
    record(db, event(1), event(4), event(6))
    assert [one.text for one in check(db)] == ["events 2 to 3 are missing", "events 5 to 5 are missing"]


def test_a_parcel_accepted_twice_is_doubled(db):
    record(db, event(1, "parcel.accepted", "RR1"), event(2, "parcel.accepted", "RR1"))
    assert [(one.kind, one.seq) for one in check(db)] == [("parcel.doubled", 2)]


def test_a_parcel_accepted_at_two_booths_is_doubled(db):
    record(db, event(1, "parcel.accepted", "RR1"))
    record(db, event(1, "parcel.accepted", "RR1", source="/booths/B-2"), booth="B-2")
    assert kinds(db) == ["parcel.doubled"]


@pytest.mark.parametrize("order", [(1, 2, 3), (2, 1, 3), (3, 1, 2)])
def test_a_voided_parcel_may_be_accepted_again_in_whatever_order_it_arrives(db, order):
    events = {
        1: event(1, "parcel.accepted", "RR1"),
        2: event(2, "parcel.voided", "RR1"),
        3: event(3, "parcel.accepted", "RR1"),
    }
    record(db, *(events[number] for number in order))
    assert kinds(db) == []


def test_an_explicit_re_acceptance_is_allowed(db):
    again = event(2, "parcel.accepted", "RR1", data={"reaccepted": True})
    record(db, event(1, "parcel.accepted", "RR1"), again)
    assert kinds(db) == []


def test_a_repeated_delivery_of_the_same_event_is_no_violation(db):
    record(db, event(1, "parcel.accepted"), event(1, "parcel.accepted"))
    assert kinds(db) == []


def label(seq, kind="label.printed", **data):
    return event(seq, kind, "RR1", data=data)


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([label(1), label(2)], ["label.doubled"]),
        ([label(1, job="j1"), label(2, job="j1")], ["label.doubled"]),
        ([label(1, job="j1"), label(2, job="j2")], []),
        ([label(1, job="j", attempt=1), label(2, job="j", attempt=2)], []),
        ([label(1, job="j", attempt=2), label(2, job="j", attempt=2)], ["label.doubled"]),
        ([label(1), label(2, "label.reprinted"), label(3)], []),
        ([label(1), label(2, "label.reprinted"), label(3), label(4)], ["label.doubled"]),
        ([label(1, "label.unconfirmed", job="j"), label(2, job="j")], []),
        ([label(1, "label.unconfirmed"), label(2), label(3)], ["label.doubled"]),
    ],
)
def test_labels(db, events, found):
    record(db, *events)
    assert kinds(db) == found


def test_a_file_that_is_not_there_is_told(db):
    with pytest.raises(ConfigError):
        check(db)
    assert not db.exists()
