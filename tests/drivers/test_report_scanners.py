"""Scanners that send reports, simulated behind a socket of packets, read by the real link and driver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.scanners import hid_pos, symbol_hid64
from edge_agent.links.open import open_link
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import DriverSpec, SerialSettings
from edge_agent.sdk.errors import LinkError
from simulators.programs.scanner import REPORT_BYTES, encoder_of
from simulators.report_socket import ReportSocketEndpoint
from simulators.scanner import ScannerSim
from tests.drivers.rig import SinkLog, context, driven
from tests.waiting import passing, until

GS1 = "0104006381333931" + "10LOT\x1d" + "21বুথ"
SPECS = [pytest.param(spec, id=spec.name) for spec in (hid_pos.SPEC, symbol_hid64.SPEC)]


class Counter:
    """One scanner with its host."""

    def __init__(self, spec: DriverSpec, folder: Path) -> None:
        self.spec = spec
        self.end = ReportSocketEndpoint(folder, "hidraw0", report_bytes=REPORT_BYTES)
        self.clock = ManualClock()
        self.sink = SinkLog()
        made = context(spec, None, self.clock, self.sink)  # type: ignore[arg-type]
        self.scanner = ScannerSim(encoder_of(spec, made.options), self.end, self.clock)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[asyncio.Task[None]]:
        await self.end.start()
        link = await open_link(self.end.url, SerialSettings(), device="d1")
        assert self.spec.build is not None
        try:
            async with driven(self.spec.build(context(self.spec, link, self.clock, self.sink))) as task:
                yield task
        finally:
            await link.close()
            await self.end.close()

    async def heard(self, count: int) -> list[str]:
        """The texts, once so many barcodes have come."""
        await until(lambda: len(self.sink.scanned) >= count)
        return [scan.text for scan in self.sink.scanned]


@pytest.mark.parametrize("spec", SPECS)
async def test_each_barcode_arrives_byte_for_byte(spec: DriverSpec, tmp_path: Path) -> None:
    counter = Counter(spec, tmp_path)
    async with counter.open():
        await counter.scanner.burst(["RR102030405BD", GS1, "a"])
        assert await counter.heard(3) == ["RR102030405BD", GS1, "a"]
    assert counter.sink.troubles == []
    assert counter.sink.identities == [""]


async def test_a_long_barcode_is_put_together_again(tmp_path: Path) -> None:
    counter = Counter(hid_pos.SPEC, tmp_path)
    long = "".join(chr(33 + number % 90) for number in range(2000))
    async with counter.open():
        await counter.scanner.scan(long)
        assert await counter.heard(1) == [long]


async def test_a_barcode_whose_last_report_never_comes_is_dropped_and_the_next_is_whole(
    tmp_path: Path,
) -> None:
    counter = Counter(hid_pos.SPEC, tmp_path)
    async with counter.open():
        await counter.scanner.partial("x" * 100, keep=REPORT_BYTES)
        await passing(counter.clock, lambda: counter.sink.troubles, step_s=hid_pos.TORN_SILENCE_S)
        await counter.scanner.scan("RR102030405BD")
        assert await counter.heard(1) == ["RR102030405BD"]
    assert [error.code for error in counter.sink.troubles] == ["frame.torn"]


@pytest.mark.parametrize("spec", SPECS)
async def test_an_unplugged_scanner_is_a_lost_link(spec: DriverSpec, tmp_path: Path) -> None:
    counter = Counter(spec, tmp_path)
    async with counter.open() as task:
        await counter.end.unplug()
        with pytest.raises(LinkError):
            await asyncio.wait_for(asyncio.shield(task), 30)
