"""Broken USB devices on a real kernel: each harms nothing but itself, and the next one plugged in works."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from edge_agent.links.open import open_link
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.ports import ByteLink
from simulators.usb.cdc_acm import SCALE, CdcAcm
from simulators.usb.descriptors import Spoiled
from simulators.usb.ftdi import ADAPTER, Ftdi
from tests.vm.bench import Bench, Stream, bench
from tests.vm.inside import EVENTUALLY_S, eventually, in_guest, until


@contextmanager
def kernel_log() -> Iterator[int]:
    """The kernel's messages from now on."""
    log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    os.lseek(log, 0, os.SEEK_END)
    yield log
    os.close(log)


def rest_of(log: int) -> str:
    told = ""
    with suppress(BlockingIOError):
        while True:
            told += os.read(log, 8192).decode()
    return told


def healthy(devices: Bench) -> Stream:
    one = Stream(devices, Ftdi(), ADAPTER)
    one.insert()
    return one


async def carries(devices: Bench, one: Stream) -> bool:
    """Whether bytes come through, both ways."""
    link = await open_link(one.endpoint.url, SerialSettings(), device="d1")
    try:
        await until(lambda: one.endpoint.connected, "the port is polled")
        await asyncio.to_thread(devices.do, one.endpoint.write(b"UP\r"))
        up = await asyncio.wait_for(link.read(), EVENTUALLY_S)
        await link.write(b"DOWN\r", EVENTUALLY_S)
        down = await asyncio.to_thread(devices.do, next_bytes(one))
    finally:
        await link.close()
    return (up, down) == (b"UP\r", b"DOWN\r")


async def next_bytes(one: Stream) -> bytes:
    """What the device hears next; that an earlier host hung up does not count."""
    try:
        return await one.endpoint.read()
    except LinkError:
        return await one.endpoint.read()


@pytest.mark.parametrize("how", [spoiled.value for spoiled in Spoiled])
@in_guest
async def test_a_wrong_descriptor_is_refused_and_the_neighbour_works(how: str) -> None:
    with bench() as devices:
        broken = Stream(devices, CdcAcm(), SCALE)
        broken.usb.faults.spoiled = Spoiled(how)
        devices.inserted.append(broken)
        devices.do(broken.plug.insert())
        beside = healthy(devices)
        assert await carries(devices, beside)
        assert broken.node.exists() == (how == Spoiled.SHORT), "a missing rest is the one that Linux forgives"
        broken.pull()
        broken.usb.faults.heal()
        broken.insert()
        assert await carries(devices, broken)


@in_guest
async def test_a_device_that_hangs_does_not_harm_its_neighbour() -> None:
    with bench() as devices:
        hung, beside = Stream(devices, CdcAcm(), SCALE), healthy(devices)
        hung.insert()
        hung.usb.faults.hung = True
        opening = asyncio.create_task(open_link(hung.endpoint.url, SerialSettings(), device="d2"))
        assert await carries(devices, beside)
        assert not opening.done()
        await asyncio.to_thread(hung.pull)
        with pytest.raises(LinkError):
            await lost_in_the_end(opening)
        hung.usb.faults.heal()
        await asyncio.to_thread(hung.insert)
        assert await carries(devices, hung)


async def lost_in_the_end(opening: asyncio.Task[ByteLink]) -> None:
    """The kernel may open a port whose device never answered; then reading tells."""
    link = await opening
    try:
        await link.read()
    finally:
        await link.close()


@in_guest
async def test_a_device_that_babbles_is_cut_off_or_survived() -> None:
    with bench() as devices:
        one = healthy(devices)
        link = await open_link(one.endpoint.url, SerialSettings(), device="d1")
        await until(lambda: one.endpoint.connected, "the port is polled")
        one.usb.faults.babbling = True
        await asyncio.to_thread(devices.do, one.endpoint.write(b"GARBAGE\r"))
        one.usb.faults.heal()
        await link.close()
        await asyncio.to_thread(one.pull)
        await asyncio.to_thread(one.insert)
        assert await carries(devices, one)


@in_guest
async def test_a_pull_in_the_middle_of_a_transfer_leaves_no_kernel_trouble() -> None:
    with bench() as devices, kernel_log() as log:
        for _ in range(3):
            one = Stream(devices, CdcAcm(), SCALE)
            one.insert()
            link = await open_link(one.endpoint.url, SerialSettings(), device="d1")
            writing = asyncio.create_task(link.write(b"x" * 50_000, EVENTUALLY_S))
            await until(lambda one=one: one.usb.waiting > 2, "the device is full and the host waits")
            await asyncio.to_thread(one.pull)
            with pytest.raises(LinkError):
                await writing
            await link.close()
            eventually(lambda one=one: not one.node.exists(), "the node is gone")
        told = rest_of(log)
        assert "BUG:" not in told
        assert "Oops" not in told
