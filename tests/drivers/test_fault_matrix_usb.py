"""The same story over USB: a HID scale behind the real pyusb and a libusb of our own devices, no kernel."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from drivers.scales import hid_scale
from edge_agent.links.usb import UsbLink
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.ports import ByteLink
from simulators.usb.hid_scale import SCALE, HidScale
from tests.drivers.fault_story import Model
from tests.drivers.test_fault_matrix import REAL_HEALED_S, story_of
from tests.links.usb_box import Plugged, UsbBox

READ_MS = 100  # closing waits for one slice of reading


class BoxEndpoint:
    """A HID scale plugged into the box; a write is one report."""

    def __init__(self, box: UsbBox) -> None:
        self.url = "usb:0922:8003"
        self._box = box
        self._scale = HidScale()
        self._plugged: Plugged | None = None
        self._set: asyncio.Queue[bytes] = asyncio.Queue()
        self._scale.on_report = self._set.put_nowait

    @property
    def connected(self) -> bool:
        return self._plugged is not None

    async def start(self) -> None:
        await self.plug()

    async def close(self) -> None:
        await self.unplug()

    async def plug(self) -> None:
        if self._plugged is None:
            self._plugged = self._box.plug(self._scale, SCALE)

    async def unplug(self) -> None:
        plugged, self._plugged = self._plugged, None
        if plugged is not None:
            self._box.pull(plugged)

    async def read(self) -> bytes:
        return await self._set.get()

    async def write(self, data: bytes) -> None:
        self._scale.show_report(data)


async def opened(box: UsbBox, url: str, _line: SerialSettings, device: str) -> ByteLink:
    address = url.partition(":")[2]
    return await UsbLink.open(address, device=device, root=box.root, backend=box, read_ms=READ_MS)


@pytest.mark.torture
@pytest.mark.timeout(1800)
async def test_no_fault_over_usb_makes_an_accepted_weight_that_was_not_shown(tmp_path: Path) -> None:
    box = UsbBox(tmp_path)
    model = Model(hid_scale.SPEC)
    wrong = await story_of(model, BoxEndpoint(box), partial(opened, box), SystemClock(), REAL_HEALED_S)
    assert wrong == []
