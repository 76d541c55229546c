"""A simulated scanner: what it sends, well and badly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import serial

from drivers.scanners.line import SPEC, LineScannerDevice
from edge_agent.sdk.clock import ManualClock, SystemClock
from edge_agent.sdk.driver import Options
from simulators.endpoints import PtyEndpoint
from simulators.hostile import HOSTILE
from simulators.loopback import LoopbackEndpoint, LoopbackLink
from simulators.scanner import ScannerSim
from tests.simulators.devices.conftest import running

CODE = "RR123456785BD"


def encoder(**options: object) -> LineScannerDevice:
    return LineScannerDevice(Options(SPEC.options, {"terminator": "crlf", **options}))


class Desk:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.endpoint = LoopbackEndpoint()
        self.scanner = ScannerSim(encoder().encode, self.endpoint, self.clock)

    async def open(self) -> LoopbackLink:
        await self.endpoint.plug()
        return self.endpoint.host()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    async with running(desk.scanner.run()):
        yield desk


async def test_a_scan_is_one_frame_of_the_protocol(desk: Desk) -> None:
    link = await desk.open()
    await desk.scanner.scan(CODE)
    assert await link.read() == CODE.encode() + b"\r\n"


async def test_a_double_comes_twice_with_a_pause(desk: Desk) -> None:
    link = await desk.open()
    async with running(desk.scanner.double(CODE, 0.5)):
        await desk.clock.advance(0.4)
        assert link.discard_input() == len(CODE) + 2
        await desk.clock.advance(0.2)
        assert await link.read() == CODE.encode() + b"\r\n"


async def test_a_burst_keeps_its_order(desk: Desk) -> None:
    link = await desk.open()
    await desk.scanner.burst(["one", "two", "three"])
    assert [await link.read() for _ in range(3)] == [b"one\r\n", b"two\r\n", b"three\r\n"]


async def test_a_partial_read_has_no_ending(desk: Desk) -> None:
    link = await desk.open()
    await desk.scanner.partial(CODE)
    assert await link.read() == b"RR12345"
    await desk.scanner.partial(CODE, keep=2)
    assert await link.read() == b"RR"


@pytest.mark.parametrize("ending", [b"", b"\r", b"\t", b"\n"])
async def test_another_ending_replaces_the_set_one(desk: Desk, ending: bytes) -> None:
    link = await desk.open()
    await desk.scanner.scan_ending(CODE, ending)
    assert await link.read() == CODE.encode() + ending


async def test_what_a_host_writes_is_heard_and_bounded(desk: Desk) -> None:
    link = await desk.open()
    await link.write(b"\x16M\r" * 5000, 1)
    await desk.clock.advance(0)
    assert len(desk.scanner.heard) == 4096
    await link.close()
    await desk.clock.advance(0)
    assert desk.scanner.heard == b""


async def test_a_scanner_reads_over_a_pty_before_and_after_a_replug(tmp_path: Path) -> None:
    scanner = ScannerSim(encoder().encode, PtyEndpoint(tmp_path, "scanner"), SystemClock())
    await scanner.endpoint.start()
    async with running(scanner.run()):
        for _ in range(2):
            with serial.Serial(str(tmp_path / "scanner"), timeout=20) as host:
                await scanner.scan(CODE)
                assert await asyncio.to_thread(host.readline) == CODE.encode() + b"\r\n"
            await scanner.endpoint.unplug()
            await scanner.endpoint.plug()
    await scanner.endpoint.close()


async def test_everything_hostile_is_sent_that_can_be_sent(desk: Desk) -> None:
    link = await desk.open()
    sending = asyncio.ensure_future(desk.scanner.hostile())
    await desk.clock.advance(60)
    assert await sending == len(HOSTILE)
    assert await link.read() == HOSTILE["terminal title"].encode() + b"\r\n"
