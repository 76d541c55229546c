"""mosquitto_pub and mosquitto_sub against the built-in broker."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from simulators.broker import Broker
from tests.simulators.mqtt_broker.peers import DEADLINE_S, until

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not Path("/usr/bin/mosquitto_sub").exists(), reason="mosquitto-clients not installed"),
]


async def run(program: str, broker: Broker, *options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        program, "-h", "127.0.0.1", "-p", str(broker.port), *options, stdout=-1, stderr=-1
    )


async def finished(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
async def test_a_message_goes_from_one_to_the_other(broker, version):
    listener = await run("mosquitto_sub", broker, "-V", version, "-q", "1", "-t", "a/+", "-C", "1", "-v")
    await until(lambda: broker.sessions == 1 and any(one.subscriptions for one in sessions(broker)))
    speaker = await run("mosquitto_pub", broker, "-V", version, "-q", "1", "-t", "a/b", "-m", "hello")
    assert await finished(speaker) == (0, "", "")
    assert await finished(listener) == (0, "a/b hello\n", "")


@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
async def test_a_retained_message_and_a_will_arrive(broker, version):
    kept = await run("mosquitto_pub", broker, "-V", version, "-q", "1", "-r", "-t", "state", "-m", "online")
    assert (await finished(kept))[0] == 0
    listener = await run("mosquitto_sub", broker, "-V", version, "-t", "state", "-t", "will", "-C", "2")
    dying = await run(
        "mosquitto_sub", broker, "-V", version, "-t", "x", "--will-topic", "will", "--will-payload", "gone"
    )
    await until(lambda: broker.sessions == 2 and all(one.subscriptions for one in sessions(broker)))
    dying.kill()
    assert (await finished(listener))[1] == "online\ngone\n"
    await finished(dying)


async def test_qos_2_is_lowered_for_a_subscriber_and_refused_for_a_publisher(broker):
    listener = await run("mosquitto_sub", broker, "-V", "mqttv5", "-q", "2", "-t", "t", "-C", "1")
    await until(lambda: any(one.subscriptions for one in sessions(broker)))
    _, _, error = await finished(
        await run("mosquitto_pub", broker, "-V", "mqttv5", "-q", "2", "-t", "t", "-m", "2")
    )
    assert "QoS not supported" in error
    await finished(await run("mosquitto_pub", broker, "-V", "mqttv5", "-q", "1", "-t", "t", "-m", "1"))
    assert (await finished(listener))[1] == "1\n"


def sessions(broker: Broker):
    return list(broker._shared.registry._sessions.values())
