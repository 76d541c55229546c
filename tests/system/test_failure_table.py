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
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.ledger.outbox import Rejection
from edge_agent.sdk.errors import DeviceError
from edge_agent.uplink import doubt, flow, uplink
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
    async def centre(self) -> AsyncIterator[Central]:
        version = Version.V311 if self.protocol == "3.1.1" else Version.V5
        async with Central(self.folder / "central.db", "127.0.0.1", self.port, version=version) as made:
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
        self.kill()
        self.mosquitto.configure(f"{setting} {packet_bytes}\n")
        await asyncio.to_thread(self.start)

    def kill(self) -> None:
        self.mosquitto.kill()

    def start(self) -> None:
        self.mosquitto.start()


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
            site.kill()
            await one.commit(20)
            await asyncio.to_thread(site.start)
        await holds(centre, one, 360)
        assert (await centre.report("B1")).duplicates <= 3 * 4 * WINDOW * 32


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
        try:
            await one.commit(5)
            await until(lambda: not one.uplink.health.connected)
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


async def size_unnamed(site: Site) -> None:
    """It says neither at first nor in the end that there is a limit; it only hangs up."""
    await site.take_at_most(2500)
    async with site.centre() as centre, site.booth() as one:
        await one.commit(40)
        await one.commit(1, "x" * 5000)
        await one.commit(9)
        await until(lambda: one.uplink.acked == 50, 60)
        assert (await centre.report("B1")).by_type == {"event.withheld": 1, "scan.read": 49}
        (letter,) = await one.ledger.letters.between(0, 1 << 40, 9999)
        assert (letter.seq, letter.code) == (41, "refused_by_broker")
        before = one.uplink.health.connections
        await one.commit(200)
        await until(lambda: one.uplink.acked == 250, 60)
        assert one.uplink.health.connections == before, "what it takes is known now"
        assert not one.uplink.health.duplicate, "no other box is suspected"


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
    """The numbers begin anew under a new epoch; what was stored under the old one stays."""
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
            await one.commit(7)
            await until(lambda: one.uplink.acked == 7)
            report = await centre.report("B1")
        assert {(stream.epoch == old, stream.upto) for stream in report.streams} == {(True, 20), (False, 7)}
        assert (report.events, report.gaps, report.conflicts) == (27, (), 0)


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
        "no subscriber",
        "no centre",
        "kept, alarm no_consumer; PUBACK is no delivery",
        no_subscriber,
        (BUILTIN, MOSQUITTO_5),
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
    monkeypatch.setattr(uplink, "CHECK_S", 0.1)
    assert row.deed is not None
    await row.deed(Site(tmp_path, broker, builtin, mosquitto))


@pytest.mark.parametrize("row", [row for row in ROWS if row.where], ids=lambda row: row.mode)
def test_what_stands_elsewhere_exists(row: Row) -> None:
    module, _, name = row.where.partition(":")
    assert callable(getattr(importlib.import_module(module), name))
