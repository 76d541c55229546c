"""The usblp link without a kernel's printer: what it makes of data, empty packets, refusals and a full port.

A pair of sockets stands for the node; a real one, with port status and unplugs, is tested in tests/vm.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge_agent.links.lp import EMPTY_PAUSE_S, LpLink
from tests.links.far_end import lost, open_descriptors, soon

STATUS = b"\x12"


@asynccontextmanager
async def plugged(
    kind: socket.SocketKind = socket.SOCK_STREAM, *, one_way: bool = False
) -> AsyncIterator[tuple[LpLink, socket.socket]]:
    """The link, and the printer's end of it."""
    ours, printer = socket.socketpair(socket.AF_UNIX, kind)
    for end in (ours, printer):
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    link = LpLink(ours.detach(), "lp:/dev/usb/lp0", "p1", one_way=one_way)
    try:
        yield link, printer
    finally:
        printer.close()
        await link.close()


async def taken(printer: socket.socket, size: int) -> bytes:
    """What the printer takes, in its own time."""
    loop, data = asyncio.get_running_loop(), b""
    while len(data) < size:
        data += await soon(loop.sock_recv(printer, 1000))
    return data


async def test_a_page_arrives_whole_however_slowly_it_is_taken_and_an_answer_comes_back() -> None:
    page = bytes(range(256)) * 400
    async with plugged() as (link, printer):
        writing = asyncio.create_task(link.write(page, 60))
        assert await taken(printer, len(page)) == page
        await soon(writing)
        printer.send(STATUS)
        assert await soon(link.read()) == STATUS


async def test_a_printer_that_stops_taking_is_told_with_what_it_may_have() -> None:
    async with plugged() as (link, _):
        error = await lost(link.write(bytes(1_000_000), 0.2))
        assert (error.code, error.device) == ("link.write_timeout", "p1")
        assert 0 < error.accepted < 1_000_000


async def test_a_write_has_ended_only_once_the_driver_would_take_more() -> None:
    """What the kernel's driver holds and the printer has not taken goes with the plug."""
    held = bytes(4000)  # it fits, and leaves less room than the socket calls room
    async with plugged() as (link, printer):
        error = await lost(link.write(held, 0.2))
        assert (error.code, error.accepted) == ("link.write_timeout", len(held))
        assert await taken(printer, len(held)) == held
        await soon(link.write(b"label", 10))


async def test_a_driver_that_gives_the_port_up_is_a_lost_link_with_what_was_taken() -> None:
    async with plugged() as (link, printer):
        writing = asyncio.create_task(link.write(bytes(1_000_000), 60))
        await taken(printer, 2000)
        printer.close()
        error = await lost(writing)
        assert error.code == "link.lost"
        assert 0 < error.accepted < 1_000_000
        assert (await lost(link.write(b"x", 1))).accepted == 0
        assert (await lost(link.read())).code == "link.lost"


async def test_empty_packets_are_no_end_and_do_not_keep_the_loop_busy() -> None:
    async with plugged(socket.SOCK_SEQPACKET) as (link, printer):
        started = asyncio.get_running_loop().time()
        for packet in (b"", b"", b"", STATUS):
            printer.send(packet)
        assert await soon(link.read()) == STATUS
        assert asyncio.get_running_loop().time() - started >= 2.9 * EMPTY_PAUSE_S


async def test_a_printer_without_a_way_back_is_written_and_never_read() -> None:
    async with plugged(one_way=True) as (link, printer):
        printer.send(STATUS)
        await soon(link.write(b"label", 10))
        assert await taken(printer, 5) == b"label"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(link.read(), 0.05)
        assert link.discard_input() == 0


async def test_a_port_that_tells_nothing_is_no_lost_link() -> None:
    async with plugged() as (link, printer):
        for asked in (link.port_status(), link.device_id(), link.soft_reset()):
            assert (await lost(asked)).code == "link.no_status"
        await soon(link.write(b"label", 10))
        assert await taken(printer, 5) == b"label"


@pytest.mark.parametrize(
    ("path", "code"), [("/dev/null", "link.not_printer"), ("/", "link.not_printer"), ("lp0", "link.absent")]
)
async def test_what_is_no_printer_is_not_opened(path: str, code: str, tmp_path: Path) -> None:
    before = open_descriptors()
    error = await lost(LpLink.open(str(tmp_path / path), device="p1"))
    assert (error.code, open_descriptors()) == (code, before)


async def test_closing_gives_the_port_back_and_ends_a_read() -> None:
    before = open_descriptors()
    async with plugged() as (link, _):
        reading = asyncio.create_task(link.read())
        await asyncio.sleep(0)
        await link.close()
        assert (await lost(reading)).code == "link.lost"
        await link.close()
    assert open_descriptors() == before
