"""The hidraw link: whole reports, one loss told once, devices by path and by id.

The node is a UNIX socket of packets, as simulators use it; a real one is opened in tests/vm.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge_agent.links.hidraw import HidrawLink
from edge_agent.links.waiting import REPORTS_LIMIT
from edge_agent.sdk.errors import ConfigError
from simulators.report_socket import ReportSocketEndpoint
from simulators.usb.hid_scale import SCALE, HidScale
from tests.links.far_end import eventually, lost, soon
from tests.links.usb_box import UsbBox


class Device:
    """A simulated HID device, plugged in."""

    def __init__(self, folder: Path, report_bytes: int = 0) -> None:
        self.end = ReportSocketEndpoint(folder, "hidraw0", report_bytes=report_bytes)

    async def __aenter__(self) -> ReportSocketEndpoint:
        await self.end.start()
        return self.end

    async def __aexit__(self, *_: object) -> None:
        await self.end.close()


async def opened(end: ReportSocketEndpoint) -> HidrawLink:
    link = await soon(HidrawLink.open(str(end.path), device="d1"))
    await eventually(lambda: end.connected, "the device sees its host")
    return link


async def test_each_read_is_one_report_however_many_wait(tmp_path: Path) -> None:
    async with Device(tmp_path) as end:
        link = await opened(end)
        sent = [bytes((3, 4, 2, 0, grams, 0)) for grams in range(40)]
        for report in sent:
            await end.write(report)
        assert [await soon(link.read()) for _ in sent] == sent
        await link.close()


async def test_a_long_write_of_a_scanner_is_reports_of_its_size(tmp_path: Path) -> None:
    async with Device(tmp_path, 64) as end:
        link = await opened(end)
        await end.write(bytes(range(192)))
        assert [await soon(link.read()) for _ in range(3)] == [
            bytes(range(at, at + 64)) for at in (0, 64, 128)
        ]
        await link.close()


async def test_a_report_goes_to_the_device_whole(tmp_path: Path) -> None:
    async with Device(tmp_path) as end:
        link = await opened(end)
        await soon(link.write(b"\x02\x02", 5))
        assert await soon(end.read()) == b"\x02\x02"
        await link.close()


async def test_an_unplug_is_told_once_and_a_replug_heals(tmp_path: Path) -> None:
    async with Device(tmp_path) as end:
        link = await opened(end)
        reading = asyncio.create_task(link.read())
        await asyncio.sleep(0)
        await end.write(b"\x03\x04\x02\x00\x07\x00")
        assert await soon(reading) == b"\x03\x04\x02\x00\x07\x00"
        await end.unplug()
        assert (await lost(link.read())).code == "link.lost"
        assert (await lost(link.write(b"\x02\x02", 5))).code == "link.lost"
        await link.close()
        assert (await lost(HidrawLink.open(str(end.path), device="d1"))).code == "link.absent"
        await end.plug()
        again = await opened(end)
        await end.write(b"\x03\x04\x02\x00\x08\x00")
        assert await soon(again.read()) == b"\x03\x04\x02\x00\x08\x00"
        await again.close()


async def test_what_waited_before_the_opening_can_be_dropped(tmp_path: Path) -> None:
    async with Device(tmp_path) as end:
        link = await opened(end)
        for _ in range(40):
            await end.write(bytes(6))
        assert link.discard_input() == 40 * 6
        await end.write(b"\x03\x04\x02\x00\x08\x00")
        assert await soon(link.read()) == b"\x03\x04\x02\x00\x08\x00"
        await link.close()


async def test_a_flood_that_nobody_reads_stays_bounded(tmp_path: Path) -> None:
    async with Device(tmp_path) as end:
        link = await opened(end)
        flood = asyncio.create_task(end.write(b"\x03"))
        for _ in range(3 * REPORTS_LIMIT):
            await flood
            if not link._waiting.room:
                break
            flood = asyncio.create_task(end.write(b"\x03"))
            await asyncio.sleep(0)
        assert len(link._waiting) <= REPORTS_LIMIT
        assert not link._waiting.room
        await link.close()


async def test_a_second_program_is_turned_away(tmp_path: Path) -> None:
    async with Device(tmp_path) as end:
        link = await opened(end)
        second = await soon(HidrawLink.open(str(end.path), device="d2"))
        assert (await lost(second.read())).code == "link.lost"
        await second.close()
        await link.close()


@pytest.mark.parametrize("path", ["/dev/null", "/dev", "/etc/hostname"])
async def test_what_is_no_hid_device_is_refused(path: str) -> None:
    error = await lost(HidrawLink.open(path, device="d1"))
    assert error.code in {"link.not_hid", "link.denied"}
    assert error.hint


async def test_a_device_is_found_by_its_id_and_port(tmp_path: Path) -> None:
    box = UsbBox(tmp_path)
    box.plug(HidScale(), SCALE, "1", "hidraw7")
    error = await lost(HidrawLink.open("0922:8003", device="d1", root=tmp_path))
    assert (error.code, "hidraw7" in error.message) == ("link.absent", False)  # found, but no such node here
    box.plug(HidScale(), SCALE, "2", "hidraw8")
    error = await lost(HidrawLink.open("0922:8003", device="d1", root=tmp_path))
    assert error.code == "link.ambiguous"
    assert "@vhci_hcd.0-usb-0:1 or 0922:8003@vhci_hcd.0-usb-0:2" in error.hint
    assert (await lost(HidrawLink.open("1234:5678", device="d1", root=tmp_path))).code == "link.absent"
    with pytest.raises(ConfigError):
        await HidrawLink.open("hidraw0", device="d1", root=tmp_path)
