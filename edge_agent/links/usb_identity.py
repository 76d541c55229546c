"""Which USB device a node is, asked before it is opened: a path names a socket, not what is plugged in there.

Owns: reading it from sysfs by device number, and the refusal of another one. Must not know: how nodes are
opened, what the settings mean by a device.

`root` is "/" but for tests.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from edge_agent.links.blocking import in_thread
from edge_agent.links.failures import opening_failure, opening_timeout
from edge_agent.links.find import ancestors, real, text_of
from edge_agent.sdk.errors import LinkError

CHARACTER_DEVICES = "sys/dev/char"
OWN_NAMES = "/dev/serial/by-id/"  # such a name holds maker, model and serial number already
NAMED_BY_PATH = frozenset({"serial", "hidraw", "lp"})
SYSFS_S = 2.0  # a few files of sysfs, which ask no device
USB_ID = re.compile(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{4}", re.ASCII)


def may_be_bound(url: str) -> bool:
    """Whether a port is named by a path, so that something else could stand there."""
    scheme, _, address = url.partition(":")
    return scheme in NAMED_BY_PATH and address.startswith("/")


def usb_id_of(url: str, root: Path = Path("/")) -> str:
    """VVVV:PPPP of this port for its settings; empty where its name tells enough or nothing is there."""
    address = url.partition(":")[2]
    if not may_be_bound(url) or address.startswith(OWN_NAMES):
        return ""
    try:
        return _usb_id_at(address, root)
    except OSError:
        return ""


async def demand(url: str, wanted: str, device: str, root: Path = Path("/")) -> None:
    """Raises LinkError link.other_device for another device than `wanted`, link.absent for none."""
    try:
        await in_thread(f"identity of {url}", lambda: _demand(url, wanted, device, root), SYSFS_S)
    except TimeoutError:
        raise opening_timeout(url, device, SYSFS_S) from None


def _demand(url: str, wanted: str, device: str, root: Path) -> None:
    try:
        found = _usb_id_at(url.partition(":")[2], root)
    except OSError as error:
        raise opening_failure(error.errno, url, device, denied_hint="") from error
    if found == wanted.lower():
        return
    what = f"{found} is" if found else "no USB device is"
    mend = f'; if this one is meant, write usb_id = "{found}" in its table' if found else ""
    raise LinkError(
        "link.other_device",
        f"{url}: {what} plugged in there instead of {wanted.lower()}, and it is not opened",
        device=device,
        hint=f"plug the right device in there{mend}",
    )


def _usb_id_at(path: str, root: Path) -> str:
    """Of the device that this name leads to now. Raises OSError."""
    number = Path(path).stat().st_rdev
    place = root / CHARACTER_DEVICES / f"{os.major(number)}:{os.minor(number)}" / "device"
    for up in ancestors(root, real(place)):
        if (up / "idVendor").is_file():
            found = f"{text_of(up / 'idVendor')}:{text_of(up / 'idProduct')}".lower()
            return found if USB_ID.fullmatch(found) else ""
    return ""
