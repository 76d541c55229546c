"""The reference configuration of mosquitto as it is shipped: who gets in, and who does not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.cli.main import main
from edge_agent.enrolment.renewal import Renewal
from edge_agent.enrolment.tending import LOOK_S, Tending
from edge_agent.events.model import EventDraft
from edge_agent.ledger.ledger import Entry, Ledger, Limits
from edge_agent.sdk.clock import ManualClock, SystemClock
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.values import ClockQuality, Stamp
from edge_agent.uplink.broker import Broker
from edge_agent.uplink.credentials import Credentials
from edge_agent.uplink.topics import Topics
from edge_agent.uplink.uplink import Presence, Uplink
from simulators.central.server import Central
from simulators.mqtt.client import MqttClient
from simulators.mqtt.packets import Publish, Version
from tests.authority import Authority
from tests.conftest import START_S, held_port
from tests.uplink.bench import beside, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

SHIPPED = Path(__file__).parents[2] / "config" / "mosquitto"
AT = Stamp(1000, 1_790_000_000_000, ClockQuality.NTP)
A, B = "BOOTH-A", "BOOTH-B"
DAY = timedelta(days=1)


@dataclass
class Site:
    """A broker as shipped, and everybody's certificates."""

    folder: Path
    binary: str
    authority: Authority
    port: int
    enrolment_port: int
    process: subprocess.Popen[bytes] | None = None
    version: Version = Version.V5

    def start(self) -> None:
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "-c", str(self.folder / "mosquitto.conf")], stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.01)
        pytest.fail((self.folder / "mosquitto.log").read_text())

    def reload(self) -> None:
        assert self.process is not None
        self.process.send_signal(1)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def credentials(self, name: str) -> Credentials:
        cert, key = self.authority.issue(name)
        return Credentials(self.authority.ca, cert, key, SystemClock())

    def client(self, name: str, client_id: str = "", *, port: int = 0, anonymous: bool = False) -> MqttClient:
        if anonymous:
            context = ssl.create_default_context(cafile=str(self.authority.ca))
        else:
            context = self.credentials(name).context()
        return MqttClient(
            client_id or name,
            host="127.0.0.1",
            port=port or self.port,
            version=self.version,
            tls=context,
        )

    @property
    def forbidden(self) -> int:
        """What a forbidden publish is answered with: MQTT 3.1.1 has no word for it."""
        return 0x87 if self.version is Version.V5 else 0


both_versions = pytest.mark.parametrize("version", [Version.V5, Version.V311])


@pytest.fixture
def site(mosquitto_binary: str, tmp_path: Path) -> Iterator[Site]:
    """The shipped files with paths and ports of this test, nothing else changed."""
    authority = Authority(tmp_path / "tls")
    held = [held_port(), held_port()]
    made = Site(tmp_path, mosquitto_binary, authority, *(int(one.getsockname()[1]) for one in held))
    cert, key = authority.issue("127.0.0.1", server=True)
    shutil.copy(cert, tmp_path / "tls" / "broker.pem")
    shutil.copy(key, tmp_path / "tls" / "broker.key")
    for name in ("mosquitto.conf", "booths.acl", "enrolment.acl"):
        text = (SHIPPED / name).read_text().replace("/etc/mosquitto", str(tmp_path))
        text = text.replace("listener 8883", f"listener {made.port} 127.0.0.1")
        text = text.replace("listener 8884", f"listener {made.enrolment_port} 127.0.0.1")
        if name == "mosquitto.conf" and os.geteuid() == 0:
            text += "\nuser root\n"
        (tmp_path / name).write_text(text)
    made.start()
    yield made
    made.stop()
    for one in held:
        one.close()


@asynccontextmanager
async def hearing(client: MqttClient, *topics: str) -> AsyncIterator[list[Publish]]:
    heard: list[Publish] = []
    for topic in topics:
        await client.subscribe(topic)

    async def hear() -> None:
        with contextlib.suppress(LinkError):
            while messages := await client.receive(100):
                heard.extend(messages)

    async with beside(hear()):
        yield heard


@both_versions
async def test_a_booth_writes_below_its_own_name_and_nowhere_else(site: Site, version: Version) -> None:
    site.version = version
    centre = site.client("central")
    async with centre, site.client(A) as booth, hearing(centre, "booth/v1/#") as heard:
        assert await booth.publish(f"booth/v1/{A}/up/evt", b"mine") == 0
        for topic in (
            f"booth/v1/{B}/up/evt",
            f"booth/v1/{B}/up/state",
            f"booth/v1/{A}/dn/ack",
            f"booth/v1/{B}/dn/cmd",
            "booth/v1/_all/dn/cmd",
            "booth/v1/_sys/epoch",
            "booth/v1/_enrol/x/csr",
            "elsewhere",
        ):
            assert await booth.publish(topic, b"forged") == site.forbidden, topic
        assert await booth.publish(f"booth/v1/{A}/up/evt", b"end") == 0
        await until(lambda: any(message.payload == b"end" for message in heard))
    assert {message.payload for message in heard} == {b"mine", b"end"}


@both_versions
async def test_a_booth_hears_what_is_meant_for_it_and_nothing_else(site: Site, version: Version) -> None:
    """The broker grants every subscription; what counts is what arrives."""
    site.version = version
    booth = site.client(B)
    wanted = ("#", f"booth/v1/{A}/dn/#", f"booth/v1/{B}/dn/#", "booth/v1/#")
    async with site.client("central") as centre, booth, hearing(booth, *wanted) as heard:
        await centre.publish(f"booth/v1/{A}/dn/cmd", b"for A")
        await centre.publish(f"booth/v1/{A}/up/evt", b"of A")
        await centre.publish("booth/v1/_enrol/x/crt", b"certificate")
        await centre.publish("booth/v1/_all/dn/cmd", b"for all")
        await centre.publish("booth/v1/_g/east/dn/cmd", b"for a group")
        await centre.publish(f"booth/v1/{B}/dn/cmd", b"for B")
        await until(lambda: {b"for B", b"for all", b"for a group"} <= {m.payload for m in heard})
    assert {message.payload for message in heard} == {b"for B", b"for all", b"for a group"}


@both_versions
async def test_a_booth_cannot_take_over_the_session_of_another(site: Site, version: Version) -> None:
    site.version = version
    async with site.client("central") as centre, site.client(A) as booth:
        await booth.subscribe(f"booth/v1/{A}/dn/#")
        async with site.client(B, client_id=A) as thief:
            await centre.publish(f"booth/v1/{A}/dn/cmd", b"for A")
            (message,) = await asyncio.wait_for(booth.receive(1), 10)
            assert message.payload == b"for A", "A is still connected, under its own session"
            assert await thief.publish(f"booth/v1/{A}/up/evt", b"forged") == site.forbidden
        assert await booth.publish(f"booth/v1/{A}/up/evt", b"still here") in (0, 0x10)


async def test_without_the_line_that_ties_id_and_name_it_could(site: Site) -> None:
    """So that the test above is known to be able to fail."""
    site.stop()
    conf = site.folder / "mosquitto.conf"
    conf.write_text(conf.read_text().replace("use_username_as_clientid true", ""))
    site.start()
    async with site.client(A) as booth, site.client(B, client_id=A):
        with pytest.raises(LinkError):
            await booth.receive(1)


async def test_without_a_certificate_or_with_a_strangers_nobody_gets_in(site: Site, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    cert, key = stranger.issue(A)
    context = ssl.create_default_context(cafile=str(site.authority.ca))
    context.load_cert_chain(str(cert), str(key))
    for client in (
        site.client(A, anonymous=True),
        MqttClient(A, host="127.0.0.1", port=site.port, tls=context),
        MqttClient(A, host="127.0.0.1", port=site.port),
    ):
        with pytest.raises(LinkError):
            await client.connect(5)


async def test_the_enrolment_door_is_for_enrolment_only(site: Site) -> None:
    async with site.client("central") as centre:
        guest = site.client("guest", port=site.enrolment_port, anonymous=True)
        async with guest, hearing(guest, "#", f"booth/v1/{A}/dn/#", "booth/v1/_enrol/1/crt") as heard:
            assert await guest.publish(f"booth/v1/{A}/up/evt", b"forged") == 0x87
            assert await guest.publish("booth/v1/_enrol/1/crt", b"forged") == 0x87
            await centre.publish(f"booth/v1/{A}/dn/cmd", b"for A")
            await centre.publish("booth/v1/_enrol/1/crt", b"answer")
            await until(lambda: any(message.payload == b"answer" for message in heard))
        assert {message.payload for message in heard} == {b"answer"}


# The booth's own uplink behind that broker


@asynccontextmanager
async def uplink(site: Site, name: str) -> AsyncIterator[tuple[Uplink, Ledger]]:
    files = site.credentials(name)
    ledger = await Ledger.open(site.folder / f"{name}.db", "boot", limits=Limits(reserve_mib=1))
    topics = Topics("booth/v1", name)
    broker = Broker(
        "127.0.0.1", site.port, name, topics.state, b"{}", topics.subscriptions,
        tls=files.context, explain=files.explain,
    )  # fmt: skip
    made = Uplink(
        ledger,
        broker,
        topics,
        SystemClock(),
        Presence(lambda: {"epoch": ledger.epoch}, list),
        window=8,
        central=True,
    )
    try:
        async with beside(made.run()):
            yield made, ledger
        await made.goodbye()
    finally:
        await ledger.close()


async def _commit(made: Uplink, ledger: Ledger, count: int = 1) -> None:
    made.stored(await ledger.commit(Entry([EventDraft("scan.read", "x", AT) for _ in range(count)])))


def _central(site: Site) -> Central:
    return Central(
        site.folder / "central.db",
        "127.0.0.1",
        site.port,
        tls=site.credentials("central").context(),
        authority=site.folder / "centre-ca",
    )


async def test_a_booth_and_the_centre_work_through_it(site: Site) -> None:
    async with _central(site) as centre, uplink(site, A) as (made, ledger):
        await _commit(made, ledger, 40)
        await until(lambda: made.acked == 40)
        await until(lambda: made.status == "online")
        assert (await centre.report(A)).events == 40


async def test_a_publish_that_is_forbidden_now_parks_alarms_and_deletes_nothing(site: Site) -> None:
    """The access list changes under a connection that is up: SIGHUP, as an operator does it."""
    async with _central(site), uplink(site, A) as (made, ledger):
        await _commit(made, ledger)
        await until(lambda: made.acked == 1)
        acl = site.folder / "booths.acl"
        good = acl.read_text()
        acl.write_text(good.replace("pattern write booth/v1/%u/up/#", "pattern write booth/v1/%u/up/state"))
        site.reload()
        while not made.health.forbidden:
            await _commit(made, ledger)
            await asyncio.sleep(0.05)
        assert made.status == "degraded"
        assert "forbidden" in made.health.alarms()
        assert made.health.connections == 1, "the link stays up, and is not torn down for it"
        waiting = ledger.last
        acl.write_text(good)
        site.reload()
        made.reconnect("an operator would wait five minutes")
        await until(lambda: made.acked == waiting)
        assert made.health.alarms() == []


async def test_a_puback_without_a_subscriber_is_no_delivery(site: Site) -> None:
    async with uplink(site, A) as (made, ledger):
        await _commit(made, ledger, 3)
        await until(lambda: made.health.no_consumer)
        assert (made.acked, ledger.backlog) == (0, 3)


async def test_a_revoked_or_strange_booth_is_told_why(site: Site, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    cert, key = stranger.issue(A)
    files = Credentials(site.authority.ca, cert, key, SystemClock())
    site.credentials = lambda _name: files  # type: ignore[method-assign]
    async with uplink(site, A) as (made, _):
        await until(lambda: "TLS" in made.health.reason or "ca" in made.health.reason)
        assert "unknown ca" in made.health.reason


async def _gets_in(site: Site, files: Credentials) -> bool:
    client = MqttClient(
        "any",
        host="127.0.0.1",
        port=site.port,
        version=Version.V5,
        tls=await asyncio.to_thread(files.context),
    )
    try:
        async with client:
            await client.publish("booth/v1/any/up/evt", b"x")
    except LinkError:
        return False
    return True


async def _until_it_is(wanted: bool, site: Site, files: Credentials) -> None:
    """The broker reads its files again when it comes round to it."""
    end = time.monotonic() + 20
    while await _gets_in(site, files) is not wanted:
        assert time.monotonic() < end


async def test_a_certificate_that_was_taken_back_lets_nobody_in(site: Site) -> None:
    """The line for it is in the shipped file; the list begins empty and is read again at SIGHUP."""
    conf = site.folder / "mosquitto.conf"
    assert "\n#crlfile " in conf.read_text()
    conf.write_text(conf.read_text().replace("\n#crlfile ", "\ncrlfile "))
    site.authority.revoke()
    site.stop()
    site.start()
    cert, key = site.authority.issue(A)
    ours = Credentials(site.authority.ca, cert, key, SystemClock())
    other = site.credentials(B)
    third_cert, third_key = site.authority.issue("BOOTH-C")  # another name: one that comes anew takes over
    third = Credentials(site.authority.ca, third_cert, third_key, SystemClock())
    assert await _gets_in(site, ours)
    async with MqttClient("C", host="127.0.0.1", port=site.port, tls=third.context()) as before:
        site.authority.revoke(cert, third_cert)
        site.reload()
        await _until_it_is(False, site, ours)
        assert await _gets_in(site, other)
        await before.publish("booth/v1/BOOTH-C/up/evt", b"an open connection stays, as the file says")
    site.credentials = lambda _name: ours  # type: ignore[method-assign]
    async with uplink(site, A) as (made, ledger):
        await _commit(made, ledger)
        await until(lambda: made.health.reason not in {"", "not connected yet"})
        assert (made.health.connections, ledger.backlog) == (0, 1)


async def test_a_list_that_is_out_of_date_lets_nobody_in(site: Site) -> None:
    conf = site.folder / "mosquitto.conf"
    conf.write_text(conf.read_text().replace("\n#crlfile ", "\ncrlfile "))
    site.authority.revoke(good_for_days=-1)
    site.stop()
    site.start()
    booth = site.credentials(A)
    assert not await _gets_in(site, booth)
    site.authority.revoke()
    site.reload()
    await _until_it_is(True, site, booth)


async def test_a_certificate_is_renewed_and_used_without_a_restart(site: Site) -> None:
    """Past two thirds of its life: asked for under the old one, signed by the centre, in use at once."""
    today = datetime.now(UTC)
    ca = site.folder / "centre-ca"
    ca.mkdir()
    shutil.copy(site.authority.ca, ca / "ca.pem")
    (ca / "ca.key").write_bytes(site.authority.private_key())
    cert, key = site.authority.issue(A, begins=today - 90 * DAY, ends=today + 9 * DAY)
    clock = ManualClock(utc_ms=int(today.timestamp() * 1000))
    files = Credentials(site.authority.ca, cert, key, clock)
    site.credentials = lambda name: files if name == A else Site.credentials(site, name)  # type: ignore[method-assign]
    async with _central(site), uplink(site, A) as (made, ledger):
        await until(lambda: made.health.proven)
        assert files.alarms() == ["certificate_expiring"]
        renewal = Renewal(A, (site.authority.ca, cert, key), clock, made.ask_certificate)
        async with beside(Tending(files, made, renewal, clock).run()):
            await clock.advance(LOOK_S)
            await until(lambda: made.health.connections == 2 and made.health.proven)
        days = files.days_left()
        assert days is not None
        assert days > 300
        assert files.alarms() == []
        await _commit(made, ledger)
        await until(lambda: made.acked == 1)


# Enrolment, as a technician does it


def _booth_toml(site: Site, folder: Path) -> Path:
    path = folder / "booth.toml"
    path.write_text(
        f'schema = 1\n[booth]\nid = "{A}"\n[state]\ndirectory = "{folder}"\n'
        f'[uplink]\nhost = "127.0.0.1"\nport = {site.port}\n[uplink.tls]\nca = "{folder}/tls/ca.pem"\n'
        f'cert = "{folder}/tls/booth.pem"\nkey = "{folder}/tls/booth.key"\n'
    )
    return path


async def test_enroll_with_a_one_time_code_over_the_network(site: Site, tmp_path: Path) -> None:
    """The centre's authority signs; the box had nothing but its settings and the code."""
    async with _central(site) as centre:
        code = await centre.enrolment_code(A)
        folder = tmp_path / "box"
        folder.mkdir()
        config = _booth_toml(site, folder)
        ran = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "edge_agent", "enroll", "-c", str(config), "--code", code,
             "--port", str(site.enrolment_port), "--json"],
            capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["state"] == "enrolled"
        assert (folder / "tls" / "booth.key").stat().st_mode & 0o777 == 0o600
        assert (folder / "tls" / "ca.pem").read_text() == (site.folder / "centre-ca" / "ca.pem").read_text()
        again = main(["enroll", "-c", str(config), "--code", code])
        assert again == 2, "what is there is not overwritten by chance"


async def test_enroll_by_two_files(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no network yet: out on a stick, back on a stick."""
    from simulators.central.authority import Authority as CentreAuthority
    from simulators.central.enrolment import Enrolment

    folder = tmp_path / "box"
    folder.mkdir()
    config = str(_booth_toml(site, folder))
    desk = Enrolment(tmp_path / "c.db", CentreAuthority(tmp_path / "centre-ca"))
    now_ms = int(time.time() * 1000)
    code = desk.new_code(A, now_ms)
    nowhere = ["enroll", "-c", config, "--code", code, "--request", str(tmp_path / "stick" / "out.json")]
    assert main(nowhere) == 2
    assert "cannot write" in capsys.readouterr().err
    assert not list((folder / "tls").glob("*pending*"))
    assert main(["enroll", "-c", config, "--code", code, "--request", str(tmp_path / "out.json")]) == 0
    found = desk.first((tmp_path / "out.json").read_bytes(), now_ms)
    assert found is not None
    (tmp_path / "in.json").write_bytes(found[1])
    wrong = ["enroll", "-c", config, "--code", "AAAA-AAAA-AAAA-AAAA", "--answer", str(tmp_path / "in.json")]
    assert main(wrong) == 1
    assert not (folder / "tls" / "booth.pem").exists()
    assert main(["enroll", "-c", config, "--code", code, "--answer", str(tmp_path / "in.json")]) == 0
    tls = folder / "tls"
    Credentials(tls / "ca.pem", tls / "booth.pem", tls / "booth.key", SystemClock()).context()
    assert not list((folder / "tls").glob("*pending*"))
    assert "enrolled" in capsys.readouterr().out
    desk.close()
