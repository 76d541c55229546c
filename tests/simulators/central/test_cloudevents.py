"""What is an event, and with which code everything else is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.central.cloudevents import Event, Rejected, Unreadable, parse_batch
from tests.simulators.central.booth import batch, event


def only(payload: bytes) -> Event | Rejected | Unreadable:
    items = parse_batch("B-1", payload)
    assert len(items) == 1
    return items[0]


def test_a_good_event_is_read_with_its_short_type():
    item = only(batch([event(7, "parcel.accepted", "RR1")]))
    assert isinstance(item, Event)
    assert (item.epoch, item.seq, item.type, item.subject) == ("e1", 7, "parcel.accepted", "RR1")


@pytest.mark.parametrize("kind", ["scan.read", "agent.stopped-uncleanly", "label.unconfirmed"])
def test_types_of_the_contract_are_read(kind):
    assert isinstance(only(batch([event(1, kind)])), Event)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"specversion": "0.3"}, "event.specversion"),
        ({"specversion": None}, "event.specversion"),
        ({"id": ""}, "event.id"),
        ({"id": 5}, "event.id"),
        ({"source": "/booths/B-2"}, "event.source"),
        ({"type": "parcel.accepted"}, "event.type"),
        ({"type": "booth.parcel.accepted.v2"}, "event.type"),
        ({"type": 1}, "event.type"),
        ({"time": "yesterday"}, "event.time"),
        ({"time": "2026-11-23T10:00:00"}, "event.time"),
        ({"time": "2026-11-23"}, "event.time"),
        ({"subject": None}, "event.subject"),
        ({"subject": "x" * 513}, "event.subject"),
        ({"data": None}, "event.data"),
        ({"data": []}, "event.data"),
        ({"boot": ""}, "event.boot"),
        ({"uptimems": -1}, "event.uptimems"),
        ({"uptimems": "5"}, "event.uptimems"),
        ({"clock": "perfect"}, "event.clock"),
        ({"clock": []}, "event.clock"),
        ({"data": {"kg": 7.65}}, "event.float"),
        ({"data": {"deep": [{"kg": 1e3}]}}, "event.float"),
        ({"uptimems": 5.0}, "event.float"),
        ({"data": {"text": "\ud800"}}, "event.text"),
        ({"data": {"\udfff": 1}}, "event.text"),
    ],
)
def test_an_event_with_a_fault_is_rejected_with_its_code(change, code):
    item = only(batch([event(3, **change)]))
    assert isinstance(item, Rejected)
    assert (item.seq, item.code) == (3, code)


@pytest.mark.parametrize(
    "change",
    [{"seq": 0}, {"seq": -1}, {"seq": "1"}, {"seq": True}, {"seq": 1 << 53}, {"epoch": None}, {"epoch": ""},
     {"epoch": "a b"}, {"epoch": "x" * 65}, {"epoch": 5}],
)  # fmt: skip
def test_an_event_without_a_key_cannot_be_answered(change):
    item = only(batch([{**event(1), **change}]))
    assert isinstance(item, Unreadable)
    assert item.code == "event.no_key"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "batch.no_json"),
        (b"\xff\xfe[\x00]\x00", "batch.no_json"),
        (b"[NaN]", "batch.no_json"),
        (b"[" * 30_000, "batch.no_json"),
        (b"{}", "batch.no_array"),
        (b'"x"', "batch.no_array"),
        (b"[]", "batch.size"),
        (b"[5]", "event.no_object"),
        (b"[" + b"1" * 5000 + b"]", "batch.no_json"),
        (b" " * 40_000, "batch.too_large"),
    ],
)
def test_what_is_no_batch_is_unreadable(payload, code):
    item = only(payload)
    assert isinstance(item, Unreadable)
    assert item.code == code


def test_a_batch_has_at_most_32_events():
    assert len(parse_batch("B-1", batch(event(n, data={}) for n in range(1, 33)))) == 32
    assert only(batch(event(n, data={}) for n in range(1, 34))).code == "batch.size"


def test_a_deep_event_is_rejected():
    nested: object = 1
    for _ in range(40):
        nested = [nested]
    assert only(batch([event(1, data={"x": nested})])).code == "event.too_deep"


def test_a_bad_event_does_not_spoil_its_neighbours():
    items = parse_batch("B-1", batch([event(1), event(2, time="never"), event(3)]))
    assert [type(item) for item in items] == [Event, Rejected, Event]


def test_the_order_of_fields_is_no_difference_and_the_content_is():
    straight, turned = event(1), dict(reversed(event(1).items()))
    assert only(batch([straight])) == only(batch([turned]))
    assert only(batch([straight])).digest != only(batch([event(1, subject="RR2")])).digest


def test_unknown_extensions_are_allowed():
    assert isinstance(only(batch([event(1, traceparent="x")])), Event)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*event(1), "other"]), json_values, max_size=4))
def test_any_field_of_any_kind_gives_one_value_and_never_raises(changes):
    item = only(json.dumps([{**event(1), **changes}]).encode())
    assert isinstance(item, Event | Rejected | Unreadable)
    if isinstance(item, Event):
        item.body.encode()


@given(st.binary(max_size=100) | st.text().map(str.encode))
def test_rubbish_is_unreadable_and_never_raises(payload):
    assert all(isinstance(item, Unreadable) for item in parse_batch("B-1", payload))
