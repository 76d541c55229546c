"""USB devices through libusb, where the kernel has no driver for them or one that is in the way.

Owns: one device for as long as it is plugged in: a thread that reads, writing with a deadline, its loss.
Must not know: libusb's calls (usb_device.py), what the bytes mean.

Every call of libusb waits. One thread of the device reads, a packet at a time and for a second at most, so
that it ends soon when it is told to; a write or a request borrows another one. What crosses to the loop is
bytes. A report of a HID device is one packet, and one read of the link gives one.

A write goes packet by packet at first: where the very first is not taken, nothing was, and only then may a
print be tried anew. A stall, an unplug or any other error is a lost link; opening it again is the cure.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from edge_agent.links.blocking import in_thread, is_occupied
from edge_agent.links.failures import opening_failure, opening_timeout
from edge_agent.links.find_usb import HID, only, usb_interfaces
from edge_agent.links.hidraw import RULES
from edge_agent.links.port_status import port_status_of
from edge_agent.links.usb_address import parse_usb_address
from edge_agent.links.usb_device import UsbHandle
from edge_agent.links.waiting import Reports, Stream, Waiting
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.ieee1284 import device_id_text
from edge_agent.sdk.ports import PortStatus

OPEN_TIMEOUT_S = 10.0  # two requests that time out; a healthy device takes 50 ms
CLOSE_TIMEOUT_S = 2.0  # one slice of reading, and giving the interface back
REQUEST_TIMEOUT_S = 6.0  # a device has 5 s for a request
READ_MS = 1000  # one wake-up a second while the device is silent
WRITE_CHUNK = 4096  # of one transfer after the first packet: 4 ms at full speed
EMPTY_PAUSE_S = 0.1  # after an empty packet: ten looks a second, and no reply is later than that
LOST = {
    errno.ENODEV: "unplugged",
    errno.EPIPE: "the device refuses data (stall)",
    errno.EOVERFLOW: "the device sends more than it may",
}
ROOT = Path("/")

ResultT = TypeVar("ResultT")


class UsbLink:
    """A ByteLink on one interface of a USB device; also a PrinterPort where that is a printer."""

    def __init__(self, handle: UsbHandle, url: str, device: str, *, read_ms: int = READ_MS) -> None:
        self._handle = handle
        self._read_ms = read_ms
        self._url = url
        self._device = device
        self._loop = asyncio.get_running_loop()
        self._waiting: Waiting = Reports() if handle.kind == HID else Stream()
        self._arrived = asyncio.Event()
        self._writing = asyncio.Lock()
        self._may_read = threading.Event()
        self._may_read.set()
        self._in_use = threading.Lock()  # held by whoever writes or asks, so that closing can wait for it
        self._ending = threading.Event()
        self._loss = ""
        self._closed = False
        self._reader: threading.Thread | None = None
        if handle.pipes.into_host is not None:
            self._reader = threading.Thread(target=self._read_on, name=f"{url} reader", daemon=True)
            self._reader.start()

    @classmethod
    async def open(
        cls,
        address: str,
        *,
        device: str,
        root: Path = ROOT,
        backend: Any = None,
        read_ms: int = READ_MS,
    ) -> UsbLink:
        """Take over the device that this address names; `root` and `backend` stand for the box in tests."""
        url = f"usb:{address}"
        if is_occupied(url) or is_occupied(f"{url} reader"):
            raise LinkError(
                "link.busy",
                f"cannot open {url}: an earlier call still hangs in the kernel",
                device=device,
                hint="unplug the device and plug it in",
            )
        try:
            handle = await in_thread(
                url, lambda: _open(address, url, device, root, backend), OPEN_TIMEOUT_S, UsbHandle.close
            )
        except TimeoutError:
            raise opening_timeout(url, device, OPEN_TIMEOUT_S) from None
        except OSError as error:
            raise _failure(error, url, device) from error
        return cls(handle, url, device, read_ms=read_ms)

    @property
    def url(self) -> str:
        return self._url

    async def read(self) -> bytes:
        while not self._waiting:
            if self._loss:
                raise self._lost()
            self._arrived.clear()
            await self._arrived.wait()
        data = self._waiting.take()
        self._may_read.set()
        return data

    async def write(self, data: bytes, timeout_s: float) -> None:
        progress = _Progress()
        end_s = time.monotonic() + timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                await self._writing.acquire()
        except TimeoutError:
            raise self._late(0, len(data), timeout_s) from None
        try:
            await self._borrow("write", lambda: self._push(data, end_s, progress), timeout_s + READ_MS / 1000)
        except TimeoutError:
            raise self._late(progress.at_least, len(data), timeout_s) from None
        except OSError as error:
            if error.errno == errno.ETIMEDOUT:
                raise self._late(progress.accepted, len(data), timeout_s) from error
            self._lose(LOST.get(error.errno or 0, error.strerror or "write failed"))
            raise self._lost(progress.accepted) from error
        finally:
            progress.abandoned = True
            self._writing.release()

    def discard_input(self) -> int:
        dropped = self._waiting.clear()
        self._may_read.set()
        return dropped

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._lose("closed by the agent")
        try:
            await in_thread(self._url, self._end, CLOSE_TIMEOUT_S)
        except (TimeoutError, OSError):
            return  # the device is gone, or the thread goes on

    # What a printer's port tells: see edge_agent.sdk.ports.PrinterPort

    async def port_status(self) -> PortStatus:
        return port_status_of(await self._ask(self._handle.port_status), self._url, self._device)

    async def device_id(self) -> str:
        return device_id_text(await self._ask(self._handle.device_id))

    async def soft_reset(self) -> None:
        async with self._writing:
            await self._ask(self._handle.soft_reset)

    async def _ask(self, request: Callable[[], ResultT]) -> ResultT:
        if self._loss:
            raise self._lost()
        try:
            return await self._borrow("request", request, REQUEST_TIMEOUT_S)
        except (TimeoutError, OSError) as error:
            if error.errno == errno.ENODEV:
                self._lose(LOST[errno.ENODEV])
                raise self._lost() from error
            raise LinkError(
                "link.no_status", f"{self._url}: the port does not tell", device=self._device
            ) from error

    async def _borrow(self, what: str, call: Callable[[], ResultT], timeout_s: float) -> ResultT:
        """Have a thread of its own make a call on the device."""
        name = f"{self._url} {what}"
        if self._loss:
            raise self._lost()
        if is_occupied(name):
            raise TimeoutError

        def alone() -> ResultT:
            with self._in_use:
                return call()

        return await in_thread(name, alone, timeout_s)

    # In threads

    def _read_on(self) -> None:
        reason = ""
        while not self._ending.is_set():
            if not self._may_read.wait(self._read_ms / 1000):
                continue
            try:
                packet = self._handle.read_packet(self._read_ms)
            except OSError as error:
                reason = LOST.get(error.errno or 0, error.strerror or "read failed")
                break
            if packet:
                self._may_read.clear()
                self._cross(self._on_packet, packet)
            elif packet is not None:
                self._ending.wait(EMPTY_PAUSE_S)
        self._cross(self._lose, reason or "closed by the agent")

    def _cross(self, call: Callable[[Any], None], value: object) -> None:
        """Have the loop do it; a loop that has ended needs nothing any more."""
        try:
            self._loop.call_soon_threadsafe(call, value)
        except RuntimeError:
            self._ending.set()

    def _push(self, data: bytes, end_s: float, progress: _Progress) -> None:
        """Send it all, the first packet alone. Raises OSError."""
        first = end.packet_bytes if (end := self._handle.pipes.out_of_host) else len(data)
        while progress.accepted < len(data) and not progress.abandoned:
            if (left_ms := int((end_s - time.monotonic()) * 1000)) <= 0:
                raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
            piece = data[progress.accepted :][: WRITE_CHUNK if progress.accepted else first]
            progress.under_way = True
            try:
                progress.accepted += self._handle.write(piece, left_ms)
            finally:
                progress.under_way = False

    def _end(self) -> None:
        """Stop the reader, wait for whoever uses the device, give it back."""
        self._ending.set()
        self._may_read.set()
        if self._reader is not None:
            self._reader.join()
        with self._in_use:
            self._handle.close()

    # On the loop

    def _on_packet(self, packet: bytes) -> None:
        self._waiting.add(packet)
        if self._waiting.room:
            self._may_read.set()
        self._arrived.set()

    def _lose(self, reason: str) -> None:
        """Only the first reason is kept."""
        self._ending.set()
        self._loss = self._loss or reason
        self._arrived.set()

    def _lost(self, accepted: int = 0) -> LinkError:
        return LinkError(
            "link.lost",
            f"{self._url}: {self._loss}",
            device=self._device,
            hint="check the cable and the power of the device",
            accepted=accepted,
        )

    def _late(self, accepted: int, size: int, timeout_s: float) -> LinkError:
        return LinkError(
            "link.write_timeout",
            f"{self._url} took {accepted} of {size} bytes in {timeout_s} s",
            device=self._device,
            hint="switch the device off and on",
            accepted=accepted,
        )


class _Progress:
    """How far a write has come, and whether anybody still waits for it."""

    def __init__(self) -> None:
        self.accepted, self.abandoned, self.under_way = 0, False, False

    @property
    def at_least(self) -> int:
        """A transfer that hangs in the kernel counts as taken: it may yet be."""
        return self.accepted or int(self.under_way)


def _open(address: str, url: str, device: str, root: Path, backend: Any) -> UsbHandle:
    found = only(usb_interfaces(root), parse_usb_address(address), url, device)
    return UsbHandle.open(found, backend)


def _failure(error: OSError, url: str, device: str) -> LinkError:
    if error.errno == errno.ENOPKG:
        return LinkError(
            "link.no_libusb",
            f"cannot open {url}: libusb is not installed",
            device=device,
            hint="apt install libusb-1.0-0",
        )
    return opening_failure(error.errno, url, device, denied_hint=RULES)
