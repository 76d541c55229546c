"""The rig around one program under test: broker, subscriber, terminal, folder. Also the agent's settings.

Owns: putting the rig up and down, the commands of the agent and of the floor.
Must not know: what is measured.
"""

from __future__ import annotations

import compileall
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.broker import PrivateBroker
from tests.bench.line_feed import LineFeed
from tests.bench.process import ProgramUnderTest
from tests.bench.subscriber import Subscriber

ROOT = Path(__file__).parents[2]
FIRST_S = 60.0  # the longest wait for a first event, on a loaded machine
OFFER_S = 0.005  # between two lines offered while a program starts: the step of that measurement
UNREAD_BYTES = 2048  # offered lines that nobody has read yet: then the offering pauses

SCANNER_ONLY = """schema = 1
[booth]
id = "BENCH-1"
[state]
directory = "{folder}/state"
[counter]
flow = "none"
[[scanner]]
id = "scanner-1"
driver = "line"
port = "serial:{terminal}"
[uplink]
host = "127.0.0.1"
port = {port}
ack = "broker"
[local]
socket = "{folder}/agent.sock"
"""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much time a run may take, and where its files lie."""

    folder: Path
    quick: bool = False
    long: bool = False

    def runs(self, usual: int) -> int:
        return max(2, usual // 2) if self.quick else usual

    def seconds(self, usual: float) -> float:
        return usual / 3 if self.quick else usual


Command = Callable[[Path, str, int], list[str]]


def agent(folder: Path, terminal: str, port: int) -> list[str]:
    """The agent with one scanner and nothing else, as it is installed."""
    file = folder / "booth.toml"
    file.write_text(SCANNER_ONLY.format(folder=folder, terminal=terminal, port=port))
    return agent_on(file)


def agent_on(settings: Path) -> list[str]:
    return [sys.executable, "-m", "edge_agent", "run", "-c", str(settings)]


def floor(folder: Path, terminal: str, port: int) -> list[str]:
    """The bare floor on the same terminal and broker."""
    program = Path(__file__).with_name("floor.py")
    return [sys.executable, str(program), terminal, "127.0.0.1", str(port), str(folder / "floor.db")]


def compile_as_installed() -> None:
    """Installed packages are compiled; a checkout may not be, and would be timed while it compiles."""
    for package in ("edge_agent", "drivers", "tests/bench"):
        compileall.compile_dir(ROOT / package, quiet=2)


@dataclass(slots=True)
class Workbench:
    """A rig that is up; the program is started by the lane that uses it."""

    folder: Path
    broker: PrivateBroker
    subscriber: Subscriber
    feed: LineFeed
    program: ProgramUnderTest

    def first_event(self) -> float:
        """Start the program and offer lines until one arrives; gives the seconds. Raises TimeoutError."""
        self.program.start()
        known = len(self.subscriber.arrived)
        end = time.monotonic() + FIRST_S
        while len(self.subscriber.arrived) == known:
            if time.monotonic() > end or not self.program.running:
                raise TimeoutError(f"no event arrived: {self.program.last_words()}")
            if self.feed.unread() < UNREAD_BYTES:
                self.feed.send()
            time.sleep(OFFER_S)
        first = list(self.subscriber.arrived.values())[known]
        return first - self.program.started_s

    def up(self) -> None:
        """Start the program and let everything that was offered arrive."""
        self.first_event()
        self.settle()

    def settle(self, quiet_s: float = 1.5) -> None:
        """Let what is under way arrive: lines offered before the port was opened may be lost, and are."""
        self.subscriber.wait_for(self.feed.count, 30.0, quiet_s)

    def missing_since(self, number: int) -> int:
        """Lines from this number on that have not arrived."""
        return sum(n not in self.subscriber.arrived for n in range(number, self.feed.count))


@contextlib.contextmanager
def workbench(effort: Effort, command: Command, folder: Path | None = None) -> Iterator[Workbench]:
    """A rig of its own for one run; `folder` is where the program's files go if not in the rig's."""
    place = Path(tempfile.mkdtemp(prefix="bench-", dir=effort.folder))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        broker = PrivateBroker(place / "broker")
        broker.start()
        stack.callback(broker.kill)
        subscriber = Subscriber(broker.port)
        subscriber.start()
        stack.callback(subscriber.stop)
        if not subscriber.ready.wait(10.0):
            raise TimeoutError("the subscriber is not connected")
        feed = LineFeed()
        stack.callback(feed.close)
        files = folder or place
        program = ProgramUnderTest(command(files, feed.path, broker.port), files)
        stack.callback(program.stop)
        yield Workbench(place, broker, subscriber, feed, program)
