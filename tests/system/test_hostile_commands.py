"""A thousand hostile commands to the real daemon: each refused with its reason, none done, memory flat."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from simulators.broker import Broker
from simulators.demo.show import Show
from simulators.demo.stage import Pace, Stage, stage
from simulators.mqtt.client import MqttClient
from simulators.mqtt.packets import Version
from tests.commands.signing import SigningKey
from tests.conftest import Mosquitto

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

BOOTH, MANY = "DEMO-01", 1000
CMD, RSP = f"booth/v1/{BOOTH}/dn/cmd", f"booth/v1/{BOOTH}/up/rsp"
KEY, FOREIGN = SigningKey(), SigningKey()
UNDER_WAY = 6  # below the queue of the booth, so that each gets its own reason and none is merely too many
GROWTH_KIB = (
    6 * 1024
)  # of a daemon that has checked a signature before; a leak of each message would be far more
HUGE = 6  # of five megabytes each, twice: 60 MB
HELD_KIB = 40 * 1024  # one of them while it is received, its copies, and what the allocator keeps of them
GOOD_COUNTER = 1_000_000
LONG_AGO = (
    "2001-01-01T00:00:00Z"  # before this agent was built: late also for a box that does not know the time
)

Hostile = Callable[[str, int], bytes]


def order(identity: str, counter: int, **more: object) -> dict[str, object]:
    """What the centre would send, unsigned: it would zero the scale."""
    return {
        "id": identity,
        "type": "scale.zero",
        "args": {"device": "scale-1"},
        "to": BOOTH,
        "issuedby": "operator-7",
        "counter": counter,
        **more,
    }


def signed(identity: str, counter: int, **more: object) -> bytes:
    return json.dumps(KEY.signed(**order(identity, counter, **more))).encode()


def text(document: object) -> bytes:
    return json.dumps(document).encode()


KINDS: dict[str, tuple[Hostile, str]] = {
    "unsigned": (lambda i, n: text(order(i, GOOD_COUNTER + n)), "command.unsigned"),
    "wrong signature": (
        lambda i, n: text(FOREIGN.signed(**order(i, GOOD_COUNTER + n))),
        "command.signature",
    ),
    "changed after signing": (
        lambda i, n: signed(i, GOOD_COUNTER + n).replace(b"scale-1", b"scale-2"),
        "command.signature",
    ),
    "unknown key": (
        lambda i, n: text({**KEY.signed(**order(i, GOOD_COUNTER + n)), "keyid": "1999"}),
        "command.key_unknown",
    ),
    "old counter": (lambda i, n: signed(i, 1 + n % 500), "command.counter"),
    "no counter": (
        lambda i, n: text(KEY.signed(**{k: v for k, v in order(i, 1).items() if k != "counter"})),
        "command.counter",
    ),
    "expired": (lambda i, n: signed(i, GOOD_COUNTER + n, notafter=LONG_AGO), "command.expired"),
    "other booth": (lambda i, n: signed(i, GOOD_COUNTER + n, to="DEMO-02"), "command.foreign"),
    "for all, sent to one": (lambda i, n: signed(i, GOOD_COUNTER + n, to="_all"), "command.foreign"),
    "for nobody": (
        lambda i, n: text(KEY.signed(**{k: v for k, v in order(i, 1).items() if k != "to"})),
        "command.foreign",
    ),
    "deep JSON": (lambda i, n: b'{"id":"' + i.encode() + b'","args":' + b"[" * 30_000, "message.invalid"),
    "deep arguments": (
        lambda i, n: signed(i, GOOD_COUNTER + n, args={"device": json.loads("[" * 60 + "]" * 60)}),
        "message.invalid",
    ),
    "too large": (lambda i, n: signed(i, GOOD_COUNTER + n, args={"x": "y" * 70_000}), "message.too_large"),
    "no JSON": (lambda i, n: b"\xff\xfe\x00" + i.encode(), "message.invalid"),
    "a list": (lambda i, n: text([order(i, n)]), "message.invalid"),
    "a member twice": (
        lambda i, n: signed(i, GOOD_COUNTER + n).replace(b"{", b'{"type":"agent.restart",', 1),
        "message.invalid",
    ),
    "a type of a wrong type": (lambda i, n: text({**order(i, n), "type": ["scale.zero"]}), "message.invalid"),
    "a counter of a wrong type": (lambda i, n: text({**order(i, n), "counter": "5"}), "message.invalid"),
    "a float": (lambda i, n: text(order(i, n, args={"device": "scale-1", "x": 1.5})), "message.invalid"),
    "an unknown type": (lambda i, n: signed(i, GOOD_COUNTER + n, type="booth.explode"), "command.unknown"),
}


class Attacker:
    """Somebody with an account on the broker and no key."""

    def __init__(self, client: MqttClient) -> None:
        self.client = client
        self.reasons: Counter[str] = Counter()
        self.states: Counter[str] = Counter()
        self.answers = 0
        self.changed = asyncio.Event()

    async def hear(self) -> None:
        while messages := await self.client.receive(100):
            for message in messages:
                self._note(json.loads(message.payload))
            self.changed.set()

    def _note(self, answer: dict[str, object]) -> None:
        state = str(answer["state"])
        if state in {"rejected", "expired", "done", "failed"}:
            self.answers += 1
            self.states[state] += 1
            self.reasons[str(answer.get("reason", ""))] += 1

    async def until_answered(self, count: int) -> None:
        async with asyncio.timeout(60):
            while self.answers < count:
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def attacker_on(port: int) -> AsyncIterator[Attacker]:
    async with MqttClient("attacker", host="127.0.0.1", port=port, version=Version.V5) as client:
        attacker = Attacker(client)
        await client.subscribe(RSP)
        hearing = asyncio.create_task(attacker.hear())
        try:
            yield attacker
        finally:
            hearing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await hearing


def rss_kib(running: Stage) -> int:
    process = running.agent._process
    assert process is not None
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def thousand() -> Iterator[tuple[bytes, str]]:
    for number, (hostile, reason) in zip(range(MANY), itertools.cycle(KINDS.values()), strict=False):
        yield hostile(f"h-{number}", number), reason


def pace(port: int | None = None, protocol: str = "auto") -> Pace:
    return Pace(
        settle_s=0.02,
        print_mm_s=2000,
        broker_port=port,
        protocol=protocol,
        settings=KEY.toml,
        signer=(KEY.id, KEY.sign_bytes),
    )


async def attack(running: Stage, port: int) -> None:
    await running.devices_ready()
    async with attacker_on(port) as attacker:
        await attacker.client.publish(CMD, signed("good", GOOD_COUNTER - 1))
        await attacker.until_answered(1)
        assert attacker.states.pop("done", 0) + attacker.states.pop("failed", 0) == 1
        attacker.reasons.clear()
        events_before = (await running.drained()).events
        before_kib = rss_kib(running)
        wanted: Counter[str] = Counter()
        for number, (payload, reason) in enumerate(thousand()):
            await attacker.until_answered(1 + number - UNDER_WAY)
            await attacker.client.publish(CMD, payload)
            wanted[reason] += 1
        await attacker.until_answered(1 + MANY)
        assert attacker.reasons == wanted
        assert set(attacker.states) == {"rejected", "expired"}
        assert rss_kib(running) - before_kib < GROWTH_KIB
    report = await running.drained()
    expired = wanted["command.expired"]
    assert report.events - events_before == expired, "what is refused leaves nothing on the disk"
    assert running.agent.running
    status = await running.agent.status()
    assert all(device["status"] == "ready" for device in status["devices"])  # type: ignore[attr-defined]


async def test_a_thousand_hostile_commands_are_refused_each_with_its_reason(tmp_path: Path) -> None:
    async with stage(tmp_path, Show(io.StringIO()), pace()) as running:
        await attack(running, running.broker.port)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_the_same_through_a_real_mosquitto(tmp_path: Path, mosquitto: Mosquitto, protocol: str) -> None:
    async with stage(tmp_path, Show(io.StringIO()), pace(mosquitto.port, protocol)) as running:
        await attack(running, mosquitto.port)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_messages_of_five_megabytes_are_not_read(
    protocol: str, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    """MQTT 5: the broker keeps back what is larger than we say we take. 3.1.1 cannot say so: refused here."""
    huge = tmp_path / "huge"
    huge.write_bytes(signed("huge", GOOD_COUNTER + 1, args={"x": "y" * 5_000_000}))
    config = pace(mosquitto.port, protocol)
    async with stage(tmp_path, Show(io.StringIO()), config) as running:
        await running.devices_ready()
        async with attacker_on(mosquitto.port) as attacker:
            await attacker.client.publish(CMD, signed("good", GOOD_COUNTER))
            await attacker.until_answered(1)
            before_kib, refused = rss_kib(running), 0
            for number in range(2):
                for _ in range(HUGE):
                    await _publish_file(mosquitto.port, huge)
                await attacker.client.publish(CMD, text(order("last", 1)))
                refused += HUGE if protocol == "3.1.1" else 0
                await attacker.until_answered(1 + refused + number + 1)
            assert attacker.reasons["message.too_large"] == refused
            assert attacker.reasons["command.unsigned"] == 2
            bound_kib = GROWTH_KIB if protocol == "5" else HELD_KIB
            assert rss_kib(running) - before_kib < bound_kib


async def _publish_file(port: int, file: Path) -> None:
    sender = await asyncio.create_subprocess_exec(
        "mosquitto_pub", "-p", str(port), "-q", "1", "-t", CMD, "-f", str(file)
    )
    assert await sender.wait() == 0


async def test_commands_that_a_broker_has_kept_are_refused_at_every_connection(tmp_path: Path) -> None:
    async with Broker() as broker:
        async with MqttClient("early", host="127.0.0.1", port=broker.port, version=Version.V5) as client:
            for number, (topic, to) in enumerate(
                [(CMD, BOOTH), ("booth/v1/_all/dn/cmd", "_all"), ("booth/v1/_g/north/dn/cmd", "_g/north")]
            ):
                await client.publish(topic, signed(f"r-{number}", GOOD_COUNTER, to=to), retain=True)
        async with attacker_on(broker.port) as attacker:
            async with stage(tmp_path, Show(io.StringIO()), pace(broker.port)) as running:
                await running.devices_ready()
                await attacker.until_answered(3)
                await running.agent.stop()
                await running.agent.start()
                await attacker.until_answered(6)
            assert attacker.reasons == {"command.retained": 6}
