"""The built-in broker's own conduct: refusals with a reason, hostile peers, restarts."""

from __future__ import annotations

import asyncio
import random
import socket
from pathlib import Path

import pytest

from simulators.broker import Broker
from simulators.mqtt.codec import encode
from simulators.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Topic,
    Unsuback,
    Unsubscribe,
    Version,
    Will,
)
from simulators.mqtt.properties import Properties
from simulators.mqtt.reasons import Reason
from tests.simulators.mqtt_broker.peers import Paho, raw, until


async def ending(peer) -> object:
    """The last packet before the broker closes."""
    last = None
    while (packet := await peer.next()) is not None:
        last = packet
    return last


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (Publish("t", b"", 2, packet_id=1), Reason.QOS_NOT_SUPPORTED),
        (Publish("", b"", 1, packet_id=1, properties=Properties(topic_alias=1)), Reason.TOPIC_ALIAS_INVALID),
        (Publish("t", b"", properties=Properties(subscription_ids=(1,))), Reason.PROTOCOL_ERROR),
        (Publish("t", bytes(2 << 20)), Reason.PACKET_TOO_LARGE),
        (Connect("again"), Reason.PROTOCOL_ERROR),
        (Suback(1, (0,)), Reason.PROTOCOL_ERROR),
        (Subscribe(1, (Topic("$share/g/t", no_local=True),)), Reason.PROTOCOL_ERROR),
        (Disconnect(0, Properties(session_expiry_s=5)), Reason.PROTOCOL_ERROR),
    ],
)
async def test_a_packet_against_the_rules_ends_the_connection_with_its_reason(broker, packet, reason):
    async with raw(broker.port, Connect("c")) as peer:
        peer.send(packet)
        assert await ending(peer) == Disconnect(reason)


async def test_a_malformed_packet_ends_the_connection_with_its_reason(broker):
    async with raw(broker.port, Connect("c")) as peer:
        peer.writer.write(b"\x36\x05\0\1a\0\1")
        assert await ending(peer) == Disconnect(Reason.MALFORMED_PACKET)


async def test_a_31_client_is_told_that_its_version_is_not_spoken(broker):
    async with raw(broker.port) as peer:
        peer.writer.write(bytes.fromhex("100f 00064d5149736470 03 02 003c 0001 61"))
        assert await peer.bytes() == b"\x20\x02\x00\x01"


@pytest.mark.parametrize(
    ("connect", "reason"),
    [
        (Connect("x" * 200), Reason.CLIENT_IDENTIFIER_NOT_VALID),
        (Connect("c", will=Will("t", b"", 2)), Reason.QOS_NOT_SUPPORTED),
        (Connect("c", will=Will("t/#", b"")), Reason.TOPIC_NAME_INVALID),
        (Connect("c", properties=Properties(authentication_method="x")), Reason.BAD_USER_NAME_OR_PASSWORD),
        (Connect("", Version.V311, clean_start=False), 2),
    ],
)
async def test_a_connect_that_cannot_be_taken_is_refused_with_a_reason(broker, connect, reason):
    async with raw(broker.port) as peer:
        peer.version = connect.version
        peer.send(connect)
        data = await peer.bytes()
        assert data[3] == reason
        assert await peer.bytes() == b""


async def test_a_client_that_misses_its_keep_alive_is_told(broker):
    async with raw(broker.port, Connect("c", keep_alive_s=1)) as peer:
        assert await ending(peer) == Disconnect(Reason.KEEP_ALIVE_TIMEOUT)


async def test_the_client_that_is_taken_over_is_told(broker):
    async with raw(broker.port, Connect("c")) as old, raw(broker.port, Connect("c")) as new:
        assert await ending(old) == Disconnect(Reason.SESSION_TAKEN_OVER)
        new.send(Pingreq())
        assert await new.next() == Pingresp()
    assert broker.stats.takeovers == 1


async def test_a_takeover_keeps_the_session_and_its_delayed_will_quiet(broker):
    keep = Properties(session_expiry_s=60)
    will = Will("will", b"offline", properties=Properties(will_delay_s=30))
    async with (
        raw(broker.port, Connect("watcher")) as watcher,
        raw(broker.port, Connect("c", will=will, properties=keep)) as old,
    ):
        watcher.send(Subscribe(1, (Topic("will"), Topic("end"))))
        await watcher.next()
        async with raw(broker.port) as new:
            new.send(Connect("c", clean_start=False, properties=keep))
            assert (await new.next()).session_present
            await ending(old)
            watcher.send(Publish("end", b"end"))
            assert (await watcher.next()).payload == b"end"


async def test_a_takeover_with_a_clean_start_publishes_the_will(broker):
    keep = Properties(session_expiry_s=60)
    will = Will("will", b"offline", properties=Properties(will_delay_s=30))
    async with (
        raw(broker.port, Connect("watcher")) as watcher,
        raw(broker.port, Connect("c", will=will, properties=keep)),
    ):
        watcher.send(Subscribe(1, (Topic("will"),)))
        await watcher.next()
        async with raw(broker.port, Connect("c")):
            assert (await watcher.next()).payload == b"offline"


async def test_a_goodbye_with_reason_4_publishes_the_will(broker):
    async with raw(broker.port, Connect("watcher")) as watcher:
        watcher.send(Subscribe(1, (Topic("will"),)))
        await watcher.next()
        async with raw(broker.port, Connect("c", will=Will("will", b"offline"))) as peer:
            peer.send(Disconnect(Reason.DISCONNECT_WITH_WILL))
            assert (await watcher.next()).payload == b"offline"


async def test_a_goodbye_may_shorten_the_session(broker):
    async with raw(broker.port, Connect("c", properties=Properties(session_expiry_s=60))) as peer:
        assert broker.sessions == 1
        peer.send(Disconnect(0, Properties(session_expiry_s=0)))
        assert await ending(peer) is None
    assert broker.sessions == 0


async def test_unsubscribing_from_nothing_is_told(broker):
    async with raw(broker.port, Connect("c")) as peer:
        peer.send(Unsubscribe(5, ("t",)))
        assert await peer.next() == Unsuback(5, (Reason.NO_SUBSCRIPTION_EXISTED,))


async def test_a_share_without_a_filter_is_refused(broker):
    async with raw(broker.port, Connect("c")) as peer:
        peer.send(Subscribe(5, (Topic("$share/g"), Topic("ok", 2))))
        assert await peer.next() == Suback(5, (Reason.TOPIC_FILTER_INVALID, 1))


async def test_more_unanswered_messages_than_allowed_end_the_connection():
    async with Broker() as broker:
        broker.faults.receive_maximum = 3
        async with raw(broker.port) as peer:
            peer.send(Connect("c"))
            assert (await peer.next()).properties.receive_maximum == 3
            peer.send(*(Publish("t", b"", 1, packet_id=number) for number in range(1, 5)))
            assert await ending(peer) == Disconnect(Reason.RECEIVE_MAXIMUM_EXCEEDED)


async def test_a_client_that_keeps_to_the_receive_maximum_is_never_sent_away():
    async with Broker() as broker:
        broker.faults.receive_maximum = 3
        async with raw(broker.port, Connect("c")) as peer:
            for start in range(1, 100, 3):
                peer.send(*(Publish("t", b"", 1, packet_id=start + one) for one in range(3)))
                for one in range(3):
                    assert await peer.next() == Puback(start + one, 0x10)


async def test_rubbish_of_every_kind_leaves_the_broker_standing(broker):
    choose = random.Random(20261123)
    good = encode(Connect("x"), Version.V5) + encode(Publish("t", b"x" * 50, 1, packet_id=3), Version.V5)
    for number in range(150):
        data = bytearray(good if number % 2 else b"")
        for _ in range(choose.randint(0, 5)):
            data.insert(choose.randint(0, len(data)), choose.randint(0, 255))
        _, writer = await asyncio.open_connection("127.0.0.1", broker.port)
        writer.write(bytes(data) + choose.randbytes(choose.randint(0, 60)))
        writer.close()
    await until(lambda: broker.connections == 0)
    async with raw(broker.port, Connect("ok")) as peer:
        peer.send(Pingreq())
        assert await peer.next() == Pingresp()


async def test_a_reader_that_stands_still_costs_bounded_memory_and_harms_nobody(broker):
    async with raw(broker.port, Connect("still")) as still, raw(broker.port, Connect("busy")) as busy:
        still.send(Subscribe(1, (Topic("t", 0), Topic("q", 1))))
        await still.next()
        still.writer.transport.pause_reading()
        payload = bytes(60_000)
        for number in range(1, 400):
            busy.send(Publish("t", payload), Publish("q", payload, 1, packet_id=number))
            assert isinstance(await busy.next(), Puback)
        held = sum(len(one._transport._buffer) for one in broker._connections if one._transport)
        assert held < 4 << 20
        still.writer.transport.abort()


async def test_a_peer_that_never_reads_its_answers_is_not_read_from(broker):
    async with raw(broker.port, Connect("deaf")) as peer:
        peer.writer.transport.pause_reading()
        shrink_send_buffers(broker)
        pings = b"\xc0\0" * 20_000
        writing = asyncio.create_task(flood(peer.writer, pings))
        async with raw(broker.port, Connect("other")) as other:
            for _ in range(5):
                other.send(Pingreq())
                assert await other.next() == Pingresp()
        held = sum(len(one._transport._buffer) for one in broker._connections if one._transport)
        assert held < 4 << 20
        writing.cancel()
        await asyncio.wait([writing])
        peer.writer.transport.abort()


def shrink_send_buffers(broker: Broker) -> None:
    """Or the kernel alone would hold megabytes of answers."""
    for connection in broker._connections:
        opened = connection._transport.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def flood(writer: asyncio.StreamWriter, data: bytes) -> None:
    while True:
        writer.write(data)
        await writer.drain()


async def test_a_stopped_broker_says_why_and_forgets_and_keeps_its_port(broker):
    port = broker.port
    async with raw(port, Connect("c", properties=Properties(session_expiry_s=60))) as peer:
        peer.send(Publish("t", b"x", 1, True, packet_id=1))
        await peer.next()
        await broker.stop()
        assert await ending(peer) == Disconnect(Reason.SERVER_SHUTTING_DOWN)
    await broker.stop()
    await broker.start()
    assert broker.port == port
    async with raw(port) as peer:
        peer.send(Connect("c", clean_start=False))
        assert not (await peer.next()).session_present
        peer.send(Subscribe(1, (Topic("#"),)))
        assert isinstance(await peer.next(), Suback)
        assert await peer.silent_for(0.05)


async def test_a_taken_port_is_an_error():
    async with Broker() as one:
        with pytest.raises(OSError, match="in use"):
            await Broker(port=one.port).start()


async def test_its_sockets_do_not_wait_to_fill_a_packet(broker):
    async with raw(broker.port, Connect("c")):
        for connection in broker._connections:
            opened = connection._transport.get_extra_info("socket")
            assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_five_hundred_clients_come_and_go_without_a_leak(broker):
    before = descriptors()
    for _ in range(5):
        peers = []
        for number in range(100):
            reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
            writer.write(encode(Connect(f"c{number}"), Version.V5))
            peers.append((reader, writer))
        for reader, writer in peers:
            assert (await reader.read(4))[0] == 0x20
            writer.close()
    await until(lambda: broker.connections == 0)
    assert broker.sessions == 0
    await until(lambda: descriptors() <= before + 1)


@pytest.mark.system
async def test_a_full_queue_is_told_to_an_mqtt5_publisher(broker, monkeypatch):
    """The bound is lowered only to keep the test short."""
    monkeypatch.setattr("simulators.broker.session.QUEUE_LIMIT", 3)
    away, one = Paho(broker.port, "away", clean=False), Paho(broker.port, "one")
    await away.connect(expiry_s=60)
    await away.subscribe("t")
    await away.close()
    await one.connect()
    assert [await one.publish("t", b"x") for _ in range(4)] == [0, 0, 0, Reason.QUOTA_EXCEEDED]
    await one.close()


async def test_connack_names_the_terms(broker):
    async with raw(broker.port) as peer:
        peer.send(Connect("c"))
        answer = await peer.next()
        assert isinstance(answer, Connack)
        assert answer.properties == Properties(maximum_qos=1, maximum_packet_size=1 << 20)
