"""Topic filters, the subscription tree, shared groups, and the bounds of a session's queue."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.broker import retained, session
from simulators.broker.router import SUBSCRIPTIONS_LIMIT, Router
from simulators.broker.session import Delivery, Message, Session
from simulators.broker.tree import Subscription, SubscriptionTree
from simulators.mqtt.packets import Publish, Topic
from simulators.mqtt.properties import Properties
from simulators.mqtt.reasons import Reason
from simulators.mqtt.topics import LEVELS_LIMIT, fits, is_filter, is_topic, split_share

levels = st.sampled_from(["", "a", "b", "$s"])
topics = st.lists(levels, min_size=1, max_size=4).map("/".join).filter(bool)
filters = (
    st.tuples(st.lists(levels | st.just("+"), max_size=4), st.sampled_from([[], ["#"]]))
    .map(lambda parts: "/".join([*parts[0], *parts[1]]))
    .filter(bool)
)


@pytest.mark.parametrize(
    ("topic", "wanted", "covered"),
    [
        ("sport/tennis/player1", "sport/tennis/player1/#", True),  # the examples of section 4.7.1
        ("sport/tennis/player1/ranking", "sport/tennis/player1/#", True),
        ("sport", "sport/#", True),
        ("sport/tennis/player1", "sport/tennis/+", True),
        ("sport/tennis/player1/ranking", "sport/tennis/+", False),
        ("sport", "sport/+", False),
        ("sport/", "sport/+", True),
        ("/finance", "+/+", True),
        ("/finance", "/+", True),
        ("/finance", "+", False),
        ("$SYS/broker", "#", False),
        ("$SYS/broker", "+/broker", False),
        ("$SYS/broker", "$SYS/#", True),
        ("ACCOUNTS", "Accounts", False),
    ],
)
def test_a_filter_covers_what_the_standard_says(topic, wanted, covered):
    assert fits(topic, wanted) is covered


@given(st.lists(filters, max_size=8), st.lists(topics, max_size=5))
def test_the_tree_finds_exactly_the_covering_filters(wanted, names):
    tree: SubscriptionTree[str] = SubscriptionTree()
    for one in wanted:
        tree.add(one, Subscription(one, None, 1))
    for topic in names:
        assert {member for member, _ in tree.match(topic).direct} == {
            one for one in wanted if fits(topic, one)
        }


@given(st.lists(filters, max_size=8, unique=True), topics)
def test_a_tree_without_subscriptions_is_as_new(wanted, topic):
    tree: SubscriptionTree[str] = SubscriptionTree()
    for one in wanted:
        tree.add(one, Subscription(one, None, 1))
        tree.add(one, Subscription(one, "group", 1))
    for one in wanted:
        tree.remove(one, Subscription(one, None, 1))
        tree.remove(one, Subscription(one, "group", 1))
    assert tree._root.empty
    assert tree.match(topic).direct == ()


@pytest.mark.parametrize(
    "bad", ["", "a#", "a/#/b", "+a", "$share/", "$share/g", "$share/g/", "$share/+/a", "/" * 64]
)
def test_what_is_no_filter(bad):
    assert not is_filter(bad)


@pytest.mark.parametrize("good", ["#", "+", "/", "a/+/#", "$share/g/#", "$share/g//a", "$SYS/#"])
def test_what_is_a_filter(good):
    assert is_filter(good)


def test_a_topic_has_no_wildcard_no_emptiness_and_bounded_depth():
    assert is_topic("a/b")
    assert not any(map(is_topic, ["", "a/+", "#", "/" * LEVELS_LIMIT]))


def test_a_share_is_split_off():
    assert split_share("$share/g/a/b") == ("g", "a/b")
    assert split_share("a/b") == (None, "a/b")


class Outlet:
    """A client that takes everything."""

    def __init__(self, window: int = 10) -> None:
        self.window = window
        self.writable = True
        self.got: list[Publish] = []

    def deliver(self, packet: Publish) -> bool:
        self.got.append(packet)
        return True

    def evict(self, reason: int) -> None:
        raise AssertionError


def a_session(name: str = "s") -> Session:
    return Session(name, lambda: 0.0)


def test_the_queue_of_an_absent_client_is_bounded_in_messages():
    absent = a_session()
    message = Message(Publish("t", b"", 1))
    assert all(absent.offer(Delivery(message, 1)) for _ in range(session.QUEUE_LIMIT))
    assert not absent.offer(Delivery(message, 1))


def test_the_queue_of_an_absent_client_is_bounded_in_bytes():
    absent = a_session()
    message = Message(Publish("t", bytes(1 << 20), 1))
    taken = sum(absent.offer(Delivery(message, 1)) for _ in range(100))
    assert taken * (1 << 20) <= session.QUEUE_BYTES_LIMIT


def test_no_more_than_the_window_is_on_the_wire_and_each_answer_lets_one_go():
    served, outlet = a_session(), Outlet(window=2)
    served.attach(outlet)
    for number in range(5):
        served.offer(Delivery(Message(Publish(f"t{number}", b"", 1)), 1))
    assert [packet.topic for packet in outlet.got] == ["t0", "t1"]
    served.acknowledged(outlet.got[0].packet_id)
    served.acknowledged(999)
    assert [packet.topic for packet in outlet.got] == ["t0", "t1", "t2"]


def test_a_resumed_session_sends_first_what_was_not_answered_with_the_same_identifier():
    served, first, second = a_session(), Outlet(window=2), Outlet(window=1)
    served.attach(first)
    for number in range(3):
        served.offer(Delivery(Message(Publish(f"t{number}", b"", 1)), 1))
    served.outlet = None
    served.attach(second)
    while len(second.got) < 3:
        served.acknowledged(second.got[-1].packet_id)
    assert [(one.topic, one.dup, one.packet_id) for one in second.got] == [
        ("t0", True, 1),
        ("t1", True, 2),
        ("t2", False, 3),
    ]


def test_identifiers_in_use_are_not_given_again():
    served, outlet = a_session(), Outlet(window=3)
    served.attach(outlet)
    served._last_id = 0xFFFF - 1
    served._ids = {1}
    for _ in range(2):
        served.offer(Delivery(Message(Publish("t", b"", 1)), 1))
    assert [packet.packet_id for packet in outlet.got] == [0xFFFF, 2]


def test_the_messages_of_a_dead_group_member_go_to_the_others():
    router = Router(lambda: 0.0)
    dying, other = a_session("dying"), a_session("other")
    kept = Outlet()
    dying.attach(Outlet(window=2))
    for one in (dying, other):
        router.subscribe(one, Topic("$share/g/t", 1), None)
    other.attach(kept)
    for number in range(6):
        router.publish(Publish("t", b"%d" % number, 1), None)
    router.forget(dying)
    assert sorted(packet.payload for packet in kept.got) == [b"%d" % number for number in range(6)]


def test_a_group_prefers_members_that_are_here():
    router = Router(lambda: 0.0)
    away, here, outlet = a_session("away"), a_session("here"), Outlet()
    router.subscribe(away, Topic("$share/g/t", 1), None)
    router.subscribe(here, Topic("$share/g/t", 1), None)
    here.attach(outlet)
    for _ in range(4):
        router.publish(Publish("t", b"", 1), None)
    assert (len(outlet.got), len(away)) == (4, 0)


def test_overlapping_filters_give_one_copy_with_all_identifiers():
    router, one, outlet = Router(lambda: 0.0), a_session(), Outlet()
    one.attach(outlet)
    router.subscribe(one, Topic("a/#", 0), 1)
    router.subscribe(one, Topic("a/+", 1), 2)
    router.publish(Publish("a/b", b"", 1), None)
    assert [(packet.qos, packet.properties.subscription_ids) for packet in outlet.got] == [(1, (1, 2))]


def test_subscriptions_of_a_session_are_bounded():
    router, one = Router(lambda: 0.0), a_session()
    for number in range(SUBSCRIPTIONS_LIMIT):
        assert router.subscribe(one, Topic(f"t{number}", 1), None) == 1
    assert router.subscribe(one, Topic("more", 1), None) == Reason.QUOTA_EXCEEDED
    assert router.subscribe(one, Topic("t0", 0), None) == 0


def test_retained_bytes_are_bounded():
    store = retained.RetainedStore(lambda: 0.0)
    fitting = retained.BYTES_LIMIT // (16 << 20)
    kept = [store.keep(Message(Publish(f"t{number}", bytes(16 << 20), 1, True))) for number in range(fitting)]
    assert kept == [True] * (fitting - 1) + [False]
    assert store.keep(Message(Publish("t0", b"", 1, True)))
    assert len(store) == fitting - 2


def test_a_retained_message_expires():
    now = [0.0]
    router = Router(lambda: now[0])
    router.publish(Publish("t", b"x", 1, True, properties=Properties(message_expiry_s=5)), None)
    assert len(list(router.retained.matching("t"))) == 1
    now[0] = 5.0
    assert not list(router.retained.matching("t"))


def test_a_queued_message_tells_how_much_time_is_left():
    now = [0.0]
    waiting, outlet = Session("s", lambda: now[0]), Outlet()
    publish = Publish("t", b"x", 1, properties=Properties(message_expiry_s=10))
    waiting.offer(Delivery(Message(publish, 10.0), 1))
    now[0] = 4.0
    waiting.attach(outlet)
    assert outlet.got[0].properties.message_expiry_s == 6
