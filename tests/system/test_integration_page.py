"""The worked example of docs/central-integration.md, typed as it stands, against a whole booth on simulators.

Only folders, ports, epoch and number are replaced: what a reader has to replace, too.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from edge_agent.counter.feedback import CATALOGUE
from tests.conftest import held_port, until_listening

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PAGE = Path(__file__).parents[2] / "docs" / "central-integration.md"
TEXT = PAGE.read_text(encoding="utf-8").partition("## Be the centre by hand")[2].partition("\n## ")[0]
TOPIC, BOOTH = "booth/v1", "B-SIM1"
PATIENCE_S = 90.0


def blocks(after: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT[TEXT.index(after) :], re.DOTALL)


class Desk:
    """Terminals in one folder; what the page says is typed into them."""

    def __init__(self, folder: Path, ports: dict[str, str], terminals: ExitStack) -> None:
        self.folder = folder
        self._places = {"/tmp/booth": str(folder / "booth"), **ports}
        self._terminals = terminals

    def line(self, text: str, **more: str) -> list[str]:
        """One line of the page as an argument list."""
        for old, new in {**self._places, **more}.items():
            text = text.replace(old, new)
        return shlex.split(text)

    def terminal(self, text: str, name: str) -> subprocess.Popen[bytes]:
        return self._terminals.enter_context(started(self.line(text), self.folder / name))

    def heard(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8", errors="replace")


@contextmanager
def started(command: list[str], out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a terminal of its own, ended with the test."""
    path = f"{Path(sys.executable).parent}:/usr/sbin:{os.environ['PATH']}"
    with out.open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env={**os.environ, "PATH": path}
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdin is not None
        process.stdin.close()


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def typed(process: subprocess.Popen[bytes], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())
    process.stdin.flush()


def status(config: Path) -> dict[str, object]:
    command = [str(Path(sys.executable).with_name("edge-agent")), "status", "--json", "--socket",
               str(config.with_suffix("") / "edge-agent.sock")]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, timeout=60, check=False)
    return dict(json.loads(ran.stdout)) if ran.stdout.startswith(b"{") else {}


def waiting(config: Path) -> object:
    ledger = status(config).get("ledger")
    return ledger["last"] - ledger["acknowledged"] if isinstance(ledger, dict) else None


def acknowledged(config: Path) -> int:
    ledger = status(config).get("ledger")
    return int(ledger["acknowledged"]) if isinstance(ledger, dict) else 0


def uplink_is(config: Path, word: str) -> bool:
    uplink = status(config).get("uplink")
    return isinstance(uplink, dict) and uplink["status"] == word


def asked_for_parcel(config: Path) -> bool:
    """The pan was seen empty: what is put on before is taken for something that has lain there."""
    counter = status(config).get("counter")
    return isinstance(counter, dict) and counter["prompt"] == CATALOGUE["place_parcel"][0]


def test_the_page_can_be_typed_as_it_stands(tmp_path: Path) -> None:
    held = [held_port(), held_port()]
    ports = dict(zip(("18830", "18831"), (str(one.getsockname()[1]) for one in held), strict=True))
    with closing(held[0]), closing(held[1]), ExitStack() as terminals:
        desk = Desk(tmp_path, ports, terminals)
        first, second, third = blocks("", "sh")[:3]
        devices = desk.terminal(first, "first")
        config = tmp_path / "booth.toml"
        until(lambda: config.exists() and config.read_text(), "the settings are written")
        with started(desk.line(second), tmp_path / "second"):
            _three_terminals(desk, devices, third, config)
        until_changed = config.read_text().replace(ports["18830"], ports["18831"])
        config.write_text(until_changed)
        broker = desk.terminal(_quoted("mosquitto -p"), "broker")
        until_listening(int(ports["18831"]), broker)
        with started(desk.line(second), tmp_path / "second"):
            _by_hand(desk, config)
            _in_python(desk, devices, config, int(ports["18831"]))


def _quoted(beginning: str) -> str:
    found = re.search(rf"`({re.escape(beginning)}[^`]*)`", TEXT)
    assert found, beginning
    return found[1]


def _three_terminals(desk: Desk, devices: subprocess.Popen[bytes], third: str, config: Path) -> None:
    listen, order = third.strip().splitlines()
    desk.terminal(listen, "third")
    until(lambda: '"online"' in desk.heard("third"), "the booth is online")
    until(lambda: _ready(desk.heard("third")) == 3, "its devices are ready")
    assert subprocess.run(desk.line(order), timeout=30, check=False).returncode == 0
    until(lambda: '"id":"c-1","state":"done"' in desk.heard("third"), "the answer to the order")
    typed(devices, _quoted("scan RR"))
    until(lambda: "booth.parcel.scanned.v1" in desk.heard("third"), "the scan")
    until(lambda: asked_for_parcel(config), "the counter wants the parcel on the pan")
    typed(devices, _quoted("scale put"))
    until(lambda: "booth.parcel.accepted.v1" in desk.heard("third"), "the accepted parcel")
    accepted = desk.heard("third").partition("booth.parcel.accepted.v1")[2]
    assert '"subject":"RR102030405BD"' in accepted
    assert '"value":"1.235"' in accepted
    until(
        lambda: "dn/ack" in desk.heard("third").partition("booth.parcel.accepted.v1")[2],
        "its acknowledgement",
    )
    typed(devices, _quoted("scale clear"))


def _ready(heard: str) -> int:
    """How many devices are, by the last inventory."""
    told = [line for line in heard.splitlines() if line.startswith(f"{TOPIC}/{BOOTH}/up/devices ")]
    return told[-1].count('"status":"ready"') if told else 0


def _by_hand(desk: Desk, config: Path) -> None:
    listen, acknowledge = blocks("### By hand", "sh")[0].strip().splitlines()
    until(lambda: waiting(config), "events wait: nobody acknowledges")
    for _ in range(10):
        ran = subprocess.run(desk.line(listen), capture_output=True, timeout=PATIENCE_S, check=True)
        events = json.loads(ran.stdout)
        more = {"2d521f6c13e9": events[0]["epoch"], '"upto":9': f'"upto":{events[-1]["seq"]}'}
        subprocess.run(desk.line(acknowledge, **more), timeout=30, check=True)
        until(lambda last=events[-1]["seq"]: acknowledged(config) >= last, "acknowledged by hand")
        if waiting(config) == 0:
            break
    until(lambda: uplink_is(config, "online"), "the booth says so")


def _in_python(desk: Desk, devices: subprocess.Popen[bytes], config: Path, port: int) -> None:
    program, file = desk.folder / "centre.py", desk.folder / "my.db"
    program.write_text(blocks("### In Python", "python")[0])
    with started([sys.executable, str(program), "127.0.0.1", str(port), str(file)], desk.folder / "python"):
        typed(devices, "scan EA555123453BD")
        until(lambda: asked_for_parcel(config), "the counter wants the parcel on the pan")
        typed(devices, "scale put 2.5")
        until(lambda: "parcel.accepted" in _stored(file), "the parcel is in the reader's own store")
        until(lambda: waiting(config) == 0, "and acknowledged")
    with closing(sqlite3.connect(file)) as db:
        rows = db.execute(
            "SELECT epoch, count(*), max(seq) - min(seq) + 1 FROM events GROUP BY epoch"
        ).fetchall()
    assert all(count == span for _, count, span in rows), "no gap"


def _stored(file: Path) -> str:
    if not file.exists():
        return ""
    with closing(sqlite3.connect(file)) as db:
        try:
            return " ".join(body for (body,) in db.execute("SELECT body FROM events"))
        except sqlite3.OperationalError:  # its table is just being made
            return ""
