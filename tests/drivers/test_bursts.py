"""Bursts of two scanners at once over every way but keys: nothing lost, nothing glued, nothing swapped.

Keys stand in test_wedge.py; real nodes in tests/vm.
"""

from __future__ import annotations

import asyncio
import importlib
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from drivers.scanners import hid_pos, line, ssi, symbol_hid64
from edge_agent.links.open import open_link
from edge_agent.sdk.driver import Context, DriverSpec, Options
from edge_agent.sdk.values import Scan
from simulators.endpoints import Endpoint, PtyEndpoint, TcpEndpoint
from simulators.report_socket import ReportSocketEndpoint
from tests.drivers.rig import SinkLog, driven
from tests.waiting import Unhurried

pytestmark = pytest.mark.usefixtures("patient_devices")

Port = Callable[[Path, str], Endpoint]
WAYS: dict[str, tuple[DriverSpec, Port]] = {
    "lines on a serial port": (line.SPEC, PtyEndpoint),
    "lines over the network": (line.SPEC, lambda _folder, _name: TcpEndpoint()),
    "packets on a serial port": (ssi.SPEC, PtyEndpoint),
    "HID-POS reports": (
        hid_pos.SPEC,
        lambda folder, name: ReportSocketEndpoint(folder, name, report_bytes=64),
    ),
    "Symbol packets": (
        symbol_hid64.SPEC,
        lambda folder, name: ReportSocketEndpoint(folder, name, report_bytes=64),
    ),
}


class Slow(SinkLog):
    """Takes its time now and then, as a disk does."""

    def __init__(self, choose: random.Random) -> None:
        super().__init__()
        self._choose = choose

    async def scans(self, scans: Sequence[Scan]) -> None:
        if self._choose.random() < 0.1:
            await asyncio.sleep(0.002)
        await super().scans(scans)


async def hear(port: Endpoint) -> None:
    """Take what the host answers, as a scanner does: a line that nobody reads fills up."""
    while True:
        await port.read()


async def one(
    spec: DriverSpec, port: Endpoint, who: str, wanted: Sequence[str], choose: random.Random
) -> None:
    """One scanner from its device half to the sink."""
    module, _, name = spec.extra["device"].partition(":")
    options = Options(spec.options)
    device = getattr(importlib.import_module(module), name)(options)
    sink = Slow(choose)
    await port.start()
    heard = asyncio.ensure_future(hear(port))
    link = await open_link(port.url, spec.serial, device=who)
    assert spec.build is not None
    try:
        async with driven(spec.build(Context(who, link, Unhurried(), sink, options))) as driving:
            while not port.connected:  # noqa: ASYNC110 - what is sent to nobody is lost, as on a real line
                await asyncio.sleep(0.001)
            left = list(wanted)
            while left:
                many = choose.randint(1, 12)
                for text in left[:many]:
                    await port.write(device.encode(text))
                del left[:many]
                if choose.random() < 0.2:
                    await asyncio.sleep(0.001)
            while len(sink.scanned) < len(wanted):
                assert not driving.done(), driving
                await asyncio.sleep(0.005)
    finally:
        heard.cancel()
        await asyncio.gather(heard, return_exceptions=True)
        await link.close()
        await port.close()
    assert [scan.text for scan in sink.scanned] == list(wanted)
    assert {scan.device for scan in sink.scanned} == {who}
    assert sink.troubles == []


async def burst(way: str, folder: Path, number: int, seed: int) -> None:
    spec, port = WAYS[way]
    choose = random.Random(seed)
    async with asyncio.timeout(600):
        await asyncio.gather(
            *(
                one(spec, port(folder, who), who, [f"{who}-{at:06}" for at in range(number)], choose)
                for who in ("left", "right")
            )
        )


@pytest.mark.parametrize("way", WAYS)
async def test_a_burst_of_two_scanners_loses_glues_and_swaps_nothing(way: str, tmp_path: Path) -> None:
    await burst(way, tmp_path, 200, seed=1)


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", WAYS)
async def test_five_thousand_scans_of_two_scanners_each(way: str, tmp_path: Path) -> None:
    await burst(way, tmp_path, 5_000, seed=2)
