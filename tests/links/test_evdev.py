"""The link to scanners that type, fed with events through a pipe: whole, bounded, honest about losses.

What only a kernel can show (grabbing, real losses, two nodes, unplugging) stands in tests/vm.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.scanners.wedge import SPEC
from drivers.scanners.wedge_events import (
    DOWN,
    EV_KEY,
    EV_SYN,
    SYN_DROPPED,
    SYN_REPORT,
    InputEventDecoder,
    WedgeDevice,
    event,
)
from edge_agent.links.evdev import READ_BYTES, WAITING_LIMIT, EvdevLink, Node
from edge_agent.links.open import open_link
from edge_agent.sdk.driver import Options, SerialSettings
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.values import ScanText

MSC_SCAN = event(4, 4, 0x70004)
REPORT = event(EV_SYN, SYN_REPORT, 0)


class Far:
    """The scanner's end of a pipe that stands in for a node."""

    def __init__(self) -> None:
        self.reads, self.writes = os.pipe()
        os.set_blocking(self.reads, False)
        os.set_blocking(self.writes, False)
        self.down: Sequence[int] = ()

    def node(self, *, torn: bool = False) -> Node:
        return Node(self.reads, lambda: self.down, torn)

    def type(self, data: bytes) -> None:
        assert os.write(self.writes, data) == len(data)

    def unplug(self) -> None:
        os.close(self.writes)
        self.writes = -1


@asynccontextmanager
async def linked(*fars: Far, torn: bool = False) -> AsyncIterator[EvdevLink]:
    link = EvdevLink([far.node(torn=torn) for far in fars], "evdev:/dev/input/event9", "scanner")
    try:
        yield link
    finally:
        await link.close()
        for far in fars:
            if far.writes >= 0:
                far.unplug()


def typed(text: str) -> bytes:
    return WedgeDevice(Options(SPEC.options)).encode(text)


def texts(data: bytes) -> list[str]:
    values = InputEventDecoder(Options(SPEC.options)).feed(data)
    return [value.text for value in values if isinstance(value, ScanText)]


async def test_events_are_passed_on_whole_and_without_scan_codes() -> None:
    far = Far()
    async with linked(far) as link:
        far.type(MSC_SCAN + event(EV_KEY, 30, DOWN) + REPORT)
        assert await link.read() == event(EV_KEY, 30, DOWN) + REPORT


async def test_from_a_loss_on_only_the_keys_that_are_down_are_told() -> None:
    far = Far()
    far.down = (42, 30)
    async with linked(far) as link:
        far.type(typed("ab") + event(EV_SYN, SYN_DROPPED, 0) + typed("cd"))
        state = event(EV_SYN, SYN_DROPPED, 0) + event(EV_KEY, 42, DOWN) + event(EV_KEY, 30, DOWN) + REPORT
        assert await link.read() == typed("ab") + state


async def test_a_node_that_was_grabbed_in_the_middle_begins_with_a_loss() -> None:
    far = Far()
    far.down = (42,)
    async with linked(far, torn=True) as link:
        assert await link.read() == event(EV_SYN, SYN_DROPPED, 0) + event(EV_KEY, 42, DOWN) + REPORT


async def test_a_node_that_is_gone_when_asked_for_its_keys_still_tells_the_loss() -> None:
    far = Far()

    def gone() -> Sequence[int]:
        raise OSError(19, "No such device")

    link = EvdevLink([Node(far.reads, gone)], "evdev:x", "scanner")
    far.type(event(EV_SYN, SYN_DROPPED, 0))
    assert await link.read() == event(EV_SYN, SYN_DROPPED, 0) + REPORT
    far.unplug()
    await link.close()


async def test_both_nodes_of_a_scanner_are_read() -> None:
    first, second = Far(), Far()
    async with linked(first, second) as link:
        first.type(typed("A1"))
        assert texts(await link.read()) == ["A1"]
        second.type(typed("B2"))
        assert texts(await link.read()) == ["B2"]


async def test_an_unplugged_scanner_is_lost_after_its_last_events_and_once() -> None:
    far = Far()
    async with linked(far) as link:
        far.type(typed("A1"))
        far.unplug()
        await asyncio.sleep(0)
        assert texts(await link.read()) == ["A1"]
        for _ in range(2):
            with pytest.raises(LinkError, match="hung up") as lost:
                await link.read()
            assert lost.value.code == "link.lost"


async def test_one_lost_node_loses_the_scanner() -> None:
    first, second = Far(), Far()
    async with linked(first, second) as link:
        second.unplug()
        with pytest.raises(LinkError):
            await link.read()


async def test_a_reader_that_waits_is_told_of_the_loss() -> None:
    far = Far()
    async with linked(far) as link:
        reading = asyncio.ensure_future(link.read())
        await asyncio.sleep(0)
        far.unplug()
        with pytest.raises(LinkError):
            await reading


async def test_what_waits_is_bounded_and_nothing_of_it_is_lost() -> None:
    far = Far()
    one = typed("RB123456785GB")
    async with linked(far) as link:
        sent = 0
        for _ in range(2 * WAITING_LIMIT // len(one)):
            try:
                far.type(one)
            except BlockingIOError:
                await _turns(lambda: len(link._waiting) >= WAITING_LIMIT)
                break
            sent += 1
            await asyncio.sleep(0)
        assert len(link._waiting) <= WAITING_LIMIT + READ_BYTES
        read = b""
        while len(read) < sent * len(one):
            read += await link.read()
    assert texts(read) == ["RB123456785GB"] * sent


async def _turns(done: Callable[[], bool]) -> None:
    for _ in range(100):
        if done():
            return
        await asyncio.sleep(0)


async def test_waiting_events_are_discarded_and_counted() -> None:
    far = Far()
    async with linked(far) as link:
        far.type(typed("A1"))
        assert link.discard_input() == len(typed("A1"))


async def test_nothing_is_ever_written_to_a_scanner_that_types() -> None:
    far = Far()
    async with linked(far) as link:
        with pytest.raises(LinkError) as refused:
            await link.write(b"x", 1.0)
    assert refused.value.code == "link.one_way"


async def test_closing_twice_is_safe() -> None:
    far = Far()
    async with linked(far) as link:
        await link.close()
        with pytest.raises(LinkError):
            await link.read()


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: None, "link.absent"),
        (lambda path: path.write_bytes(b""), "link.not_input"),
        (lambda path: path.mkdir(), "link.not_input"),
        (lambda path: path.symlink_to("/dev/null"), "link.not_input"),
    ],
)
async def test_what_is_no_input_node_is_refused_with_the_right_name(
    tmp_path: Path, make: Callable[[Path], object], code: str
) -> None:
    path = tmp_path / "event0"
    make(path)
    with pytest.raises(LinkError) as refused:
        await open_link(f"evdev:{path}", SerialSettings(), device="scanner")
    assert refused.value.code == code
