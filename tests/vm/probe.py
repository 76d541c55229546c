"""Runs in the agent's place, in its sandbox: tells what can be opened and written there, then waits.

Must not import anything of the project: it stands for a program that was taken over.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

RESULT = Path("/var/lib/edge-agent/probe.json")
NODES = {
    "tty": "/dev/ttyUSB0",
    "acm": "/dev/ttyACM0",
    "lp": "/dev/usb/lp0",
    "hidraw": "/dev/hidraw0",
    "keyboard": "/dev/input/by-id/usb-Booth_Sim_keyboard_scanner_KB0001-event-kbd",
    "kmsg": "/dev/kmsg",
    "disk": "/dev/vda",
    "mem": "/dev/mem",
}
FILES = ("/etc/edge-agent/x", "/var/lib/edge-agent/x", "/run/edge-agent/x", "/usr/bin/x")
KOBJECT_UEVENT = 15


def main() -> None:
    found = {name: tried(lambda node=node: opened(node)) for name, node in NODES.items()}
    found["usbfs"] = tried(lambda: opened(hid_scale_node()))
    for file in FILES:
        found[f"write {file}"] = tried(lambda file=file: Path(file).write_text("x"))
    found["uevents"] = tried(uevents)
    found["boot id"] = tried(Path("/proc/sys/kernel/random/boot_id").read_text)
    RESULT.write_text(json.dumps(found))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
    time.sleep(600)


def tried(action: Callable[[], object]) -> str:
    try:
        action()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "ok"


def opened(node: str) -> None:
    flags = os.O_RDWR if node not in {"/dev/kmsg", "/dev/vda", "/dev/mem"} else os.O_RDONLY
    os.close(os.open(node, flags | os.O_NONBLOCK | os.O_NOCTTY))


def hid_scale_node() -> str:
    """The usbfs node of the HID scale, which stands on the allow-list."""
    for device in Path("/sys/bus/usb/devices").glob("*"):
        vendor = device / "idVendor"
        if vendor.exists() and vendor.read_text().strip() == "0922":
            bus, number = int((device / "busnum").read_text()), int((device / "devnum").read_text())
            return f"/dev/bus/usb/{bus:03}/{number:03}"
    raise OSError(errno.ENOENT, "no HID scale")


def uevents() -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, KOBJECT_UEVENT) as events:
        events.bind((0, 3))


if __name__ == "__main__":
    main()
