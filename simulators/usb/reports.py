"""HID devices as endpoints: what a device simulator writes becomes reports, what the host sets can be read.

Owns: the three ways from bytes to reports. Must not know: physics, barcodes, the reports' bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from simulators.usb.bus import Plug, PluggedEndpoint
from simulators.usb.hid import HidFunction
from simulators.usb.hid_pos import HidPos
from simulators.usb.hid_scale import HidScale
from simulators.usb.symbol_hid import SymbolHid
from simulators.usb.wedge import Wedge

WAITING_REPORTS = 64  # set by the host and not read yet; more is a host that has gone wrong


class ReportEndpoint(PluggedEndpoint):
    """A HID device's end of a USB port: what simulators.endpoints.Endpoint asks for."""

    def __init__(self, function: HidFunction, plug: Plug, send: Callable[[bytes], None], url: str) -> None:
        super().__init__(plug)
        self._send = send
        self._url = url
        self._set: asyncio.Queue[bytes] = asyncio.Queue(WAITING_REPORTS)
        function.on_report = self._keep

    @property
    def url(self) -> str:
        """By path, so that identical devices differ; known once plugged in."""
        return self._url.format(path=self._plug.path)

    @property
    def connected(self) -> bool:
        return self._plug.inserted

    async def read(self) -> bytes:
        """The next report that the host set."""
        return await self._set.get()

    async def write(self, data: bytes) -> None:
        self._send(data)

    def _keep(self, data: bytes) -> None:
        if not self._set.full():
            self._set.put_nowait(data)


def keyboard(wedge: Wedge, plug: Plug) -> ReportEndpoint:
    """Bytes are typed, CR as Enter. Bytes that the scanner cannot type raise CommandError."""

    def type_(data: bytes) -> None:
        wedge.scan(data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n"), terminator="")

    return ReportEndpoint(wedge, plug, type_, "evdev:/dev/input/by-path/{path}:1.0-event-kbd")


def pos_scanner(scanner: HidPos, plug: Plug) -> ReportEndpoint:
    """Each write is the reports of one barcode."""
    return ReportEndpoint(scanner, plug, scanner.send, "hidraw:/dev/edge-agent/hidraw-{path}:1.0")


def symbol_scanner(scanner: SymbolHid, plug: Plug) -> ReportEndpoint:
    """Each write is one packet, or several."""
    return ReportEndpoint(scanner, plug, scanner.send, "hidraw:/dev/edge-agent/hidraw-{path}:1.0")


def pos_scale(scale: HidScale, plug: Plug) -> ReportEndpoint:
    """Each write is one weight report."""
    return ReportEndpoint(scale, plug, scale.show_report, "hidraw:/dev/edge-agent/hidraw-{path}:1.0")
