"""USB printers through the kernel's printer-class driver (usblp): /dev/usb/lp.

Owns: opening the node for ourselves alone, bounded writes and reads, what the port tells beside the bytes.
Must not know: printer languages, jobs.

The driver takes up to 8 KiB at a time and says when the transfer is over, but not whether it failed: a
printer that refuses (stall) looks like one that takes everything, and only its own answers prove more. What
the driver took and the printer did not counts as accepted; a link that is closed then loses it.
A printer without a way back (protocol 1) is written only. Some clones answer every poll with an empty packet:
reading then pauses, so that they cannot keep the loop busy.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
import struct
from collections.abc import Callable

from edge_agent.links.blocking import in_thread, is_occupied
from edge_agent.links.descriptor import DescriptorLink
from edge_agent.links.failures import node_permission_hint, opening_failure, opening_timeout
from edge_agent.links.port_status import port_status_of
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.ieee1284 import device_id_text
from edge_agent.sdk.ports import PortStatus

OPEN_TIMEOUT_S = 10.0  # a port that sleeps is woken up first; an awake one opens in a millisecond
CLOSE_TIMEOUT_S = 2.0  # the driver takes back transfers in flight; a re-plugged printer must be back in 3 s
STATUS_TIMEOUT_S = 6.0  # the driver itself gives the printer 5 s
EMPTY_PAUSE_S = 0.1  # after an empty packet: ten looks a second, and no reply is later than that
USB_MAJOR = 180  # device number of printers and other small USB classes
LPGETSTATUS = 0x060B  # linux/lp.h
DEVICE_ID_BYTES = 1024  # as much as the driver keeps
LPIOC_GET_DEVICE_ID = 2 << 30 | DEVICE_ID_BYTES << 16 | ord("P") << 8 | 1  # drivers/usb/class/usblp.c
LPIOC_SOFT_RESET = ord("P") << 8 | 7


class LpLink(DescriptorLink):
    """A ByteLink on a USB printer."""

    def __init__(self, descriptor: int, url: str, device: str, *, one_way: bool = False) -> None:
        self._one_way = one_way
        self._pause: asyncio.TimerHandle | None = None
        super().__init__(descriptor, url, device)

    @classmethod
    async def open(cls, path: str, *, device: str) -> LpLink:
        """Open the printer for ourselves alone."""
        url = f"lp:{path}"
        if is_occupied(url):
            raise LinkError(
                "link.busy",
                f"cannot open {url}: an earlier call still hangs in the kernel",
                device=device,
                hint="unplug the printer and plug it in",
            )
        try:
            descriptor = await in_thread(url, lambda: _open_node(path), OPEN_TIMEOUT_S, os.close)
        except TimeoutError:
            raise opening_timeout(url, device, OPEN_TIMEOUT_S) from None
        except OSError as error:
            raise _failure(error, path, url, device) from error
        return cls(descriptor, url, device, one_way=_is_one_way(descriptor))

    async def write(self, data: bytes, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        await super().write(data, timeout_s)
        try:
            async with asyncio.timeout_at(end), self._writing:
                await self._until_room()
        except TimeoutError:
            raise LinkError(
                "link.write_timeout",
                f"{self._url} did not finish {len(data)} bytes in {timeout_s} s",
                device=self._device,
                hint="look at the printer: paper, cover, power",
                accepted=len(data),
            ) from None
        self._push(b"", len(data))  # a transfer that an unplug ended looks complete until asked again

    async def port_status(self) -> PortStatus:
        return port_status_of(await self._ask(_read_status), self._url, self._device)

    async def device_id(self) -> str:
        return device_id_text(await self._ask(_read_device_id))

    async def soft_reset(self) -> None:
        async with self._writing:
            await self._ask(_reset)

    async def _ask(self, request: Callable[[int], bytes]) -> bytes:
        """Ask the printer's USB port, in a thread. Raises LinkError where it does not answer."""
        if self._loss:
            raise self._lost()
        name = f"{self._url} status"
        if is_occupied(name):
            raise self._untold()
        try:
            own = os.dup(self._descriptor)
            return await in_thread(name, lambda: _asked(own, request), STATUS_TIMEOUT_S)
        except (TimeoutError, OSError) as error:
            raise self._untold() from error

    def _untold(self) -> LinkError:
        return LinkError("link.no_status", f"{self._url}: the port does not tell", device=self._device)

    async def _release(self, descriptor: int) -> None:
        if self._pause is not None:
            self._pause.cancel()
        try:
            await in_thread(self._url, lambda: os.close(descriptor), CLOSE_TIMEOUT_S)
        except (TimeoutError, OSError):
            return  # the printer is gone, or the thread goes on

    def _pull(self) -> bytes:
        if self._loss or self._one_way:
            return b""
        try:
            data = os.read(self._descriptor, self._waiting.room)
        except BlockingIOError:
            return b""
        except OSError as error:
            self._lose(error.strerror or "read failed")
            return b""
        if not data:
            self._rest()
        return data

    def _rest(self) -> None:
        """An empty packet: look again a little later."""
        self._unwatch()
        self._pause = self._loop.call_later(EMPTY_PAUSE_S, self._watch)

    def _watch(self) -> None:
        if not self._one_way:
            super()._watch()


def _open_node(path: str) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    node = os.fstat(descriptor)
    if stat.S_ISCHR(node.st_mode) and os.major(node.st_rdev) == USB_MAJOR:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))


def _is_one_way(descriptor: int) -> bool:
    """The driver refuses to read where the printer has no way back."""
    try:
        os.read(descriptor, 0)
    except OSError as error:
        return error.errno == errno.EINVAL
    return False


def _asked(own: int, request: Callable[[int], bytes]) -> bytes:
    try:
        return request(own)
    finally:
        os.close(own)


def _read_status(descriptor: int) -> bytes:
    answer = fcntl.ioctl(descriptor, LPGETSTATUS, bytes(4))
    return bytes((int(struct.unpack("=i", answer)[0]) & 0xFF,))


def _read_device_id(descriptor: int) -> bytes:
    return fcntl.ioctl(descriptor, LPIOC_GET_DEVICE_ID, bytes(DEVICE_ID_BYTES))


def _reset(descriptor: int) -> bytes:
    fcntl.ioctl(descriptor, LPIOC_SOFT_RESET)
    return b""


def _failure(error: OSError, path: str, url: str, device: str) -> LinkError:
    if error.errno in {errno.ENOTTY, errno.EISDIR}:
        return LinkError(
            "link.not_printer",
            f"cannot open {url}: it is no USB printer",
            device=device,
            hint="write lp:/dev/usb/lp0, or the name that `edge-agent devices list` shows",
        )
    return opening_failure(error.errno, url, device, denied_hint=node_permission_hint(path))
