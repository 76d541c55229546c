"""The guest's files under .work/vm: built when missing or changed, booted once, state saved.

Owns: the recipe's key, the cache, one build at a time. Must not know: the tests.
"""

from __future__ import annotations

import compileall
import fcntl
import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from packaging.requirements import Requirement

from tests.vm.guest import Guest
from tests.vm.machine import Image, Machine, Wiring, copy_disk, make_overlay

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".work" / "vm"
RECIPE = ROOT / "tools" / "vm"
TOOLS = ("qemu-system-x86_64", "qemu-img", "mmdebstrap", "mke2fs", "e2fsck", "debugfs", "cpio", "modprobe")
SYSTEM_FOLDERS = "/usr/sbin:/sbin"  # where Debian keeps half of them, and ordinary users' PATH does not look
GUEST_PYTHON = (3, 11)
BUILD_S = 900  # a minute and a half here; a slow mirror takes its time
COMPILED = ("edge_agent", "drivers", "simulators", "tests/vm")
SAID = 4000  # characters of a failed step's output, from the end: where the reason stands
# Devices of the tests come and go; the drivers stay, so that no test waits for modprobe.
DRIVERS = "vhci_hcd ftdi_sio cdc_acm usblp usbhid hid_generic evdev usbmon 9p 9pnet_virtio"


class BuildError(RuntimeError):
    """A step of the build failed; the text is what it had to say."""


def missing_tools() -> list[str]:
    """What the lane needs and this machine has not."""
    path = f"{SYSTEM_FOLDERS}:{_environment()['PATH']}"
    missing = [tool for tool in TOOLS if shutil.which(tool, path=path) is None]
    if sys.version_info[:2] != GUEST_PYTHON:
        missing.append("Python 3.11 (the guest's own, whose wheels are built here)")
    return missing


def ready_image() -> Image:
    """The guest, built, booted and saved. Only the first call after a change takes longer than a moment."""
    with only_one("lock"):
        _compile()
        pins = _pins()
        rootfs = WORK / f"rootfs-{_key(_recipe_text('packages.txt', 'build_rootfs.sh'))}.tar"
        recipe = _recipe_text("build_image.sh", "guest/init", "guest/resident.py", "guest/resident.service")
        image = Image(WORK / f"image-{_key(rootfs.name, recipe, pins)}")
        if not rootfs.exists():
            _build_rootfs(rootfs)
        if not image.data.exists():
            _build_image(rootfs, pins, image)
        if _state_key(image) != _wanted_state():
            _boot_and_save(image)
        _forget_others(rootfs, image)
    return image


def _compile() -> None:
    """Python's compiled files, for the guest too: emulated, compiling takes longer than what then runs."""
    for place in COMPILED:
        compileall.compile_dir(ROOT / place, quiet=2)


def _build_rootfs(rootfs: Path) -> None:
    folder = WORK / "rootfs.new"
    _clear(folder)
    _step("Debian packages", [str(RECIPE / "build_rootfs.sh"), str(folder)])
    (folder / "rootfs.tar").replace(rootfs)
    _clear(folder)
    folder.rmdir()


def _build_image(rootfs: Path, pins: str, image: Image) -> None:
    folder = WORK / "image.new"
    _clear(folder)
    requirements = folder / "requirements.txt"
    requirements.write_text(pins, encoding="utf-8")
    build = [str(RECIPE / "build_image.sh"), str(rootfs), str(requirements), sys.executable, str(folder)]
    _step("Python packages and disk", build)
    if image.folder.exists():
        shutil.rmtree(image.folder)
    folder.replace(image.folder)


def _boot_and_save(image: Image) -> None:
    start = time.monotonic()
    for stale in (image.booted.root, image.booted.state, image.folder / "state-key"):
        stale.unlink(missing_ok=True)
    folder = image.folder / "boot"
    _clear(folder)
    make_overlay(image.root, "raw", image.booted.root)
    copy_disk(image.data, folder / "data.img")
    machine = Machine(image, folder, image.booted.root, Wiring(folder / "data.img"))
    try:
        with closing(Guest(machine)) as guest:
            guest.greet()
            guest.run(f"modprobe -a {DRIVERS} && udevadm settle && sync")
        machine.save_state(image.booted.state)
    finally:
        machine.cut_power()
    (image.folder / "state-key").write_text(_wanted_state(), encoding="utf-8")
    print(f"VM lane: booted and saved in {time.monotonic() - start:.0f} s", file=sys.stderr)


def _state_key(image: Image) -> str:
    file = image.folder / "state-key"
    return file.read_text(encoding="utf-8") if file.exists() and image.booted.state.exists() else ""


def _wanted_state() -> str:
    """A saved state fits the QEMU, its arguments, and the processor whose clock the guest counts by."""
    version = subprocess.run(["qemu-system-x86_64", "--version"], check=True, capture_output=True, text=True)
    arguments = Path(__file__).with_name("machine.py").read_text(encoding="utf-8")
    processor = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line][:1]
    return _key(version.stdout, arguments, DRIVERS, *processor)


def _pins() -> str:
    """The versions of our run-time dependencies that this environment has: the guest gets the same."""
    found: dict[str, str] = {}
    waiting = ["booth-edge-agent", "pytest"]
    while waiting:
        distribution = importlib.metadata.distribution(waiting.pop())
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        if name in found:
            continue
        found[name] = distribution.version
        wanted = map(Requirement, distribution.requires or [])
        waiting += [
            need.name for need in wanted if need.marker is None or need.marker.evaluate({"extra": ""})
        ]
    del found["booth-edge-agent"]
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()))


def _recipe_text(*names: str) -> str:
    return "".join((RECIPE / name).read_text(encoding="utf-8") for name in names)


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _step(what: str, command: list[str]) -> None:
    start = time.monotonic()
    print(f"VM lane: {what} …", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(
            command,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=BUILD_S,
            check=False,
        )
    except subprocess.TimeoutExpired as slow:
        said = (slow.stdout or b"").decode(errors="replace")
        raise BuildError(f"{what}: not done after {BUILD_S} s (the mirror?): {said[-SAID:]}") from slow
    if done.returncode:
        raise BuildError(f"{what}: {done.stdout.decode(errors='replace')[-SAID:]}")
    print(f"VM lane: {what}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def _environment() -> dict[str, str]:
    path = os.environ.get("PATH", "/usr/bin:/bin")
    return {**os.environ, "PATH": f"{path}:{SYSTEM_FOLDERS}"}


def _forget_others(rootfs: Path, image: Image) -> None:
    for other in WORK.glob("rootfs-*.tar"):
        if other != rootfs:
            other.unlink()
    for folder in WORK.glob("image-*"):
        if folder != image.folder:
            shutil.rmtree(folder)


def _clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


@contextmanager
def only_one(name: str) -> Iterator[None]:
    """Of all processes that work here, one at a time does what that name stands for."""
    WORK.mkdir(parents=True, exist_ok=True)
    with (WORK / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Make the guest where it is missing, in the open; without QEMU the tests tell what that means."""
    if not missing_tools():
        try:
            ready_image()
        except BuildError as error:
            print(f"VM lane: the guest could not be built: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
