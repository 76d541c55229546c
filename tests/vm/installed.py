"""The agent installed in the guest as a package would do it, beside simulated USB devices.

Owns: files in their places, the booth's configuration, asking the service and the simulators.
Must not know: what is tested.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.vm.board_time import stopwatch
from tests.vm.guest import Guest

CONTROL = "/run/usb-devices.sock"
DROP_INS = "/etc/systemd/system/edge-agent.service.d"
LIBRARY = "/usr/lib/edge-agent"
RESULT = "/var/lib/edge-agent/probe.json"
PAPERS = "/run/papers"  # what the simulated printer lets fall, as pictures
START_S = 1200.0  # emulated, and the host may be busy
# On ports 1 to 6 of the hub; the two HID scales are hid-scale-1 and hid-scale-2.
DEVICES = ("ftdi-scanner", "cdc-scale", "printer", "hid-scale", "wedge", "hid-scale")
OURS = ("tests/vm/installed.py", "tests/vm/probe.py")
SOURCES = ("pyproject.toml", "edge_agent", "drivers", "simulators", "systemd", *OURS)
LAUNCHER = f"""#!/usr/bin/python3 -B
import sys
sys.path.insert(0, {LIBRARY!r})
from edge_agent.cli.main import main
sys.exit(main())
"""
# A print job in one of these stays there, unless a person or a scan says more of it.
ENDED = frozenset({"sent", "confirmed", "unconfirmed", "failed", "expired", "cancelled"})
INSTALL = f"""
set -e
mkdir -p {LIBRARY}
cd /project
cp -r --preserve=timestamps edge_agent drivers simulators tests/vm/probe.py {LIBRARY}
chmod -R a+rX {LIBRARY}
cd /project/systemd
install -m 644 edge-agent.service /etc/systemd/system/edge-agent.service
install -D -m 644 edge-agent.sysusers /usr/lib/sysusers.d/edge-agent.conf
install -D -m 644 edge-agent.tmpfiles /usr/lib/tmpfiles.d/edge-agent.conf
install -D -m 644 edge-agent.modules-load /usr/lib/modules-load.d/edge-agent.conf
install -D -m 644 70-edge-agent.rules /usr/lib/udev/rules.d/70-edge-agent.rules
systemd-sysusers edge-agent.conf
systemd-tmpfiles --create edge-agent.conf
systemctl restart systemd-modules-load
udevadm control --reload
systemctl daemon-reload
"""
CONFIG = """
schema = 1

[booth]
id = "BOOTH-VM"

[counter]
without_scale = "flag"

[[scanner]]
id = "scanner"
driver = "line"
port = "serial:/dev/serial/by-path/platform-vhci_hcd.0-usb-0:1:1.0-port0"

[[scale]]
id = "scale"
driver = "toledo_8217"
port = "serial:/dev/serial/by-path/platform-vhci_hcd.0-usb-0:2:1.0"
unit = "kg"

[[printer]]
id = "printer"
driver = "escpos"
port = "lp:/dev/edge-agent/lp-platform-vhci_hcd.0-usb-0:3:1.0"

[uplink]
enabled = false

[ledger]
refuse_free_mib = 8
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """The service and the devices around it."""

    guest: Guest

    def start(self) -> None:
        """Start the service; it is ready when this returns."""
        self.guest.run("systemctl start edge-agent", timeout_s=START_S)

    def serve(self) -> None:
        """Start the service and wait for every device."""
        self.start()
        self.until_ready("scanner", "scale", "printer")

    def show(self, *names: str) -> dict[str, str]:
        """Properties of the unit."""
        told = self.guest.run(f"systemctl show edge-agent -p {','.join(names)}")
        return dict(line.split("=", 1) for line in told.splitlines())

    def status(self) -> dict[str, Any]:
        """What the agent says of itself."""
        return dict(self.guest.call(status))

    def until_ready(self, *roles: str) -> None:
        for role in roles:
            self.until_status(role, "ready")

    def until_status(self, role: str, wanted: str) -> None:
        self.guest.call(await_status, role=role, wanted=wanted)

    def order(self, line: str) -> str:
        """Tell the simulators something."""
        return str(self.guest.call(order, line=line))

    def drop_in(self, lines: str) -> None:
        """Change the unit, as `systemctl edit` does."""
        self.guest.run(f"printf '[Service]\\n{_escaped(lines)}\\n' > {DROP_INS}/test.conf")
        self.guest.run("systemctl daemon-reload")

    def events(self) -> list[str]:
        """Types of all events in the ledger, oldest first."""
        rows = self.guest.run("sqlite3 /var/lib/edge-agent/ledger.db 'select type from events order by seq'")
        return rows.split()

    def probe(self) -> dict[str, str]:
        """What a program in the agent's place, in the agent's sandbox, can open and write."""
        self.drop_in(f"ExecStart=\nExecStart=/usr/bin/python3 {LIBRARY}/probe.py\nRestart=no")
        self.guest.run("systemctl start edge-agent", timeout_s=START_S)
        found = json.loads(self.guest.run(f"cat {RESULT}"))
        self.guest.run("systemctl stop edge-agent")
        return dict(found)


def install(guest: Guest) -> None:
    """Everything in its place, and the devices plugged in."""
    guest.run(INSTALL)
    guest.call(name_the_drivers)
    guest.run(f"cat > /usr/bin/edge-agent <<'END'\n{LAUNCHER}END\nchmod 755 /usr/bin/edge-agent")
    guest.run(f"mkdir -p {DROP_INS}")
    guest.run("systemctl daemon-reload")
    guest.run(f"cat > /etc/edge-agent/booth.toml <<'END'\n{CONFIG}END\n")
    guest.run(
        f"systemd-run --unit=usb-devices --setenv=PYTHONPATH={LIBRARY} --property=Type=exec "
        f"/usr/bin/python3 -m simulators.cli usb {' '.join(DEVICES)} --port 0 --control {CONTROL} "
        f"--speed 10000 --capacity 15 --labels {PAPERS}"
    )
    guest.wait_until(f"test -S {CONTROL}")
    for port in (4, 6):
        guest.wait_until(f"test -e /dev/edge-agent/hidraw-platform-vhci_hcd.0-usb-0:{port}:1.0")
    guest.run("udevadm settle")


def _escaped(lines: str) -> str:
    return lines.replace("\n", "\\n")


# What runs in the guest


def name_the_drivers(library: str = LIBRARY) -> None:
    """Write what an installer writes: by these entry points the agent finds its drivers."""
    project = tomllib.loads(Path("/project/pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = Path(library) / "booth_edge_agent-0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0\n")
    lines = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {target}" for name, target in points.items()))
    ]
    (folder / "entry_points.txt").write_text("\n".join(lines))


def status() -> dict[str, Any]:
    """What the agent says of itself."""
    return asked("status")


def asked(operation: str, **arguments: object) -> dict[str, Any]:
    """Ask the agent's socket."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(60)
        link.connect("/run/edge-agent/edge-agent.sock")
        link.sendall(json.dumps({"op": operation, **arguments}).encode() + b"\n")
        with link.makefile("rb") as lines:
            return dict(json.loads(lines.readline())["result"])


def printed(job: str, at_most_s: float = 240.0) -> dict[str, Any]:
    """A print job of which nothing more will come by itself."""
    deadline = time.monotonic() + at_most_s
    while (told := asked("print.job", job=job))["state"] not in ENDED:
        assert time.monotonic() < deadline, told
        time.sleep(0.1)
    return told


def await_status(role: str, wanted: str, at_most_s: float = 240.0) -> None:
    """Until the agent says so of that device."""
    deadline = time.monotonic() + at_most_s
    while True:
        devices = {device["id"]: device for device in status()["devices"]}
        if devices[role]["status"] == wanted:
            return
        assert time.monotonic() < deadline, f"{role} is not {wanted}: {devices}"
        time.sleep(0.1)


def await_restart(role: str, at_most_s: float = 240.0) -> None:
    """Until an agent that is being started anew has this device ready; meanwhile nobody listens."""
    deadline = time.monotonic() + at_most_s
    while True:
        try:
            return await_status(role, "ready")
        except OSError:
            assert time.monotonic() < deadline, "the agent does not listen"
            time.sleep(0.1)


def order(line: str) -> str:
    """Give the simulators one order; their answer."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(60)
        link.connect(CONTROL)
        link.sendall(line.encode() + b"\n")
        with link.makefile("rb") as lines:
            answer = lines.readline().decode().strip()
    assert answer.startswith("ok"), f"{line}: {answer}"
    return answer


def stopped() -> dict[str, Any]:
    """An orderly stop: seconds on the board, and how they come about."""
    with stopwatch() as taken:
        subprocess.run(["systemctl", "stop", "edge-agent"], check=True)
    return {"board_s": taken.board_s, "told": str(taken)}


def replugged(plug_order: str, role: str) -> dict[str, Any]:
    """From plugging in to ready: seconds on the board, and how they come about."""
    with stopwatch() as taken:
        order(plug_order)
        await_status(role, "ready")
    return {"board_s": taken.board_s, "told": str(taken)}
