"""The moment when devices come or go, so that a missing one is looked for at once.

Owns: listening to the kernel's device events, and polling where the kernel does not tell them.
Must not know: which device is missing.

Listens only while somebody waits: an idle agent with all its devices is never woken. An event is no more than
a hint to look: a forged one costs one look.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NETLINK_KOBJECT_UEVENT = 15  # linux/netlink.h; Python has no name for it
KERNEL_AND_UDEV = 3  # groups 1 and 2: udev tells a device again once its links and rights are made
MESSAGE_LIMIT = 8192  # the kernel sends at most 2 KiB of properties, udev 8 KiB
MESSAGES_AT_ONCE = 64  # one hub with its devices; the rest waits for the next turn of the loop
POLL_S = 2.0  # with the 0.5 s of an opening this keeps a re-plug below 3 s
SETTLE_S = 0.1  # one plug gives five to ten events within some 50 ms; a loose one at most ten looks a second
UDEV_MAGIC = 0xFEEDCAFE
UDEV_HEADER = struct.Struct("=8s4sIII")  # prefix, magic (big-endian), header size, properties: offset, length
ACTIONS = frozenset({"add", "remove"})
SUBSYSTEMS = frozenset({"tty", "usb", "usbmisc", "hidraw", "input"})
Snapshot = tuple[int, ...]
FOLDERS = tuple(
    Path(folder)
    for folder in (
        "/dev",
        "/dev/serial/by-id",
        "/dev/serial/by-path",
        "/dev/input",
        "/dev/usb",
        "/dev/edge-agent",
        *(f"/dev/bus/usb/{number:03}" for number in range(1, 9)),  # a board has two to six
    )
)


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """A device node that came ("add") or went ("remove")."""

    action: str
    subsystem: str
    node: str


def parse_uevent(message: bytes) -> DeviceEvent | None:
    """The event in a message of the kernel or of udev; None if it tells of no device node of ours."""
    if len(message) > MESSAGE_LIMIT:
        return None
    told = _properties(message)
    event = DeviceEvent(told.get("ACTION", ""), told.get("SUBSYSTEM", ""), told.get("DEVNAME", ""))
    concerns_us = event.action in ACTIONS and event.subsystem in SUBSYSTEMS and event.node
    return event if concerns_us else None


def _properties(message: bytes) -> Mapping[str, str]:
    if message.startswith(b"libudev\0"):
        if len(message) < UDEV_HEADER.size:
            return {}
        _, magic, _, start, length = UDEV_HEADER.unpack_from(message)
        if int.from_bytes(magic, "big") != UDEV_MAGIC:
            return {}
        message = message[start : start + length]
    pairs = (line.partition(b"=") for line in message.split(b"\0"))
    return {name.decode("ascii", "replace"): value.decode("ascii", "replace") for name, _, value in pairs}


def kernel_events() -> socket.socket | None:
    """The socket on which the kernel tells of devices; None where that is forbidden."""
    try:
        events = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
            NETLINK_KOBJECT_UEVENT,
        )
    except OSError:
        return None
    try:
        events.bind((0, KERNEL_AND_UDEV))
    except OSError:
        events.close()
        return None
    return events


class Hotplug:
    """Tells those who wait that device nodes came or went. Use it as a context manager."""

    def __init__(
        self,
        source: Callable[[], socket.socket | None] = kernel_events,
        folders: Sequence[Path] = FOLDERS,
    ) -> None:
        self._source = source
        self._folders = folders
        self._events: socket.socket | None = None
        self._seen: Snapshot = ()
        self._news: set[asyncio.Future[None]] = set()
        self._listening: Callable[[], object] | None = None

    def __enter__(self) -> Hotplug:
        self._events = self._source()
        self._seen = _snapshot(self._folders)
        return self

    def __exit__(self, *_: object) -> None:
        self._mute()
        self._drop_source()

    @property
    def is_polling(self) -> bool:
        """Whether the kernel tells nothing here, so that waiting costs a look at the folders now and then."""
        return self._events is None

    async def changed(self, timeout_s: float) -> bool:
        """True soon after devices came or went (since the last wait, too), False when the time is up."""
        news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._news.add(news)
        try:
            if self._listening is None:
                self._listen()
            async with asyncio.timeout(timeout_s):
                await news
        except TimeoutError:
            return False
        finally:
            self._news.discard(news)
            if not self._news:
                self._mute()
        await asyncio.sleep(SETTLE_S)
        self._look()  # the rest of the same plug
        return True

    def _look(self) -> None:
        if self._events is None:
            self._compare()
        else:
            self._on_events(self._events)

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        events = self._events
        if events is None:
            self._listening = loop.call_later(POLL_S, self._poll).cancel
            self._compare()
        else:
            loop.add_reader(events, self._on_events, events)
            self._listening = lambda: loop.remove_reader(events)

    def _mute(self) -> None:
        if self._listening is not None:
            self._listening()
            self._listening = None

    def _poll(self) -> None:
        self._listening = asyncio.get_running_loop().call_later(POLL_S, self._poll).cancel
        self._compare()

    def _compare(self) -> None:
        before, self._seen = self._seen, _snapshot(self._folders)
        if before != self._seen:
            self._tell()

    def _on_events(self, events: socket.socket) -> None:
        concerned = False
        try:
            for _ in range(MESSAGES_AT_ONCE):
                concerned |= parse_uevent(events.recv(MESSAGE_LIMIT)) is not None
        except BlockingIOError:
            pass  # all read
        except OSError as error:
            concerned = True
            if error.errno != errno.ENOBUFS:  # that one only says that events were missed
                self._fall_back()
        if concerned:
            self._tell()

    def _fall_back(self) -> None:
        """The source is broken: look at the folders from now on."""
        self._mute()
        self._drop_source()
        if self._news:
            self._listen()

    def _tell(self) -> None:
        for news in self._news:
            if not news.done():
                news.set_result(None)

    def _drop_source(self) -> None:
        if self._events is not None:
            self._events.close()
            self._events = None


def _snapshot(folders: Sequence[Path]) -> Snapshot:
    """When entries of the folders last came or went; 0 for a folder that is not there."""
    return tuple(_changed_ns(folder) for folder in folders)


def _changed_ns(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
