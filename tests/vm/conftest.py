"""Fixtures of the VM lane: `guest` is a running guest of one's own, ready within a second.

The lane runs only when asked for (`-m vm`, or a path into this folder). Where QEMU is missing it is skipped
with the reason; with EDGE_REQUIRE_VM=1, as in CI, it fails instead.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.vm.guest import Guest, GuestError
from tests.vm.images import WORK, missing_tools, ready_image
from tests.vm.machine import Image, Machine, Wiring, copy_disk, make_overlay

TEST_S = 600  # far above every deadline inside, so that those speak first
LAST_WORDS = (
    "journalctl -b --no-pager -n 400; echo; dmesg | tail -n 200; echo; ps -ef; ls -lR /dev/serial /dev/usb"
)

FAILED = pytest.StashKey[bool]()
GuestStarter = Callable[..., AbstractContextManager[Guest]]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "vm: needs QEMU; runs in a guest with a kernel of its own")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    ours = [item for item in items if item.path.is_relative_to(here)]
    for item in ours:
        item.add_marker("vm")
        item.add_marker(pytest.mark.timeout(TEST_S, func_only=True))
    if "vm" in config.option.markexpr or any("tests/vm" in argument for argument in config.args):
        return
    items[:] = [item for item in items if item not in ours]
    config.hook.pytest_deselected(items=ours)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture(scope="session")
def image() -> Image:
    """The built and booted guest; built now if it is missing."""
    if missing := missing_tools():
        reason = f"the VM lane needs {', '.join(missing)}: see tools/vm/setup.sh"
        if os.environ.get("EDGE_REQUIRE_VM") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return ready_image()


@pytest.fixture
def start_guest(image: Image, request: pytest.FixtureRequest) -> Iterator[GuestStarter]:
    """Start a guest with another data disk, a log of its writes, or a port forwarded to the host."""
    folder = WORK / "run" / re.sub(r"[^A-Za-z0-9]+", "-", request.node.nodeid.partition("tests/vm/")[2])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    count = 0

    @contextmanager
    def start(wiring: Wiring | None = None) -> Iterator[Guest]:
        nonlocal count
        count += 1
        own = folder / str(count)
        own.mkdir()
        if wiring is None:
            copy_disk(image.data, own / "data.img")
            wiring = Wiring(own / "data.img")
        make_overlay(image.booted, "qcow2", own / "root.qcow2")
        machine = Machine(image, own, own / "root.qcow2", wiring, wake=True)
        with _awake(machine) as guest:
            yield guest

    yield start
    if request.node.stash.get(FAILED, False):
        _keep(folder)
    shutil.rmtree(folder)


@pytest.fixture
def guest(start_guest: GuestStarter, request: pytest.FixtureRequest) -> Iterator[Guest]:
    """A running guest."""
    with start_guest() as running:
        yield running
        if request.node.stash.get(FAILED, False):
            _last_words(running)


@contextmanager
def _awake(machine: Machine) -> Iterator[Guest]:
    """The guest at work; its power is cut at the end, however that comes."""
    guest = None
    try:
        machine.resume()
        guest = Guest(machine)
        guest.greet()
        guest.settle()
        yield guest
    finally:
        if guest is not None:
            (machine.folder / "told.txt").write_text("\n".join(guest.told), encoding="utf-8")
            guest.close()
        machine.cut_power()


def _last_words(guest: Guest) -> None:
    try:
        words = guest.try_run(LAST_WORDS, timeout_s=60).output
    except (GuestError, OSError) as error:
        words = f"the guest did not answer any more: {error}"
    (guest.machine.folder / "last-words.txt").write_text(words, encoding="utf-8")


def _keep(folder: Path) -> None:
    """Everything but the disks."""
    kept = WORK / "failed" / folder.name
    shutil.rmtree(kept, ignore_errors=True)
    wanted = shutil.ignore_patterns("*.img", "*.qcow2", "qmp", "resident", "stream")
    shutil.copytree(folder, kept, ignore=wanted)
    print(f"output and kernel log kept in {kept}")
