"""USB devices that speak in reports, through the kernel's /dev/hidraw: HID scales and POS scanners.

Owns: finding the node, opening it for ourselves, whole reports in both directions.
Must not know: what a report means.

The loop watches the descriptor; one read of the link is one report, as the device sent it. The kernel keeps
64 reports for each reader and drops what comes after them. Writing waits for the device, up to 5 s in the
kernel, so that it runs in a thread. The kernel lets several programs read one node: an advisory lock keeps
out those that ask for it, as another agent does.
A UNIX socket of packets in the node's place is a simulated device.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from pathlib import Path

from edge_agent.links.blocking import in_thread, is_occupied
from edge_agent.links.descriptor import DescriptorLink
from edge_agent.links.failures import node_permission_hint, opening_failure, opening_timeout
from edge_agent.links.find_usb import HID, only, usb_interfaces
from edge_agent.links.usb_address import is_usb_address, parse_usb_address
from edge_agent.links.waiting import Reports
from edge_agent.sdk.errors import LinkError

OPEN_TIMEOUT_S = 10.0  # a port that sleeps is woken up first; an awake one opens in a millisecond
CLOSE_TIMEOUT_S = 2.0  # the kernel takes back a transfer in flight; a re-plugged device must be back in 3 s
HIDIOCGRAWINFO = 0x80084803  # linux/hidraw.h; every node answers it, and nothing else does
RULES = "allow the device in /usr/lib/udev/rules.d/70-edge-agent.rules (a line with its vendor:product)"
ROOT = Path("/")


class HidrawLink(DescriptorLink):
    """A ByteLink of reports: each read gives one, each write sends one."""

    DISCARD_READS = 128  # twice what the kernel keeps

    @classmethod
    async def open(cls, address: str, *, device: str, root: Path = ROOT) -> HidrawLink:
        """Open the node of this path, or of this device: VVVV:PPPP[@PORT][/INTERFACE]."""
        url = f"hidraw:{address}"
        if is_occupied(url):
            raise LinkError(
                "link.busy",
                f"cannot open {url}: an earlier call still hangs in the kernel",
                device=device,
                hint="unplug the device and plug it in",
            )
        try:
            descriptor = await in_thread(
                url, lambda: _open(address, url, device, root), OPEN_TIMEOUT_S, os.close
            )
        except TimeoutError:
            raise opening_timeout(url, device, OPEN_TIMEOUT_S) from None
        except OSError as error:
            raise opening_failure(error.errno, url, device, denied_hint=RULES) from error
        return cls(descriptor, url, device, Reports())

    async def write(self, data: bytes, timeout_s: float) -> None:
        """Send one report; its first byte is the report's number, or 0 where the device has no numbers."""
        if self._loss:
            raise self._lost()
        name = f"{self._url} write"
        if is_occupied(name):
            raise self._not_taken(len(data), timeout_s)
        own = os.dup(self._descriptor)
        try:
            await in_thread(name, lambda: _write_and_close(own, data), timeout_s)
        except TimeoutError:
            raise self._not_taken(len(data), timeout_s) from None
        except OSError as error:
            raise self._refused(error) from error

    def _not_taken(self, size: int, timeout_s: float) -> LinkError:
        return LinkError(
            "link.write_timeout",
            f"{self._url} did not take a report of {size} bytes in {timeout_s} s",
            device=self._device,
            hint="unplug the device and plug it in",
        )

    def _refused(self, error: OSError) -> LinkError:
        """A report that the device does not know is no loss of the link; reading tells a real one."""
        if error.errno in {errno.EPIPE, errno.EINVAL, errno.EPROTO}:
            return LinkError(
                "link.refused_report",
                f"{self._url}: the device refuses this report",
                device=self._device,
                hint="compare the settings of the device's driver with its manual",
            )
        self._lose(error.strerror or "write failed")
        return self._lost()

    async def _release(self, descriptor: int) -> None:
        try:
            await in_thread(self._url, lambda: os.close(descriptor), CLOSE_TIMEOUT_S)
        except (TimeoutError, OSError):
            return  # the device is gone, or the thread goes on


def _write_and_close(descriptor: int, data: bytes) -> None:
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def _open(address: str, url: str, device: str, root: Path) -> int:
    path = _node(address, url, device, root)
    try:
        if stat.S_ISSOCK(Path(path).stat().st_mode):
            return _simulated(path)
        return _open_node(path)
    except OSError as error:
        if error.errno in {errno.ENOTTY, errno.EINVAL, errno.EISDIR, errno.EPROTOTYPE}:
            raise _no_hid(url, device) from error
        hint = (
            node_permission_hint(path) if error.errno == errno.EACCES and not _is_root_only(path) else RULES
        )
        raise opening_failure(error.errno, url, device, denied_hint=hint) from error


def _node(address: str, url: str, device: str, root: Path) -> str:
    if not is_usb_address(address):
        return address
    wanted = parse_usb_address(address)
    found = [one for one in usb_interfaces(root) if one.kind == HID and one.node]
    return only(found, wanted, url, device).node


def _open_node(path: str) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        fcntl.ioctl(descriptor, HIDIOCGRAWINFO, bytes(8))
        _lock(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY)) from None


def _simulated(path: str) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC) as link:
        link.setblocking(False)
        link.connect(path)
        return link.detach()


def _is_root_only(path: str) -> bool:
    """A node that no udev rule has given away."""
    try:
        node = Path(path).stat()
    except OSError:
        return True
    return node.st_gid == 0


def _no_hid(url: str, device: str) -> LinkError:
    return LinkError(
        "link.not_hid",
        f"cannot open {url}: it is no HID device",
        device=device,
        hint="write the name that `edge-agent devices list` shows",
    )
