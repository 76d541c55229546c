"""The whole booth through a real mosquitto: what an outsider sees, and a broker that is killed."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
from pathlib import Path

import pytest

from edge_agent.contract import messages
from simulators.central.check import check
from simulators.demo.show import Show
from simulators.demo.stage import Pace, Stage, stage
from simulators.mqtt.client import MqttClient
from simulators.mqtt.packets import Version
from tests.conftest import Mosquitto
from tests.system.clerk import Clerk, codes_on
from tests.uplink.conform import event_faults
from tests.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.timeout(240), pytest.mark.usefixtures("patient_devices")]

ITEM = "RR102030405BD"
BURST = 2000
KILLS = (500, 1000, 1500)  # lines after which the broker is killed


async def test_an_outsider_sees_the_parcel_and_the_label_reads_back(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    seen = tmp_path / "seen.txt"
    with seen.open("wb") as out:
        outsider = subprocess.Popen(  # noqa: ASYNC220 - it only starts here, nothing waits for it
            ["mosquitto_sub", "-p", str(mosquitto.port), "-V", "mqttv5", "-v", "-q", "1", "-t", "booth/v1/#"],
            stdout=out,
        )
    try:
        await _until_heard(mosquitto.port, seen)
        async with stage(tmp_path, Show(io.StringIO()), _pace(mosquitto)) as running:
            await running.devices_ready()
            await Clerk(running).accept(ITEM, "1.235")
            await running.drained()
            (label,) = running.printer.tray.labels
        await until(lambda: b'"offline"' in seen.read_bytes())
    finally:
        outsider.terminate()
        outsider.wait()
    codes = codes_on(label.page)
    assert ITEM in codes.values(), f"the linear code does not read back: {codes}"
    said = dict[str, list[object]]()
    for line in seen.read_text(encoding="utf-8").splitlines():
        topic, _, payload = line.partition(" ")
        said.setdefault(topic, []).append(json.loads(payload))
    events = [event for batch in said["booth/v1/DEMO-01/up/evt"] for event in batch]
    assert [fault for event in events for fault in event_faults(event)] == [], "the contract says less"
    for model, name in ((messages.State, "state"), (messages.Devices, "devices"), (messages.Response, "rsp")):
        for message in said.get(f"booth/v1/DEMO-01/up/{name}", []):
            model.model_validate(message)
    accepted = [event for event in events if event["type"] == "booth.parcel.accepted.v1"]
    assert [event["subject"] for event in accepted] == [ITEM]
    assert accepted[0]["data"]["weight"]["value"] == "1.235"
    assert accepted[0]["data"]["weight"]["unit"] == "kg"
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    states = [state["status"] for state in said["booth/v1/DEMO-01/up/state"]]
    assert "online" in states
    assert states[-1] == "offline"
    assert {device["id"] for device in said["booth/v1/DEMO-01/up/devices"][-1]["devices"]} == {
        "scanner-1",
        "scale-1",
        "printer-1",
    }


async def _until_heard(port: int, seen: Path) -> None:
    """The outsider has subscribed: it writes down what is said to it."""
    async with MqttClient("caller", host="127.0.0.1", port=port, version=Version.V5) as caller:
        while not seen.stat().st_size:  # noqa: ASYNC240 - a local file
            await caller.publish("booth/v1/_sys/call", b"{}")
            await asyncio.sleep(0.02)


async def test_a_broker_killed_again_and_again_loses_nothing(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async with stage(tmp_path, Show(io.StringIO()), _pace(mosquitto)) as running:
        await running.devices_ready()
        lines = 0
        for upto in (*KILLS, BURST):
            await running.scanner.burst([f"LINE-{n:05d}" for n in range(lines, upto)])
            lines = upto
            if upto < BURST:
                mosquitto.kill()
                await asyncio.to_thread(mosquitto.start)
        await _all_read(running)
        report = await running.drained(120)
        assert report.by_type["scan.read"] == BURST
        assert report.gaps == ()
        assert report.conflicts == 0
        assert check(tmp_path / "central.db") == []


async def _all_read(running: Stage) -> None:
    """Wait until the agent has taken every line from the scanner's port."""
    deadline = asyncio.get_running_loop().time() + 60
    while asyncio.get_running_loop().time() < deadline:
        counter = (await running.agent.status())["counter"]
        if isinstance(counter, dict) and counter["scans"] >= BURST:
            return
        await asyncio.sleep(0.1)
    pytest.fail("the agent did not read every line")


def _pace(mosquitto: Mosquitto) -> Pace:
    return Pace(settle_s=0.02, print_mm_s=2000, broker_port=mosquitto.port)
