"""The judge: what is a violation and what is not."""

from __future__ import annotations

import sqlite3
from contextlib import closing

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


# The record itself


TAMPERINGS = {
    "an event is taken away": ("DELETE FROM events WHERE seq = 2", "lost"),
    "the first is taken away": ("DELETE FROM events WHERE seq = 1", "lost"),
    "the last is taken away": ("DELETE FROM events WHERE seq = 3", "lost"),
    "a stream is taken away": ("DELETE FROM streams", "lost"),
    "all events are taken away": ("DELETE FROM events", "lost"),
    "a weight is changed": (
        "UPDATE events SET body = replace(body, '1.235', '1.230') WHERE seq = 2",
        "altered",
    ),
    "an event is filed under another number": ("UPDATE events SET seq = 4 WHERE seq = 3", "lost"),
    "two events change places": (
        (
            "UPDATE events SET seq = 9 WHERE seq = 1; UPDATE events SET seq = 1 WHERE seq = 2;"
            " UPDATE events SET seq = 2 WHERE seq = 9"
        ),
        "altered",
    ),
    "an item is renamed in its row": ("UPDATE events SET subject = 'RR9' WHERE seq = 1", "altered"),
    "a type is changed in its row": ("UPDATE events SET type = 'scan.read' WHERE seq = 1", "altered"),
    "an event is given to another booth": ("UPDATE events SET booth = 'B-2' WHERE seq = 3", "lost"),
    "a message is taken out of the history": ("DELETE FROM history WHERE n = 2", "history"),
    "the last message is taken out of the history": ("DELETE FROM history WHERE n = 3", "history"),
}


@pytest.mark.parametrize(("sql", "kind"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_a_record_that_was_tampered_with_is_not_clean(db, sql, kind):
    weight = {"weight": {"value": "1.235"}}
    record(db, event(1, "parcel.accepted", "RR1"), event(2, "parcel.accepted", "RR2", data=weight), event(3))
    assert check(db) == []
    with closing(sqlite3.connect(db)) as connection:
        connection.executescript(sql)
    assert kind in kinds(db)


def test_a_file_with_a_damaged_page_is_neither_clean_nor_a_traceback(db):
    record(db, *(event(number, data={"text": "x" * 400}) for number in range(1, 60)))
    body = bytearray(db.read_bytes())
    body[12_288:16_384] = b"\xaa" * 4096
    db.write_bytes(body)
    with pytest.raises(ConfigError, match=r"malformed|not|No"):
        check(db)
