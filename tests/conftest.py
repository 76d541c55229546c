"""Checks that hold for every test: nothing it started is left over.

A task, a thread or a file that outlives its test fails that test. Warnings are errors (pyproject.toml).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How many cases a property is tried with where its test does not say: some at each commit, ten times as many
# in `make torture`. No deadline: a machine that is busy is no failure.
settings.register_profile("commit", max_examples=30, deadline=None)
settings.register_profile("torture", max_examples=300, deadline=None)
settings.load_profile("torture" if os.environ.get("EDGE_THOROUGH") else "commit")

LEAVE_S = 30.0  # a thread or descriptor that is just ending: as long as a try to connect may take
START_S = 60.0  # of a broker, on a loaded machine
LONGEST = Path(__file__).parent / "system"  # whole booths: most of the waiting


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Async tests also check that no task of theirs goes on."""
    for item in items:
        if inspect.iscoroutinefunction(getattr(item, "function", None)):
            item.add_marker(pytest.mark.usefixtures("no_task_left"))
    items[:] = _spread(items)


def _spread(items: list[pytest.Item]) -> list[pytest.Item]:
    """Each worker begins with its part of the tests that take longest, so that all of them end together."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.path.is_relative_to(LONGEST)]
    rest = [item for item in items if not item.path.is_relative_to(LONGEST)]
    share = -(-len(items) // workers)
    spread: list[pytest.Item] = []
    for worker in range(workers):
        part = long[worker::workers]
        room = max(0, share - len(part))
        spread += [*part, *rest[:room]]
        rest = rest[room:]
    return [*spread, *rest]


@pytest.fixture
async def no_task_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    for _ in range(10):
        await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
    assert not left, f"tasks left running: {left}"


@pytest.fixture(autouse=True)
def nothing_left_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """No thread and no descriptor more than before."""
    if request.node.get_closest_marker("vm"):
        yield
        return
    threads, files = set(threading.enumerate()), _descriptors()
    yield
    deadline = time.monotonic() + LEAVE_S
    while True:
        new_threads = {t for t in set(threading.enumerate()) - threads if not t.name.startswith("asyncio_")}
        new_files = {fd: where for fd, where in _descriptors().items() if fd not in files and _counts(where)}
        if not new_threads and not new_files:
            return
        if time.monotonic() > deadline:
            break
        gc.collect()
        time.sleep(0.02)
    assert not new_threads, f"threads left running: {new_threads}"
    assert not new_files, f"files left open: {new_files}"


def _descriptors() -> dict[int, str]:
    found = {}
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - twice for each test: a Path for each costs more
        with contextlib.suppress(OSError):
            found[int(number)] = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115 - the same
    return found


def _counts(where: str) -> bool:
    """What a test opens; fonts, libraries and the test runner's own pipes may stay."""
    return where.startswith(("/dev/pts", "/dev/ptmx", "socket:", "/tmp/"))


@pytest.fixture
def patient_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated devices wait for a host that is busy, where a real one goes on and its bytes are lost."""
    monkeypatch.setattr("simulators.descriptors.PATIENCE_S", 60.0)


@pytest.fixture(scope="session")
def mosquitto_binary() -> str:
    for place in ("/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"):
        if Path(place).exists():
            return place
    pytest.fail("mosquitto is missing: `make setup` installs it")


def held_port() -> socket.socket:
    """A loopback port that is ours until this is closed, whether a server of the test listens on it or not.

    Bound and not listening: a server that sets SO_REUSEADDR, as they all do, may bind it too. Else the kernel
    may give the port to any connection of another test while the server is down.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the broker takes connections."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the broker ended with {process.returncode}")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.01)
    pytest.fail("the broker did not start")


class Mosquitto:
    """A private mosquitto on a loopback port; `kill` is SIGKILL, and the port is kept until `close`."""

    def __init__(self, binary: str, folder: Path, settings: str = "") -> None:
        self._binary = binary
        self._held = held_port()
        self.port = int(self._held.getsockname()[1])
        self._conf = folder / f"mosquitto-{self.port}.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        self._conf.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "max_queued_messages 0\nmax_inflight_messages 0\nset_tcp_nodelay true\nlog_type none\n"
            f"{user}{settings}"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, settings: str) -> None:
        """Further lines of its configuration, from the next start on."""
        with self._conf.open("a") as conf:
            conf.write(settings)

    def start(self, *, full_disk: bool = False) -> None:
        """With `full_disk` no file of its may grow, as where nothing is free."""
        command = [self._binary, "-c", str(self._conf)]
        if full_disk:
            command = ["sh", "-c", 'trap "" XFSZ; ulimit -f 0; exec "$0" "$@"', *command]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until_listening(self.port, self._process)

    def reload(self) -> None:
        """SIGHUP: the access list is read again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def release(self) -> None:
        """It will not be away again before its end."""
        self._held.close()

    def close(self) -> None:
        self.kill()
        self.release()


@pytest.fixture
def mosquitto(mosquitto_binary: str, tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(mosquitto_binary, tmp_path)
    broker.start()
    yield broker
    broker.close()
