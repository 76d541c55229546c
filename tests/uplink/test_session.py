"""The MQTT session against the built-in broker, mosquitto, and brokers that misbehave."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.sdk.clock import ManualClock, SystemClock
from edge_agent.sdk.errors import LinkError
from edge_agent.uplink.backoff import FIRST_S, SHORT_LIVES, STABLE_S, TAKEN_OVER_S
from edge_agent.uplink.connection import Connection
from edge_agent.uplink.dialling import Dialling
from edge_agent.uplink.paho_client import PACKET_BYTES, RECEIVE_MAXIMUM, WILL_DELAY_S
from edge_agent.uplink.session import Session
from simulators.broker import Broker
from simulators.mqtt.client import MqttClient
from simulators.mqtt.codec import PacketCodec
from simulators.mqtt.packets import Connect
from tests.conftest import Mosquitto
from tests.uplink.bench import (
    CONNACK_5,
    STATE,
    SUBACK_5,
    SeenHandler,
    address,
    listener,
    old_broker,
    read_packet,
    scripted,
    session_on,
    until,
)
from tests.waiting import DEADLINE_S, passing

TOO_OLD_311 = b"\x20\x02\x00\x01"


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    """Fails its test if anything in the loop raised where nobody waits for it."""
    troubles: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: troubles.append(context))
    async with Broker() as running:
        yield running
    assert not troubles


@pytest.fixture(params=["builtin", "mosquitto"])
def port(request: pytest.FixtureRequest) -> int:
    if request.param == "builtin":
        return int(request.getfixturevalue("broker").port)
    return int(request.getfixturevalue("mosquitto").port)


# Connecting


@pytest.mark.parametrize(("protocol", "version"), [("auto", 5), ("5", 5), ("3.1.1", 4)])
async def test_it_connects_with_the_version_that_is_asked_for(port: int, protocol: str, version: int) -> None:
    async with session_on(address(port, protocol=protocol)) as (session, handler):
        assert session.connected
        assert handler.ups[0].version == version


@pytest.mark.parametrize("refusal", [TOO_OLD_311, b""], ids=["refused", "hung up"])
async def test_auto_falls_back_to_3_1_1_where_the_broker_knows_no_5(
    mosquitto: Mosquitto, refusal: bytes
) -> None:
    seen: list[int] = []
    async with (
        scripted(old_broker(mosquitto.port, refusal, seen)) as old,
        session_on(address(old)) as (_, handler),
    ):
        assert handler.ups[0].version == 4
        assert seen[-1] == 4


async def test_after_a_fall_back_mqtt_5_is_tried_first_again(mosquitto: Mosquitto) -> None:
    seen: list[int] = []
    async with (
        scripted(old_broker(mosquitto.port, TOO_OLD_311, seen)) as old,
        session_on(address(old)) as (session, handler),
    ):
        session.drop("test")
        await until(lambda: len(handler.ups) == 2)
        assert seen == [5, 4, 5, 4]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_version_that_is_set_is_never_changed(protocol: str) -> None:
    levels: list[int] = []

    async def hang_up(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        connect = await read_packet(reader)
        levels.append(connect[connect.index(b"MQTT") + 4])

    clock = ManualClock()
    async with (
        scripted(hang_up) as port,
        session_on(address(port, protocol=protocol), clock=clock, wait=False) as (_, handler),
    ):
        for tries in range(1, 6):
            await handler.was_down(tries)
            await clock.advance(60)
        assert set(levels) == {int(protocol[0]) + (1 if protocol == "3.1.1" else 0)}


async def test_what_the_broker_is_told_in_connect() -> None:
    """Will with its delay, our bounds, a session that outlives the connection."""
    packets: list[Connect] = []

    async def look(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        (packet,) = PacketCodec().feed(await read_packet(reader))
        assert isinstance(packet, Connect)
        packets.append(packet)

    async with (
        scripted(look) as port,
        session_on(address(port, protocol="5", keepalive_s=17), wait=False),
    ):
        await until(lambda: packets)
    connect = packets[0]
    assert (connect.client_id, connect.keep_alive_s, connect.clean_start) == ("B1", 17, False)
    assert connect.properties.receive_maximum == RECEIVE_MAXIMUM
    assert connect.properties.maximum_packet_size == PACKET_BYTES
    assert connect.properties.session_expiry_s
    assert connect.will is not None
    assert (connect.will.topic, connect.will.qos, connect.will.retain) == (STATE, 1, True)
    assert connect.will.properties.will_delay_s == WILL_DELAY_S


async def test_the_brokers_bounds_are_told(broker: Broker) -> None:
    broker.faults.receive_maximum, broker.faults.maximum_packet_size = 3, 5000
    async with session_on(address(broker.port)) as (_, handler):
        assert (handler.ups[0].window, handler.ups[0].packet_bytes) == (3, 5000)


async def test_a_broker_that_is_not_there_is_tried_for_ever() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        clock = ManualClock()
        async with session_on(address(held.getsockname()[1]), clock=clock, wait=False) as (_, handler):
            for tries in range(1, 6):
                await handler.was_down(tries)
                await clock.advance(60)
            assert "uplink.unreachable" in handler.downs[-1]
            assert "Connection refused" in handler.downs[-1]
            assert "Errno" not in handler.downs[-1]


async def test_a_name_that_does_not_exist_is_a_reason_like_any_other() -> None:
    where = replace(address(1), host="a..b")
    async with session_on(where, clock=ManualClock(), wait=False) as (_, handler):
        await until(lambda: handler.downs)
        assert "uplink.unreachable" in handler.downs[0]
        assert "a..b:1" in handler.downs[0]


async def test_no_connack_is_given_up_and_the_next_try_is_more_patient(broker: Broker) -> None:
    broker.faults.no_connack = True
    link = Connection(address(broker.port), SeenHandler(), 5, 0.2)
    with pytest.raises(LinkError) as told:
        await link.open()
    await link.close()
    assert told.value.code == "uplink.busy"
    session = Session(address(broker.port), SeenHandler(), SystemClock())
    before = session._patience_s
    session._learn(link, told.value)
    assert session._patience_s == 2 * before


async def test_a_stop_does_not_wait_for_a_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    may_answer = threading.Event()
    asked = threading.Event()

    def slow(*_: object, **__: object) -> list[object]:
        asked.set()
        may_answer.wait(30)
        raise OSError("no answer")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    try:
        async with session_on(address(1), wait=False):
            await until(asked.is_set)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not may_answer.is_set(), "the session has ended before the answer came"
        assert left == []
    finally:
        may_answer.set()


async def test_a_connection_that_comes_after_the_stop_is_thrown_away() -> None:
    may_go, closed = threading.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        assert await reader.read(100) == b""
        closed.set()

    async with scripted(serve) as port:
        link = Connection(address(port), SeenHandler(), 5, 4.0)
        connect = link._client.connect

        def late() -> None:
            may_go.wait(30)
            connect()

        link._client.connect = late  # type: ignore[method-assign]  # a slow network
        opening = asyncio.create_task(link.open())
        await asyncio.sleep(0)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        await link.close()
        may_go.set()
        async with asyncio.timeout(DEADLINE_S):
            await closed.wait()


def test_a_connection_that_came_in_the_moment_of_the_stop_is_left_to_who_stops() -> None:
    """And not to a turn of the loop, which may never come."""
    thrown: list[str] = []

    async def stop() -> None:
        dialling = Dialling(lambda: None, lambda: thrown.append("too late"))
        for thread in threading.enumerate():
            if thread.name == "uplink connect":
                thread.join()  # the loop has no turn meanwhile: that is the point
        assert not dialling.abandon()

    asyncio.run(stop())
    assert thrown == []


async def test_a_broker_that_closes_with_its_suback_leaves_no_connection_behind() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_packet(reader)
        writer.write(CONNACK_5)
        await read_packet(reader)
        writer.write(SUBACK_5)

    clock = ManualClock()
    async with (
        scripted(serve) as port,
        session_on(address(port), clock=clock, wait=False) as (session, handler),
    ):
        for tries in range(1, 8):
            await handler.was_down(tries)
            assert not handler.connected
            assert not session.connected
            await clock.advance(60)


# Ending


async def test_a_crash_has_the_will_published(port: int) -> None:
    async with listener(port, STATE) as heard:
        async with session_on(address(port, protocol="3.1.1")) as (session, _):
            session.publish(STATE, b"here", retain=True)
            await until(lambda: heard)
        await until(lambda: len(heard) == 2)
        assert heard[1].payload == b'{"status":"offline","reason":"lost"}'


async def test_a_short_dip_has_no_will_published(broker: Broker) -> None:
    async with listener(broker.port, STATE) as heard, session_on(address(broker.port)) as (session, handler):
        session.drop("dip")
        await until(lambda: len(handler.ups) == 2)
        session.publish(STATE, b"back", retain=True)
        await until(lambda: heard)
        assert [message.payload for message in heard] == [b"back"]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_goodbye_is_heard_and_has_no_will_published(port: int, protocol: str) -> None:
    async with listener(port, STATE, "end") as heard:
        handler = SeenHandler()
        session = Session(address(port, protocol=protocol), handler, SystemClock())
        running = asyncio.create_task(session.run())
        await until(lambda: handler.ups)
        session.publish(STATE, b"goodbye", retain=True)
        await session.close()
        async with asyncio.timeout(DEADLINE_S):
            await running
        async with MqttClient("other", host="127.0.0.1", port=port) as other:
            await other.publish("end", b"end")
        await until(lambda: any(message.topic == "end" for message in heard))
        assert [message.payload for message in heard] == [b"goodbye", b"end"]


async def test_a_session_that_said_goodbye_does_not_come_back(broker: Broker) -> None:
    clock = ManualClock()
    handler = SeenHandler()
    session = Session(address(broker.port), handler, clock)
    running = asyncio.create_task(session.run())
    await until(lambda: handler.ups)
    await session.close()
    await clock.advance(600)
    assert running.done()
    await running
    assert broker.stats.connects == 1


async def test_goodbye_without_a_connection_is_nothing() -> None:
    session = Session(address(1), SeenHandler(), ManualClock())
    await session.close()
    await session.run()
    with pytest.raises(LinkError) as told:
        session.publish("x", b"y")
    assert told.value.code == "uplink.down"


# Losing and coming back


async def test_it_comes_back_after_the_broker_was_killed(mosquitto: Mosquitto) -> None:
    async with session_on(address(mosquitto.port)) as (session, handler):
        mosquitto.kill()
        await until(lambda: handler.downs)
        assert not session.connected
        mosquitto.start()
        await until(lambda: len(handler.ups) == 2)


async def test_a_broker_that_stands_still_is_left_after_two_keepalives(mosquitto: Mosquitto) -> None:
    async with session_on(address(mosquitto.port, keepalive_s=1)) as (_, handler):
        assert mosquitto._process is not None
        os.kill(mosquitto._process.pid, signal.SIGSTOP)
        try:
            await until(lambda: handler.downs)
        finally:
            os.kill(mosquitto._process.pid, signal.SIGCONT)


async def test_dropping_tells_the_reason_and_connects_anew(broker: Broker) -> None:
    async with session_on(address(broker.port)) as (session, handler):
        session.drop("the broker does not acknowledge")
        assert handler.downs == ["the broker does not acknowledge"]
        await until(lambda: len(handler.ups) == 2)


async def test_a_takeover_is_not_fought_over(broker: Broker) -> None:
    clock = ManualClock()
    async with session_on(address(broker.port), clock=clock) as (_, handler):
        async with MqttClient("B1", host="127.0.0.1", port=broker.port) as thief:
            await until(lambda: handler.downs)
            assert "taken over" in handler.downs[0]
            await clock.advance(TAKEN_OVER_S - 1)
            assert len(handler.ups) == 1
            assert await thief.publish("still", b"here") in (0, 0x10)
            await thief.close()
        await passing(clock, lambda: len(handler.ups) == 2)


async def test_a_takeover_long_ago_does_not_slow_down_later_tries(broker: Broker) -> None:
    clock = ManualClock()
    async with session_on(address(broker.port), clock=clock) as (_, handler):
        async with MqttClient("B1", host="127.0.0.1", port=broker.port):
            await until(lambda: handler.downs)
        await broker.cut()
        await clock.advance(2 * TAKEN_OVER_S)
        await until(lambda: len(handler.downs) >= 2)
        await broker.heal()
        healed_s = clock.monotonic_s()
        await passing(clock, lambda: len(handler.ups) == 2)  # a try that was under way may have failed yet
        assert clock.monotonic_s() - healed_s < TAKEN_OVER_S


async def test_connections_that_are_cut_again_and_again_become_rare(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    """A second box with our id, where the broker gives no reason: at most about one connect a minute."""
    caplog.set_level(logging.WARNING, "edge_agent.uplink.session")
    clock = ManualClock()
    began = clock.monotonic_s()
    async with session_on(address(broker.port), clock=clock) as (_, handler):
        for life in range(1, 15):
            await handler.was_up(life)
            at = clock.monotonic_s()
            broker.drop_connections()
            await handler.was_down(life)
            while len(handler.ups) == life and clock.monotonic_s() < at + 2 * TAKEN_OVER_S:
                await clock.advance(0.25)
                if broker.stats.connects > life:
                    await handler.was_up(life + 1)
        assert clock.monotonic_s() - began > 3 * TAKEN_OVER_S
        assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_a_broker_that_restarts_a_few_times_is_found_again_at_once(broker: Broker) -> None:
    clock = ManualClock()
    async with session_on(address(broker.port), clock=clock) as (_, handler):
        for life in range(1, SHORT_LIVES + 1):
            broker.drop_connections()
            await handler.was_down(life)
            await clock.advance(FIRST_S)
            await handler.was_up(life + 1)


async def test_a_stable_connection_forgets_earlier_quarrels(broker: Broker) -> None:
    clock = ManualClock()
    async with session_on(address(broker.port), clock=clock) as (session, handler):
        session._backoff._short_lives = 20
        await clock.advance(STABLE_S)
        broker.drop_connections()
        await until(lambda: handler.downs)
        await clock.advance(FIRST_S)
        await until(lambda: len(handler.ups) == 2)


# Messages


async def test_pubacks_are_told_with_their_reason(port: int) -> None:
    async with session_on(address(port)) as (session, handler):
        mid = session.publish("nobody/listens", b"x")
        await until(lambda: handler.pubacks)
        assert handler.pubacks == [(mid, 0x10)]


async def test_a_message_that_is_not_done_comes_again_with_the_next_connection(port: int) -> None:
    async with session_on(address(port)) as (session, handler):
        handler.keeps_back = True
        async with MqttClient("centre", host="127.0.0.1", port=port) as centre:
            await centre.publish("booth/v1/B1/dn/cmd", b"one")
            await until(lambda: handler.messages)
            handler.keeps_back = False
            session.drop("test")
            await until(lambda: len(handler.messages) == 2 and len(handler.ups) == 2)
            assert [message.payload for message in handler.messages] == [b"one", b"one"]
            handler.messages[0].done()  # of the connection that is gone: harmless
            session.drop("test")
            await until(lambda: len(handler.ups) == 3)
            await centre.publish("booth/v1/B1/dn/cmd", b"two")
            await until(lambda: len(handler.messages) == 3)
            assert handler.messages[2].payload == b"two"


async def test_a_retained_message_is_told_as_such(port: int) -> None:
    async with MqttClient("centre", host="127.0.0.1", port=port) as centre:
        await centre.publish("booth/v1/B1/dn/cmd", b"old", retain=True)
    async with session_on(address(port)) as (_, handler):
        await until(lambda: handler.messages)
        assert handler.messages[0].retained


async def test_a_message_larger_than_the_broker_takes_is_refused_here(broker: Broker) -> None:
    """The broker would close the connection over it, and we would send it at each reconnect."""
    broker.faults.maximum_packet_size = 2000
    async with session_on(address(broker.port)) as (session, handler):
        with pytest.raises(LinkError) as told:
            session.publish("x", b"y" * 2000)
        assert told.value.code == "uplink.too_large"
        session.publish("x", b"y" * 1900)
        await until(lambda: handler.pubacks)
        assert handler.downs == []


async def test_a_message_larger_than_we_take_is_not_taken(broker: Broker) -> None:
    async with session_on(address(broker.port)) as (_, handler):
        async with MqttClient("centre", host="127.0.0.1", port=broker.port) as centre:
            await centre.publish("booth/v1/B1/dn/cmd", b"x" * (PACKET_BYTES + 1))
            await centre.publish("booth/v1/B1/dn/cmd", b"small")
        await until(lambda: handler.messages)
        assert handler.messages[0].payload == b"small"
        assert handler.downs == []


async def test_thousands_of_messages_from_the_broker_all_arrive(port: int) -> None:
    async with (
        session_on(address(port)) as (_, handler),
        MqttClient("centre", host="127.0.0.1", port=port) as centre,
    ):
        await asyncio.gather(*(centre.publish("booth/v1/B1/dn/x", str(n).encode()) for n in range(2000)))
        await until(lambda: len(handler.messages) == 2000)
        assert len({message.payload for message in handler.messages}) == 2000


# Brokers that break the protocol


MALFORMED = [
    b"\x00\x00",
    b"\xff\xff\xff\xff\xff",
    b"\x30\x00",
    b"\x30\x01\x00",
    b"\x32\x05\x00\x10ab",
    b"\x30\x04\x00\x02\xff\xfe",
    b"\x40\x00",
    b"\x40\x01\x00",
    b"\x40\x04\x00\x01\x03\x00",
    b"\x40\x05\x00\x01\x10\xff\xff",
    b"\x90\x01\x00",
    b"\x90\x04\x00\x09\x00\x77",
    b"\xe0\x01\x77",
    b"\xe0\x03\x00\x01\x77",
    b"\x20\x01\x00",
    b"\x20\x03\x00\x77\x00",
    b"\x20\x06\x00\x00\x03\x77\x00\x00",
    b"\xf0\x02\x00\x00",
    b"\x50\x02\x00\x01",
    b"\x62\x02\x00\x01",
    b"\xb0\x01\x00",
    b"\xd0\x05abcde",
]


async def _survives(rubbish: bytes, *, before_connack: bool) -> None:
    """The session must be up again with a broker that has come to its senses, and nothing escapes."""
    troubles: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: troubles.append(context))
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        mad = connections == 1
        await read_packet(reader)
        writer.write(rubbish if mad and before_connack else CONNACK_5)
        if not (mad and before_connack):
            await read_packet(reader)
            writer.write(SUBACK_5 + (rubbish if mad else b""))
        await writer.drain()
        if mad:
            return
        while await reader.read(4096):
            pass

    clock = ManualClock()
    async with (
        scripted(serve) as port,
        session_on(address(port, protocol="5"), clock=clock, wait=False) as (
            session,
            handler,
        ),
    ):
        await until(lambda: handler.downs or len(handler.ups) == 2)
        await passing(clock, lambda: connections >= 2 and session.connected)
        assert handler.connected
    assert troubles == []


@pytest.mark.parametrize("before_connack", [True, False], ids=["for connack", "after suback"])
@pytest.mark.parametrize("rubbish", MALFORMED, ids=lambda rubbish: rubbish.hex())
async def test_a_packet_that_is_none_costs_that_connection_only(rubbish: bytes, before_connack: bool) -> None:
    await _survives(rubbish, before_connack=before_connack)


@given(st.binary(min_size=1, max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_cost_that_connection_only(rubbish: bytes) -> None:
    asyncio.run(_survives(rubbish, before_connack=False))


async def test_a_packet_that_breaks_paho_ends_the_connection_at_once() -> None:
    """Not by the end of the stream: this broker keeps the connection open."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_packet(reader)
        writer.write(CONNACK_5)
        await read_packet(reader)
        writer.write(SUBACK_5 + b"\x40\x01\x00")
        while await reader.read(4096):
            pass

    async with (
        scripted(serve) as port,
        session_on(address(port, protocol="5"), clock=ManualClock(), wait=False) as (_, handler),
    ):
        await until(lambda: handler.downs)
        assert not handler.connected


async def test_a_hundred_failed_tries_leave_no_descriptor_behind(broker: Broker) -> None:
    broker.faults.connack_reason = 0x87
    clock = ManualClock()
    async with session_on(address(broker.port, protocol="5"), clock=clock, wait=False) as (_, handler):
        for tries in range(1, 40):
            await handler.was_down(tries)
            await clock.advance(60)
        assert _descriptors() < 100


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
