"""The small client: against both brokers, and when things go wrong."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from edge_agent.sdk.errors import LinkError
from simulators.broker import Broker
from simulators.mqtt.client import MqttClient
from simulators.mqtt.packets import Topic, Version, Will
from simulators.mqtt.properties import Properties
from simulators.mqtt.reasons import Reason
from tests.simulators.mqtt_broker.peers import DEADLINE_S, Paho, raw, until

_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"k{next(_numbers)}"


def client(name: str, port: int, **options) -> MqttClient:
    return MqttClient(name, host="127.0.0.1", port=port, **options)


async def next_message(one: MqttClient) -> bytes:
    async with asyncio.timeout(DEADLINE_S):
        return (await one.receive())[0].payload


@pytest.mark.system
async def test_it_publishes_and_receives(port, version, name):
    async with client(name, port, version=version) as one:
        assert await one.subscribe(f"{name}/x") == (1,)
        assert await one.publish(f"{name}/x", b"hello") == 0
        await one.publish(f"{name}/x", b"zero", qos=0)
        assert [await next_message(one) for _ in range(2)] == [b"hello", b"zero"]


@pytest.mark.system
async def test_many_at_once_all_come_back_answered(port, version, name):
    async with client(name, port, version=version, inbox_limit=500) as one:
        await one.subscribe(f"{name}/x")
        await asyncio.gather(*(one.publish(f"{name}/x", b"%d" % number) for number in range(300)))
        got = [await next_message(one) for _ in range(300)]
        assert sorted(map(int, got)) == list(range(300))


@pytest.mark.system
async def test_its_will_is_published_when_it_aborts_and_not_when_it_closes(port, version, name):
    async with client(f"{name}-w", port, version=version) as watcher:
        await watcher.subscribe(f"{name}/will")
        polite = client(name, port, version=version, will=Will(f"{name}/will", b"polite", 1))
        await polite.connect()
        await polite.close()
        rude = client(name, port, version=version, will=Will(f"{name}/will", b"rude", 1))
        await rude.connect()
        await rude.abort()
        assert await next_message(watcher) == b"rude"


@pytest.mark.system
async def test_its_session_is_kept(port, name):
    first = client(name, port, clean_start=False, session_expiry_s=60)
    assert not (await first.connect()).session_present
    await first.subscribe(f"{name}/x")
    await first.close()
    async with client(f"{name}-b", port) as other:
        await other.publish(f"{name}/x", b"kept")
    again = client(name, port, clean_start=False, session_expiry_s=60)
    assert (await again.connect()).session_present
    assert await next_message(again) == b"kept"
    await again.close()


@pytest.mark.system
async def test_after_unsubscribing_nothing_comes(port, version, name):
    async with client(name, port, version=version) as one:
        await one.subscribe([Topic(f"{name}/x", 1), Topic(f"{name}/y", 1)])
        await one.unsubscribe(f"{name}/x")
        await one.publish(f"{name}/x", b"no")
        await one.publish(f"{name}/y", b"yes")
        assert await next_message(one) == b"yes"


async def test_messages_iterate_until_it_is_closed(broker):
    one = client("c", broker.port)
    await one.connect()
    await one.subscribe("t")
    await one.publish("t", b"1")
    got = []
    async for message in one.messages():
        got.append(message.payload)
        await one.close()
    assert got == [b"1"]


async def test_who_does_not_take_is_sent_no_more_than_the_inbox_holds(broker):
    async with client("slow", broker.port, inbox_limit=5) as slow, client("fast", broker.port) as fast:
        await slow.subscribe("t")
        for number in range(20):
            await fast.publish("t", b"%d" % number)
        await until(lambda: len(slow._inbox) == 5)
        assert [await next_message(slow) for _ in range(20)] == [b"%d" % number for number in range(20)]
        assert slow.inbox_dropped == 0


async def test_a_flood_without_acknowledgements_does_not_fill_the_memory(broker):
    async with client("slow", broker.port, inbox_limit=5) as slow, client("fast", broker.port) as fast:
        await slow.subscribe("t", qos=0)
        for _ in range(100):
            await fast.publish("t", b"x", qos=0)
        await until(lambda: slow.inbox_dropped == 95)


async def test_no_more_than_the_receive_maximum_is_unanswered():
    async with Broker() as broker:
        broker.faults.receive_maximum = 2
        broker.faults.drop_every_puback = True
        async with client("c", broker.port) as one:
            tasks = [asyncio.create_task(one.publish("t", b"x", timeout_s=0.5)) for _ in range(5)]
            await until(lambda: broker.stats.pubacks_due == 2)
            results = await asyncio.gather(*tasks[:2], return_exceptions=True)
            assert [error.code for error in results] == ["mqtt.no_answer"] * 2
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def test_the_reason_of_a_puback_is_given(broker):
    broker.faults.puback_reason = Reason.QUOTA_EXCEEDED
    async with client("c", broker.port) as one:
        assert await one.publish("t", b"x") == Reason.QUOTA_EXCEEDED


async def test_a_refused_connect_says_why(broker):
    broker.faults.connack_reason = Reason.NOT_AUTHORIZED
    one = client("c", broker.port)
    with pytest.raises(LinkError, match=r"not authorized \(0x87\)") as caught:
        await one.connect()
    assert caught.value.code == "mqtt.refused"


async def test_a_refused_subscription_says_why(broker):
    async with client("c", broker.port) as one:
        with pytest.raises(LinkError, match="topic filter invalid"):
            await one.subscribe("a/#/b")


async def test_no_broker_is_told(broker):
    await broker.cut()
    with pytest.raises(LinkError) as caught:
        await client("c", broker.port).connect()
    assert caught.value.code == "mqtt.unreachable"


async def test_a_broker_that_does_not_greet_is_given_up(broker):
    broker.faults.no_connack = True
    with pytest.raises(LinkError) as caught:
        await client("c", broker.port).connect(0.1)
    assert caught.value.code == "mqtt.no_answer"


async def test_a_lost_connection_is_told_to_everyone_who_waits(broker):
    broker.faults.drop_every_puback = True
    one = client("c", broker.port)
    await one.connect()
    publishing = asyncio.create_task(one.publish("t", b"x"))
    receiving = asyncio.create_task(one.receive())
    await until(lambda: broker.stats.pubacks_due == 1)
    broker.drop_connections()
    results = await asyncio.gather(publishing, receiving, return_exceptions=True)
    assert [error.code for error in results] == ["mqtt.lost", "mqtt.lost"]
    with pytest.raises(LinkError):
        await one.publish("t", b"y")
    await one.close()


async def test_what_was_received_before_a_loss_can_still_be_taken(broker):
    async with client("c", broker.port) as one:
        await one.subscribe("t")
        await one.publish("t", b"kept")
        await until(lambda: one._inbox)
        broker.drop_connections()
        await until(lambda: broker.connections == 0)
        assert await next_message(one) == b"kept"


async def test_the_reason_of_a_takeover_is_in_the_error(broker):
    one, two = client("c", broker.port), client("c", broker.port)
    await one.connect()
    await two.connect()
    with pytest.raises(LinkError, match="session taken over"):
        await one.receive()
    await one.close()
    await two.close()


async def test_it_pings_and_notices_a_dead_broker(broker):
    one = client("c", broker.port, keep_alive_s=1)
    await one.connect()
    broker.freeze()
    with pytest.raises(LinkError, match="no answer to a ping"):
        async with asyncio.timeout(DEADLINE_S):
            await one.receive()
    await one.close()


async def test_one_client_serves_one_connection(broker):
    one = client("c", broker.port)
    await one.connect()
    await one.close()
    await one.close()
    with pytest.raises(LinkError):
        await one.connect()


async def test_nothing_works_before_connecting():
    with pytest.raises(LinkError) as caught:
        await client("c", 1).publish("t", b"x")
    assert caught.value.code == "mqtt.not_connected"


async def test_rubbish_from_a_broker_ends_the_connection():
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"\x20\x03\0\0\0\xf0\xff\xff\xff\xff\xff")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    one = client("c", server.sockets[0].getsockname()[1])
    with pytest.raises(LinkError, match="broke the protocol"):
        await one.connect()
    await one.close()
    server.close()
    await server.wait_closed()


async def test_a_cancelled_connect_leaves_nothing(broker):
    broker.faults.no_connack = True
    connecting = asyncio.create_task(client("c", broker.port).connect())
    await until(lambda: broker.stats.connects == 1)
    connecting.cancel()
    await asyncio.wait([connecting])
    await until(lambda: broker.connections == 0)


@pytest.mark.system
async def test_its_properties_reach_a_paho_client(broker):
    two = Paho(broker.port, "p")
    await two.connect()
    await two.subscribe("t")
    async with client("c", broker.port) as one:
        await one.publish("t", b"x", properties=Properties(message_expiry_s=60, user=(("a", "b"),)))
    await until(lambda: two.messages)
    assert two.messages[0].properties.UserProperty == [("a", "b")]
    assert two.messages[0].properties.MessageExpiryInterval == 60
    await two.close()


async def test_a_raw_311_peer_and_it_understand_each_other(broker):
    from simulators.mqtt.packets import Connect, Publish

    async with client("c", broker.port, version=Version.V311) as one:
        await one.subscribe("t")
        async with raw(broker.port, Connect("d", Version.V311)) as peer:
            peer.send(Publish("t", b"raw"))
            assert await next_message(one) == b"raw"
