"""The booth's day: parcels, a bad barcode, a moving scale, paper out, a network cut, a pulled plug.

Owns: the order of the day. Must not know: how anything is simulated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal

from edge_agent.sdk.checksums import s10_check_digit
from simulators.demo.stage import Stage

PAUSE_S = 0.4  # between steps, so that a person can follow


def items() -> Iterator[str]:
    """S10 item numbers of a registered parcel series, check digit right."""
    for serial in range(10_203_041, 99_999_999):
        digits = f"{serial:08d}"
        yield f"RR{digits}{s10_check_digit(digits)}BD"


class Day:
    """Plays on one stage. `end` is set when the day is to end after the parcel in hand."""

    def __init__(self, stage: Stage, end: asyncio.Event) -> None:
        self._stage = stage
        self._end = end
        self._items = items()
        self.given: list[str] = []

    async def play(self) -> None:
        """The scenes once, then parcels until the end. Raises DeviceError when something did not happen.

        The first parcel is played in any case: on a slow machine the time may be over before all is ready.
        """
        scenes: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("A parcel: scan it, then put it on the scale", self._scan_first),
            ("A parcel: put it on first, then scan it", self._place_first),
            ("A barcode with a wrong check digit", self._bad_barcode),
            ("A parcel that does not lie still", self._moving),
            ("The printer runs out of paper", self._paper_out),
            ("A technician has the state of the booth printed", self._slip),
            ("The network is cut: the booth goes on", self._network_cut),
            ("The scanner is unplugged and plugged in again", self._unplugged),
        ]
        for title, scene in scenes:
            self._stage.show.chapter(title)
            await scene()
            await self._breathe()
            if self._end.is_set():
                return
        self._stage.show.chapter("And so on, one parcel after the other")
        while not self._end.is_set():
            await self._scan_first()
            await self._breathe()

    async def _scan_first(self, weight: str = "1.235") -> None:
        item = next(self._items)
        await self._scan(item)
        await self._until_prompt("place_parcel")
        self._put(weight)
        await self._accepted(item)
        await self._clear()

    async def _place_first(self) -> None:
        item = next(self._items)
        self._put("7.650")
        await asyncio.sleep(1.0)
        await self._scan(item)
        await self._accepted(item)
        await self._clear()

    async def _bad_barcode(self) -> None:
        told = len(self._stage.record.told)
        self._stage.show.line("scanner", "RB123456786US")
        await self._stage.scanner.scan("RB123456786US")
        await self._told("refused_code", told)

    async def _moving(self) -> None:
        item = next(self._items)
        await self._scan(item)
        await self._until_prompt("place_parcel")
        for load in ("2.4", "3.1", "2.2", "2.9", "2.6"):
            self._put(load, show=False)
            await asyncio.sleep(0.15)
        self._stage.show.line("parcel", "rolls about on the pan")
        await self._accepted(item)
        await self._clear()

    async def _paper_out(self) -> None:
        printer, item = self._stage.printer, next(self._items)
        printer.path.load_roll(0)
        printer.changed()
        self._stage.show.line("printer", "the roll is empty")
        await self._scan(item)
        await self._until_prompt("place_parcel")
        self._put("0.480")
        await self._until_prompt("insert_paper")
        await self._breathe()
        self._stage.show.line("clerk", "puts in a new roll")
        printer.path.load_roll()
        printer.changed()
        await self._accepted(item)
        await self._clear()

    async def _slip(self) -> None:
        """An order beside the parcels: it goes through the print queue."""
        record, before = self._stage.record, self._stage.record.labels
        self._stage.show.line("technician", "edge-agent print slip")
        try:
            await self._stage.agent.ask(op="print.slip")
            await self._stage.until("the slip", lambda: record.labels > before)
        finally:  # cut short, it counts only if it came out
            record.slips += record.labels > before

    async def _network_cut(self) -> None:
        await self._stage.broker.cut()
        self._stage.show.line("network", "cut")
        await self._scan_first("4.005")
        await self._scan_first("0.125")
        waiting = self._stage.record.events - self._stage.record.acknowledged
        self._stage.show.line("network", f"back; {waiting} events wait in the ledger")
        await self._stage.broker.heal()
        await self._stage.drained()

    async def _unplugged(self) -> None:
        endpoint = self._stage.scanner.endpoint
        await endpoint.unplug()
        self._stage.show.line("scanner", "unplugged")
        await asyncio.sleep(1.0)
        await endpoint.plug()
        self._stage.show.line("scanner", "plugged in again")
        await self._stage.devices_ready()
        await self._scan_first("0.990")

    async def _scan(self, item: str) -> None:
        self.given.append(item)
        self._stage.show.line("scanner", item)
        await self._stage.scanner.scan(item)

    def _put(self, weight: str, *, show: bool = True) -> None:
        if show:
            self._stage.show.line("parcel", f"{weight} kg put on the pan")
        self._stage.scale.put(Decimal(weight))

    async def _clear(self) -> None:
        """Take the parcel off and wait until the booth has seen the empty pan."""
        told = len(self._stage.record.told)
        self._stage.scale.put(Decimal(0))
        self._stage.show.line("parcel", "taken off the pan")
        await self._told("scan_parcel", told)

    async def _accepted(self, item: str) -> None:
        saved = self._stage.record.saved
        await self._stage.until(f"{item} accepted", lambda: item in saved)

    async def _until_prompt(self, prompt: str) -> None:
        await self._stage.until(f"the prompt {prompt}", lambda: self._stage.record.prompt == prompt)

    async def _told(self, prompt: str, after: int) -> None:
        told = self._stage.record.told
        await self._stage.until(f"the prompt {prompt}", lambda: prompt in told[after:])

    async def _breathe(self) -> None:
        await asyncio.sleep(PAUSE_S)
