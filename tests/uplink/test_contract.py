"""The published contract: fresh, whole, held by what travels, and kept to across versions."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.contract import documents, messages
from edge_agent.contract.events import DATA
from edge_agent.uplink.acknowledgement import read_ack
from edge_agent.uplink.orders import CommandMessage, read_order
from edge_agent.uplink.topics import Topics
from simulators.broker import Broker
from simulators.central.cloudevents import Event, parse_batch
from tests.architecture.test_completeness import _event_types
from tests.system.booth import booth
from tests.uplink.bench import until
from tests.uplink.conform import event_faults

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "central-integration.md"
PREVIOUS = json.loads((Path(__file__).parent / "previous" / "0.1.0.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["events", "asyncapi"])
def test_the_committed_document_is_fresh(name: str) -> None:
    """If this fails: edge-agent schema NAME > docs/contract/NAME.json."""
    made = documents.events() if name == "events" else documents.asyncapi()
    assert (ROOT / "docs" / "contract" / f"{name}.json").read_text(encoding="utf-8") == documents.text(made)


@pytest.mark.parametrize("document", [documents.events(), documents.asyncapi()], ids=["events", "asyncapi"])
def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in _references(document):
        here: Any = document
        for step in reference.removeprefix("#/").split("/"):
            here = here[step]
        assert here


def test_every_topic_of_the_agent_is_a_channel() -> None:
    topics = Topics("{root}", "{booth}", ("{group}",))
    told = {channel.address for channel in documents.CHANNELS}
    named = {getattr(topics, name) for name, kind in vars(Topics).items() if isinstance(kind, property)}
    named = {name for name in named if isinstance(name, str)}
    assert named - told == set()


def test_every_event_that_is_made_has_a_model_and_no_model_is_left_over() -> None:
    made = {*_event_types(), "event.withheld"}
    assert made == set(DATA)


# Compatibility: the promise of docs/central-integration.md


@pytest.mark.parametrize("event", PREVIOUS["events"], ids=lambda event: event["type"])
def test_an_event_of_the_version_before_is_one_today(event: dict[str, Any]) -> None:
    assert event_faults(event) == []
    (parsed,) = parse_batch("B-SIM1", json.dumps([event]).encode())
    assert isinstance(parsed, Event)


def test_what_a_centre_of_the_version_before_sends_is_taken() -> None:
    ack = read_ack(json.dumps(PREVIOUS["ack"]).encode())
    assert (ack.upto, ack.rej[0].seq, ack.also, ack.conn) == (9, 7, (), None)
    command = read_order(json.dumps(PREVIOUS["command"]).encode())
    assert isinstance(command, CommandMessage)
    assert command.type == "scale.read"


@pytest.mark.parametrize(
    ("name", "model"),
    [("state", messages.State), ("will", messages.State), ("ack", messages.Ack),
     ("command", messages.Command), ("response", messages.Response)],
)  # fmt: skip
def test_a_message_of_the_version_before_is_one_today(name: str, model: type[messages.Part]) -> None:
    assert not model.model_validate(PREVIOUS[name]).model_extra


def test_what_a_later_version_adds_is_read_over() -> None:
    later = {"later": {"deep": [1]}}
    assert read_ack(json.dumps(PREVIOUS["ack"] | later).encode()).upto == 9
    assert isinstance(read_order(json.dumps(PREVIOUS["command"] | later).encode()), CommandMessage)
    event = PREVIOUS["events"][0]
    grown = event | later | {"data": event["data"] | later}
    (parsed,) = parse_batch("B-SIM1", json.dumps([grown]).encode())
    assert isinstance(parsed, Event)


@pytest.mark.parametrize("name", ["state", "response"])
def test_no_field_of_the_version_before_has_gone(name: str) -> None:
    known = {"state": messages.State, "response": messages.Response}[name].model_fields
    assert set(PREVIOUS[name]) <= set(known)


# The page's examples are run


def _block(after: str, language: str) -> str:
    text = PAGE.read_text(encoding="utf-8").partition(after)[2]
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found, after
    return found[1]


async def test_the_centre_of_the_page_stores_once_and_acknowledges(tmp_path: Path) -> None:
    program = tmp_path / "centre.py"
    program.write_text(_block("### In Python", "python"))
    assert sum(1 for line in program.read_text().splitlines() if line.strip()) <= 42
    async with Broker() as broker:
        centre = subprocess.Popen(  # noqa: ASYNC220 - it only starts here, nothing waits for it
            [sys.executable, str(program), "127.0.0.1", str(broker.port), str(tmp_path / "my.db")]
        )
        try:
            async with booth(tmp_path, broker.port) as one:
                await one.commit(70)
                await until(lambda: one.uplink.acked == 70, 40)
                await until(lambda: one.uplink.status == "online")
                one.uplink.publisher.resend()
                await one.commit(1)
                await until(lambda: one.uplink.acked == 71)
        finally:
            centre.kill()
            centre.wait()
    with sqlite3.connect(tmp_path / "my.db") as db:
        assert db.execute("SELECT count(*), min(seq), max(seq) FROM events").fetchone() == (71, 1, 71)
    db.close()


async def test_the_lines_of_the_page_acknowledge_by_hand(tmp_path: Path) -> None:
    async with Broker() as broker, booth(tmp_path, broker.port) as one:
        lines = _block("### By hand", "sh").strip().splitlines()
        places = {"18831": str(broker.port), "B-SIM1": "B1", "2d521f6c13e9": one.ledger.epoch}
        for old, new in places.items():
            lines = [line.replace(old, new) for line in lines]
        listen, publish = (line for line in lines if line.startswith("mosquitto"))
        heard = subprocess.Popen(listen, shell=True, stdout=subprocess.PIPE)  # noqa: ASYNC220 - the page's own line
        await until(lambda: broker.sessions >= 2)
        await one.commit(9)
        await until(lambda: heard.poll() is not None)
        assert heard.stdout is not None
        assert b'"seq":1' in heard.stdout.read()
        heard.stdout.close()
        await asyncio.to_thread(subprocess.run, publish, shell=True, check=True, timeout=30)
        await until(lambda: one.uplink.acked == 9)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            if key == "$ref":
                yield one
            else:
                yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)
