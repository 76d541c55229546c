"""The agent installed in the guest as a package would do it, beside simulated USB devices.

Owns: files in their places, the booth's configuration, asking the service and the simulators.
Must not know: what is tested.
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from typing import Any

from tests.vm.guest import Guest

CONTROL = "/run/usb-devices.sock"
LIBRARY = "/usr/lib/edge-agent"
RESULT = "/var/lib/edge-agent/probe.json"
START_S = 120.0
LAUNCHER = f"""#!/usr/bin/python3 -B
import sys
sys.path.insert(0, {LIBRARY!r})
from edge_agent.cli.main import main
sys.exit(main())
"""
INSTALL = f"""
set -e
mkdir -p {LIBRARY}
cd /project
cp -r edge_agent drivers simulators booth_edge_agent.egg-info tests/vm/probe.py {LIBRARY}
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
port = "{scanner}"

[[scale]]
id = "scale"
driver = "toledo_8217"
port = "{scale}"
unit = "kg"

[[printer]]
id = "printer"
driver = "escpos"
port = "{printer}"

[uplink]
enabled = {uplink}
host = "{host}"
port = 1883

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
        folder = "/etc/systemd/system/edge-agent.service.d"
        self.guest.run(f"mkdir -p {folder} && printf '[Service]\\n{_escaped(lines)}\\n' > {folder}/test.conf")
        self.guest.run("systemctl daemon-reload")

    def events(self) -> list[str]:
        """Types of all events in the ledger, oldest first."""
        rows = self.guest.run("sqlite3 /var/lib/edge-agent/ledger.db 'select type from event order by seq'")
        return rows.split()

    def probe(self) -> dict[str, str]:
        """What a program in the agent's place, in the agent's sandbox, can open and write."""
        self.drop_in(f"ExecStart=\nExecStart=/usr/bin/python3 {LIBRARY}/probe.py\nRestart=no")
        self.guest.run("systemctl start edge-agent", timeout_s=START_S)
        found = json.loads(self.guest.run(f"cat {RESULT}"))
        self.guest.run("systemctl stop edge-agent")
        return dict(found)

    def plug_in(self, devices: str) -> None:
        """Start simulated devices, on ports of the hub from 0 on, and wait until they are there."""
        self.guest.run(
            f"systemd-run --collect --unit=usb-devices --setenv=PYTHONPATH={LIBRARY} --property=Type=exec "
            f"/usr/bin/python3 -m simulators.cli usb {devices} --port 0 --control {CONTROL} "
            "--speed 10000 --capacity 15 --put 0"
        )
        self.guest.wait_until(f"test -S {CONTROL}")
        self.guest.run("udevadm settle")


def install(guest: Guest, devices: str, *, host: str = "") -> Installed:
    """Everything in its place; `devices` are the simulators' kinds in the order of the hub's ports."""
    booth = Installed(guest)
    guest.run(INSTALL)
    guest.run(f"cat > /usr/bin/edge-agent <<'END'\n{LAUNCHER}END\nchmod 755 /usr/bin/edge-agent")
    booth.plug_in(devices)
    kinds = devices.split()
    places = {kind.rpartition("-")[2]: place(kind, kinds.index(kind)) for kind in reversed(kinds)}
    config = CONFIG.format(**places, uplink="true" if host else "false", host=host)
    guest.run(f"cat > /etc/edge-agent/booth.toml <<'END'\n{config}END\nedge-agent config check")
    return booth


def place(kind: str, port: int) -> str:
    """The port URL of a simulated device at that port of the virtual hub."""
    path = f"platform-vhci_hcd.0-usb-0:{port + 1}:1.0"
    if kind == "printer":
        return f"lp:/dev/edge-agent/lp-{path}"
    return f"serial:/dev/serial/by-path/{path}{'-port0' if kind.startswith('ftdi') else ''}"


def _escaped(lines: str) -> str:
    return lines.replace("\n", "\\n")


# What runs in the guest


def status() -> dict[str, Any]:
    """Ask the agent's socket."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(60)
        link.connect("/run/edge-agent/edge-agent.sock")
        link.sendall(b'{"op": "status"}\n')
        with link.makefile("rb") as lines:
            return dict(json.loads(lines.readline())["result"])


def await_status(role: str, wanted: str, at_most_s: float = 100.0) -> None:
    """Until the agent says so of that device."""
    deadline = time.monotonic() + at_most_s
    while True:
        devices = {device["id"]: device for device in status()["devices"]}
        if devices[role]["status"] == wanted:
            return
        assert time.monotonic() < deadline, f"{role} is not {wanted}: {devices}"
        time.sleep(0.05)


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


def replugged(plug_order: str, role: str) -> float:
    """Seconds from plugging in to ready."""
    start = time.monotonic()
    order(plug_order)
    await_status(role, "ready")
    return time.monotonic() - start
