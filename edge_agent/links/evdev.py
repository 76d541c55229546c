"""Scanners that type, through the kernel's input events: /dev/input/event.

Owns: opening every node of the device for ourselves alone, reading it whole, telling lost events.
Must not know: keys' meaning, barcodes. `evdev` is imported nowhere else, and only once such a port is opened.

A read gives whole events in the layout of a 64-bit kernel (24 bytes). Of each device all nodes are grabbed:
some scanners type on one and send media or power keys on the other, and none of that may reach the console.
A node is grabbed when nothing has been typed for a moment and no key is down: the console would see that key
as held for ever. If that moment does not come, it is grabbed anyway, which is said in the log.

Where the kernel lost events (SYN_DROPPED), the rest of that read is dropped and the kernel is asked which
keys are down: the stream then has SYN_DROPPED, these keys, SYN_REPORT. A link begins with the same where keys
were typed or down as it was grabbed, since the first barcode lacks its beginning.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import select
import stat
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.links.blocking import in_thread, is_occupied
from edge_agent.links.failures import opening_failure, opening_timeout
from edge_agent.links.input_address import FORMS, paths
from edge_agent.sdk.errors import LinkError

log = logging.getLogger(__name__)

OPEN_TIMEOUT_S = 10.0  # a port that sleeps is woken up first; an awake one opens in a millisecond
QUIET_S = 0.1  # longer than the pause between two keys of a scanner: none of its barcodes is under way
GRAB_WAIT_S = 2.0  # a re-plugged scanner must be ready within 3 s
READ_BYTES = 64 * 256 * 3  # several times the kernel's buffer of a keyboard, which holds 64 events
WAITING_LIMIT = 256 * 1024  # about 10,000 events: the scans of half a minute while the disk is slow
CHUNK_LIMIT = 64 * 1024  # as the seam promises
INPUT_MAJOR = 13
EV_SYN, EV_KEY, EV_MSC = 0x00, 0x01, 0x04
SYN_REPORT, SYN_DROPPED = 0, 3
EVIOCSCLOCKID = 0x400445A0  # linux/input.h: _IOW('E', 0xa0, int)
KEY_BYTES = 96  # a bit for each of the 768 key codes
EVIOCGKEY = 0x80604518  # the same: _IOR('E', 0x18, 96 bytes)
NATIVE = struct.Struct("llHHi")  # struct input_event of this kernel
EVENT = struct.Struct("<qqHHi")
REPLUG = "plug the scanner in again"
ROOT = Path("/")
RULES = "allow the scanner in /usr/lib/udev/rules.d/70-edge-agent.rules (a line with its vendor:product)"


@dataclass(frozen=True, slots=True)
class Node:
    """One open, grabbed node. `keys` asks the kernel which keys are down now."""

    descriptor: int
    keys: Callable[[], Sequence[int]]
    begins_torn: bool = False


class EvdevLink:
    """A ByteLink on all nodes of one device; what they send is one stream, in the order of its reading."""

    def __init__(self, nodes: Sequence[Node], url: str, device: str) -> None:
        self._nodes = list(nodes)
        self._url = url
        self._device = device
        self._loop = asyncio.get_running_loop()
        self._waiting = bytearray()
        self._arrived = asyncio.Event()
        self._watched = False
        self._loss = ""
        for node in nodes:
            if node.begins_torn:
                self._waiting += _state(node)
        self._watch()

    @classmethod
    async def open(cls, address: str, *, device: str, root: Path = ROOT) -> EvdevLink:
        """Open and grab the device of this address (split_address), if it is the one that is meant."""
        url = f"evdev:{address}"
        if is_occupied(url):
            raise LinkError(
                "link.busy",
                f"cannot open {url}: an earlier call still hangs in the kernel",
                device=device,
                hint=REPLUG,
            )
        try:
            nodes = await in_thread(
                url, lambda: _open_device(address, url, device, root), OPEN_TIMEOUT_S, _close_all
            )
        except TimeoutError:
            raise opening_timeout(url, device, OPEN_TIMEOUT_S) from None
        except OSError as error:
            raise _failure(error, url, device) from error
        return cls(nodes, url, device)

    @property
    def url(self) -> str:
        return self._url

    async def read(self) -> bytes:
        while not self._waiting:
            if self._loss:
                raise self._lost()
            self._watch()
            self._arrived.clear()
            await self._arrived.wait()
        data = bytes(self._waiting[:CHUNK_LIMIT])
        del self._waiting[:CHUNK_LIMIT]
        self._watch()
        return data

    async def write(self, data: bytes, timeout_s: float) -> None:  # noqa: ARG002 - the seam's own names
        """A scanner that types is never written to."""
        raise LinkError("link.one_way", f"{self._url} takes no bytes", device=self._device)

    def discard_input(self) -> int:
        for node in self._nodes:
            self._on_readable(node)
        dropped = len(self._waiting)
        self._waiting.clear()
        return dropped

    async def close(self) -> None:
        self._lose("closed by the agent")
        nodes, self._nodes = self._nodes, []
        _close_all(nodes)

    def _watch(self) -> None:
        if not self._watched and not self._loss and len(self._waiting) < WAITING_LIMIT:
            for node in self._nodes:
                self._loop.add_reader(node.descriptor, self._on_readable, node)
            self._watched = True

    def _unwatch(self) -> None:
        if self._watched:
            for node in self._nodes:
                self._loop.remove_reader(node.descriptor)
            self._watched = False

    def _on_readable(self, node: Node) -> None:
        if self._loss:
            return
        try:
            data = os.read(node.descriptor, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error.strerror or "read failed")
            return
        if not data:
            self._lose("hung up")
            return
        self._waiting += _passed_on(data, node)
        if len(self._waiting) >= WAITING_LIMIT:
            self._unwatch()
        if self._waiting:
            self._arrived.set()

    def _lose(self, reason: str) -> None:
        if not self._loss:
            self._unwatch()
            self._loss = reason
            self._arrived.set()

    def _lost(self) -> LinkError:
        return LinkError("link.lost", f"{self._url}: {self._loss}", device=self._device, hint=REPLUG)


def _passed_on(data: bytes, node: Node) -> bytes:
    """Keys and their marks; from a loss of events on, nothing but the state of the keys."""
    kept = bytearray()
    for seconds, microseconds, kind, code, value in NATIVE.iter_unpack(
        data[: len(data) // NATIVE.size * NATIVE.size]
    ):
        if (kind, code) == (EV_SYN, SYN_DROPPED):
            return bytes(kept) + _state(node)
        if kind != EV_MSC:
            kept += EVENT.pack(seconds, microseconds, kind, code, value)
    return bytes(kept)


def _state(node: Node) -> bytes:
    """SYN_DROPPED, the keys that are down, SYN_REPORT. Asking also empties the kernel's queue of keys."""
    down: Sequence[int] = ()
    with contextlib.suppress(OSError):  # gone: the next read says so
        down = node.keys()
    keys = [EVENT.pack(0, 0, EV_KEY, code, 1) for code in down]
    return b"".join(
        [EVENT.pack(0, 0, EV_SYN, SYN_DROPPED, 0), *keys, EVENT.pack(0, 0, EV_SYN, SYN_REPORT, 0)]
    )


def _open_device(address: str, url: str, device: str, root: Path) -> list[Node]:
    """All nodes of the device, grabbed; or none."""
    with contextlib.ExitStack() as undo:
        nodes = []
        for path in paths(address, url, device, root):
            node = _open_node(path, device)
            undo.callback(os.close, node.descriptor)
            nodes.append(node)
        undo.pop_all()
    return nodes


def _open_node(path: str, device: str) -> Node:
    from evdev import InputDevice  # compiled, and only for booths with such a scanner

    if not stat.S_ISCHR(os.stat(path).st_mode) or os.major(os.stat(path).st_rdev) != INPUT_MAJOR:  # noqa: PTH116
        raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
    opened = InputDevice(path)
    try:
        with contextlib.suppress(OSError):  # then a step of the wall clock may end a barcode
            fcntl.ioctl(opened.fd, EVIOCSCLOCKID, struct.pack("i", time.CLOCK_MONOTONIC))
        quiet = _wait_until_quiet(opened.fd, opened.active_keys)
        if not quiet:
            log.warning("%s: grabbed while keys are down or typed; the console may see one held", device)
        opened.grab()
        own = os.dup(opened.fd)
    finally:
        opened.close()
    return Node(own, lambda: _keys_down(own), begins_torn=not quiet)


def _keys_down(descriptor: int) -> Sequence[int]:
    bits = fcntl.ioctl(descriptor, EVIOCGKEY, bytes(KEY_BYTES))
    return [code for code in range(8 * KEY_BYTES) if bits[code // 8] >> code % 8 & 1]


def _wait_until_quiet(descriptor: int, keys: Callable[[], Sequence[int]]) -> bool:
    """Whether nothing was typed for a moment and no key is down, within the time that there is."""
    end_s = time.monotonic() + GRAB_WAIT_S
    while time.monotonic() < end_s:
        if select.select([descriptor], [], [], QUIET_S)[0]:
            os.read(descriptor, READ_BYTES)
        elif not keys():
            return True
    return False


def _close_all(nodes: Sequence[Node]) -> None:
    """Closing gives the keys back to everybody."""
    for node in nodes:
        with contextlib.suppress(OSError):
            os.close(node.descriptor)


def _failure(error: OSError, url: str, device: str) -> LinkError:
    if error.errno in {errno.ENOTTY, errno.EISDIR, errno.EINVAL}:
        return LinkError(
            "link.not_input",
            f"cannot open {url}: it is no input device",
            device=device,
            hint=FORMS,
        )
    return opening_failure(error.errno, url, device, denied_hint=RULES)
