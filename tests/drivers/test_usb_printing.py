"""Printing through libusb on a simulated USB printer: proof, lack of paper, a plug pulled in mid-label."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.links.usb import UsbLink
from edge_agent.sdk.ieee1284 import parse_device_id
from edge_agent.sdk.ports import ByteLink
from simulators.printer import PrinterSim
from simulators.usb.printer import SPEAKERS, PortStatus, UsbPrinter
from tests.drivers.label_bench import SPECS, WIDTH
from tests.drivers.port_desk import (
    Desk,
    is_printed_and_proved,
    is_unknown_after_a_pull_and_then_right,
    tells_paper_out,
)
from tests.links.usb_box import Plugged, UsbBox

READ_MS = 50  # closing waits for one slice of reading


class UsbDesk(Desk):
    """A simulated printer in a USB socket, and a driver on it through libusb."""

    def __init__(self, box: UsbBox, language: str) -> None:
        super().__init__(language)
        self.box = box
        self.identity, self.device_id = SPEAKERS[language]
        self.function = UsbPrinter(self.device_id)
        self.plugged: Plugged | None = None
        self.url = "pipe:"
        self.printer = PrinterSim(self, self.pace, language=language, width_dots=WIDTH, speed_mm_s=2000)
        path = self.printer.path
        self.function.sense = lambda: PortStatus(path.paper_out, fault=path.halted)

    @property
    def connected(self) -> bool:
        return self.function.pipe.open

    async def open_port(self) -> ByteLink:
        address = f"{self.identity.vendor:04x}:{self.identity.product:04x}"
        return await UsbLink.open(address, device="p1", root=self.box.root, backend=self.box, read_ms=READ_MS)

    async def start(self) -> None:
        await self.plug()

    async def close(self) -> None:
        await self.unplug()

    async def plug(self) -> None:
        self.plugged = self.plugged or self.box.plug(self.function, self.identity)

    async def unplug(self) -> None:
        plugged, self.plugged = self.plugged, None
        if plugged is not None:
            self.box.pull(plugged)

    async def read(self) -> bytes:
        return await self.took(await self.function.pipe.read())

    async def write(self, data: bytes) -> None:
        self.said += 1
        await self.function.pipe.write(data)


@pytest.fixture(params=SPECS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[UsbDesk]:
    made = UsbDesk(UsbBox(tmp_path), request.param)
    async with made.switched_on():
        yield made


async def test_a_label_is_printed_and_proved(desk: UsbDesk) -> None:
    async with desk.opened():
        assert desk.sink.identities == [parse_device_id(desk.device_id).name]
        await is_printed_and_proved(desk)


async def test_paper_out_in_mid_label_is_told(desk: UsbDesk) -> None:
    async with desk.opened():
        await tells_paper_out(desk)


async def test_a_plug_pulled_in_mid_label_leaves_it_unknown_and_the_next_one_right(desk: UsbDesk) -> None:
    await is_unknown_after_a_pull_and_then_right(desk)
