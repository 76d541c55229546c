"""sd_notify against a real datagram socket, and the judgement of the watchdog."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent.notify import Notifier, Watchdog, watchdog_interval_s
from edge_agent.sdk.clock import ManualClock


class Manager:
    """The service manager's end."""

    def __init__(self, address: str) -> None:
        self.end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.end.bind("\0" + address[1:] if address.startswith("@") else address)
        self.end.setblocking(False)
        self.address = address

    def heard(self) -> list[str]:
        messages = []
        while True:
            try:
                messages.append(self.end.recv(4096).decode())
            except BlockingIOError:
                return messages


@contextmanager
def listening(address: str) -> Iterator[Manager]:
    manager = Manager(address)
    yield manager
    manager.end.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@edge-agent-test-{os.getpid()}"
    with listening(address) as manager:
        yield manager


def test_each_state_is_one_datagram(manager: Manager) -> None:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": manager.address})
    assert notifier.ready("serving 3 devices")
    assert notifier.status("draining")
    assert notifier.watchdog()
    assert notifier.stopping()
    assert manager.heard() == [
        "READY=1\nSTATUS=serving 3 devices", "STATUS=draining", "WATCHDOG=1", "STOPPING=1",
    ]  # fmt: skip


def test_a_status_cannot_smuggle_in_another_assignment(manager: Manager) -> None:
    Notifier(manager.address).status("scale\nMAINPID=1\r\x00\u2028x\ud800" + "y" * 9999)
    [message] = manager.heard()
    assert message.startswith("STATUS=scale MAINPID=1")
    assert message.isprintable()
    assert len(message) < 300


def test_without_a_manager_nothing_happens() -> None:
    assert Notifier.from_environment({}).ready() is False


@pytest.mark.parametrize(
    "address", ["/nowhere/notify", "@nobody-listens", "vsock:2:1", "/" + "x" * 300, "/a\0b"]
)
def test_a_manager_that_is_not_there_is_no_error(address: str) -> None:
    assert Notifier(address).ready() is False


def test_a_manager_that_reads_nothing_blocks_nobody(tmp_path: Path) -> None:
    with listening(str(tmp_path / "notify")) as manager:
        notifier = Notifier(manager.address)
        results = [notifier.watchdog() for _ in range(2000)]
        assert results[0] is True
        assert results[-1] is False


@pytest.mark.parametrize(
    ("environment", "interval_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_interval_is_the_managers(environment: dict[str, str], interval_s: float | None) -> None:
    assert watchdog_interval_s(environment, pid=7) == interval_s


class Dog:
    """A running watchdog with an interval of 30 s on a manual clock."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.clock = ManualClock()
        self.watchdog = Watchdog(Notifier(manager.address), 30, self.clock)

    async def __aenter__(self) -> "Dog":
        self.task = asyncio.create_task(self.watchdog.run())
        await self.clock.advance(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def pings(self) -> int:
        return self.manager.heard().count("WATCHDOG=1")


async def test_it_pings_at_half_of_the_interval(manager: Manager) -> None:
    async with Dog(manager) as dog:
        dog.pings()
        await dog.clock.advance(14.9)
        assert dog.pings() == 0
        await dog.clock.advance(0.2)
        assert dog.pings() == 1
        await dog.clock.advance(60)
        assert dog.pings() == 4


async def test_a_component_that_beats_in_time_lets_it_ping(manager: Manager) -> None:
    async with Dog(manager) as dog:
        dog.watchdog.expect("ledger", every_s=10)
        dog.pings()
        for _ in range(10):
            await dog.clock.advance(9)
            dog.watchdog.beat("ledger")
        assert dog.pings() == 6


async def test_one_component_without_progress_withholds_the_ping(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    async with Dog(manager) as dog:
        dog.watchdog.expect("ledger", every_s=10)
        dog.watchdog.expect("flow", every_s=100)
        dog.pings()
        await dog.clock.advance(61)
        assert dog.watchdog.overdue() == ["ledger"]
        assert manager.heard() == ["STATUS=no progress: ledger"]
        assert len(caplog.records) == 1


async def test_progress_after_a_stall_lets_it_ping_again(manager: Manager) -> None:
    async with Dog(manager) as dog:
        dog.watchdog.expect("ledger", every_s=10)
        await dog.clock.advance(31)
        dog.watchdog.beat("ledger")
        dog.watchdog.rest("ledger")
        dog.pings()
        await dog.clock.advance(15)
        assert dog.pings() == 1


async def test_a_resting_component_owes_nothing_until_it_works_again(manager: Manager) -> None:
    async with Dog(manager) as dog:
        dog.watchdog.expect("printing", every_s=10)
        dog.watchdog.rest("printing")
        dog.pings()
        await dog.clock.advance(60)
        assert dog.pings() == 4
        dog.watchdog.beat("printing")
        await dog.clock.advance(15)
        assert dog.pings() == 0


async def test_a_component_that_ended_owes_nothing(manager: Manager) -> None:
    async with Dog(manager) as dog:
        dog.watchdog.expect("drain", every_s=1)
        dog.watchdog.release("drain")
        dog.pings()
        await dog.clock.advance(30)
        assert dog.pings() == 2


def test_a_beat_of_an_unexpected_name_is_a_bug(manager: Manager) -> None:
    with pytest.raises(KeyError):
        Watchdog(Notifier(), 30, ManualClock()).beat("legder")


async def test_without_a_watchdog_there_is_nothing_to_run() -> None:
    await Watchdog(Notifier(), None, ManualClock()).run()


def test_a_blocked_loop_is_not_hidden(tmp_path: Path) -> None:
    """A real process whose loop blocks stops pinging, although its timer is due."""
    script = (
        "import asyncio, os, time\n"
        "from edge_agent.notify import *\n"
        "from edge_agent.sdk.clock import SystemClock\n"
        "async def main():\n"
        "    manager, interval_s = Notifier.from_environment(os.environ), watchdog_interval_s(os.environ)\n"
        "    dog = Watchdog(manager, interval_s, SystemClock())\n"
        "    task = asyncio.create_task(dog.run())\n"
        "    await asyncio.sleep(0)\n"  # the first ping
        "    time.sleep(0.5)\n"
        "    os._exit(0)\n"
        "asyncio.run(main())\n"
    )
    with listening(str(tmp_path / "notify")) as manager:
        environment = {**os.environ, "NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "200000"}
        subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=30)
        assert manager.heard() == ["WATCHDOG=1"]
