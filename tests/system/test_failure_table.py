"""Every way in which booth, broker and centre can fail each other: what is done, what must hold.

The rows are those of the facts file's section on failure modes, in its order. Each runs a booth's real
uplink over a real ledger, against the built-in broker, mosquitto in MQTT 5 and mosquitto in MQTT 3.1.1 where
the broker matters, and the simulated centre. What needs TLS or whole processes stands in other files, named
in its row.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.ledger.outbox import Rejection
from edge_agent.sdk.errors import DeviceError
from edge_agent.uplink import doubt, flow, passed_over, uplink
from edge_agent.uplink.backoff import STABLE_S
from simulators.broker import Broker as BuiltIn
from simulators.central.server import Central
from simulators.mqtt.client import MqttClient
from simulators.mqtt.packets import Version
from tests.conftest import Mosquitto
from tests.system.booth import Booth, booth
from tests.system.herd import modelled
from tests.uplink.bench import until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

BUILTIN, MOSQUITTO_5, MOSQUITTO_311 = "builtin", "mosquitto 5", "mosquitto 3.1.1"
BUILTIN_311 = "builtin 3.1.1"
ALL = (BUILTIN, MOSQUITTO_5, MOSQUITTO_311)
WINDOW = 8
BUSY_S = 10.0  # of a machine with other work; far below the 20 s of the next timer
ANSWERS = "max_queued_messages 1000\n"  # without a bound this mosquitto hangs up where it should refuse
REFERENCE = "tests.system.test_mosquitto_config"


@dataclass
class Site:
    """One broker, one centre, one folder."""

    folder: Path
    kind: str
    builtin: BuiltIn
    mosquitto: Mosquitto

    @property
    def port(self) -> int:
        return self.builtin.port if self.is_builtin else self.mosquitto.port

    @property
    def is_builtin(self) -> bool:
        return self.kind in {BUILTIN, BUILTIN_311}

    @property
    def protocol(self) -> str:
        return "3.1.1" if self.kind in {MOSQUITTO_311, BUILTIN_311} else "auto"

    @asynccontextmanager
    async def centre(self, group: str | None = None) -> AsyncIterator[Central]:
        """One member of the centre; those of a group share the events, and one file."""
        version = Version.V311 if self.protocol == "3.1.1" else Version.V5
        file = self.folder / "central.db"
        async with Central(file, "127.0.0.1", self.port, version=version, group=group) as made:
            yield made

    @asynccontextmanager
    async def booth(self, **more: object) -> AsyncIterator[Booth]:
        async with booth(self.folder, self.port, protocol=self.protocol, window=WINDOW, **more) as made:
            yield made

    async def take_at_most(self, packet_bytes: int) -> None:
        """From now on the broker hangs up over more, and names no limit."""
        if self.is_builtin:
            self.builtin.faults.maximum_packet_size = packet_bytes
            return
        setting = "max_packet_size" if self.kind == MOSQUITTO_311 else "message_size_limit"
        await self.configured(f"{setting} {packet_bytes}\n")

    @property
    def saving(self) -> str:
        """Settings of a mosquitto that saves sessions and messages at each change."""
        where = f"persistence true\npersistence_location {self.folder}/\n"
        return where + "autosave_interval 1\nautosave_on_changes true\n"

    async def configured(self, settings: str) -> None:
        """A mosquitto started anew with these."""
        self.mosquitto.kill()
        self.mosquitto.configure(settings)
        await asyncio.to_thread(self.mosquitto.start)

    async def kill(self) -> None:
        """Everything that it holds in memory is gone, and nobody is told."""
        if self.is_builtin:
            self.builtin.drop_connections()
            await self.builtin.stop()
        else:
            self.mosquitto.kill()

    async def start(self) -> None:
        if self.is_builtin:
            await self.builtin.start()
        else:
            await asyncio.to_thread(self.mosquitto.start)


async def holds(centre: Central, one: Booth, events: int) -> None:
    """Everything is stored once, in a gapless numbering, and the booth knows it."""
    await until(lambda: one.uplink.acked >= events, 60)
    report = await centre.report("B1")
    assert report.events == events
    assert (report.gaps, report.conflicts, report.rejected, report.unreadable) == ((), 0, 0, 0)


# One deed for each row


async def broker_killed(site: Site) -> None:
    async with site.centre() as centre, site.booth() as one:
        for _ in range(3):
            await one.commit(100)
            await site.kill()
            await one.commit(20)
            await site.start()
        await holds(centre, one, 360)
        assert (await centre.report("B1")).duplicates <= 3 * 4 * WINDOW * 32


async def broker_killed_with_memory(site: Site) -> None:
    """It keeps sessions and messages on its disk: what it brings back must not count twice either."""
    await site.configured(site.saving)
    await broker_killed(site)


async def agent_killed(site: Site) -> None:
    """A process of its own commits and sends; it is killed while it does, again and again."""
    told = 0
    async with site.centre() as centre:
        for _ in range(4):
            writer = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.system.writer", str(site.folder), str(site.port), site.protocol,
                stdout=subprocess.PIPE,
            )  # fmt: skip
            assert writer.stdout is not None
            for _ in range(40):
                told = max(told, int((await writer.stdout.readline()).split()[1]))
            writer.kill()
            await writer.wait()
        async with site.booth() as one:
            last = one.ledger.last
            assert last >= told, "what was told as stored is there"
            await holds(centre, one, last)


async def half_open(site: Site) -> None:
    async with site.centre() as centre, site.booth(keepalive_s=1) as one:
        await one.commit(5)
        await until(lambda: one.uplink.acked == 5)
        _stand_still(site, True)
        began = time.monotonic()
        try:
            await one.commit(5)
            await until(lambda: not one.uplink.health.connected)
            assert time.monotonic() - began < 2 * 1 + BUSY_S, "left after two keep-alives"
        finally:
            _stand_still(site, False)
        await holds(centre, one, 10)


def _stand_still(site: Site, still: bool) -> None:
    if site.is_builtin:
        site.builtin.freeze() if still else site.builtin.thaw()
    else:
        assert site.mosquitto._process is not None
        os.kill(site.mosquitto._process.pid, signal.SIGSTOP if still else signal.SIGCONT)


async def puback_lost(site: Site) -> None:
    async with site.centre() as centre, site.booth() as one:
        await one.commit(1)
        await until(lambda: one.uplink.acked == 1)
        site.builtin.faults.publishers = frozenset({"B1"})
        site.builtin.faults.drop_every_puback = True
        await one.commit(1)
        await centre.wait_for(lambda report: report.events == 2, 60)  # so its PUBACK was dropped
        site.builtin.faults.drop_every_puback = False
        await until(lambda: one.uplink.health.connections >= 2)
        await holds(centre, one, 2)
        assert (await centre.report("B1")).duplicates <= one.uplink.health.connections - 1


async def ack_lost(site: Site) -> None:
    async with site.centre() as centre, site.booth() as one:
        await until(lambda: one.uplink.health.proven)
        centre.moods.lose_acks = 2
        await one.commit(3)
        await holds(centre, one, 3)
        assert one.uplink.health.resent >= 3


async def ingest_dead(site: Site) -> None:
    """It takes every message from the broker and does nothing with it."""
    async with site.centre() as centre, site.booth() as one:
        centre.moods.dead = True
        await one.commit(40)
        await asyncio.sleep(0.3)
        assert one.uplink.acked == 0
        centre.moods.dead = False
        await holds(centre, one, 40)


async def ingest_dead_for_long(site: Site) -> None:
    """It even answers our states, and stores nothing: a person is told, in words and by an alarm."""
    async with site.centre() as centre, site.booth() as one:
        await until(lambda: one.uplink.health.proven)
        centre.moods.dead = True
        await one.commit(3)
        await until(lambda: one.uplink.reason == "silent", 60)
        assert "centre_silent" in one.uplink.health.alarms()
        one.uplink.publisher.central_ack(one.ledger.epoch, 0, ())  # an answer to a state
        one.uplink._refresh()
        assert one.uplink.reason == "silent"
        centre.moods.dead = False
        one.uplink.publisher.resend()
        await holds(centre, one, 3)
        await until(lambda: one.uplink.status == "online")
        assert one.uplink.health.alarms() == []


async def ingest_member_killed(site: Site) -> None:
    """One of two that share the events dies with its part of them; no broker gives that to the other."""
    async with site.centre("ingest") as centre, site.centre("ingest") as doomed, site.booth() as one:
        await until(lambda: one.uplink.health.proven)
        doomed.moods.dead = True
        for _ in range(40):
            await one.commit(1)
        await until(lambda: one.uplink.acked > 0, 60)
        await doomed.stop()
        await holds(centre, one, 40)


async def no_subscriber_311(site: Site) -> None:
    """Here the broker cannot say so: it is not called online, and everything is kept."""
    async with site.booth() as one:
        await until(lambda: one.uplink.health.connected)
        await one.commit(3)
        await until(lambda: one.uplink.flow.idle)
        assert (one.uplink.status, one.uplink.reason) == ("degraded", "unproven")
        assert (one.uplink.acked, one.ledger.backlog) == (0, 3)
        async with site.centre() as centre:
            await holds(centre, one, 3)


async def no_subscriber(site: Site) -> None:
    async with site.booth() as one:
        await one.commit(3)
        await until(lambda: one.uplink.health.no_consumer)
        assert "no_consumer" in one.uplink.health.alarms()
        assert one.ledger.backlog == 3
        async with site.centre() as centre:
            await holds(centre, one, 3)


async def booth_disk_full(site: Site) -> None:
    async with site.centre() as centre, site.booth() as one:
        pages = await one.ledger._worker.read(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
        await one.ledger._worker.read(lambda c: c.execute(f"PRAGMA max_page_count={pages + 40}").fetchall())
        stored, told = 0, ""
        while not told and stored < 400:
            try:
                await one.commit(1, "x" * 500)
            except DeviceError as error:
                told = error.code
            else:
                stored += 1
        assert told == "ledger.full"
        assert stored > 10
        await holds(centre, one, one.ledger.last)
        verdict = await one.ledger._worker.read(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0])
        assert verdict == "ok"


async def broker_disk_full(site: Site) -> None:
    """It says Success and keeps nothing."""
    async with site.centre() as centre, site.booth() as one:
        await until(lambda: one.uplink.health.proven)
        site.builtin.faults.publishers = frozenset({"B1"})
        site.builtin.faults.forget = True
        await one.commit(50)
        await asyncio.sleep(0.3)
        assert one.uplink.acked == 0
        site.builtin.faults.forget = False
        await holds(centre, one, 50)


async def broker_disk_full_in_earnest(site: Site) -> None:
    """No file may grow: what mosquitto has said Success to is gone with it, and the centre was away."""
    site.mosquitto.kill()
    site.mosquitto.configure(site.saving)
    await asyncio.to_thread(site.mosquitto.start, full_disk=True)
    async with site.booth() as one:
        async with site.centre() as centre:
            await one.commit(1)
            await holds(centre, one, 1)
        await one.commit(50)
        await asyncio.sleep(0.3)
        assert one.uplink.acked == 1
        await site.kill()
        for left in site.folder.glob("mosquitto.db*"):
            left.unlink()  # a snapshot cut off by the full disk would keep it from starting
        await site.start()
        async with site.centre() as centre:
            await holds(centre, one, 51)


async def clock_jumps(site: Site) -> None:
    """To 1970, and 400 days both ways: order is by number, and no timer goes off."""
    async with site.centre() as centre, site.booth() as one:
        await until(lambda: one.uplink.health.proven)
        resent, connections = one.uplink.health.resent, one.uplink.health.connections
        for jump_days in (400, -800, 400, -20_000):
            one.jump(jump_days)
            await one.commit(5)
        await holds(centre, one, 20)
        assert (one.uplink.health.resent, one.uplink.health.connections) == (resent, connections)
        assert one.uplink.status == "online"


async def duplicate_client(site: Site) -> None:
    """Another client with our id comes each time that we are there: simulated ten minutes of it."""
    async with site.booth(manual=True) as one:
        for _ in range(14):
            await until(lambda: one.uplink.health.connected)
            thief = MqttClient("B1", host="127.0.0.1", port=site.port, version=Version.V5)
            async with thief:
                await until(lambda: not one.uplink.health.connected)
            if one.uplink.health.connections >= 13:
                break
            await one.until_connects()
        before, at = one.uplink.health.connections, one.clock.monotonic_s()
        while one.clock.monotonic_s() < at + 600:
            await one.until_connects()
            async with MqttClient("B1", host="127.0.0.1", port=site.port, version=Version.V5):
                await until(lambda: not one.uplink.health.connected)
        minutes = (one.clock.monotonic_s() - at) / 60
        assert one.uplink.health.connections - before <= minutes + 1, "at most one connect a minute"
        assert one.uplink._session.duplicate
        await one.until_connects()
        one.uplink._refresh()
        assert "duplicate_client_id" in one.uplink.health.alarms()
        await one.clock.advance(STABLE_S)
        one.uplink._refresh()
        assert "duplicate_client_id" not in one.uplink.health.alarms(), "a minute of peace ends the alarm"


async def slow_broker(site: Site) -> None:
    async with site.centre() as centre, site.booth() as one:
        site.builtin.faults.publishers = frozenset({"B1"})
        site.builtin.faults.puback_delay_s = 0.3
        for _ in range(20):
            await one.commit(30)
            assert len(one.uplink.flow._under) <= WINDOW
        assert one.ledger.backlog > WINDOW * 32, "what waits, waits on the disk"
        await holds(centre, one, 600)
        assert one.uplink.health.connections == 1, "no storm of reconnects"


async def oversized(site: Site) -> None:
    site.builtin.faults.maximum_packet_size = 2000
    async with site.booth() as one:
        await until(lambda: one.uplink.health.connected)
        site.builtin.faults.maximum_packet_size = None  # the centre's own connection is not meant
        async with site.centre() as centre:
            await one.commit(1, "x" * 5000)
            await one.commit(2)
            await until(lambda: one.uplink.acked == 3)
            assert (await centre.report("B1")).by_type == {"event.withheld": 1, "scan.read": 2}
            await until(lambda: one.uplink.health.rejected == 1)
        assert one.uplink.health.connections == 1, "refused at the door, not by the broker"
        assert len(await one.ledger.letters.between(0, 1 << 40, 9999)) == 1


async def _one_too_large(one: Booth, before: int, code: str) -> None:
    """Among others that are not: it is laid aside alone, and everything else arrives."""
    await one.commit(before)
    await one.commit(1, "x" * 5000)
    await one.commit(9)
    await until(lambda: one.uplink.acked == before + 10, 90)
    (letter,) = await one.ledger.letters.between(0, 1 << 40, 9999)
    assert (letter.seq, letter.code) == (before + 1, code)


async def _all_but_one(centre: Central, events: int) -> None:
    assert (await centre.report("B1")).by_type == {"event.withheld": 1, "scan.read": events - 1}


async def size_unnamed(site: Site) -> None:
    """It says neither at first nor in the end that there is a limit; it only hangs up."""
    await site.take_at_most(2500)
    async with site.centre() as centre, site.booth() as one:
        await _one_too_large(one, 40, "refused_by_broker")
        await _all_but_one(centre, 50)
        before = one.uplink.health.connections
        await one.commit(200)
        await until(lambda: one.uplink.acked == 250, 60)
        assert one.uplink.health.connections == before, "what it takes is known now"
        assert not one.uplink.health.duplicate, "no other box is suspected"


async def size_named(site: Site) -> None:
    """mosquitto names its limit in CONNACK."""
    await site.configured("max_packet_size 2500\n")
    async with site.centre() as centre, site.booth() as one:
        await _one_too_large(one, 40, "too_large_for_broker")
        await _all_but_one(centre, 50)
        assert one.uplink.health.connections == 1, "refused at the door, not by the broker"


async def size_in_silence(site: Site) -> None:
    """mosquitto says Success over MQTT 3.1.1, and drops what is too large."""
    await site.configured(f"{ANSWERS}message_size_limit 2500\n")
    async with site.centre() as centre, site.booth() as one:
        await _one_too_large(one, 5, "refused_by_broker")
        await _all_but_one(centre, 15)
        assert one.uplink.health.connections == 1


async def size_answered(site: Site) -> None:
    """mosquitto answers 0x95 in the PUBACK."""
    await site.configured(f"{ANSWERS}message_size_limit 2500\n")
    async with site.centre() as centre, site.booth() as one:
        await _one_too_large(one, 40, "refused_by_broker")
        await _all_but_one(centre, 50)


async def auth_revoked_311(site: Site) -> None:
    """mosquitto says Success and forwards nothing: only the centre's silence tells."""
    acl = site.folder / "acl"
    acl.write_text("topic readwrite #\n")
    await site.configured(f"{ANSWERS}acl_file {acl}\n")
    async with site.centre() as centre, site.booth() as one:
        await one.commit(1)
        await holds(centre, one, 1)
        acl.write_text("topic deny booth/v1/B1/up/evt\ntopic readwrite #\n")
        site.mosquitto.reload()
        while one.uplink.acked == one.ledger.last:  # until it has read the list
            await one.commit(1)
            await asyncio.sleep(0.2)
        await until(lambda: "centre_silent" in one.uplink.health.alarms(), 60)
        assert one.uplink.status == "degraded"
        assert one.uplink.health.connections == 1, "the link stays"
        assert one.ledger.backlog > 0
        acl.write_text("topic readwrite #\n")
        site.mosquitto.reload()
        await holds(centre, one, one.ledger.last)


async def auth_revoked(site: Site) -> None:
    async with site.centre() as centre, site.booth() as one:
        await until(lambda: one.uplink.health.proven)
        site.builtin.faults.publishers = frozenset({"B1"})
        site.builtin.faults.puback_reason = 0x87
        await one.commit(3)
        await until(lambda: one.uplink.status == "degraded")
        assert "forbidden" in one.uplink.health.alarms()
        assert (one.ledger.backlog, one.uplink.health.connections) == (3, 1)
        site.builtin.faults.puback_reason = 0
        one.uplink.reconnect("an operator has mended it; otherwise in five minutes")
        await holds(centre, one, 3)


async def callback_raises(site: Site) -> None:
    """A fault of ours where a message arrives must cost that message, not the connection, nor the window."""
    async with site.centre() as centre, site.booth() as one:
        await until(lambda: one.uplink.health.proven)
        right, one.uplink._ack = one.uplink._ack, _bug  # type: ignore[method-assign]
        await one.commit(20)
        await asyncio.sleep(0.2)
        one.uplink._ack = right  # type: ignore[method-assign]
        await holds(centre, one, 20)
        assert one.uplink.health.connections == 1


def _bug(_message: object) -> None:
    raise ZeroDivisionError("a fault of ours")


async def reconnect_herd(_site: Site) -> None:
    """9,000 booths after a broker's restart that shakes 331 hands a second and drops who waits over 4 s."""
    found = modelled(9000, 331, 4.0, 600.0)
    assert len(found.back_s) == 9000
    assert found.back_s[-1] < 300, "all are back within five minutes"
    assert found.by(0.5) < 60, "half of them within one"


async def poison(site: Site) -> None:
    async with site.centre() as centre, site.booth() as one:
        centre.moods.reject_seqs = {2: "event.type"}
        await one.commit(3)
        await until(lambda: one.uplink.acked == 3)
        await until(lambda: one.uplink.health.rejected == 1)
        assert len(await one.ledger.letters.between(0, 1 << 40, 9999)) == 1
        await one.commit(2)
        await until(lambda: one.uplink.acked == 5)
        one.uplink.publisher.central_ack(one.ledger.epoch, 5, [Rejection(2, "event.type")])
        assert one.uplink.health.rejected == 1


async def ledger_damaged(site: Site) -> None:
    """The numbers begin anew, with the reason, under a new epoch; what was stored under the old one stays."""
    async with site.centre() as centre:
        async with site.booth() as one:
            await one.commit(20)
            await holds(centre, one, 20)
            old = one.ledger.epoch
        body = bytearray((site.folder / "ledger.db").read_bytes())
        body[:16] = b"\xaa" * 16
        (site.folder / "ledger.db").write_bytes(body)
        async with site.booth() as one:
            assert one.ledger.epoch != old
            assert [event.type for event in await one.ledger.after(0, 9)] == ["ledger.set-aside"]
            await one.commit(7)
            await until(lambda: one.uplink.acked == 8)
            report = await centre.report("B1")
        assert {(stream.epoch == old, stream.upto) for stream in report.streams} == {(True, 20), (False, 8)}
        assert (report.events, report.gaps, report.conflicts) == (28, (), 0)


@dataclass(frozen=True)
class Row:
    """One row of the table. `where` names the test of a row that needs more than an uplink.

    `waits` are those of the contract at whose end something must be done; they are shortened. In the other
    rows nothing may happen at their end, and a busy machine must not come to it.
    """

    mode: str
    injection: str
    must_hold: str
    deed: Callable[[Site], Awaitable[None]] | None = None
    brokers: tuple[str, ...] = (BUILTIN,)
    where: str = ""
    waits: tuple[str, ...] = ()


PUBACK, ACK = "PUBACK_TIMEOUT_S", "CENTRAL_ACK_TIMEOUT_S"
ROWS = (
    Row(
        "broker kill -9",
        "SIGKILL three times, nothing persisted",
        "0 lost, repeats at most what was in doubt",
        broker_killed,
        ALL,
    ),
    Row(
        "broker kill -9, persistent",
        "SIGKILL three times, it saves at each change",
        "0 lost, what it brings back counts once",
        broker_killed_with_memory,
        (MOSQUITTO_5, MOSQUITTO_311),
    ),
    Row(
        "agent kill -9",
        "SIGKILL while it commits and sends, four times",
        "all that was told arrives once",
        agent_killed,
        ALL,
    ),
    Row(
        "half-open TCP",
        "SIGSTOP of the broker, or one that answers nothing",
        "left in time; all arrives",
        half_open,
        ALL,
    ),
    Row(
        "PUBACK lost",
        "the broker drops one",
        "the timer ends the connection; one extra copy at most",
        puback_lost,
        waits=(PUBACK,),
    ),
    Row(
        "application ack lost",
        "the centre stores and says nothing",
        "sent again under the same number; stored once",
        ack_lost,
        ALL,
        waits=(ACK,),
    ),
    Row(
        "ingest dead",
        "the centre takes messages and does nothing",
        "sent again; stored once",
        ingest_dead,
        ALL,
        waits=(ACK,),
    ),
    Row(
        "ingest dead for long",
        "the same, round after round",
        "degraded, alarm centre_silent; all arrives once it lives",
        ingest_dead_for_long,
        waits=(ACK,),
    ),
    Row(
        "ingest member killed",
        "one of two that share a subscription dies",
        "its part is sent again to the other; stored once",
        ingest_member_killed,
        (BUILTIN, MOSQUITTO_5),
        waits=(ACK,),
    ),
    Row(
        "no subscriber",
        "no centre",
        "kept, alarm no_consumer; PUBACK is no delivery",
        no_subscriber,
        (BUILTIN, MOSQUITTO_5),
    ),
    Row(
        "no subscriber (MQTT 3.1.1)",
        "no centre, and a broker that cannot say so",
        "kept, not called online; PUBACK is no delivery",
        no_subscriber_311,
        (BUILTIN_311, MOSQUITTO_311),
    ),
    Row(
        "disk full at the booth",
        "the database may grow no more",
        "refused visibly, what is stored drains, no damage",
        booth_disk_full,
        ALL,
    ),
    Row(
        "disk full at the broker",
        "it says Success and keeps nothing",
        "kept until the centre has it",
        broker_disk_full,
        waits=(ACK,),
    ),
    Row(
        "disk full at the broker (mosquitto)",
        "its files may not grow, the centre is away, SIGKILL",
        "kept until the centre has it",
        broker_disk_full_in_earnest,
        (MOSQUITTO_5, MOSQUITTO_311),
    ),
    Row(
        "clock jumps, boot in 1970",
        "±400 days and -20,000 days",
        "order by number, no timer goes off",
        clock_jumps,
        ALL,
    ),
    Row(
        "duplicate client id",
        "another client with our id",
        "alarm, at most one connect a minute",
        duplicate_client,
        (BUILTIN, MOSQUITTO_5, MOSQUITTO_311),
    ),
    Row("slow broker", "each PUBACK late", "window bounded, no reconnect storm, all arrives", slow_broker),
    Row(
        "oversized message",
        "a broker of 2,000 bytes",
        "refused at the door, dead letter, the stream goes on",
        oversized,
    ),
    Row(
        "oversized message (mosquitto)",
        "max_packet_size 2500",
        "refused at the door, dead letter, the stream goes on",
        size_named,
        (MOSQUITTO_5,),
    ),
    Row(
        "oversized message, refused in the PUBACK",
        "message_size_limit 2500",
        "smaller messages follow; dead letter, the stream goes on",
        size_answered,
        (MOSQUITTO_5,),
    ),
    Row(
        "oversized message, dropped in silence",
        "message_size_limit 2500, and a PUBACK that says Success",
        "smaller messages follow; dead letter, the stream goes on",
        size_in_silence,
        (MOSQUITTO_311,),
        waits=(ACK,),
    ),
    Row(
        "oversized message, limit unnamed",
        "a broker of 2,500 bytes that hangs up without a reason",
        "smaller messages follow; one event too large by itself is a dead letter; no endless loop",
        size_unnamed,
        (BUILTIN_311, MOSQUITTO_5, MOSQUITTO_311),
    ),
    Row("authorization revoked", "PUBACK 0x87", "parked, alarm, kept; the link stays", auth_revoked),
    Row(
        "authorization revoked (mosquitto)",
        "access list edited, SIGHUP",
        "parked, alarm, kept; the link stays",
        where=f"{REFERENCE}:test_a_publish_that_is_forbidden_now_parks_alarms_and_deletes_nothing",
    ),
    Row(
        "authorization revoked (MQTT 3.1.1)",
        "access list edited, SIGHUP; PUBACK says nothing",
        "kept, degraded, alarm centre_silent; the link stays",
        auth_revoked_311,
        (MOSQUITTO_311,),
        waits=(ACK,),
    ),
    Row(
        "certificate ended",
        "a short-lived certificate",
        "the reason names it and the clock",
        where="tests.uplink.test_credentials:test_a_booth_certificate_out_of_its_dates_is_named",
    ),
    Row(
        "certificate rotated",
        "new files while it runs",
        "in use without a restart",
        where=f"{REFERENCE}:test_a_certificate_is_renewed_and_used_without_a_restart",
    ),
    Row(
        "a callback raises",
        "a fault of ours where a message arrives",
        "the connection and its window live on",
        callback_raises,
        ALL,
        waits=(ACK,),
    ),
    Row("reconnect herd", "9,000 booths, broker restarted", "spread, all back", reconnect_herd),
    Row("poison payload", "the centre refuses an event", "dead letter, the stream goes on", poison, ALL),
    Row(
        "poison from above",
        "no JSON, deep, huge, wrong types",
        "ignored or refused; nothing breaks",
        where="tests.uplink.test_uplink:test_no_message_from_above_breaks_the_uplink",
    ),
    Row(
        "ledger damaged",
        "its file is no database any more",
        "set aside; a new epoch, streams kept apart",
        ledger_damaged,
        ALL,
    ),
)
CASES = [(row, broker) for row in ROWS if row.deed for broker in row.brokers]


@pytest.fixture
async def builtin() -> AsyncIterator[BuiltIn]:
    async with BuiltIn() as running:
        yield running


@pytest.mark.parametrize(("row", "broker"), CASES, ids=[f"{row.mode} - {broker}" for row, broker in CASES])
async def test_what_must_hold(
    row: Row,
    broker: str,
    builtin: BuiltIn,
    mosquitto: Mosquitto,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Waits of the contract are shortened; what is done at their end is not changed."""
    if PUBACK in row.waits:
        monkeypatch.setattr(flow, PUBACK, 4.0)
    if ACK in row.waits:
        monkeypatch.setattr(doubt, ACK, 3.0)
        monkeypatch.setattr(passed_over, "LATE_S", 1.0)
    monkeypatch.setattr(uplink, "CHECK_S", 0.1)
    assert row.deed is not None
    await row.deed(Site(tmp_path, broker, builtin, mosquitto))


@pytest.mark.parametrize("row", [row for row in ROWS if row.where], ids=lambda row: row.mode)
def test_what_stands_elsewhere_exists(row: Row) -> None:
    module, _, name = row.where.partition(":")
    assert callable(getattr(importlib.import_module(module), name))
