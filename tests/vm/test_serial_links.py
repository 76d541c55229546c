"""Serial adapters on a real kernel: names, line settings, exclusive use, unplug and re-plug, drivers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from drivers.scales import toledo_8217
from drivers.scanners import line
from edge_agent.links.find import serial_ports
from edge_agent.links.open import open_link
from edge_agent.links.usb_identity import usb_id_of
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Context, DriverSpec, Options, SerialSettings
from edge_agent.sdk.errors import EdgeError, LinkError
from edge_agent.sdk.ports import ByteLink
from simulators.scale import ScaleSim
from simulators.scale_physics import ScalePhysics
from simulators.scanner import ScannerSim
from simulators.usb.cdc_acm import SCALE, CdcAcm
from simulators.usb.ftdi import ADAPTER, Ftdi
from simulators.usb.serial_line import SerialLine
from tests.vm.bench import Bench, Stream, bench
from tests.vm.board_time import stopwatch
from tests.vm.inside import eventually, in_guest, until

SEVEN_EVEN = SerialSettings(9600, 7, "E", 1)
KINDS = {"ftdi": (Ftdi, ADAPTER), "cdc_acm": (CdcAcm, SCALE)}
REPLUG_S = 3.0  # promised: plugged in again to ready again


def adapter(devices: Bench, kind: str, line_: SerialSettings | None = None, serial: str = "") -> Stream:
    """A serial adapter, plugged in; `line_` is how the device behind it is set."""
    make, identity = KINDS[kind]
    one = Stream(devices, make(SerialLine(line_)), replace(identity, serial=serial or identity.serial))
    one.insert()
    return one


class Heard:
    """A sink that keeps what a driver gives."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.shown: list[tuple[str, str]] = []
        self.is_ready = asyncio.Event()
        self.troubles: list[str] = []

    async def scans(self, scans: Sequence[Any]) -> None:
        self.texts += [scan.text for scan in scans]

    async def weights(self, weights: Sequence[Any]) -> None:
        for weight in weights:
            reading = weight.reading
            self.shown.append((str(reading.status), f"{reading.weight} {reading.unit}"))

    async def printer(self, state: object) -> None:
        raise AssertionError(f"no printer here: {state}")

    def ready(self, identity: str = "") -> None:
        self.is_ready.set()

    def trouble(self, error: object) -> None:
        self.troubles.append(str(error))


@contextlib.asynccontextmanager
async def driving(spec: DriverSpec, link: ByteLink, heard: Heard, **options: object) -> Any:
    """The driver at work on a link, until the block ends."""
    assert spec.build is not None
    driver = spec.build(Context("d1", link, SystemClock(), heard, Options(spec.options, options)))
    task = asyncio.create_task(driver.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, EdgeError):
            await task
        await link.close()


@pytest.mark.parametrize("kind", KINDS)
@in_guest
async def test_a_line_scanner_is_read(kind: str) -> None:
    with bench() as devices:
        one = adapter(devices, kind)
        scanner = ScannerSim(line_bytes, one.endpoint, SystemClock())
        devices.keep(scanner.run())
        heard = Heard()
        link = await open_link(one.endpoint.url, SerialSettings(), device="d1")
        async with driving(line.SPEC, link, heard):
            wanted = [f"LOT-{number:06}" for number in range(20)]
            await asyncio.to_thread(devices.do, scanner.burst(wanted))
            await until(lambda: len(heard.texts) >= 20, str(heard.texts))
        assert heard.texts == wanted
        assert not heard.troubles


def line_bytes(text: str) -> bytes:
    return text.encode() + b"\r"


@pytest.mark.parametrize("kind", KINDS)
@in_guest
async def test_a_toledo_scale_is_read_with_its_line_settings(kind: str) -> None:
    with bench() as devices:
        one = adapter(devices, kind, SEVEN_EVEN)
        physics = ScalePhysics()
        physics.put(Decimal("7.65"))
        devices.keep(ScaleSim(toledo_8217.SPEC, {}, one.endpoint, physics, SystemClock()).run())
        heard = Heard()
        link = await open_link(one.endpoint.url, SEVEN_EVEN, device="d1")
        async with driving(toledo_8217.SPEC, link, heard):
            await until(lambda: any(status == "ok" for status, _ in heard.shown), str(heard.troubles))
        ours = one.function.line.host
        assert (ours.baud, ours.bits, ours.parity, ours.stop) == (9600, 7, "E", 1)
        assert ("ok", "7.650 kg") in heard.shown


@pytest.mark.parametrize("kind", KINDS)
@in_guest
async def test_the_device_sees_the_line_settings(kind: str) -> None:
    with bench() as devices:
        one = adapter(devices, kind)
        seen = one.function.line
        for wanted in [(1200, 7, "O", 2), (4800, 7, "E", 2), (19200, 8, "N", 1), (115200, 8, "E", 1)]:
            link = await open_link(one.endpoint.url, SerialSettings(*wanted, dtr=True), device="d1")
            assert (seen.host.baud, seen.host.bits, seen.host.parity, seen.host.stop) == wanted
            assert (seen.dtr, seen.rts) == (True, False)
            await link.close()


@pytest.mark.parametrize("kind", KINDS)
@in_guest
async def test_wrong_line_settings_give_no_weight(kind: str) -> None:
    with bench() as devices:
        one = adapter(devices, kind, SEVEN_EVEN)
        physics = ScalePhysics()
        physics.put(Decimal("7.65"))
        devices.keep(ScaleSim(toledo_8217.SPEC, {}, one.endpoint, physics, SystemClock()).run())
        heard = Heard()
        link = await open_link(one.endpoint.url, SerialSettings(4800, 7, "E", 1), device="d1")
        async with driving(toledo_8217.SPEC, link, heard) as driver:
            asked = one.function.pipe
            await until(lambda: asked.received_bytes >= 3 or driver.done(), "the scale is asked three times")
        assert heard.shown == []
        assert not heard.is_ready.is_set()


@pytest.mark.parametrize("kind", KINDS)
@in_guest
async def test_a_port_is_ours_alone(kind: str) -> None:
    with bench() as devices:
        one = adapter(devices, kind)
        link = await open_link(one.endpoint.url, SerialSettings(), device="d1")
        with pytest.raises(LinkError) as caught:
            await open_link(one.endpoint.url, SerialSettings(), device="d2")
        assert caught.value.code == "link.busy"
        await link.close()
        again = await open_link(one.endpoint.url, SerialSettings(), device="d2")
        await again.close()


@pytest.mark.parametrize("kind", KINDS)
@in_guest
async def test_another_program_cannot_open_our_port(kind: str) -> None:
    with bench() as devices:
        one = adapter(devices, kind)
        link = await open_link(one.endpoint.url, SerialSettings(), device="d1")
        stranger = await asyncio.create_subprocess_exec(
            *("python3", "-c", f"import os; os.setuid(65534); open({str(one.node)!r}, 'rb')"),
            stderr=asyncio.subprocess.PIPE,
        )
        one.node.resolve().chmod(0o666)
        _, told = await stranger.communicate()
        assert stranger.returncode != 0
        assert b"busy" in told
        await link.close()


@pytest.mark.parametrize("kind", KINDS)
@in_guest
async def test_an_unplug_in_mid_read_is_told_at_once_and_a_replug_heals_within_3_seconds(kind: str) -> None:
    with bench() as devices:
        one = adapter(devices, kind)
        link = await open_link(one.endpoint.url, SerialSettings(), device="d1")
        reading = asyncio.create_task(link.read())
        await until(lambda: one.endpoint.connected, "the port is polled")
        await asyncio.to_thread(one.pull)
        with pytest.raises(LinkError) as caught:
            await asyncio.wait_for(reading, 60)
        assert caught.value.code == "link.lost"
        await link.close()
        with stopwatch() as taken:
            await asyncio.to_thread(devices.do, one.plug.insert())
            again = await reopened(one.endpoint.url)
        await asyncio.to_thread(devices.do, one.endpoint.write(b"BACK\r"))
        assert await asyncio.wait_for(again.read(), 60) == b"BACK\r"
        await again.close()
        print(f"open again after {taken}")
        assert taken.board_s < REPLUG_S, taken


async def reopened(url: str) -> ByteLink:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(LinkError):
                return await open_link(url, SerialSettings(), device="d1")
            await asyncio.sleep(0.1)


@in_guest
def test_two_identical_adapters_are_told_apart_by_path() -> None:
    with bench() as devices:
        left, right = adapter(devices, "ftdi"), adapter(devices, "ftdi")
        ports = {port.by_path: port for port in serial_ports()}
        assert str(left.node) in ports
        assert str(right.node) in ports
        assert ports[str(left.node)].twins
        assert ports[str(left.node)].stable_name == str(left.node)
        assert left.node.resolve() != right.node.resolve()
        assert len(list(Path("/dev/serial/by-id").glob("*FT232R*"))) == 1


@in_guest
async def test_identical_adapters_keep_their_roles_when_plugged_in_in_another_order() -> None:
    with bench() as devices:
        left, right = adapter(devices, "ftdi"), adapter(devices, "ftdi")
        before = left.node.resolve()
        for one in (left, right):
            one.pull()
        eventually(lambda: not left.node.exists() and not right.node.exists(), "both nodes gone")
        for one in (right, left):
            one.insert()
        assert left.node.resolve() != before, "the kernel numbered them anew"
        link = await open_link(left.endpoint.url, SerialSettings(), device="left")
        await until(lambda: left.endpoint.connected, "polled")
        await asyncio.to_thread(devices.do, left.endpoint.write(b"LEFT\r"))
        assert await asyncio.wait_for(link.read(), 60) == b"LEFT\r"
        await link.close()


@in_guest
async def test_another_adapter_on_the_socket_is_not_opened() -> None:
    with bench() as devices:
        right, line_ = adapter(devices, "ftdi"), SerialLine()
        wrong = Stream(devices, Ftdi(line_), replace(ADAPTER, product=0x6015))
        url = right.endpoint.url
        assert usb_id_of(url) == "0403:6001"
        link = await open_link(url, SerialSettings(), device="d1", usb_id="0403:6001")
        await until(lambda: right.endpoint.connected, "polled")
        await asyncio.to_thread(devices.do, right.endpoint.write(b"RIGHT\r"))
        assert await asyncio.wait_for(link.read(), 60) == b"RIGHT\r"
        await link.close()
        right.pull()
        wrong.plug.port = right.plug.port
        wrong.insert()
        assert wrong.endpoint.url == url
        before = list(line_.history)
        with pytest.raises(LinkError) as refused:
            await open_link(url, SerialSettings(), device="d1", usb_id="0403:6001")
        assert refused.value.code == "link.other_device"
        assert "0403:6015 is plugged in there" in str(refused.value)
        assert (line_.history, line_.dtr) == (before, False), "nobody set its line: it was not opened"
        wrong.pull()


@in_guest
def test_an_adapter_with_a_serial_number_is_named_by_id() -> None:
    with bench() as devices:
        one = adapter(devices, "ftdi", serial="A50285BI")
        port = next(port for port in serial_ports() if port.by_path == str(one.node))
        assert port.stable_name == "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0"
        assert port.usb_id == "0403:6001"
        assert Path(port.stable_name).resolve() == one.node.resolve()
