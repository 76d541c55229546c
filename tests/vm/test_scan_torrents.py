"""Two scanners at once on real nodes, as fast as the kernel's buffers take it: 5,000 barcodes of each.

Owns: the pace: a scanner sends on as soon as what it sent fits what the kernel keeps for a reader, and never
waits for the agent's answer. That is faster than any scanner; more at a time the kernel drops by design, and
that is provoked on purpose in the last test.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import evdev
import pytest

from drivers.scanners import hid_pos, symbol_hid64, wedge
from drivers.scanners.wedge_events import EVENT, WedgeDevice
from edge_agent.links.open import open_link
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Context, DriverSpec, Options, SerialSettings
from edge_agent.sdk.ports import ByteLink
from simulators.usb import hid_pos as pos_sim
from simulators.usb import symbol_hid as symbol_sim
from simulators.usb import wedge as wedge_sim
from tests.vm.inside import EVENTUALLY_S, in_guest, lasting, until
from tests.vm.made_nodes import HidDevice, Keyboard, as_hid_events
from tests.vm.test_wedge_driver import SLOW, Sink

SCANS = [pytest.param(200, id="200"), pytest.param(5_000, id="5000", marks=pytest.mark.torture)]
KEPT_EVENTS = 63  # a ring of 64 for each reader of a keyboard; the 64th overflows it
KEPT_REPORTS = 63  # a ring of 64 for each reader of a hidraw node
LONGEST_TYPED = 8  # with its Enter 54 events: a whole barcode fits
TYPABLE = "0123456789abcdef-lr"
EVENTS_OF_A_KEY, READ_OF_A_KEY = 6, 4  # down and up, each with its scan code, which the link drops
STEP = 500  # so many are waited for at a time: a slow machine makes no failure
GAP_S = 0.2  # twice the silence that ends a barcode by the events' own time


Sender = Callable[[], None]


class Counted:
    """A link that tells how much of the kernel's buffer has been taken."""

    def __init__(self, link: ByteLink, size: Callable[[bytes], int], room: int) -> None:
        self._link = link
        self._size = size
        self._room = room
        self._news = threading.Condition()
        self._under_way: deque[tuple[int, int]] = deque()
        self._taken = 0

    @property
    def url(self) -> str:
        return self._link.url

    async def read(self) -> bytes:
        data = await self._link.read()
        with self._news:
            self._taken += self._size(data)
            while self._under_way and self._under_way[0][1] <= self._taken:
                self._taken -= self._under_way.popleft()[1]
            self._news.notify()
        return data

    async def write(self, data: bytes, timeout_s: float) -> None:
        await self._link.write(data, timeout_s)

    def discard_input(self) -> int:
        return self._link.discard_input()

    async def close(self) -> None:
        await self._link.close()

    def admit(self, kept: int, read: int) -> None:
        """Wait until so much more fits the kernel's buffer; `read` is what a reader gets of it."""

        def fits() -> bool:
            return sum(one for one, _ in self._under_way) + kept <= self._room

        with self._news:
            assert self._news.wait_for(fits, EVENTUALLY_S), "the reader has stopped"
            self._under_way.append((kept, read))


@asynccontextmanager
async def reading(
    spec: DriverSpec, url: str, size: Callable[[bytes], int], room: int, **options: object
) -> AsyncIterator[tuple[Sink, Counted]]:
    """The driver at work on this port."""
    sink = Sink()
    link = Counted(await open_link(url, SerialSettings(), device=url), size, room)
    assert spec.build is not None
    driver = spec.build(Context(url, link, SystemClock(), sink, Options(spec.options, options)))
    task = asyncio.ensure_future(driver.run())
    try:
        yield sink, link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await link.close()


def events_of(text: str) -> bytes:
    return as_hid_events(WedgeDevice(Options(wedge.SPEC.options)).encode(text))


def type_all(keyboard: Keyboard, link: Counted, texts: Sequence[str]) -> None:
    """The events of each key are made once: the time is for the kernel and the agent."""
    end = events_of("")
    keys = {key: events_of(key).removesuffix(end) for key in TYPABLE}
    for text in texts:
        link.admit(EVENTS_OF_A_KEY * (len(text) + 1), READ_OF_A_KEY * (len(text) + 1))
        keyboard.type(b"".join(keys[key] for key in text) + end)


def send_all(device: HidDevice, link: Counted, scans: Sequence[Sequence[bytes]]) -> None:
    for reports in scans:
        link.admit(len(reports), len(reports))
        device.send(reports)


def texts_of(who: str, scans: int, most: int, seed: int) -> list[str]:
    """Each names its scanner and its number, and has another length than most."""
    choose = random.Random(seed)
    return [f"{who}{at:04x}{'-' * choose.randint(0, most - 5)}" for at in range(scans)]


async def all_read(sinks: Sequence[Sink], wanted: Sequence[Sequence[str]], senders: Sequence[Sender]) -> None:
    """Until every scanner has sent everything and all of it is read, or until something is wrong."""
    began_s = time.monotonic()
    running = [threading.Thread(target=sender, daemon=True) for sender in senders]
    for thread in running:
        thread.start()
    for sink, texts in zip(sinks, wanted, strict=True):
        for number in range(STEP, len(texts) + STEP, STEP):
            enough = min(number, len(texts))
            await until(lambda sink=sink, enough=enough: len(sink.texts) >= enough or sink.codes, f"{number}")
    print(f"{sum(map(len, wanted))} scans in {time.monotonic() - began_s:.1f} s of the guest")


@pytest.mark.parametrize("scans", SCANS)
@in_guest
@lasting(1800)
async def test_two_keyboard_scanners_at_once_lose_nothing_and_nobody_else_reads_them(scans: int) -> None:
    keyboards = [Keyboard(wedge_sim.SCANNER), Keyboard(wedge_sim.SCANNER)]
    wanted = [texts_of("l", scans, LONGEST_TYPED, 1), texts_of("r", scans, LONGEST_TYPED, 2)]

    def size(data: bytes) -> int:
        return len(data) // EVENT.size

    try:
        async with (
            reading(wedge.SPEC, keyboards[0].url, size, KEPT_EVENTS, **SLOW) as (from_left, left),
            reading(wedge.SPEC, keyboards[1].url, size, KEPT_EVENTS, **SLOW) as (from_right, right),
        ):
            others = [evdev.InputDevice(keyboard.node) for keyboard in keyboards]
            senders = [
                partial(type_all, keyboard, link, texts)
                for keyboard, link, texts in zip(keyboards, (left, right), wanted, strict=True)
            ]
            await all_read((from_left, from_right), wanted, senders)
            assert [other.read_one() for other in others] == [None, None]
            for other in others:
                other.close()
    finally:
        for keyboard in keyboards:
            keyboard.close()
    assert from_left.codes + from_right.codes == []
    assert [from_left.texts, from_right.texts] == wanted


@pytest.mark.parametrize("scans", SCANS)
@pytest.mark.parametrize("protocol", ["hid_pos", "symbol_hid64"])
@in_guest
@lasting(1800)
async def test_two_hidraw_scanners_at_once_lose_nothing(protocol: str, scans: int) -> None:
    spec, identity, descriptor, encode = {
        "hid_pos": (hid_pos.SPEC, pos_sim.SCANNER, pos_sim.DESCRIPTOR, pos_reports),
        "symbol_hid64": (symbol_hid64.SPEC, symbol_sim.SCANNER, symbol_sim.DESCRIPTOR, symbol_packets),
    }[protocol]
    devices = [HidDevice(identity, descriptor, f"made-{place}/{protocol}") for place in ("left", "right")]
    longest = 100 if protocol == "hid_pos" else 40  # of HID-POS some go on in a second report
    wanted = [texts_of("LEFT\x1d", scans, longest, 3), texts_of("RIGHT", scans, longest, 4)]
    try:
        async with (
            reading(spec, devices[0].url, lambda _: 1, KEPT_REPORTS) as (from_left, left),
            reading(spec, devices[1].url, lambda _: 1, KEPT_REPORTS) as (from_right, right),
        ):
            senders = [
                partial(send_all, device, link, [encode(text) for text in texts])
                for device, link, texts in zip(devices, (left, right), wanted, strict=True)
            ]
            await all_read((from_left, from_right), wanted, senders)
    finally:
        for device in devices:
            device.close()
    assert from_left.codes + from_right.codes == []
    assert [from_left.texts, from_right.texts] == wanted


def pos_reports(text: str) -> list[bytes]:
    return pieces(hid_pos.reports(text.encode(), 0))


def symbol_packets(text: str) -> list[bytes]:
    return pieces(symbol_hid64.SymbolHid64Device(Options(symbol_hid64.SPEC.options)).encode(text))


def pieces(reports: bytes) -> list[bytes]:
    return [reports[at : at + 64] for at in range(0, len(reports), 64)]


@in_guest
async def test_overflows_of_the_kernels_buffer_cost_the_touched_scans_alone() -> None:
    """The loop itself types, so that nobody reads meanwhile: the overflow is certain."""
    keyboard = Keyboard(wedge_sim.SCANNER)
    rounds = 30
    kept: list[str] = []
    try:
        async with reading(wedge.SPEC, keyboard.url, len, KEPT_EVENTS) as (sink, _):
            for at in range(rounds):
                keyboard.type(events_of(f"whole{at:03}"))
                await until(lambda at=at: f"whole{at:03}" in sink.texts, f"scan {at}")
                keyboard.type(b"".join(events_of(f"{part}{at:03}") for part in ("a", "b", "c", "d")))
                await until(lambda at=at: sink.codes.count("scan.events_lost") > at, f"loss {at}")
                await asyncio.sleep(GAP_S)
                kept += [f"whole{at:03}"]
    finally:
        keyboard.close()
    assert sink.codes == ["scan.events_lost"] * rounds
    assert [text for text in sink.texts if text.startswith("whole")] == kept
    whole = {f"{part}{at:03}" for part in ("a", "b", "c", "d") for at in range(rounds)}
    assert set(sink.texts) <= whole | set(kept), "never glued, never in part"
    assert len(set(sink.texts)) == len(sink.texts), "never twice"
