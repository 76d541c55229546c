"""What the built-in broker and mosquitto both do, seen by a real paho client."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from simulators.mqtt.packets import Connect, Disconnect, Pingreq, Publish, Suback, Subscribe, Topic, Version
from simulators.mqtt.properties import Properties
from tests.simulators.mqtt_broker.peers import Paho, raw, until

pytestmark = pytest.mark.system

_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    """A prefix for client ids and topics: one mosquitto serves all tests."""
    return f"t{next(_numbers)}"


async def test_a_qos1_message_arrives_and_is_acknowledged(port, version, name):
    one, two = Paho(port, f"{name}-a", version), Paho(port, f"{name}-b", version)
    await one.connect()
    await two.connect()
    assert await two.subscribe(f"{name}/x") == [1]
    assert await one.publish(f"{name}/x", b"hello") == 0
    await until(lambda: two.payloads == [b"hello"])
    assert two.messages[0].qos == 1
    await one.close()
    await two.close()


async def test_a_qos0_message_arrives_with_qos0(port, version, name):
    one = Paho(port, f"{name}-a", version)
    await one.connect()
    await one.subscribe(f"{name}/x", 1)
    await one.publish(f"{name}/x", b"zero", qos=0)
    await until(lambda: one.payloads == [b"zero"])
    assert one.messages[0].qos == 0
    await one.close()


async def test_a_subscription_lowers_the_qos(port, version, name):
    one = Paho(port, f"{name}-a", version)
    await one.connect()
    assert await one.subscribe(f"{name}/x", 0) == [0]
    await one.publish(f"{name}/x", b"low")
    await until(lambda: one.messages)
    assert one.messages[0].qos == 0
    await one.close()


async def test_large_payloads_pass(port, version, name):
    one = Paho(port, f"{name}-a", version)
    await one.connect()
    await one.subscribe(f"{name}/x")
    payload = bytes(range(256)) * 800
    await one.publish(f"{name}/x", payload)
    await until(lambda: one.payloads == [payload])
    await one.close()


async def test_messages_keep_their_order(port, version, name):
    one, two = Paho(port, f"{name}-a", version), Paho(port, f"{name}-b", version)
    await one.connect()
    await two.connect()
    await two.subscribe(f"{name}/#")
    sent = [b"%d" % number for number in range(200)]
    for payload in sent:
        one.send(f"{name}/x", payload)
    await until(lambda: len(two.messages) >= 200)
    assert two.payloads == sent
    await one.close()
    await two.close()


@pytest.mark.parametrize(
    ("wanted", "fitting"),
    [
        ("{}/+/up/evt", ["{}/B-1/up/evt", "{}//up/evt"]),
        ("{}/#", ["{}", "{}/B-1", "{}/B-1/up/evt", "{}/B-1/dn/cmd", "{}//up/evt"]),
        ("{}/B-1/+", []),
        ("{}/B-1/up/evt", ["{}/B-1/up/evt"]),
    ],
)
async def test_filters_cover_what_the_standard_says(port, name, wanted, fitting):
    topics = ["{}", "{}/B-1", "{}/B-1/up/evt", "{}/B-1/dn/cmd", "{}//up/evt"]
    one = Paho(port, f"{name}-a")
    await one.connect()
    await one.subscribe(wanted.format(name))
    await one.subscribe(f"{name}-end")
    for topic in topics:
        await one.publish(topic.format(name), b"m")
    await one.publish(f"{name}-end", b"end")
    await until(lambda: one.payloads[-1:] == [b"end"])
    assert [message.topic for message in one.messages[:-1]] == [
        topic.format(name) for topic in topics if topic in fitting
    ]
    await one.close()


async def test_a_retained_message_is_given_to_a_later_subscriber(port, version, name):
    one, two = Paho(port, f"{name}-a", version), Paho(port, f"{name}-b", version)
    await one.connect()
    await two.connect()
    await one.publish(f"{name}/B-1/state", b"old", retain=True)
    await one.publish(f"{name}/B-1/state", b"online", retain=True)
    await two.subscribe(f"{name}/+/state")
    await until(lambda: two.payloads == [b"online"])
    assert two.messages[0].retain
    await one.publish(f"{name}/B-1/state", b"live", retain=True)
    await until(lambda: two.payloads == [b"online", b"live"])
    assert not two.messages[1].retain
    await one.publish(f"{name}/B-1/state", b"", retain=True)
    await one.close()
    await two.close()


async def test_an_empty_retained_message_deletes(port, version, name):
    one = Paho(port, f"{name}-a", version)
    await one.connect()
    await one.publish(f"{name}/state", b"online", retain=True)
    await one.publish(f"{name}/state", b"", retain=True)
    await one.subscribe(f"{name}/#")
    await one.publish(f"{name}/end", b"end")
    await until(lambda: one.messages)
    assert one.payloads == [b"end"]
    await one.close()


async def test_the_will_of_a_client_that_vanishes_is_published(port, version, name):
    one, two = Paho(port, f"{name}-a", version), Paho(port, f"{name}-b", version)
    await one.connect(will=(f"{name}/will", b"offline"))
    await two.connect()
    await two.subscribe(f"{name}/will")
    await one.vanish()
    await until(lambda: two.payloads == [b"offline"])
    await two.close()


async def test_a_goodbye_takes_the_will_back(port, version, name):
    one, two = Paho(port, f"{name}-a", version), Paho(port, f"{name}-b", version)
    await one.connect(will=(f"{name}/will", b"offline"))
    await two.connect()
    await two.subscribe(f"{name}/#")
    await one.close()
    await two.publish(f"{name}/end", b"end")
    await until(lambda: two.messages)
    assert two.payloads == [b"end"]
    await two.close()


async def test_a_delayed_will_is_forgotten_when_the_client_is_back_in_time(port, name):
    two = Paho(port, f"{name}-b")
    await two.connect()
    await two.subscribe(f"{name}/#")
    one = Paho(port, f"{name}-a", clean=False)
    await one.connect(expiry_s=60, will=(f"{name}/will", b"offline"), will_delay=60)
    await one.vanish()
    again = Paho(port, f"{name}-a", clean=False)
    assert await again.connect(expiry_s=60)
    await again.close()
    await two.publish(f"{name}/end", b"end")
    await until(lambda: two.messages)
    assert two.payloads == [b"end"]
    await two.close()


async def test_a_delayed_will_comes_after_its_delay(port, name):
    one, two = Paho(port, f"{name}-a", clean=False), Paho(port, f"{name}-b")
    await two.connect()
    await two.subscribe(f"{name}/will")
    await one.connect(expiry_s=60, will=(f"{name}/will", b"offline"), will_delay=1)
    await one.vanish()
    await until(lambda: two.payloads == [b"offline"])
    await two.close()


async def test_messages_wait_for_a_client_with_a_session(port, version, name):
    one, two = Paho(port, f"{name}-a", version, clean=False), Paho(port, f"{name}-b", version)
    await two.connect()
    assert not await one.connect(expiry_s=600)
    await one.subscribe(f"{name}/x")
    await one.close()
    sent = [b"%d" % number for number in range(50)]
    for payload in sent:
        await two.publish(f"{name}/x", payload)
    again = Paho(port, f"{name}-a", version, clean=False)
    assert await again.connect(expiry_s=600)
    await until(lambda: len(again.messages) >= 50)
    assert again.payloads == sent
    await again.close()
    await two.close()


async def test_a_clean_start_forgets_the_session(port, version, name):
    one = Paho(port, f"{name}-a", version, clean=False)
    await one.connect(expiry_s=600)
    await one.subscribe(f"{name}/x")
    await one.close()
    fresh = Paho(port, f"{name}-a", version, clean=True)
    assert not await fresh.connect()
    await fresh.publish(f"{name}/x", b"nobody")
    await fresh.subscribe(f"{name}/end")
    await fresh.publish(f"{name}/end", b"end")
    await until(lambda: fresh.messages)
    assert fresh.payloads == [b"end"]
    await fresh.close()


async def test_a_session_ends_when_its_time_is_up(port, name):
    one = Paho(port, f"{name}-a", clean=False)
    await one.connect(expiry_s=1)
    await one.close()
    for wait_s in (2.5, 5, 10):  # the expiry itself; mosquitto looks once a second, if the machine lets it
        await asyncio.sleep(wait_s)
        again = Paho(port, f"{name}-a", clean=False)
        present = await again.connect(expiry_s=1)
        await again.close()
        if not present:
            return
    pytest.fail("the session is still there")


async def test_what_was_not_acknowledged_comes_again_marked_as_duplicate(port, version, name):
    one = Paho(port, f"{name}-a", version, clean=False, manual=True)
    two = Paho(port, f"{name}-b", version)
    await one.connect(expiry_s=600)
    await two.connect()
    await one.subscribe(f"{name}/x")
    await two.publish(f"{name}/x", b"keep")
    await until(lambda: one.messages)
    await one.vanish()
    again = Paho(port, f"{name}-a", version, clean=False)
    await again.connect(expiry_s=600)
    await until(lambda: again.payloads == [b"keep"])
    assert again.messages[0].dup
    await again.close()
    await two.close()


async def test_shared_subscribers_take_turns(port, version, name):
    members = [Paho(port, f"{name}-{number}", version) for number in range(2)]
    for member in members:
        await member.connect()
        await member.subscribe(f"$share/ingest/{name}/+/evt")
    one = Paho(port, f"{name}-a", version)
    await one.connect()
    for number in range(40):
        await one.publish(f"{name}/B/evt", b"%d" % number)
    await until(lambda: sum(len(member.messages) for member in members) >= 40)
    assert sorted(int(payload) for member in members for payload in member.payloads) == list(range(40))
    assert [len(member.messages) for member in members] == [20, 20]
    for each in (*members, one):
        await each.close()


async def test_a_second_client_with_the_same_name_takes_over(port, version, name):
    one, two = Paho(port, f"{name}-a", version), Paho(port, f"{name}-a", version)
    await one.connect()
    await two.connect()
    await until(lambda: one.endings)
    await two.subscribe(f"{name}/x")
    await two.publish(f"{name}/x", b"mine")
    await until(lambda: two.payloads == [b"mine"])
    assert not two.endings
    await one._stopped()
    await two.close()


async def test_after_unsubscribing_nothing_comes(port, version, name):
    one = Paho(port, f"{name}-a", version)
    await one.connect()
    await one.subscribe(f"{name}/x")
    await one.subscribe(f"{name}/end")
    await one.unsubscribe(f"{name}/x")
    await one.publish(f"{name}/x", b"no")
    await one.publish(f"{name}/end", b"end")
    await until(lambda: one.messages)
    assert one.payloads == [b"end"]
    await one.close()


async def test_nobody_subscribed_is_told(port, name):
    one = Paho(port, f"{name}-a")
    await one.connect()
    assert await one.publish(f"{name}/x", b"lost") == 0x10
    await one.close()


async def test_the_receive_maximum_of_a_subscriber_is_obeyed(port, name):
    one, two = Paho(port, f"{name}-a", manual=True), Paho(port, f"{name}-b")
    await one.connect(ReceiveMaximum=5)
    await two.connect()
    await one.subscribe(f"{name}/x")
    for number in range(12):
        await two.publish(f"{name}/x", b"%d" % number)
    await until(lambda: len(one.messages) >= 5)
    await one.subscribe(f"{name}/end")  # answered after anything that the broker might have sent too much
    assert len(one.messages) == 5
    one.client.ack(one.messages[0].mid, 1)
    await until(lambda: len(one.messages) >= 6)
    await one.close()
    await two.close()


async def test_no_message_longer_than_the_client_takes(port, name):
    one, two = Paho(port, f"{name}-a"), Paho(port, f"{name}-b")
    await one.connect(MaximumPacketSize=200)
    await two.connect()
    await one.subscribe(f"{name}/x")
    await two.publish(f"{name}/x", b"x" * 500)
    await two.publish(f"{name}/x", b"short")
    await until(lambda: one.messages)
    assert one.payloads == [b"short"]
    await one.close()
    await two.close()


async def test_an_expired_message_is_not_delivered(port, name):
    one, two = Paho(port, f"{name}-a", clean=False), Paho(port, f"{name}-b")
    await one.connect(expiry_s=600)
    await one.subscribe(f"{name}/x")
    await one.close()
    await two.connect()
    await two.publish(f"{name}/x", b"stale", MessageExpiryInterval=1)
    await two.publish(f"{name}/x", b"fresh")
    await asyncio.sleep(2.1)  # the expiry itself
    again = Paho(port, f"{name}-a", clean=False)
    await again.connect(expiry_s=600)
    await until(lambda: again.messages)
    assert again.payloads == [b"fresh"]
    await again.close()
    await two.close()


async def test_no_local_spares_a_client_its_own_messages(port, name):
    one = Paho(port, f"{name}-a")
    await one.connect()
    await one.subscribe(f"{name}/x", noLocal=True)
    await one.subscribe(f"{name}/end")
    await one.publish(f"{name}/x", b"own")
    await one.publish(f"{name}/end", b"end")
    await until(lambda: one.messages)
    assert one.payloads == [b"end"]
    await one.close()


@pytest.mark.parametrize(("handling", "times"), [(0, 2), (1, 1), (2, 0)])
async def test_retain_handling(port, name, handling, times):
    one = Paho(port, f"{name}-a")
    await one.connect()
    await one.publish(f"{name}/state", b"kept", retain=True)
    for _ in range(2):
        await one.subscribe(f"{name}/state", retainHandling=handling)
    await one.publish(f"{name}/state", b"", retain=True)
    await until(lambda: one.payloads[-1:] == [b""])
    assert one.payloads == [b"kept"] * times + [b""]
    await one.close()


async def test_user_properties_travel(port, name):
    one = Paho(port, f"{name}-a")
    await one.connect()
    await one.subscribe(f"{name}/x")
    await one.publish(f"{name}/x", b"m", UserProperty=("k", "v"), ContentType="t", CorrelationData=b"c")
    await until(lambda: one.messages)
    given = one.messages[0].properties
    assert (given.UserProperty, given.ContentType, given.CorrelationData) == ([("k", "v")], "t", b"c")
    await one.close()


async def test_a_silent_client_is_sent_away_after_its_keep_alive(port, name):
    loop = asyncio.get_running_loop()
    async with raw(port, Connect(f"{name}-a", Version.V311, keep_alive_s=1)) as peer:
        began = loop.time()
        peer.send(Pingreq())
        while await peer.next() is not None:
            pass
        assert loop.time() - began >= 0.9  # mosquitto counts whole seconds


async def test_a_subscription_identifier_comes_back(port, name):
    async with raw(port, Connect(f"{name}-a")) as peer:
        peer.send(Subscribe(1, (Topic(f"{name}/+", 0),), Properties(subscription_ids=(7,))))
        assert await peer.next() == Suback(1, (0,))
        peer.send(Publish(f"{name}/x", b"m"))
        got = await peer.next()
        assert isinstance(got, Publish)
        assert got.properties.subscription_ids == (7,)
        peer.send(Disconnect())


async def test_an_anonymous_client_is_given_a_name(port):
    async with raw(port) as peer:
        peer.send(Connect(""))
        answer = await peer.next()
        assert answer.properties.assigned_client_id


@pytest.mark.parametrize("bad", ["a/#/b", "a+/b", ""])
async def test_a_filter_that_is_none_is_refused(port, version, bad):
    async with raw(port, Connect("", version)) as peer:
        peer.send(Subscribe(1, (Topic(bad, 1),)))
        answer = await peer.next()
        refused = answer is None or isinstance(answer, Disconnect)
        assert refused or (isinstance(answer, Suback) and answer.reasons[0] >= 0x80)


def test_versions_are_both_spoken():
    assert set(Version) == {4, 5}
