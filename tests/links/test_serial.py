"""Serial ports over real ptys, once open: order, back-pressure, hang-up, deadlines."""

import asyncio
import os
import random

import pytest

from edge_agent.links import descriptor
from edge_agent.links.serial import SerialLink
from edge_agent.links.waiting import WAITING_LIMIT
from edge_agent.sdk.driver import SerialSettings
from tests.links.far_end import Cable, eventually, lost, open_port, read_exactly, soon

KERNEL_HOLDS = 256 * 1024  # more than both directions of a pty can hold


async def test_bytes_go_both_ways() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        await link.write(b"W\r", 1)
        assert await read_exactly(cable.device, 2) == b"W\r"
        await cable.device.write(b"\x02 1.25\r\x00\xff", 1)
        assert await read_exactly(link, 9) == b"\x02 1.25\r\x00\xff"
        await link.close()


async def test_200_kb_of_random_chunks_arrive_complete_and_in_order() -> None:
    rng = random.Random(8217)
    data = rng.randbytes(200_000)

    async def send(cable: Cable) -> None:
        at = 0
        while at < len(data):
            size = rng.randint(1, 3000)
            await cable.device.write(data[at : at + size], 5)
            at += size

    async with Cable() as cable:
        link = await open_port(cable)
        sending = asyncio.create_task(send(cable))
        assert await read_exactly(link, len(data)) == data
        await sending
        await link.close()


async def test_a_flood_without_a_reader_is_held_back_and_nothing_is_lost() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        flood = bytes(range(256)) * 4096 * 4
        stopped = await lost(cable.device.write(flood, 0.5))
        assert stopped.code == "link.write_timeout"
        assert WAITING_LIMIT <= stopped.accepted < WAITING_LIMIT + KERNEL_HOLDS
        assert await read_exactly(link, stopped.accepted) == flood[: stopped.accepted]
        await link.close()


async def test_a_read_gives_at_most_64_kib() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        await lost(cable.device.write(bytes(10**6), 0.2))
        assert len(await link.read()) <= WAITING_LIMIT
        await link.close()


async def test_unplugged_while_reading_is_a_lost_link() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        reading = asyncio.create_task(link.read())
        await asyncio.sleep(0)
        await cable.unplug()
        error = await lost(reading)
        assert (error.code, error.device) == ("link.lost", "scale")
        assert error.hint
        await link.close()


async def test_a_lost_link_says_the_same_at_every_later_call() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        await cable.unplug()
        first = await lost(link.read())
        again = [await lost(link.read()), await lost(link.write(b"x", 1)), await lost(link.read())]
        assert {(e.code, e.message) for e in again} == {(first.code, first.message)}
        await link.close()


async def test_a_lost_link_does_not_spin_the_loop() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        await cable.unplug()
        await lost(link.read())
        assert not asyncio.get_running_loop().remove_reader(link._descriptor)
        await link.close()


async def test_what_arrived_before_the_unplug_is_still_read() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        await cable.device.write(b"last words", 1)
        await eventually(lambda: bool(link._waiting), "nothing arrived")
        await cable.unplug()
        assert await soon(link.read()) == b"last words"
        assert (await lost(link.read())).code == "link.lost"
        await link.close()


async def test_writing_to_a_device_that_never_reads_times_out_with_the_accepted_count() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        os_only = cable.device
        os_only._unwatch()
        page = random.Random(1).randbytes(1_000_000)
        error = await lost(link.write(page, 0.2))
        assert error.code == "link.write_timeout"
        assert 0 < error.accepted < KERNEL_HOLDS
        assert await read_exactly(os_only, error.accepted) == page[: error.accepted]
        await link.close()


async def test_a_write_completes_once_the_device_reads_on() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        page = random.Random(2).randbytes(300_000)
        writing = asyncio.create_task(link.write(page, 10))
        assert await read_exactly(cable.device, len(page)) == page
        await soon(writing)
        await link.close()


async def test_unplugged_while_writing_is_a_lost_link_with_the_accepted_count() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        cable.device._unwatch()
        writing = asyncio.create_task(link.write(bytes(1_000_000), 10))
        await eventually(lambda: link._room is not None, "the write never waited")
        await cable.unplug()
        error = await lost(writing)
        assert error.code == "link.lost"
        assert 0 < error.accepted < KERNEL_HOLDS
        await link.close()


async def test_a_write_is_the_first_to_notice_an_unplug_while_input_is_held_back() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        await lost(cable.device.write(bytes(10**6), 0.2))
        await cable.unplug()
        assert (await lost(link.write(b"W\r", 1))).code == "link.lost"
        await link.close()


async def test_a_dead_port_that_only_says_try_again_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> bytes:
        raise BlockingIOError

    async with Cable() as cable:
        link = await open_port(cable)
        await cable.unplug()
        monkeypatch.setattr(descriptor.os, "read", nothing)
        error = await lost(link.read())
        monkeypatch.undo()
        assert error.code == "link.lost"
        await link.close()


async def test_two_writes_at_once_do_not_mix() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        both = asyncio.gather(link.write(b"A" * 100_000, 10), link.write(b"B" * 100_000, 10))
        assert await read_exactly(cable.device, 200_000) == b"A" * 100_000 + b"B" * 100_000
        await soon(both)
        await link.close()


async def test_a_stale_answer_is_discarded_and_counted() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        await cable.device.write(b"old answer", 1)
        await eventually(lambda: bool(link._waiting), "nothing arrived")
        assert link.discard_input() == 10
        await cable.device.write(b"new", 1)
        assert await read_exactly(link, 3) == b"new"
        await link.close()


async def test_discarding_ends_even_while_a_device_floods() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        flood = asyncio.create_task(cable.device.write(bytes(10**6), 10))
        for _ in range(20):
            link.discard_input()
            await asyncio.sleep(0)
        flood.cancel()
        await asyncio.gather(flood, return_exceptions=True)
        await link.close()


async def test_closing_ends_a_pending_read_with_a_link_error() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        reading = asyncio.create_task(link.read())
        await asyncio.sleep(0)
        await link.close()
        assert (await lost(reading)).code == "link.lost"


async def test_closing_twice_is_harmless() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        await link.close()
        await link.close()
        assert link.discard_input() == 0
        assert (await lost(link.write(b"x", 1))).code == "link.lost"


async def test_a_cancelled_read_loses_no_byte() -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        reading = asyncio.create_task(link.read())
        await asyncio.sleep(0)
        await cable.device.write(b"kept", 1)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert await read_exactly(link, 4) == b"kept"
        await link.close()


async def test_an_idle_port_wakes_the_loop_never_and_a_chunk_wakes_it_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Cable() as cable:
        link = await open_port(cable)
        calls: list[int] = []
        real = link._on_readable
        link._unwatch()
        monkeypatch.setattr(link, "_on_readable", lambda: (calls.append(1), real()))
        link._watch()
        for _ in range(50):
            await asyncio.sleep(0)
        assert not calls
        await cable.device.write(b"one chunk", 1)
        await read_exactly(link, 9)
        assert len(calls) == 1
        await link.close()


async def test_a_pty_can_be_opened_again_with_parity_as_often_as_needed() -> None:
    ours, far_end = os.openpty()
    try:
        settings = SerialSettings(9600, 7, "E", 1)
        for _ in range(3):
            link = await SerialLink.open(os.ttyname(far_end), settings, device="scale-1")
            await link.close()
    finally:
        os.close(ours)
        os.close(far_end)
