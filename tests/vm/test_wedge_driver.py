"""Scanners that type, through the agent's own link and driver on a real kernel: whole, alone, honest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import evdev
import pytest
from evdev import UInput, ecodes

from drivers.scanners.wedge import SPEC
from edge_agent.links.find_input import input_nodes
from edge_agent.links.open import open_link
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Context, DriverSpec, Options, SerialSettings
from edge_agent.sdk.errors import LinkError, ProtocolError
from edge_agent.sdk.values import PrinterState, Scan, Weight
from simulators.usb.wedge import SCANNER, ControlKeys, TwoNodeWedge, Wedge
from tests.vm.bench import Bench, Simulated, bench
from tests.vm.inside import in_guest, until

NODE = "/dev/input/by-path/{path}:1.0-event-kbd"
ALTERNATING = 100
# The emulated bus may pause for a second between two keys: the defaults of silence are tested without it.
SLOW = {"terminator": "enter", "idle_gap_ms": 3000, "slowest_key_ms": 1000}
USB_ID = f"{SCANNER.vendor:04x}:{SCANNER.product:04x}"


class Sink:
    """Keeps what a driver reports."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.codes: list[str] = []

    async def scans(self, scans: Sequence[Scan]) -> None:
        self.texts += [scan.text for scan in scans]

    async def weights(self, _weights: Sequence[Weight]) -> None: ...
    async def printer(self, _state: PrinterState) -> None: ...
    def ready(self, _identity: str = "") -> None: ...

    def trouble(self, error: ProtocolError) -> None:
        self.codes.append(error.code)


def plugged(devices: Bench, function: Wedge) -> Simulated:
    one = Simulated(devices, function, SCANNER, NODE)
    one.insert()
    return one


def url(one: Simulated) -> str:
    return f"evdev:{USB_ID}@{one.node}"


@asynccontextmanager
async def serving(
    where: str, spec: DriverSpec = SPEC, **options: object
) -> AsyncIterator[tuple[Sink, asyncio.Task[None]]]:
    """The driver at work on this port; what ended it stays in the task."""
    sink = Sink()
    link = await open_link(where, SerialSettings(), device="scanner")
    assert spec.build is not None
    settings = Options(spec.options, {**(SLOW if spec is SPEC else {}), **options})
    driver = spec.build(Context("scanner", link, SystemClock(), sink, settings))
    task = asyncio.ensure_future(driver.run())
    try:
        yield sink, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await link.close()


@in_guest
async def test_two_identical_scanners_at_once_lose_glue_and_swap_nothing() -> None:
    """Each types five characters and Enter, as much as the kernel keeps for a reader, both at one time."""
    with bench() as devices:
        left, right = plugged(devices, Wedge()), plugged(devices, Wedge())
        async with serving(url(left)) as (from_left, _), serving(url(right)) as (from_right, _):
            for at in range(ALTERNATING):
                devices.tell(left.function.scan, f"l{at:04}")
                devices.tell(right.function.scan, f"r{at:04}")
                await until(
                    lambda at=at: len(from_left.texts) > at and len(from_right.texts) > at, f"scans {at}"
                )
        assert from_left.texts == [f"l{at:04}" for at in range(ALTERNATING)]
        assert from_right.texts == [f"r{at:04}" for at in range(ALTERNATING)]
        assert from_left.codes + from_right.codes == []


@in_guest
async def test_a_burst_without_a_pause_is_whole_or_told_and_never_glued() -> None:
    """The emulated machine may be too slow for the bus: then the kernel tells, and only whole scans count."""
    wanted = [f"RB{at:08}GB" for at in range(100)]
    with bench() as devices:
        one = plugged(devices, Wedge())
        async with serving(url(one)) as (sink, _):
            for text in wanted:
                devices.tell(one.function.scan, text)
            devices.tell(lambda: None)
            await until(lambda: one.function.queued == 0, "the kernel has fetched every report")
            await asyncio.sleep(4)
            devices.tell(one.function.scan, "last")
            await until(lambda: sink.texts[-1:] == ["last"], "what comes after the burst is read")
        rest = iter([*wanted, "last"])
        assert all(text in rest for text in sink.texts), "whole scans, in their order, each once"
        lost = len(wanted) + 1 - len(sink.texts)
        assert (lost == 0) == ("scan.events_lost" not in sink.codes)


@in_guest
async def test_events_that_the_kernel_dropped_cost_the_touched_scans_only() -> None:
    with bench() as devices:
        one = plugged(devices, Wedge())
        async with serving(url(one)) as (sink, _):
            for number in range(10):
                devices.tell(one.function.scan, f"BURST-{number:06}")
            stand_still(one)
            await until(lambda: "scan.events_lost" in sink.codes, "the loss is told")
            await asyncio.sleep(3.5)
            devices.tell(one.function.scan, "Ab12")
            await until(lambda: sink.texts[-1:] == ["Ab12"], "the next scan is whole, its case too")
        assert set(sink.texts) <= {f"BURST-{number:06}" for number in range(10)} | {"Ab12"}


def stand_still(one: Simulated) -> None:
    """Nobody reads while the kernel fetches what was typed."""
    while one.function.queued:
        time.sleep(0.05)
    time.sleep(0.2)


@in_guest
async def test_another_reader_of_a_grabbed_scanner_gets_nothing() -> None:
    with bench() as devices:
        one = plugged(devices, Wedge())
        other = evdev.InputDevice(str(one.node))
        async with serving(url(one)) as (sink, _):
            with pytest.raises(OSError, match="busy"):
                other.grab()
            with pytest.raises(LinkError) as busy:
                await open_link(url(one), SerialSettings(), device="second")
            assert busy.value.code == "link.busy"
            devices.tell(one.function.scan, "MINE1")
            await until(lambda: sink.texts == ["MINE1"], "the scan")
            assert other.read_one() is None
        devices.tell(one.function.scan, "FREE1")
        await until(lambda: other.read_one() is not None, "after the stop everybody reads again")
        other.close()


@in_guest
async def test_a_scanner_with_two_nodes_is_read_on_both_and_kept_on_both() -> None:
    with bench() as devices:
        one = plugged(devices, TwoNodeWedge())
        await until(lambda: len(nodes_of(one)) == 2, "both nodes")
        async with serving(url(one)) as (sink, _):
            others = [evdev.InputDevice(node) for node in nodes_of(one)]
            devices.tell(one.function.scan, "ONE11")
            await until(lambda: sink.texts == ["ONE11"], "the first node")
            devices.tell(one.function.scan_second, "TWO22")
            await until(lambda: sink.texts == ["ONE11", "TWO22"], "the second node")
            assert [other.read_one() for other in others] == [None, None]
            for other in others:
                other.close()


def nodes_of(one: Simulated) -> list[str]:
    by_path = {node.node: node for node in input_nodes()}
    own = by_path[str(one.node.resolve())]
    return [node.node for node in by_path.values() if node.usb_path == own.usb_path]


@in_guest
async def test_the_port_of_another_device_is_never_opened() -> None:
    with bench() as devices:
        one = plugged(devices, Wedge())
        with pytest.raises(LinkError) as refused:
            await open_link(f"evdev:046d:c31c@{one.node}", SerialSettings(), device="scanner")
        assert refused.value.code == "link.other_device"
        async with serving(f"evdev:{USB_ID}") as (sink, _):
            devices.tell(one.function.scan, "byid1")
            await until(lambda: sink.texts == ["byid1"], "by its id alone")


@in_guest
async def test_a_grab_waits_for_keys_to_be_let_go_and_is_then_taken_anyway() -> None:
    """With the key still down the first barcode lacks its beginning and is dropped; the next is whole."""
    with bench() as devices:
        one = plugged(devices, Wedge())
        devices.tell(one.function.stick, "A")
        await until(lambda: evdev.InputDevice(str(one.node)).active_keys(), "the key is down")
        async with serving(url(one)) as (sink, _):
            devices.tell(one.function.push, bytes(8))
            devices.tell(one.function.scan, "torn1")
            await until(lambda: "scan.events_lost" in sink.codes, "what was begun before is told")
            await asyncio.sleep(3.5)
            devices.tell(one.function.scan, "Next1")
            await until(lambda: sink.texts[-1:] == ["Next1"], "the next")
        assert set(sink.texts) <= {"torn1", "Next1"}


@in_guest
async def test_an_unplugged_scanner_is_lost_and_read_again_when_it_is_back() -> None:
    with bench() as devices:
        one = plugged(devices, Wedge())
        async with serving(url(one)) as (sink, task):
            devices.tell(one.function.scan, "AB123")
            await until(lambda: sink.texts == ["AB123"], "a scan")
            devices.tell(one.function.stick, "5")
            one.pull()
            await until(task.done, "the driver ends")
            assert isinstance(task.exception(), LinkError)
            assert task.exception().code == "link.lost"
        assert sink.texts == ["AB123"]
        devices.inserted.remove(one)
        one.insert()
        async with serving(url(one)) as (sink, _):
            devices.tell(one.function.scan, "CD456")
            await until(lambda: sink.texts == ["CD456"], "after the replug")


@in_guest
async def test_control_characters_come_by_ctrl_and_alt_mode_is_refused() -> None:
    with bench() as devices:
        one = plugged(devices, Wedge(controls=ControlKeys.CTRL))
        async with serving(url(one)) as (sink, _):
            devices.tell(one.function.scan, "1\x1d2")
            await until(lambda: sink.texts == ["1\x1d2"], "GS as Ctrl+]")
            one.function.controls = ControlKeys.ALT
            devices.tell(one.function.scan, "1\x1d2")
            await until(lambda: "scan.alt_mode" in sink.codes, "ALT mode")
        assert sink.texts == ["1\x1d2"]


@in_guest
async def test_a_virtual_keyboard_is_seen_by_sysfs_and_read_by_its_id() -> None:
    keys = {ecodes.EV_KEY: list(range(1, 100))}
    with UInput(keys, name="Sim uinput", vendor=0x1234, product=0x5678, bustype=ecodes.BUS_USB) as typist:
        await until(lambda: any(node.usb_id == "1234:5678" for node in input_nodes()), "the node")
        (node,) = [node for node in input_nodes() if node.usb_id == "1234:5678"]
        assert (node.types, node.is_plugged, node.name) == (True, True, "Sim uinput")
        async with serving(f"evdev:1234:5678@{node.node}") as (sink, _):
            for code in (ecodes.KEY_1, ecodes.KEY_2, ecodes.KEY_KP3, ecodes.KEY_KPENTER):
                for value in (1, 0):
                    typist.write(ecodes.EV_KEY, code, value)
                    typist.syn()
            await until(lambda: sink.texts == ["123"], "what was typed")
