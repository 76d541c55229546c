"""Fixtures of the VM lane: `guest` is a running guest of one's own, ready within a second.

The lane runs only when asked for (`-m vm`, or a path into this folder). Where QEMU is missing it is skipped
with the reason; with EDGE_REQUIRE_VM=1, as in CI, it fails instead.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm.guest import Guest, GuestError
from tests.vm.images import WORK, missing_tools, ready_image
from tests.vm.installed import SOURCES, Installed, install
from tests.vm.machine import Image, Saved
from tests.vm.power import counter_state
from tests.vm.waking import NO_FILES, Shared, awake, prepared

TEST_S = 2400  # far above every deadline inside, so that those speak first
LAST_WORDS = (
    "journalctl -b --no-pager -n 400; echo; dmesg | tail -n 200; echo; ps -ef; ls -lR /dev/serial /dev/usb"
)

KERNEL_LINES = 40  # shown with a failure: CI keeps nothing but its log

POWER = "test_power_cut.py"  # the longest tests
OWN_GUEST = ("test_service.py", "test_hid_service.py", "test_print_service.py")
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
FAILED = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "vm: needs QEMU; runs in a guest with a kernel of its own")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    ours = [item for item in items if item.path.is_relative_to(here)]
    for item in ours:
        item.add_marker("vm")
        item.add_marker(pytest.mark.timeout(TEST_S, func_only=True))
    if "vm" in config.option.markexpr or any("tests/vm" in argument for argument in config.args):
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended from outside, no guest stays behind
        items[:] = _longest_first(items)
        return
    items[:] = [item for item in items if item not in ours]
    config.hook.pytest_deselected(items=ours)


def _longest_first(items: list[pytest.Item]) -> list[pytest.Item]:
    """So that the workers end together; at first each makes another of the prepared guests."""
    cuts = [item for item in items if item.path.name == POWER]
    own = [item for item in items if item.path.name in OWN_GUEST]
    rest = [item for item in items if item not in {*cuts, *own}]
    return [*cuts[:1], *own[:3], *cuts[1:], *own[3:], *rest]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed or report.when == "setup":
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
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where this test's guests keep their files; after a failure all but the disks is kept."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.nodeid.partition("tests/vm/")[2]).strip("-")
    ours = WORK / "run" / name
    shutil.rmtree(ours, ignore_errors=True)
    ours.mkdir(parents=True)
    yield ours
    shutil.rmtree(WORK / "failed" / name, ignore_errors=True)  # of an earlier run
    if request.node.stash.get(FAILED, False):
        _keep(ours)
    shutil.rmtree(ours)


@pytest.fixture
def guest(image: Image, folder: Path, request: pytest.FixtureRequest) -> Iterator[Guest]:
    """A running guest of one's own, as it was when it had booted."""
    yield from _running(image, folder, image.booted, request)


@pytest.fixture(scope="session")
def counter(image: Image) -> Saved:
    """A guest in which a booth's counter only has to be started."""
    return counter_state(image)


@pytest.fixture(scope="session")
def shared(image: Image) -> Iterator[Shared]:
    """The guest that tests share whose bodies run inside: they leave nothing behind there."""
    ours = Shared(image, WORK / "run" / f"shared{WORKER}")
    yield ours
    ours.drop()


@pytest.fixture
def shared_guest(shared: Shared, folder: Path, request: pytest.FixtureRequest) -> Iterator[Guest]:
    """The shared guest. One in which a test failed is not used again."""
    ours = shared.guest()
    yield ours
    if request.node.stash.get(FAILED, False):
        _last_words(ours)
        shared.drop(keep_in=folder)


@pytest.fixture(scope="session")
def installed(image: Image) -> Saved:
    """A guest with the agent installed and simulated devices plugged in, nothing started yet."""
    return prepared(image, "installed", SOURCES, install)


@pytest.fixture(scope="session")
def serving(image: Image, installed: Saved) -> Saved:
    """The same with the agent started and every device ready."""
    return prepared(image, "serving", SOURCES, lambda guest: Installed(guest).serve(), installed)


@pytest.fixture
def booth(
    image: Image, folder: Path, installed: Saved, request: pytest.FixtureRequest
) -> Iterator[Installed]:
    """A running guest of one's own with the agent installed."""
    for running in _running(image, folder, installed, request):
        yield Installed(running)


@pytest.fixture
def serving_booth(
    image: Image, folder: Path, serving: Saved, request: pytest.FixtureRequest
) -> Iterator[Installed]:
    """A running guest of one's own in which the agent serves its devices."""
    for running in _running(image, folder, serving, request):
        yield Installed(running)


def _running(image: Image, folder: Path, saved: Saved, request: pytest.FixtureRequest) -> Iterator[Guest]:
    with awake(image, folder / "guest", saved) as running:
        yield running
        if request.node.stash.get(FAILED, False):
            _last_words(running)


def _last_words(guest: Guest) -> None:
    try:
        words = guest.try_run(LAST_WORDS, timeout_s=60).output
    except (GuestError, OSError) as error:
        words = f"the guest did not answer any more: {error}"
    (guest.machine.folder / "last-words.txt").write_text(words, encoding="utf-8")


def _keep(folder: Path) -> None:
    """Everything but the disks."""
    kept = WORK / "failed" / folder.name
    shutil.copytree(folder, kept, ignore=shutil.ignore_patterns(*NO_FILES))
    print(f"output and kernel log kept in {kept}; the last of the kernel's:")
    for log in kept.rglob("console.log"):
        print("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-KERNEL_LINES:]))
