"""One QEMU process: the test guest, booted or woken from its saved state.

Owns: QEMU's arguments, its control socket (QMP), cutting its power. Must not know: what the guest does.

Without KVM (EDGE_VM_ACCEL=kvm switches it on) a boot takes some 20 s and a wake-up about one.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MEMORY = "768M"
CORES = 1  # a second one costs more than it gives: two guests side by side fill two cores of the host
# Emulation pays for each feature: with QEMU's own "max" the kernel copies byte by byte, walks five levels of
# page tables and saves large registers at each switch. Wheels of ours run on the plainest 64-bit processor.
EMULATED_CPU = "qemu64"
# tsc=reliable: else a loaded host makes the kernel take a clock whose every reading leaves the guest's code.
KERNEL_LINE = (
    "root=/dev/vda rw console=ttyS0 quiet mitigations=off audit=0 apparmor=0 net.ifnames=0 "
    "random.trust_cpu=on panic=-1 systemd.show_status=0 tsc=reliable nowatchdog init_on_alloc=0 "
    "hardened_usercopy=off rcupdate.rcu_expedited=1"
)
# The guest's clock counts instructions while it works, one a nanosecond (about half a Raspberry Pi 4), and
# the host's time while it waits: however busy the host, work takes the guest as long as it always does.
COUNTED_TIME = ["-icount", "shift=0,sleep=on"]
CONNECT_S = 120.0  # QEMU opens its sockets at once; a loaded machine is slow to start it
QMP_S = 400.0
SHARED = "project"
HOST_AS_SEEN = "10.0.2.100"  # where the guest finds the one forwarded port of the host


@dataclass(frozen=True, slots=True)
class Saved:
    """A guest that was stopped in the middle of its life: its root disk, its memory and devices."""

    root: Path
    state: Path


@dataclass(frozen=True, slots=True)
class Image:
    """The files that one build of the guest consists of."""

    folder: Path

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def early(self) -> Path:
        return self.folder / "initrd.gz"

    @property
    def root(self) -> Path:
        return self.folder / "root.img"

    @property
    def data(self) -> Path:
        return self.folder / "data.img"

    @property
    def booted(self) -> Saved:
        """The guest as it was when it had booted."""
        return Saved(self.folder / "booted.qcow2", self.folder / "booted.state")


@dataclass(frozen=True, slots=True)
class Wiring:
    """What may differ between two runs of the guest without its hardware differing.

    `data` is the data disk's file; with `write_log` each write to it is also logged there, in order.
    `forward` maps ports that the guest sees at 10.0.2.100 to ports on the host's loopback.
    """

    data: Path
    write_log: Path | None = None
    forward: dict[int, int] = field(default_factory=dict)


class Machine:
    """A running guest. Its files lie in `folder`, which belongs to it alone."""

    def __init__(
        self, image: Image, folder: Path, root_disk: Path, wiring: Wiring, wake: Saved | None = None
    ) -> None:
        self.folder = folder
        self.console = folder / "console.log"
        self._qmp: socket.socket | None = None
        self._qmp_lines: Any = None
        arguments = _arguments(image, folder, root_disk, wiring)
        if wake is not None:
            arguments += ["-incoming", f"exec:cat {wake.state}"]
        with (folder / "qemu.log").open("wb") as log:
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=folder
            )

    def connect(self, name: str) -> socket.socket:
        """Connect to one of the machine's sockets: qmp, resident, stream."""
        deadline = time.monotonic() + CONNECT_S
        while True:
            link = socket.socket(socket.AF_UNIX)
            try:
                _connect_in(self.folder, name, link)
            except OSError:
                link.close()
                self._still_alive()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return link

    def control(self, command: str, **arguments: object) -> Any:
        """One QMP command. Raises RuntimeError with QEMU's reason."""
        if self._qmp is None:
            self._qmp = self.connect("qmp")
            self._qmp.settimeout(QMP_S)
            self._qmp_lines = self._qmp.makefile("r", encoding="utf-8")
            self._qmp_lines.readline()
            self.control("qmp_capabilities")
        line = json.dumps({"execute": command, "arguments": arguments})
        self._qmp.sendall(line.encode() + b"\n")
        while True:
            text = self._qmp_lines.readline()
            if not text:
                raise RuntimeError(f"QEMU ended: {self.log()}")
            answer = json.loads(text)
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def resume(self) -> None:
        """Have a woken guest run, once its state is loaded."""
        deadline = time.monotonic() + QMP_S
        while self.control("query-status")["status"] == "inmigrate":
            if time.monotonic() > deadline:
                raise RuntimeError(f"the state could not be loaded: {self.log()}")
            time.sleep(0.02)
        self.control("cont")

    def save_state(self, file: Path) -> None:
        """Stop the guest and write its memory and devices; it cannot go on afterwards."""
        self.control("stop")
        self.control("migrate", uri=f"exec:cat > {file}")
        deadline = time.monotonic() + QMP_S
        while (status := self.control("query-migrate")["status"]) != "completed":
            if status == "failed" or time.monotonic() > deadline:
                raise RuntimeError(f"the state could not be saved: {status}")
            time.sleep(0.05)
        self.control("quit")
        self.process.wait(timeout=QMP_S)

    def cut_power(self) -> None:
        """SIGKILL: nothing in QEMU or in the guest gets a word in."""
        self.process.kill()
        self.process.wait()
        if self._qmp is not None:
            self._qmp_lines.close()
            self._qmp.close()
            self._qmp = None

    def freeze(self) -> None:
        """Stop QEMU itself where it stands: when this returns, nothing is written any more."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        """Go on after a freeze, as if nothing had been."""
        self.process.send_signal(signal.SIGCONT)

    def log(self) -> str:
        """What QEMU itself had to say."""
        return (self.folder / "qemu.log").read_text(encoding="utf-8", errors="replace")

    def _still_alive(self) -> None:
        if self.process.poll() is not None:
            raise RuntimeError(f"QEMU ended with {self.process.returncode}: {self.log()}")


def make_overlay(base: Path, base_format: str, overlay: Path) -> None:
    """A disk that starts as `base` and leaves it alone; it finds its base also when the folder has moved."""
    beside = os.path.relpath(base.resolve(), overlay.parent.resolve())
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", base_format, "-b", beside, str(overlay)],
        check=True,
    )


def copy_disk(source: Path, target: Path) -> None:
    """A copy that stays as sparse as the original."""
    subprocess.run(["cp", "--reflink=auto", "--sparse=always", str(source), str(target)], check=True)


def _connect_in(folder: Path, name: str, link: socket.socket) -> None:
    """Through the folder's descriptor: a UNIX socket's path may have 107 bytes only."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        link.connect(f"/proc/self/fd/{number}/{name}")
    finally:
        os.close(number)


def _arguments(image: Image, folder: Path, root_disk: Path, wiring: Wiring) -> list[str]:
    """The devices and their order are part of the saved state; only what is behind them may change."""
    accelerator = os.environ.get("EDGE_VM_ACCEL", "tcg,thread=single")
    project = Path(__file__).parents[2]
    network = "user,id=net,restrict=on"
    for seen, port in sorted(wiring.forward.items()):
        forwarder = Path(__file__).with_name("forward.py")
        network += f",guestfwd=tcp:{HOST_AS_SEEN}:{seen}-cmd:{sys.executable} {forwarder} {port}"
    return [
        *("qemu-system-x86_64", "-M", "q35,i8042=off", "-accel", accelerator),
        *("-cpu", "host" if accelerator.startswith("kvm") else EMULATED_CPU),
        *([] if accelerator.startswith("kvm") else COUNTED_TIME),
        *("-m", MEMORY, "-smp", str(CORES)),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-kernel", str(image.kernel), "-initrd", str(image.early), "-append", KERNEL_LINE),
        *("-serial", f"file:{folder / 'console.log'}"),
        *("-qmp", "unix:qmp,server=on,wait=off"),
        *("-blockdev", f"driver=file,node-name=root-file,filename={root_disk}"),
        *("-blockdev", "driver=qcow2,node-name=root-disk,file=root-file"),
        *("-device", "virtio-blk-pci,drive=root-disk,serial=root"),
        *_data_disk(wiring),
        *("-device", "virtio-blk-pci,drive=data-disk,serial=data"),
        *("-device", "virtio-serial-pci"),
        *("-chardev", "socket,id=resident,path=resident,server=on,wait=off"),
        *("-device", "virtserialport,chardev=resident,name=edge.resident"),
        *("-chardev", "socket,id=stream,path=stream,server=on,wait=off"),
        *("-device", "virtserialport,chardev=stream,name=edge.stream"),
        *("-device", "virtio-rng-pci"),
        *("-fsdev", f"local,id={SHARED},path={project},security_model=none,readonly=on"),
        *("-device", f"virtio-9p-pci,fsdev={SHARED},mount_tag={SHARED}"),
        *("-netdev", network, "-device", "virtio-net-pci,netdev=net,romfile="),
    ]


def _data_disk(wiring: Wiring) -> list[str]:
    plain = f"driver=file,node-name={'data-file' if wiring.write_log else 'data-disk'},filename={wiring.data}"
    if wiring.write_log is None:
        return ["-blockdev", plain]
    log = f"driver=file,node-name=log-file,filename={wiring.write_log}"
    logged = "driver=blklogwrites,node-name=data-disk,file=data-file,log=log-file,log-sector-size=512"
    return ["-blockdev", plain, "-blockdev", log, "-blockdev", logged]
