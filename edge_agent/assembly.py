"""From settings to the parts of one booth, joined but not yet running.

Owns: which part is told of what. Must not know: the order of start and stop (app.py), what a part does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.barcodes.courier import SHIPPED
from edge_agent.barcodes.parse import parse
from edge_agent.booth import Booth
from edge_agent.centre import Centre
from edge_agent.commands.agent_ops import Controls, agent_operations, number_operations
from edge_agent.commands.barcode_key import command_key
from edge_agent.commands.diagnostics import box_checks
from edge_agent.commands.joining import make_router
from edge_agent.commands.operations import AnyOperation, Operation, operations
from edge_agent.commands.print_ops import Prints, central_operations, local_operations
from edge_agent.commands.router import Router
from edge_agent.counter.acceptance import Acceptance
from edge_agent.counter.command_codes import CommandCodes
from edge_agent.counter.counter import Counter
from edge_agent.counter.feedback import Cue
from edge_agent.counter.numbering import Numbers
from edge_agent.counter.seams import Ports
from edge_agent.counter.settling import Settler, SettleRules
from edge_agent.events.model import EventDraft, JsonValue, StoredEvent
from edge_agent.labels.printery import Printery
from edge_agent.ledger.ledger import Entry, Ledger
from edge_agent.ledger.number_mark import NumberMark
from edge_agent.live import Thinned, as_shown
from edge_agent.local.server import LocalServer, Request
from edge_agent.opening import opener
from edge_agent.pages import Pages
from edge_agent.policies import label_dpi, milliseconds, policy, rules
from edge_agent.printing.queue import PrintQueue
from edge_agent.printing.records import Ports as PrintPorts
from edge_agent.registry import Registry
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import DeviceError, EdgeError
from edge_agent.sdk.values import Weight
from edge_agent.status import Snapshot
from edge_agent.strangers import Stranger, Strangers
from edge_agent.supervisor import Configured, DeviceView, Pause

if TYPE_CHECKING:
    from edge_agent.settings.model import Settings

log = logging.getLogger(__name__)

KEYBOARD = "evdev:"  # ports of scanners that type
NUMBER_MARK = "numbers.json"  # beside the ledger, not in it


class Parts:
    """The parts of one run, joined."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        ledger: Ledger,
        devices: Sequence[Configured],
        *,
        printery: Printery,
        plugged: Pause,
        controls: Controls,
        floor_ms: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._ledger = ledger
        self._language = settings.booth.language
        self.booth = Booth(devices, opener(settings), clock, self._device_changed, plugged)
        self._pages = pages = self._make_pages(printery)
        self.prints = self._make_prints()
        self.booth.on_printer = self.prints.printer_says
        self.strangers = Strangers([d.url for d in devices], clock, plugged, self._stranger, self._inventory)
        self.counter = self._make_counter()
        self.booth.connect(self.counter)
        self.snapshot = Snapshot(
            settings.booth.id,
            ledger=ledger,
            booth=self.booth,
            counter=self.counter,
            clock=clock,
            language=self._language,
            numbers_left=lambda: self.numbers.left,
        )
        self.snapshot.strangers = self.strangers
        orders = operations(self.booth, self.counter)
        self.snapshot.printing = self.prints.figures
        prints = Prints(self.prints, self.counter, slip=self._slip, test=pages.test, head=pages.head)
        self.centre = Centre(settings, ledger, clock, self.snapshot, self.stored)
        self.server = self._make_server({**orders, **local_operations(prints), **self.centre.local_orders()})
        self.uplink = self.centre.uplink
        orders |= {**central_operations(prints), **self.centre.orders(), **number_operations(self.numbers)}
        checks = {**box_checks(ledger, Path(settings.state.directory)), **self.snapshot.checks()}
        self.router = self._make_router({**orders, **agent_operations(controls, checks)}, floor_ms)
        self._live = Thinned(settings.uplink.live_per_s, self.uplink.live if self.uplink else _nowhere)
        self.booth.on_weight = self._weight_seen

    async def resume(self) -> None:
        """Take up, or void, what the last stop left at the counter and at the printers."""
        with contextlib.suppress(DeviceError):  # told by whatever else needs the disk; nothing is given out
            await self.numbers.start()
        await self.counter.resume()
        await self.prints.resume()

    async def work(self) -> None:
        """The counter and its printers, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.counter.run(), name="counter")
            tasks.create_task(self.prints.run(), name="printing")

    def _make_pages(self, printery: Printery) -> Pages:
        first, boot = next(iter(self.booth.printers), ""), self._ledger.boot
        dpi = label_dpi(self._settings)
        return Pages(printery, self._settings, self._clock, boot=boot, printer=first, dpi=dpi)

    def _make_numbers(self) -> Numbers:
        numbers = self._settings.numbers
        mark = NumberMark(Path(self._settings.state.directory) / NUMBER_MARK)
        return Numbers(
            self._ledger,
            mark,
            self._clock,
            booth=self._settings.booth.id,
            low_water=numbers.low_water,
            stored=self.stored,
            code=numbers.new_parcel_code,
        )

    def _make_counter(self) -> Counter:
        counter, self.numbers = self._settings.counter, self._make_numbers()
        flow = Acceptance(policy(self._settings)) if counter.flow == "acceptance" else None
        couriers = (*(courier.made for courier in self._settings.courier), *SHIPPED)
        ports = Ports(
            ledger=self._ledger,
            clock=self._clock,
            devices=self.booth,
            prints=self.prints,
            parse=lambda scan: parse(scan.text, aim=scan.aim, couriers=couriers),
            render=self._pages.label,
            order=self._pages.order,
            tell=self._tell,
            stored=self.stored,
            numbers=self.numbers,
            receipt=self._pages.receipt if counter.receipt else None,
            typing=frozenset(one.id for one in self._settings.scanner if one.port.startswith(KEYBOARD)),
        )
        return Counter(
            ports,
            Settler(SettleRules(empty_below=counter.empty_below_kg)),
            flow,
            accepts=frozenset(counter.accept),
            repeat_window_ms=milliseconds(counter.repeat_window_s),
            codes=CommandCodes(self._settings.booth.id, command_key(counter.command_key_file)),
        )

    def _make_router(self, orders: Mapping[str, AnyOperation], floor_ms: Callable[[], int]) -> Router:
        respond = self.uplink.respond if self.uplink else _nowhere
        parts = (self._settings, self._ledger, self._clock, orders)
        return make_router(*parts, floor_ms=floor_ms, respond=respond, stored=self.stored)

    def _make_server(self, orders: Mapping[str, Operation]) -> LocalServer:
        local = {name: _local(order) for name, order in orders.items()}
        path = Path(self._settings.local.socket)
        return LocalServer(path, {"status": self._status, **local}, self._standing)

    def _make_prints(self) -> PrintQueue:
        ports = PrintPorts(
            ledger=self._ledger,
            clock=self._clock,
            printers=self.booth,
            draw=self._pages.draw,
            stored=self.stored,
            rules=rules(self._settings),
        )
        return PrintQueue(ports, self.booth.printers)

    def _slip(self) -> Mapping[str, JsonValue]:
        return self._pages.slip(self.snapshot.whole())

    async def _status(self, _request: Request) -> JsonValue:
        await self.prints.summary()  # counts what is in doubt
        return self.snapshot.whole()

    async def _stranger(self, stranger: Stranger, untold: int) -> None:
        data = {**stranger.facts(), "untold": untold}
        await self._record(EventDraft("device.unknown", "keyboard", self._clock.stamp(), data))

    async def _device_changed(self, view: DeviceView) -> None:
        data: dict[str, JsonValue] = {"kind": view.kind, "status": view.status.value, "reason": view.reason}
        await self._record(EventDraft("device.changed", view.id, self._clock.stamp(), data))
        self._inventory()

    def _inventory(self) -> None:
        if self.uplink is not None:
            self.uplink.devices_changed()

    async def _record(self, event: EventDraft) -> None:
        try:
            self.stored(await self._ledger.commit(Entry([event])))
        except EdgeError as error:
            log.error("%s", error)

    def stored(self, events: Sequence[StoredEvent]) -> None:
        """Events that are on disk now: for the centre and for whoever watches."""
        if self.uplink is not None:
            self.uplink.stored(events)
        if self.server.watched:
            for event in events:
                self.server.tell(
                    {"news": "event", "seq": event.seq, "type": event.type, "subject": event.subject}
                )

    def _tell(self, cue: Cue) -> None:
        if self.server.watched:
            self.server.tell({**self._cue_news(cue), "sound": cue.sound.value if cue.sound else None})

    def _cue_news(self, cue: Cue) -> dict[str, JsonValue]:
        text = cue.prompt.text(self._language)
        return {"news": "cue", "prompt": cue.prompt.id, **cue.prompt.values, "text": text, "sound": None}

    def _standing(self) -> Request:
        """What a new watcher hears first: the prompt as it stands, without its sound."""
        return self._cue_news(self.counter.cues.last)

    def _weight_seen(self, weight: Weight) -> None:
        if self.server.watched:
            self.server.tell({"news": "weight", **as_shown(weight)})
        self._live.see(weight)


def _local(operation: Callable[[Request], Awaitable[JsonValue]]) -> Callable[[Request], Awaitable[JsonValue]]:
    async def answer(request: Request) -> JsonValue:
        return await operation(request)

    return answer


def _nowhere(_response: Request) -> None:
    """Without an uplink there is nobody to answer."""


def configured_devices(settings: Settings, registry: Registry) -> list[Configured]:
    found = []
    for device in (*settings.scanner, *settings.scale, *settings.printer):
        spec = registry.load(device.driver)
        found.append(Configured(device.id, spec, device.port, device.line, device.driver_options))
    return found
