"""The booth's side of the central contract, over real brokers, with the test in the place of the centre."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge_agent.events.model import EventDraft, JsonValue
from edge_agent.ledger.ledger import Entry, Ledger, Limits
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.errors import CommandError, LinkError
from edge_agent.sdk.values import ClockQuality, Stamp
from edge_agent.uplink.broker import Inbound, Up
from edge_agent.uplink.orders import CommandMessage, Refused
from edge_agent.uplink.topics import Topics
from edge_agent.uplink.uplink import COMMANDS_WAITING, Presence, Uplink
from simulators.broker import Broker
from simulators.mqtt.client import MqttClient
from simulators.mqtt.packets import Publish, Version
from tests.conftest import Mosquitto
from tests.uplink.bench import address, beside, until

AT = Stamp(1000, 1_790_000_000_000, ClockQuality.NTP)
Waiting = tuple[CommandMessage | Refused, Callable[[], None]]
ACK, CMD, EPOCH = "booth/v1/B1/dn/ack", "booth/v1/B1/dn/cmd", "booth/v1/_sys/epoch"


class Centre:
    """What the test does in the place of the centre: hears everything, says what it likes."""

    def __init__(self, client: MqttClient) -> None:
        self.client = client
        self.heard: list[Publish] = []

    async def hear(self) -> None:
        """Until the connection ends, whoever ends it."""
        with contextlib.suppress(LinkError):
            while messages := await self.client.receive(100):
                self.heard.extend(messages)

    async def hears_events(self) -> None:
        await until(lambda: self.seqs)

    async def say(self, topic: str, body: object, *, retain: bool = False) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.client.publish(topic, payload, retain=retain)

    async def acknowledge(self, epoch: str, upto: int) -> None:
        await self.say(ACK, {"epoch": epoch, "upto": upto})

    def on(self, name: str) -> list[dict[str, object]]:
        """What came on one of the booth's topics, oldest first."""
        return [json.loads(one.payload) for one in self.heard if one.topic == f"booth/v1/B1/up/{name}"]

    @property
    def states(self) -> list[tuple[object, object]]:
        return [(state["status"], state["reason"]) for state in self.on("state")]

    @property
    def seqs(self) -> list[int]:
        batches = [json.loads(one.payload) for one in self.heard if one.topic == "booth/v1/B1/up/evt"]
        return [event["seq"] for batch in batches for event in batch]


@asynccontextmanager
async def centre_on(port: int) -> AsyncIterator[Centre]:
    async with MqttClient("centre", host="127.0.0.1", port=port, version=Version.V5) as client:
        centre = Centre(client)
        await client.subscribe("booth/v1/+/up/#")
        async with beside(centre.hear()):
            yield centre


UNKNOWN: dict[str, JsonValue] = {"usb_id": "046d:c31c", "port": "hc-usb-0:1.4"}


class Bench:
    """An uplink over a real ledger."""

    def __init__(
        self, ledger: Ledger, port: int, *, central: bool = True, keepalive_s: int = 30, **more: object
    ) -> None:
        self.ledger = ledger
        self.uplink = Uplink(
            ledger,
            address(port, keepalive_s=keepalive_s, **more),
            Topics("booth/v1", "B1"),
            SystemClock(),
            Presence(self._snapshot, lambda: [{"id": "scale-1"}], unknown=lambda: [UNKNOWN]),
            window=32,
            central=central,
        )

    def _snapshot(self) -> dict[str, JsonValue]:
        waiting = self.ledger.last - self.uplink.acked
        return {
            "agent": "1",
            "epoch": self.ledger.epoch,
            "backlog": {"count": waiting, "last": self.ledger.last},
        }

    async def commit(self, count: int = 1) -> None:
        drafts = [EventDraft("scan.read", "scanner-1", AT, {"text": "x"}) for _ in range(count)]
        self.uplink.stored(await self.ledger.commit(Entry(drafts)))


@asynccontextmanager
async def opened(
    folder: Path, port: int, *, central: bool = True, keepalive_s: int = 30
) -> AsyncIterator[Bench]:
    ledger = await Ledger.open(folder / "ledger.db", "boot", limits=Limits(reserve_mib=1))
    bench = Bench(ledger, port, central=central, keepalive_s=keepalive_s)
    try:
        async with beside(bench.uplink.run()):
            yield bench
        await bench.uplink.goodbye()
    finally:
        await ledger.close()


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


# Presence


async def test_online_is_only_said_after_the_centre_has_answered(port: int, tmp_path: Path) -> None:
    async with centre_on(port) as centre, opened(tmp_path, port) as bench:
        await until(lambda: centre.states)
        assert centre.states == [("degraded", "unproven")]
        assert (bench.uplink.status, bench.uplink.reason) == ("degraded", "unproven")
        await centre.acknowledge(bench.ledger.epoch, 0)
        await until(lambda: len(centre.states) == 2)
        assert centre.states[1] == ("online", "")
        assert (bench.uplink.status, bench.uplink.reason) == ("online", "")


async def test_an_answer_to_another_connection_proves_nothing(broker: Broker, tmp_path: Path) -> None:
    """It may have waited in the broker while the centre died."""
    async with centre_on(broker.port) as centre, opened(tmp_path, broker.port) as bench:
        await until(lambda: centre.on("state"))
        conn = centre.on("state")[0]["conn"]
        assert isinstance(conn, int)
        await centre.say(ACK, {"epoch": bench.ledger.epoch, "upto": 0, "conn": conn + 1})
        await bench.commit(1)
        await centre.say(ACK, {"epoch": bench.ledger.epoch, "upto": 1, "conn": conn + 1})
        await until(lambda: bench.uplink.acked == 1)
        assert bench.uplink.status == "degraded"
        await centre.say(ACK, {"epoch": bench.ledger.epoch, "upto": 1, "conn": conn})
        await until(lambda: bench.uplink.status == "online")


async def test_what_waited_in_the_broker_proves_nothing(broker: Broker, tmp_path: Path) -> None:
    """Acknowledgements that do not say which connection they answer, of a centre that is gone since."""
    async with centre_on(broker.port) as centre, opened(tmp_path, broker.port) as bench:
        await until(lambda: bench.uplink.health.connected)
        await centre.say(ACK, {"epoch": bench.ledger.epoch, "upto": 0, "conn": 1})
        await until(lambda: bench.uplink.status == "online")
        for _ in range(200):
            bench.uplink.arrived(Inbound(ACK, _ack_of(bench, 0), False, lambda: None))
        broker.drop_connections()
        await until(lambda: bench.uplink.health.connections == 2 and bench.uplink.flow.idle)
        for _ in range(200):
            bench.uplink.arrived(Inbound(ACK, _ack_of(bench, 0), False, lambda: None))
        assert bench.uplink.reason == "unproven"
        bench.uplink.arrived(Inbound(ACK, _ack_of(bench, 0, conn=2), False, lambda: None))
        assert bench.uplink.status == "online"


def _ack_of(bench: Bench, upto: int, **more: object) -> bytes:
    return json.dumps({"epoch": bench.ledger.epoch, "upto": upto, **more}).encode()


async def test_an_acknowledgement_of_another_epoch_proves_nothing(broker: Broker, tmp_path: Path) -> None:
    async with opened(tmp_path, broker.port) as bench:
        await until(lambda: bench.uplink.health.connected)
        for more in ({}, {"conn": 1}):
            foreign = json.dumps({"epoch": "0" * 12, "upto": 5, **more}).encode()
            bench.uplink.arrived(Inbound(ACK, foreign, False, lambda: None))
        assert bench.uplink.reason == "unproven"


async def test_much_that_waits_is_told_as_draining_until_it_is_little(port: int, tmp_path: Path) -> None:
    async with centre_on(port) as centre, opened(tmp_path, port) as bench:
        await until(lambda: bench.uplink.health.connected)
        await bench.commit(300)
        await centre.acknowledge(bench.ledger.epoch, 10)
        await until(lambda: ("draining", "backlog") in centre.states)
        backlog = centre.on("state")[-1]["backlog"]
        assert isinstance(backlog, dict)
        assert (backlog["count"], backlog["last"]) == (290, 300)
        assert isinstance(backlog["oldest_age_s"], int)
        await centre.acknowledge(bench.ledger.epoch, 200)
        await centre.acknowledge(bench.ledger.epoch, 290)
        await until(lambda: centre.states[-1] == ("online", ""))
        assert [status for status, _ in centre.states].count("draining") == 1


async def test_a_broker_that_takes_one_message_at_a_time_gets_everything(
    broker: Broker, tmp_path: Path
) -> None:
    """State, inventory, answers and events share its Receive Maximum; beyond it it would hang up (0x93)."""
    broker.faults.receive_maximum, broker.faults.puback_delay_s = 1, 0.01
    broker.faults.publishers = frozenset({"B1"})
    async with centre_on(broker.port) as centre, opened(tmp_path, broker.port) as bench:
        await until(lambda: bench.uplink.health.connected)
        await bench.commit(100)
        for number in range(10):
            bench.uplink.respond({"id": f"c-{number}", "state": "done"})
            bench.uplink.devices_changed()
        await until(lambda: len(set(centre.seqs)) >= 64)
        await centre.acknowledge(bench.ledger.epoch, 64)
        await until(lambda: set(centre.seqs) == set(range(1, 101)))
        await until(lambda: len(centre.on("rsp")) == 10)
        await until(lambda: centre.states and centre.on("devices"))
        await centre.acknowledge(bench.ledger.epoch, 100)
        await until(lambda: bench.uplink.acked == 100)
        await until(lambda: centre.states[-1][0] == "online")
        assert bench.uplink.health.connections == 1
    assert broker.stats.connects == 2


async def test_a_state_the_broker_had_no_room_for_is_told_later(broker: Broker, tmp_path: Path) -> None:
    """Else it would say offline for ever: the will stays retained."""
    broker.faults.publishers = frozenset({"B1"})
    broker.faults.puback_reason = 0x97
    async with centre_on(broker.port) as centre, opened(tmp_path, broker.port) as bench:
        await until(lambda: broker.stats.pubacks_sent >= 2)
        broker.faults.puback_reason = 0

        def thirty_seconds_later() -> object:
            bench.uplink._notices._not_before_s.clear()
            bench.uplink._notices.pump()
            return centre.states

        await until(thirty_seconds_later)  # the refusals may still be on their way


async def test_the_state_tells_its_alarms(broker: Broker, tmp_path: Path) -> None:
    async with centre_on(broker.port) as centre, opened(tmp_path, broker.port) as bench:
        await until(lambda: centre.states)
        await bench.commit(2)
        await centre.say(
            ACK, {"epoch": bench.ledger.epoch, "upto": 2, "rej": [{"seq": 1, "code": "event.type"}]}
        )
        await until(lambda: centre.on("state")[-1]["alarms"] == ["dead_letters"])


async def test_the_state_is_retained_with_what_the_snapshot_tells(port: int, tmp_path: Path) -> None:
    async with opened(tmp_path, port) as bench:
        await until(lambda: bench.uplink.health.connected)
        async with centre_on(port) as centre:
            await until(lambda: centre.on("state") and centre.on("devices"))
            assert centre.on("state")[0]["agent"] == "1"
            assert centre.on("devices")[0] == {"devices": [{"id": "scale-1"}], "unknown": [UNKNOWN]}
            assert centre.heard[0].retain


async def test_with_a_broker_as_the_last_station_connected_is_online(port: int, tmp_path: Path) -> None:
    async with centre_on(port) as centre, opened(tmp_path, port, central=False):
        await until(lambda: centre.states)
        assert centre.states == [("online", "")]


async def test_a_stop_is_told_as_such_and_no_will_follows(port: int, tmp_path: Path) -> None:
    async with centre_on(port) as centre:
        async with opened(tmp_path, port) as bench:
            await until(lambda: centre.states)
            running = bench.uplink
            await running.goodbye()
            await until(lambda: centre.states[-1] == ("offline", "stopped"))
        assert not running.health.connected
    async with centre_on(port) as later:
        await until(lambda: later.states)
        assert later.states == [("offline", "stopped")]


async def test_a_broker_that_forbids_events_is_told_and_everything_is_kept(
    broker: Broker, tmp_path: Path
) -> None:
    async with centre_on(broker.port) as centre, opened(tmp_path, broker.port) as bench:
        await until(lambda: centre.states)
        await centre.acknowledge(bench.ledger.epoch, 0)
        await until(lambda: bench.uplink.status == "online")
        broker.faults.publishers = frozenset({"B1"})
        broker.faults.puback_reason = 0x87
        await bench.commit()
        await until(lambda: bench.uplink.status == "degraded")
        broker.faults.puback_reason = 0
        bench.uplink.went_up(_up())
        assert bench.ledger.backlog == 1


async def test_a_centre_that_comes_back_is_told_the_state_and_what_it_may_have_missed(
    port: int, tmp_path: Path
) -> None:
    async with opened(tmp_path, port) as bench:
        await until(lambda: bench.uplink.health.connected)
        await bench.commit(3)
        await until(lambda: bench.uplink.health.no_consumer)
        async with centre_on(port) as centre:
            await until(lambda: centre.states)
            states = len(centre.states)
            await centre.say(EPOCH, {"epoch": "new"}, retain=True)
            await until(lambda: len(centre.states) > states)
            await centre.acknowledge(bench.ledger.epoch, 0)
            await until(lambda: sorted(set(centre.seqs)) == [1, 2, 3])


async def test_a_centre_that_says_so_in_a_loop_is_told_once(broker: Broker, tmp_path: Path) -> None:
    async with centre_on(broker.port) as centre, opened(tmp_path, broker.port) as bench:
        await until(lambda: centre.states)
        await bench.commit(3)
        states, timers = len(centre.states), _timers()
        for number in range(300):
            bench.uplink.arrived(Inbound(EPOCH, b"%d" % number, False, lambda: None))
        assert _timers() <= timers + 2
        await until(lambda: len(centre.states) > states)
        bench.uplink.arrived(Inbound(EPOCH, b"again", False, lambda: None))
        await asyncio.sleep(0.3)
        assert len(centre.states) == states + 1
        assert bench.uplink.health.resent <= 3


def _timers() -> int:
    return len(asyncio.get_running_loop()._scheduled)  # type: ignore[attr-defined]


# Events


async def test_events_leave_the_booth_when_the_centre_has_them(port: int, tmp_path: Path) -> None:
    async with centre_on(port) as centre:
        async with opened(tmp_path, port) as bench:
            await until(lambda: bench.uplink.health.connected)
            await bench.commit(70)
            await until(lambda: len(set(centre.seqs)) == 70)
            assert bench.uplink.acked == 0
            await centre.acknowledge(bench.ledger.epoch, 70)
            await until(lambda: bench.uplink.acked == 70)
            epoch = bench.ledger.epoch
        async with opened(tmp_path, port) as bench:
            assert (bench.ledger.epoch, bench.ledger.acked) == (epoch, 70)
        assert centre.seqs == list(range(1, 71))


async def test_what_was_stored_without_a_connection_leaves_in_order(port: int, tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db", "boot", limits=Limits(reserve_mib=1))
    await ledger.commit(Entry([EventDraft("scan.read", "x", AT) for _ in range(500)]))
    await ledger.close()
    async with centre_on(port) as centre, opened(tmp_path, port):
        await until(lambda: len(centre.seqs) >= 500)
        assert centre.seqs == list(range(1, 501))


async def test_a_killed_broker_loses_nothing(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with opened(tmp_path, mosquitto.port) as bench:
        seen: set[int] = set()
        for _ in range(3):
            async with centre_on(mosquitto.port) as centre:
                await until(lambda: bench.uplink.health.connected)
                await bench.commit(40)
                await centre.hears_events()
                seen |= set(centre.seqs)
                mosquitto.kill()
                await until(lambda: not bench.uplink.health.connected)
                seen |= set(centre.seqs)
                await centre.client.abort()
            await bench.commit(10)
            mosquitto.start()
        async with centre_on(mosquitto.port) as centre:
            await until(lambda: set(centre.seqs) == set(range(1, 151)), 30)


# What comes down is hostile


HOSTILE = [
    b"",
    b"{",
    b"\xff\xfe",
    b"null",
    b"[]",
    b'{"epoch":1,"upto":1}',
    b'{"id":"x"}',
    b'{"id":"\\ud800","type":"a.b"}',
    b"[" * 60_000,
    b'{"id":"x","type":"a.b","args":' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"}",
    b'{"id":"x","type":"a.b","notafter":1e400}',
    b'{"id":"x","type":"a.b","notafter":"0000-99-99"}',
    b"x" * 100_000,
]


@pytest.mark.parametrize("topic", ["ack", "cmd", "cfg", "no-such", "live"])
async def test_no_message_from_above_breaks_the_uplink(broker: Broker, tmp_path: Path, topic: str) -> None:
    async with centre_on(broker.port) as centre, opened(tmp_path, broker.port) as bench:
        await until(lambda: centre.states)
        for payload in HOSTILE:
            await centre.say(f"booth/v1/B1/dn/{topic}", payload)
            await centre.say(EPOCH, payload)
            while not bench.uplink.commands.empty():
                _, done = bench.uplink.commands.get_nowait()
                done()
        await centre.acknowledge(bench.ledger.epoch, 0)
        await until(lambda: bench.uplink.status == "online")
        assert len(bench.uplink.health.reason) == 0


@pytest.mark.parametrize("upto", [-1, 10**30, 2**63, 2**64])
async def test_an_acknowledgement_beyond_all_numbers_harms_nothing(
    broker: Broker, tmp_path: Path, upto: int
) -> None:
    async with centre_on(broker.port) as centre, opened(tmp_path, broker.port) as bench:
        await until(lambda: bench.uplink.health.connected)
        await bench.commit(2)
        await until(lambda: len(set(centre.seqs)) == 2)
        await centre.say(
            ACK, {"epoch": bench.ledger.epoch, "upto": upto, "rej": [{"seq": 10**30, "code": "x"}]}
        )
        await centre.acknowledge(bench.ledger.epoch, 1)
        await until(lambda: bench.uplink.acked >= 1)
        await bench.commit()
        await until(lambda: 3 in centre.seqs)


async def test_a_retained_acknowledgement_is_an_old_one_and_proves_nothing(port: int, tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db", "boot", limits=Limits(reserve_mib=1))
    await ledger.commit(Entry([EventDraft("scan.read", "x", AT)]))
    epoch = ledger.epoch
    await ledger.close()
    async with centre_on(port) as centre:
        await centre.say(ACK, {"epoch": epoch, "upto": 1}, retain=True)
        async with opened(tmp_path, port) as bench:
            await until(lambda: centre.seqs)
            assert bench.uplink.acked == 0
            assert bench.uplink.status == "degraded"


async def test_a_retained_command_is_refused_with_its_id(port: int, tmp_path: Path) -> None:
    async with centre_on(port) as centre:
        await centre.say(CMD, {"id": "old", "type": "print.reprint"}, retain=True)
        async with opened(tmp_path, port) as bench:
            command, done = await asyncio.wait_for(bench.uplink.commands.get(), 20)
            done()
            assert isinstance(command, Refused)
            assert (command.id, command.error.code) == ("old", "command.retained")


async def test_a_command_is_handed_over_and_comes_again_until_it_is_done(port: int, tmp_path: Path) -> None:
    async with centre_on(port) as centre, opened(tmp_path, port) as bench:
        await until(lambda: bench.uplink.health.connected)
        await centre.say(CMD, {"id": "c-1", "type": "scale.zero", "args": {"device": "scale-1"}})
        command, _ = await asyncio.wait_for(bench.uplink.commands.get(), 20)
        assert isinstance(command, CommandMessage)
        assert command.args == {"device": "scale-1"}
        bench.uplink._session.drop("test")
        again, done = await asyncio.wait_for(bench.uplink.commands.get(), 20)
        done()
        assert again == command


async def test_commands_that_nobody_serves_hold_no_acknowledgement_back(port: int, tmp_path: Path) -> None:
    """More of them than our Receive Maximum: the rest is rejected, and the centre's word gets through."""
    many = 6 * COMMANDS_WAITING
    async with centre_on(port) as centre, opened(tmp_path, port) as bench:
        await until(lambda: bench.uplink.health.connected)
        for number in range(many):
            await centre.say(CMD, {"id": f"c-{number}", "type": "scale.zero"})
        await centre.acknowledge(bench.ledger.epoch, 0)
        await until(lambda: bench.uplink.status == "online")


async def test_a_command_more_than_can_wait_is_rejected_with_its_id(tmp_path: Path, broker: Broker) -> None:
    async with centre_on(broker.port) as centre, opened(tmp_path, broker.port) as bench:
        await until(lambda: bench.uplink.health.connected)
        waiting: Waiting = (Refused("x", CommandError("a.b", "c")), lambda: None)
        for _ in range(COMMANDS_WAITING):
            bench.uplink.commands.put_nowait(waiting)
        await centre.say(CMD, {"id": "one-more", "type": "scale.zero"})
        await until(lambda: centre.on("rsp"))
        (answer,) = centre.on("rsp")
        assert (answer["id"], answer["state"], answer["reason"]) == ("one-more", "rejected", "command.busy")


async def test_what_is_told_without_a_connection_harms_nothing(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db", "boot", limits=Limits(reserve_mib=1))
    try:
        bench = Bench(ledger, 1)
        await bench.commit()
        bench.uplink.respond({"id": "x"})
        bench.uplink.devices_changed()
        bench.uplink.live({"weight": "1"})
        await bench.uplink.goodbye()
        assert bench.uplink.status == "offline"
    finally:
        await ledger.close()


async def test_text_that_no_unicode_has_is_sent_as_its_json_escape(broker: Broker, tmp_path: Path) -> None:
    async with centre_on(broker.port) as centre, opened(tmp_path, broker.port) as bench:
        await until(lambda: bench.uplink.health.connected)
        bench.uplink.respond({"id": "x", "error": "\udc80"})
        await until(lambda: centre.on("rsp"))
        assert centre.on("rsp") == [{"id": "x", "error": "\udc80"}]


def _up() -> Up:
    return Up(10, 10_000, 5)
