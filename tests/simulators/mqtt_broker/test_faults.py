"""Every fault that the broker can be told to have."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket

import pytest

from simulators.broker import Broker
from simulators.mqtt.packets import (
    Connack,
    Connect,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Subscribe,
    Topic,
    Version,
)
from simulators.mqtt.reasons import Reason
from tests.simulators.mqtt_broker.peers import Paho, raw, until

PATIENCE_S = 0.15  # how long a silence must last to be believed


def numbered(*numbers: int) -> list[Publish]:
    return [Publish("t", b"%d" % number, 1, packet_id=number) for number in numbers]


async def test_the_nth_puback_is_dropped(broker):
    broker.faults.drop_pubacks = {2}
    async with raw(broker.port, Connect("c")) as peer:
        peer.send(*numbered(1, 2, 3))
        assert [(await peer.next()).packet_id for _ in range(2)] == [1, 3]
        assert await peer.silent_for(PATIENCE_S)


async def test_every_puback_is_dropped_and_the_message_is_delivered_all_the_same(broker):
    broker.faults.drop_every_puback = True
    async with raw(broker.port, Connect("c")) as peer, raw(broker.port, Connect("d")) as other:
        other.send(Subscribe(1, (Topic("t", 1),)))
        await other.next()
        peer.send(*numbered(1))
        assert (await other.next()).payload == b"1"
        assert await peer.silent_for(PATIENCE_S)


async def test_only_the_named_publishers_are_meant(broker):
    broker.faults.drop_every_puback = True
    broker.faults.publishers = frozenset({"booth"})
    async with raw(broker.port, Connect("centre")) as peer:
        peer.send(*numbered(1))
        assert await peer.next() == Puback(1, 0x10)


async def test_a_puback_is_late_by_the_delay(broker):
    broker.faults.puback_delay_s = 0.2
    loop = asyncio.get_running_loop()
    async with raw(broker.port, Connect("c")) as peer:
        began = loop.time()
        peer.send(*numbered(1, 2))
        assert await peer.next() == Puback(1, 0x10)
        assert loop.time() - began >= 0.19


async def test_a_late_puback_to_a_client_that_left_is_no_trouble(broker):
    broker.faults.puback_delay_s = 30.0
    async with raw(broker.port, Connect("c")) as peer:
        peer.send(*numbered(1, 2))
        await until(lambda: broker.stats.pubacks_due == 2)
    await until(lambda: broker.connections == 0)


@pytest.mark.parametrize(
    "reason", [Reason.QUOTA_EXCEEDED, Reason.NOT_AUTHORIZED, Reason.NO_MATCHING_SUBSCRIBERS]
)
@pytest.mark.system
async def test_a_reason_is_answered_so_often_and_the_message_not_taken(broker, reason):
    broker.faults.puback_reason = reason
    broker.faults.puback_reason_times = 2
    one = Paho(broker.port, "c")
    await one.connect()
    await one.subscribe("t")
    assert [await one.publish("t", b"%d" % number) for number in range(3)] == [reason, reason, 0]
    await until(lambda: one.messages)
    assert one.payloads == [b"2"]
    await one.close()


async def test_in_311_a_refused_message_is_acknowledged_and_lost(broker):
    broker.faults.puback_reason = Reason.NOT_AUTHORIZED
    async with raw(broker.port, Connect("c", Version.V311)) as peer:
        peer.send(*numbered(1))
        assert await peer.next() == Puback(1)


async def test_no_connack_ever(broker):
    broker.faults.no_connack = True
    async with raw(broker.port) as peer:
        peer.send(Connect("c"), Pingreq())
        assert await peer.silent_for(PATIENCE_S)


@pytest.mark.parametrize(("version", "code"), [(Version.V5, Reason.NOT_AUTHORIZED), (Version.V311, 5)])
async def test_a_connect_is_refused_with_the_reason(broker, version, code):
    broker.faults.connack_reason = Reason.NOT_AUTHORIZED
    async with raw(broker.port) as peer:
        peer.version = version
        peer.send(Connect("c", version))
        assert (await peer.bytes())[3] == code


async def test_a_shrunk_packet_size_is_told_and_enforced():
    async with Broker() as broker:
        broker.faults.maximum_packet_size = 1024
        async with raw(broker.port) as peer:
            peer.send(Connect("c"))
            assert (await peer.next()).properties.maximum_packet_size == 1024
            peer.send(Publish("t", bytes(5000), 1, packet_id=1))
            assert (await peer.next()).reason == Reason.PACKET_TOO_LARGE


async def test_a_frozen_broker_takes_bytes_and_answers_nothing_and_goes_on_when_thawed(broker):
    async with raw(broker.port, Connect("c")) as peer:
        broker.freeze()
        peer.send(*numbered(1, 2))
        assert await peer.silent_for(PATIENCE_S)
        broker.thaw()
        assert [(await peer.next()).packet_id for _ in range(2)] == [1, 2]


async def test_a_frozen_broker_takes_new_connections_and_does_not_greet(broker):
    broker.freeze()
    async with raw(broker.port) as peer:
        peer.send(Connect("c"))
        assert await peer.silent_for(PATIENCE_S)
        broker.thaw()
        assert isinstance(await peer.next(), Connack)


async def test_a_frozen_broker_stops_and_leaves_nothing():
    async with Broker() as broker, raw(broker.port, Connect("c")) as peer:
        broker.freeze()
        peer.send(Pingreq())
        await broker.stop()
        assert broker.connections == 0


async def test_a_frozen_client_is_not_sent_away_for_silence(broker):
    async with raw(broker.port, Connect("c", keep_alive_s=1)) as peer:
        broker.freeze()
        assert await peer.silent_for(1.7)
        broker.thaw()
        peer.send(Pingreq())
        assert await peer.next() == Pingresp()


async def test_dropped_connections_end_without_a_word_and_new_ones_are_welcome(broker):
    async with raw(broker.port, Connect("c")) as peer:
        broker.drop_connections()
        assert await peer.next() is None
    async with raw(broker.port, Connect("c")):
        pass


async def test_a_cut_network_breaks_connections_and_refuses_new_ones_until_healed(broker):
    async with raw(broker.port, Connect("c")) as peer:
        await broker.cut()
        assert await peer.next() is None
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", broker.port)
    await broker.cut()
    await broker.heal()
    await broker.heal()
    async with raw(broker.port, Connect("c")):
        pass


async def test_a_cut_heals_by_itself_and_the_sessions_are_there(broker):
    one = Paho(broker.port, "c", clean=False)
    await one.connect(expiry_s=60)
    await broker.cut(0.05)
    await until(lambda: one.endings)
    await one._stopped()
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", broker.port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            break
    again = Paho(broker.port, "c", clean=False)
    assert await again.connect(expiry_s=60)
    await again.close()


async def test_stopping_in_the_middle_of_a_cut_leaves_nothing():
    async with Broker() as broker:
        await broker.cut(30.0)
    async with Broker(port=broker.port):
        pass


@pytest.mark.parametrize("ending", ["stop", "cut"])
@pytest.mark.parametrize("turns", range(5))
async def test_who_comes_in_while_the_door_is_closed_is_told(ending, turns):
    """At whatever turn of the loop: a connection that nobody closes would leave its client waiting."""
    async with Broker() as broker:
        with socket.create_connection(("127.0.0.1", broker.port)) as guest:
            guest.setblocking(False)
            for _ in range(turns):
                await asyncio.sleep(0)
            await getattr(broker, ending)()
            async with asyncio.timeout(10):
                with contextlib.suppress(ConnectionResetError):
                    assert await asyncio.get_running_loop().sock_recv(guest, 1) == b""
        assert broker.connections == 0
    gc.collect()


async def test_the_nth_puback_carries_a_reason_is_late_or_ends_the_connection(broker):
    broker.faults.puback_reasons = {1: 0x97}
    broker.faults.delay_pubacks = {2: 0.05}
    broker.faults.hang_up_at = {4}
    async with raw(broker.port, Connect("c")) as peer:
        peer.send(*numbered(1, 2, 3))
        answers = [await peer.next() for _ in range(3)]
        assert [(answer.packet_id, answer.reason) for answer in answers] == [(1, 0x97), (3, 0x10), (2, 0x10)]
        peer.send(*numbered(4))
        await until(lambda: broker.connections == 0)


async def test_a_broker_that_forgets_says_success_and_delivers_nothing(broker):
    broker.faults.forget = True
    async with raw(broker.port, Connect("c")) as peer, raw(broker.port, Connect("d")) as other:
        other.send(Subscribe(1, (Topic("t", 1),)))
        await other.next()
        peer.send(*numbered(1))
        assert await peer.next() == Puback(1, 0)
        assert await other.silent_for(PATIENCE_S)
