"""Plugging simulated devices into this machine's kernel, through its virtual USB host controller.

Owns: the vhci_hcd files in sysfs, the socket to the kernel, one task for each plugged device.
Must not know: what a device is.

Needs root and the module vhci_hcd. The kernel takes one end of a socket pair; no network, no usbip program.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

from edge_agent.sdk.errors import LinkError, ProtocolError
from simulators.usb.device import UsbDevice
from simulators.usb.wire import UrbParser

CONTROLLER = Path("/sys/devices/platform/vhci_hcd.0")
FREE = "004"  # VDEV_ST_NULL in the controller's status table
FULL_SPEED = 2
BUS_NUMBER = 1 << 16  # high half of the device id; the kernel only repeats it
READ_BYTES = 65536  # one bulk transfer and its header
VACATE_S = 10.0  # the kernel waits up to 5 s for the transfers of a device that went away
VACATE_POLL_S = 0.02  # reading the state costs some 50 µs

_HINT = "as root: modprobe vhci_hcd"


class VirtualBus:
    """The virtual host controller's high-speed hub: eight ports, counted from 0."""

    def __init__(self, controller: Path = CONTROLLER) -> None:
        self.controller = controller

    def free_ports(self) -> list[int]:
        """Ports with nothing plugged in. Raises LinkError where there is no controller."""
        return [int(fields[1]) for fields in self._status() if fields[0] == "hs" and fields[2] == FREE]

    def path_of(self, port: int) -> str:
        """The port as udev's by-path names spell it, without the configuration and interface."""
        return f"platform-{self.controller.name}-usb-0:{port + 1}"

    def attach(self, port: int, kernel_end: socket.socket) -> None:
        """Plug in. Raises LinkError where the port is taken."""
        line = f"{port} {kernel_end.fileno()} {BUS_NUMBER | (port + 1)} {FULL_SPEED}"
        self._write("attach", line)

    def detach(self, port: int) -> None:
        """Pull out. Raises LinkError where nothing is plugged in."""
        self._write("detach", str(port))

    def _status(self) -> list[list[str]]:
        try:
            table = (self.controller / "status").read_text(encoding="ascii")
        except OSError as error:
            raise LinkError("usb.no_controller", f"no virtual USB: {error.strerror}", hint=_HINT) from None
        return [line.split() for line in table.splitlines()[1:]]

    def _write(self, name: str, line: str) -> None:
        try:
            (self.controller / name).write_text(line, encoding="ascii")
        except OSError as error:
            raise LinkError("usb.refused", f"{name} {line!r}: {error.strerror}", hint=_HINT) from None


class Plug:
    """One device and the port that it is plugged into, again and again."""

    def __init__(self, device: UsbDevice, *, bus: VirtualBus | None = None, port: int | None = None) -> None:
        self.device = device
        self.bus = bus or VirtualBus()
        self.port = port
        self._serving: asyncio.Task[None] | None = None

    @property
    def inserted(self) -> bool:
        return self._serving is not None and not self._serving.done()

    @property
    def path(self) -> str:
        """The by-path name of the port; empty before the first insertion of a device without a fixed port."""
        return "" if self.port is None else self.bus.path_of(self.port)

    async def insert(self) -> None:
        """Plug in: the same port as before, the given one, or a free one."""
        if self.inserted:
            return
        free = self.bus.free_ports()
        if not free:
            raise LinkError("usb.no_port", "every port of the virtual hub is taken")
        self.port = free[0] if self.port is None else self.port
        ours, kernels = socket.socketpair()
        try:
            self.bus.attach(self.port, kernels)
        except LinkError:
            ours.close()
            raise
        finally:
            kernels.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        self._serving = asyncio.create_task(self._serve(reader, writer), name=f"usb port {self.port}")

    async def pull(self) -> None:
        """Pull out, whatever is going on. Nothing happens if it is out already."""
        serving, self._serving = self._serving, None
        if serving is None:
            return
        if not serving.done() and self.port is not None:
            with contextlib.suppress(LinkError):  # the kernel may have dropped the device a moment ago
                self.bus.detach(self.port)
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        await self._vacated()

    async def _vacated(self) -> None:
        """The kernel frees the port in its own time; a second insertion before that would be refused."""
        async with asyncio.timeout(VACATE_S):
            while self.port not in self.bus.free_ports():  # noqa: ASYNC110  # sysfs tells nobody
                await asyncio.sleep(VACATE_POLL_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = UrbParser()
        self.device.plugged(writer.write)
        try:
            while data := await reader.read(READ_BYTES):
                for urb in parser.feed(data):
                    if isinstance(urb, ProtocolError):
                        raise urb
                    self.device.handle(urb)
                await writer.drain()
        except ConnectionError:
            return  # the kernel dropped the device
        finally:
            self.device.pulled()
            writer.close()


class PluggedEndpoint:
    """The half of an Endpoint that is the port: plugged in, pulled out, at the same place again."""

    def __init__(self, plug: Plug) -> None:
        self._plug = plug

    async def start(self) -> None:
        await self._plug.insert()

    async def close(self) -> None:
        await self._plug.pull()

    async def unplug(self) -> None:
        await self._plug.pull()

    async def plug(self) -> None:
        await self._plug.insert()
