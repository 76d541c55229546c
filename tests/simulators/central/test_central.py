"""The centre on a broker: every event once, acknowledged after its commit, gaps and conflicts found."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from contextlib import closing

import pytest

from edge_agent.sdk.errors import CommandError, ConfigError, DeviceError, LinkError
from simulators.broker import Broker
from simulators.central import Central, Gap, check
from simulators.mqtt.client import MqttClient
from simulators.mqtt.packets import Version
from tests.simulators.central.booth import Booth, batch, event
from tests.simulators.mqtt_broker.peers import until


async def quiet(booth: Booth, seconds: float = 0.2) -> bool:
    """Whether no ack comes in this time."""
    before = len(booth.acks)
    try:
        async with asyncio.timeout(seconds):
            await booth.heard(lambda: len(booth.acks) > before)
    except TimeoutError:
        return True
    return False


async def test_events_are_stored_and_acknowledged_cumulatively(central, booth):
    await booth.send(event(1), event(2))
    await booth.send(event(3))
    await booth.acked(3)
    assert booth.acks[-1] == {"epoch": "e1", "upto": 3, "rej": []}
    report = await central.report()
    assert (report.events, report.duplicates, report.gaps) == (3, 0, ())


async def test_each_event_counts_once_under_repeats_and_any_order(central, booth):
    choose = random.Random(7)
    events = [event(seq) for seq in range(1, 201)]
    sent = events + choose.choices(events, k=150)
    choose.shuffle(sent)
    for start in range(0, len(sent), 7):
        await booth.send(*sent[start : start + 7])
    await booth.acked(200)
    report = await central.wait_for(lambda one: one.duplicates == 150)
    assert (report.events, report.conflicts, report.gaps) == (200, 0, ())


async def test_the_ack_stops_at_a_gap_and_jumps_when_it_is_filled(central, booth):
    await booth.send(event(1), event(2), event(5), event(9))
    await booth.heard(lambda: booth.acks)
    assert booth.upto() == 2
    report = await central.report()
    assert report.gaps == (Gap("B-1", "e1", 3, 4), Gap("B-1", "e1", 6, 8))
    await booth.send(event(3), event(4))
    await booth.acked(5)
    await booth.send(event(6), event(7), event(8))
    await booth.acked(9)
    assert (await central.report()).gaps == ()


async def test_a_stream_that_does_not_begin_with_1_is_a_gap(central, booth):
    await booth.send(event(2))
    await booth.heard(lambda: booth.acks)
    assert booth.upto() == 0
    assert (await central.report()).gaps == (Gap("B-1", "e1", 1, 1),)


async def test_epochs_and_booths_are_streams_of_their_own(broker, central, booth):
    async with Booth(broker.port, "B-2") as other:
        await booth.send(event(1), event(1, epoch="e2"), event(2, epoch="e2"))
        await other.send(event(1, source="/booths/B-2"))
        await other.acked(1)
    await booth.acked(2, "e2")
    await booth.acked(1, "e1")
    assert (await central.report()).events == 4
    assert (await central.report("B-2")).events == 1


async def test_nothing_is_acknowledged_before_its_commit(central, booth, db):
    await booth.send(event(1))
    await booth.acked(1)
    with closing(sqlite3.connect(db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await booth.send(event(2))
        assert await quiet(booth)
        assert (await central.report()).events == 1
        other.execute("ROLLBACK")
    await booth.acked(2)


async def test_what_is_acknowledged_is_in_the_file(central, booth, db):
    for seq in range(1, 40):
        await booth.send(event(seq))
        await booth.acked(seq)
        with closing(sqlite3.connect(db)) as reader:
            assert reader.execute("SELECT max(seq) FROM events").fetchone() == (seq,)


async def test_another_content_under_the_same_key_is_a_conflict_and_the_first_stands(central, booth, db):
    await booth.send(event(1, subject="first"))
    await booth.acked(1)
    await booth.send(event(1, subject="second"))
    await booth.heard(booth.rejected)
    assert booth.rejected() == {1: "event.conflict"}
    report = await central.report()
    assert (report.events, report.conflicts) == (1, 1)
    with closing(sqlite3.connect(db)) as reader:
        assert reader.execute("SELECT subject FROM events").fetchall() == [("first",)]
    assert [one.kind for one in check(db)] == ["conflict"]


async def test_a_bad_event_is_rejected_kept_and_does_not_stop_the_stream(central, booth, db):
    await booth.send(event(1), event(2, time="never"), event(3))
    await booth.acked(3)
    assert booth.rejected() == {2: "event.time"}
    report = await central.report()
    assert (report.events, report.rejected, report.gaps) == (2, 1, ())
    assert [(one.kind, one.seq) for one in check(db)] == [("rejected", 2)]


async def test_a_rejected_event_that_comes_again_is_rejected_again(central, booth):
    for _ in range(2):
        before = len(booth.acks)
        await booth.send(event(1, clock="none at all"))
        await booth.heard(lambda before=before: len(booth.acks) > before)
    assert [ack["rej"] for ack in booth.acks] == [[{"seq": 1, "code": "event.clock"}]] * 2
    report = await central.report()
    assert (report.rejected, report.duplicates) == (1, 1)


@pytest.mark.parametrize(
    "payload", [b"", b"\0\xff", b"[" * 9000, b"[{}]", b"{}", b"[[[]]]", batch([event(1, epoch="no key")])]
)
async def test_rubbish_is_recorded_unanswered_and_harms_nothing(central, booth, db, payload):
    await booth.send_raw(payload)
    await booth.send(event(1))
    await booth.acked(1)
    assert len(booth.acks) == 1
    report = await central.report()
    assert (report.events, report.unreadable) == (1, 1)
    assert [one.kind for one in check(db)] == ["unreadable"]


async def test_counts_by_type_and_accepted_parcels(central, booth):
    await booth.send(
        event(1),
        event(2, "parcel.accepted", "RR1"),
        event(3, "parcel.accepted", "RR2"),
        event(4, "label.printed"),
    )
    await booth.acked(4)
    report = await central.report("B-1")
    assert report.by_type == {"label.printed": 1, "parcel.accepted": 2, "scan.read": 1}
    assert report.accepted == ("RR1", "RR2")


async def test_acks_of_a_burst_are_coalesced(central, booth):
    await asyncio.gather(*(booth.send(event(seq)) for seq in range(1, 501)))
    await booth.acked(500)
    assert len(booth.acks) <= 250


async def test_a_centre_that_is_started_again_goes_on_where_it_stopped(broker, db):
    async with Booth(broker.port) as booth:
        async with Central(db, "127.0.0.1", broker.port):
            await booth.send(event(1), event(2), event(4))
            await booth.acked(2)
        assert await booth.send(event(3)) == 0x10
        async with Central(db, "127.0.0.1", broker.port) as central:
            await booth.send(event(2), event(3))
            await booth.acked(4)
            report = await central.report()
            assert (report.events, report.duplicates) == (4, 1)


async def test_a_cut_network_is_survived(broker, central, db):
    async with Booth(broker.port) as booth:
        await booth.send(event(1))
        await booth.acked(1)
    await broker.cut(0.1)
    await until(lambda: broker.connections == 1)
    async with Booth(broker.port) as booth:
        await booth.send_until_taken(event(2))
        await booth.acked(2)


async def test_two_centres_of_one_group_share_the_events_of_a_file(broker, db):
    async with (
        Central(db, "127.0.0.1", broker.port, group="ingest") as one,
        Central(db, "127.0.0.1", broker.port, group="ingest"),
        Booth(broker.port) as booth,
    ):
        for seq in range(1, 41):
            await booth.send(event(seq))
        await booth.acked(40)
        report = await one.report()
        assert (report.events, report.duplicates, report.messages) == (40, 0, 40)


@pytest.mark.system
@pytest.mark.parametrize("version", list(Version))
async def test_it_works_on_mosquitto(mosquitto, db, version):
    async with (
        Central(db, "127.0.0.1", mosquitto.port, group="ingest", version=version) as central,
        Booth(mosquitto.port) as booth,
    ):
        await asyncio.gather(*(booth.send(event(seq), event(seq + 1000)) for seq in range(1, 1001)))
        await booth.acked(2000)
        assert (await central.report()).events == 2000


async def test_its_start_is_announced_retained_with_a_new_epoch_each_time(broker, db):
    seen = []
    for _ in range(2):
        async with Central(db, "127.0.0.1", broker.port):
            pass
        async with MqttClient("watcher", host="127.0.0.1", port=broker.port) as watcher:
            await watcher.subscribe("booth/v1/_sys/epoch")
            message = (await watcher.receive())[0]
            assert message.retain
            seen.append(json.loads(message.payload)["epoch"])
    assert seen[0] != seen[1]


async def test_the_last_state_of_a_booth_is_kept(central, booth):
    await booth.send_raw(b'{"status":"online"}', "state")
    await booth.send_raw(b'{"status":"degraded"}', "state")
    await booth.send_raw(b"nonsense", "devices")
    await central.wait_for(lambda one: one.messages == 3)
    assert await central.latest("B-1", "state") == {"status": "degraded"}
    assert await central.latest("B-1", "devices") is None


async def test_foreign_topics_are_left_alone(broker, central, booth):
    async with MqttClient("x", host="127.0.0.1", port=broker.port) as other:
        await other.publish("booth/v1/a b'c/up/evt", batch([event(1)]))
        await other.publish("booth/v1/_all/up/evt", batch([event(1)]))
    await booth.send(event(1))
    await booth.acked(1)
    assert (await central.report()).messages == 1


async def test_a_command_goes_out_and_its_life_is_followed(central, booth):
    command_id = await central.command("B-1", "scale.zero", {"device": "scale-1"}, notafter_s=30)
    await booth.heard(lambda: booth.commands)
    sent = booth.commands[0]
    assert (sent["id"], sent["type"], sent["args"]) == (command_id, "scale.zero", {"device": "scale-1"})
    assert {"notafter", "issuedby"} <= sent.keys()
    waiting = asyncio.create_task(central.outcome(command_id))
    for state in ("accepted", "running", "done"):
        await booth.send_raw(json.dumps({"id": command_id, "state": state}).encode(), "rsp")
    record = await waiting
    assert (record.state, record.states, record.final) == ("done", ("accepted", "running", "done"), True)


async def test_a_refused_command_has_its_reason(central, booth):
    command_id = await central.command("B-1", "scale.zero", {})
    await booth.send_raw(
        json.dumps({"id": command_id, "state": "rejected", "reason": "no such device"}).encode(), "rsp"
    )
    assert (await central.outcome(command_id)).reason == "no such device"


async def test_command_counters_rise_over_a_restart(broker, db):
    async with Booth(broker.port) as booth:
        for _ in range(2):
            async with Central(db, "127.0.0.1", broker.port) as central:
                await central.command("B-1", "scale.zero", {})
        await booth.heard(lambda: len(booth.commands) == 2)
        first, second = (one["counter"] for one in booth.commands)
        assert second > first > 1_600_000_000_000, (
            "from the clock: an old copy of the store begins above them"
        )


async def test_a_command_is_signed_over_its_canonical_json(broker, db):
    signed = []

    def sign(data: bytes) -> str:
        signed.append(data)
        return "sig"

    async with (
        Booth(broker.port) as booth,
        Central(db, "127.0.0.1", broker.port, signer=("k", sign)) as central,
    ):
        await central.command("B-1", "scale.zero", {"b": 1, "a": "ক"})
        await booth.heard(lambda: booth.commands)
    sent = booth.commands[0]
    assert sent.pop("signature") == "sig"
    assert signed == [json.dumps(sent, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()]


@pytest.mark.parametrize(
    "response",
    [b"{}", b"x", b'{"id":5,"state":"done"}', b'{"id":"unknown","state":"done"}', b'{"id":"x","state":"?"}'],
)
async def test_a_response_to_nothing_is_unreadable(central, booth, response):
    await booth.send_raw(response, "rsp")
    await central.wait_for(lambda one: one.unreadable == 1)


@pytest.mark.parametrize("booth_name", ["", "a/b", "+", "#", "_g/", "B 1"])
async def test_a_command_to_no_booth_is_refused(central, booth_name):
    with pytest.raises(CommandError):
        await central.command(booth_name, "scale.zero", {})


async def test_a_command_to_a_group_goes_to_its_topic(broker, central):
    async with MqttClient("x", host="127.0.0.1", port=broker.port) as other:
        await other.subscribe("booth/v1/_g/north/dn/cmd")
        await central.command("_g/north", "log.level", {})
        assert json.loads((await other.receive())[0].payload)["type"] == "log.level"


async def test_without_a_broker_it_does_not_start(broker, db, monkeypatch):
    monkeypatch.setattr("simulators.central.server.START_TIMEOUT_S", 0.1)
    await broker.cut()
    with pytest.raises(LinkError, match="no broker"):
        await Central(db, "127.0.0.1", broker.port).start()


async def test_a_file_that_is_no_database_is_told(broker, db):
    db.write_bytes(b"not a database at all, but long enough to be looked at" * 50)
    with pytest.raises(ConfigError, match=r"central\.db"):
        await Central(db, "127.0.0.1", broker.port).start()


async def test_waiting_for_what_never_comes_ends(central):
    with pytest.raises(TimeoutError):
        await central.wait_for(lambda one: one.events == 1, 0.1)


async def test_a_centre_whose_file_fails_says_so(broker, db):
    central = Central(db, "127.0.0.1", broker.port)
    await central.start()
    async with Booth(broker.port) as booth:
        with closing(sqlite3.connect(db)) as other:
            other.execute(
                "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END"
            )
        await booth.send(event(1))
        with pytest.raises(DeviceError, match="full"):
            await central.wait_for(lambda one: one.events == 1)
        with pytest.raises(DeviceError, match="full"):
            await central.until_failed()
        assert not booth.acks
        with pytest.raises(DeviceError, match="full"):
            await central.stop()


async def test_history_is_bounded(broker, db, monkeypatch):
    monkeypatch.setattr("simulators.central.store.HISTORY_LIMIT", 10)
    async with Central(db, "127.0.0.1", broker.port) as central, Booth(broker.port) as booth:
        for seq in range(1, 31):
            await booth.send(event(seq))
        await booth.acked(30)
        report = await central.report()
        assert (report.events, report.messages) == (30, 10)


async def test_nothing_of_a_broker_restart_is_lost(db):
    async with Broker() as broker, Central(db, "127.0.0.1", broker.port) as central:
        await broker.stop()
        await broker.start()
        async with Booth(broker.port) as booth:
            await booth.send_until_taken(event(1))
            await booth.acked(1)
        assert (await central.report()).events == 1
