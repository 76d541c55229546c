"""Guests woken from a saved state, and states made by preparing a guest once and saving it again.

Owns: a running guest's folder and disks, the cache of prepared states. Must not know: what it prepares.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.vm.guest import Guest
from tests.vm.images import ROOT, WORK, only_one
from tests.vm.machine import Image, Machine, Saved, Wiring, copy_disk, make_overlay

NAMES = "cp /project/systemd/*.rules /etc/udev/rules.d/ && udevadm control --reload"
NO_FILES = ("qmp", "resident", "stream", "*.img", "*.qcow2", "writes.log")  # sockets, disks: not worth it
HERE = Path(__file__).parent
SOURCES = ("edge_agent", "drivers", "simulators", "systemd", "tests/vm")
PROJECT = (
    "drivers.printers.escpos",
    "drivers.scales.toledo_8217",
    "drivers.scanners.line",
    "edge_agent.links.find",
    "edge_agent.links.open",
    "edge_agent.sdk.testing",
    "simulators.printer",
    "simulators.scale",
    "simulators.scanner",
    "simulators.usb.cdc_acm",
    "simulators.usb.ftdi",
    "simulators.usb.printer",
    "simulators.usb.reports",
)


@contextmanager
def awake(image: Image, folder: Path, saved: Saved, wiring: Wiring | None = None) -> Iterator[Guest]:
    """A guest at work in a folder of its own; its power is cut at the end, however that comes."""
    folder.mkdir(parents=True)
    if wiring is None:
        copy_disk(image.data, folder / "data.img")
        wiring = Wiring(folder / "data.img")
    disk = folder / "root.qcow2"
    make_overlay(saved.root, "qcow2", disk)
    machine = Machine(image, folder, disk, wiring, saved)
    guest = None
    try:
        machine.resume()
        guest = Guest(machine)
        guest.greet()
        guest.settle()
        yield guest
    finally:
        if guest is not None:
            (folder / "told.txt").write_text("\n".join(guest.told), encoding="utf-8")
            guest.close()
        machine.cut_power()


def warm(image: Image) -> Saved:
    """A guest in which the project and the tests that run inside are imported: each test is a fork of it."""
    tests = sorted(path for path in HERE.glob("test_*.py") if "in_guest" in path.read_text(encoding="utf-8"))
    modules = [*PROJECT, *(f"tests.vm.{path.stem}" for path in tests)]

    def prepare(guest: Guest) -> None:
        guest.run(NAMES)
        guest.warm(modules)

    return prepared(image, "warm", SOURCES, prepare)


class Shared:
    """One guest for many tests, woken when it is first wanted."""

    def __init__(self, image: Image, folder: Path) -> None:
        self._image = image
        self._folder = folder
        self._running = ExitStack()
        self._guest: Guest | None = None

    def guest(self) -> Guest:
        if self._guest is None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._guest = self._running.enter_context(awake(self._image, self._folder, warm(self._image)))
        return self._guest

    def drop(self, keep_in: Path | None = None) -> None:
        """End it; its files are kept in that folder if asked for."""
        self._guest = None
        self._running.close()
        if keep_in is not None:
            shutil.copytree(self._folder, keep_in / "shared", ignore=shutil.ignore_patterns(*NO_FILES))
        shutil.rmtree(self._folder, ignore_errors=True)


def prepared(
    image: Image,
    name: str,
    sources: Iterable[str],
    prepare: Callable[[Guest], object],
    base: Saved | None = None,
) -> Saved:
    """The state of a guest after `prepare`; made anew when one of the source files has changed."""
    key = _key(image, sources)
    folder = WORK / f"{name}-{key}"
    saved = Saved(folder / "root.qcow2", folder / "state")
    with only_one(f"lock-{name}"):
        if not saved.state.exists():
            for stale in WORK.glob(f"{name}-*"):
                shutil.rmtree(stale)
            _prepare(image, folder, saved, prepare, base or image.booted)
    return saved


def _prepare(
    image: Image, folder: Path, saved: Saved, prepare: Callable[[Guest], object], base: Saved
) -> None:
    start = time.monotonic()
    with awake(image, folder, base) as guest:
        prepare(guest)
        guest.run("cd / && umount /project && sync")  # a mounted share cannot be saved
        fresh = folder / "state.new"
        guest.machine.save_state(fresh)
    fresh.replace(saved.state)
    print(f"VM lane: {folder.name} in {time.monotonic() - start:.0f} s", file=sys.stderr)


def _key(image: Image, sources: Iterable[str]) -> str:
    """One name for these files' contents on this guest."""
    digest = hashlib.sha256(image.folder.name.encode())
    digest.update((image.folder / "state-key").read_bytes())
    for source in sources:
        place = ROOT / source
        files = [place] if place.is_file() else sorted(place.rglob("*"))
        for file in files:
            if file.is_file() and file.suffix != ".pyc":
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]
