"""Devices that could type and are not in the settings: told once, bounded, never opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from edge_agent.contract.events import DATA
from edge_agent.links.find_input import InputNode, input_nodes
from edge_agent.sdk.clock import ManualClock
from edge_agent.strangers import (
    INVENTORY_GAP_S,
    LEAST_GAP_S,
    REMEMBERED,
    TELL_AGAIN_S,
    TOLD_MOST,
    Stranger,
    Strangers,
)
from tests.links.input_tree import BUTTON, input_device
from tests.waiting import passing


def node(number: int, *, usb_id: str = "046d:c31c", port: str = "1-1.4", types: bool = True) -> InputNode:
    return InputNode(f"/dev/input/event{number}", usb_id, port, f"hc-usb-0:{port[2:]}", "Keys", 3, types)


class Bench:
    """A watch over made-up devices."""

    def __init__(self, *configured: str) -> None:
        self.clock = ManualClock()
        self.nodes: list[InputNode] = []
        self.told: list[Stranger] = []
        self.untold = 0
        self.inventories: list[int] = []
        self.news = asyncio.Event()
        self.looks = 0
        self.watch = Strangers(
            configured, self.clock, self._changed, self._tell, self._inventory, look=self._look
        )

    def _look(self) -> list[InputNode]:
        """In a thread."""
        self.looks += 1
        return list(self.nodes)

    async def _changed(self, _timeout_s: float) -> None:
        await self.news.wait()
        self.news.clear()

    async def _tell(self, stranger: Stranger, untold: int) -> None:
        self.told.append(stranger)
        self.untold += untold

    def _inventory(self) -> None:
        self.inventories.append(len(self.watch.here))

    async def plug(self, *nodes: InputNode) -> None:
        """These are the devices now; the watch has looked."""
        self.nodes, before = list(nodes), self.looks
        self.news.set()
        await passing(self.clock, lambda: self._has_looked(before), step_s=LEAST_GAP_S)

    def _has_looked(self, before: int) -> bool:
        """It has heard of the news, looked after that, and rests."""
        return self.looks > before and not self.news.is_set() and bool(self.clock.asleep)


@asynccontextmanager
async def watching(*configured: str) -> AsyncIterator[Bench]:
    bench = Bench(*configured)
    task = asyncio.ensure_future(bench.watch.run())
    try:
        yield bench
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_keyboard_is_told_once_and_stands_in_the_inventory() -> None:
    async with watching() as bench:
        for _ in range(5):
            await bench.plug(node(4))
        assert bench.told == [Stranger("046d:c31c", "hc-usb-0:1.4", "Keys")]
        assert bench.watch.here == tuple(bench.told)
        await bench.plug()
        assert bench.watch.here == ()


async def test_one_that_stays_is_told_again_after_an_hour() -> None:
    async with watching() as bench:
        await bench.plug(node(4))
        await bench.clock.advance(TELL_AGAIN_S)
        await bench.plug(node(4), node(5, port="1-1.5"))
        assert [stranger.port for stranger in bench.told].count("hc-usb-0:1.4") == 2


async def test_the_configured_scanner_and_its_second_node_are_no_strangers() -> None:
    async with watching("evdev:0c2e:0200@1-1.2", "serial:/dev/ttyUSB0") as bench:
        ours = node(4, usb_id="0c2e:0200", port="1-1.2")
        second = node(5, usb_id="0c2e:0200", port="1-1.2")
        await bench.plug(ours, second, node(6, types=False, port="1-1.6"))
        assert bench.told == []


async def test_a_keyboard_with_the_scanners_id_on_another_socket_is_a_stranger() -> None:
    async with watching("evdev:0c2e:0200@1-1.2") as bench:
        await bench.plug(node(4, usb_id="0c2e:0200", port="1-1.3"))
        assert [stranger.port for stranger in bench.told] == ["hc-usb-0:1.3"]


async def test_a_device_that_changes_its_id_all_the_time_fills_no_memory() -> None:
    async with watching() as bench:
        for number in range(2 * REMEMBERED):
            await bench.plug(node(4, usb_id=f"0000:{number:04x}"))
        assert len(bench.watch._told) <= REMEMBERED


async def test_the_ledger_gets_so_many_an_hour_and_the_count_of_the_rest() -> None:
    async with watching() as bench:
        for number in range(TOLD_MOST + 7):
            await bench.plug(node(4, usb_id=f"0000:{number:04x}"))
        assert (len(bench.told), bench.untold) == (TOLD_MOST, 0)
        await bench.clock.advance(TELL_AGAIN_S)
        await bench.plug(node(4, usb_id="0000:ffff"))
        assert (len(bench.told), bench.untold) == (TOLD_MOST + 1, 7)


async def test_a_device_that_changes_its_name_is_the_same_and_its_name_stays_in_the_booth() -> None:
    async with watching() as bench:
        for number in range(5):
            await bench.plug(replace(node(4), name=f"Rahim Uddin \u202e{number}"))
        (told,) = bench.told
        assert told.facts() == {"usb_id": "046d:c31c", "port": "hc-usb-0:1.4"}
        assert not DATA["device.unknown"].model_validate({**told.facts(), "untold": 0}).model_extra


async def test_the_inventory_is_told_at_a_change_and_not_each_second() -> None:
    async with watching() as bench:
        await bench.plug(node(4))
        assert bench.inventories == [1]
        for _ in range(4):
            await bench.plug()
            await bench.plug(node(4), node(5, port="1-1.5"))
        assert bench.inventories == [1], "it flaps"
        await bench.clock.advance(INVENTORY_GAP_S)
        await bench.plug(node(4), node(5, port="1-1.5"))
        assert bench.inventories == [1, 2]


async def test_the_inventory_has_room_for_as_many_as_are_remembered() -> None:
    async with watching() as bench:
        await bench.plug(*(node(number, port=f"1-1.{number}") for number in range(2 * REMEMBERED)))
        assert bench.inventories == [REMEMBERED]
        assert len(bench.watch.here) == REMEMBERED


async def test_devices_out_of_sysfs_that_cannot_type_or_are_built_in_are_not_told(tmp_path: Path) -> None:
    input_device(tmp_path, 0, keys=BUTTON)
    input_device(tmp_path, 1, bus=0x11, usb_id="0001:0001")
    async with watching() as bench:
        await bench.plug(*input_nodes(tmp_path))
        assert bench.told == []
