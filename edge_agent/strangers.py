"""Devices that could type and are not in the settings: told to people and to the centre, never opened.

Owns: which of them are strangers, and how often one is told. Must not know: scanners, the ledger, how a port
is opened. A keyboard on a booth is a technician's, or an attack: either way somebody should know.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from edge_agent.events.model import JsonValue
from edge_agent.links.find_input import InputNode, input_nodes
from edge_agent.links.input_address import split_address
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import ConfigError

log = logging.getLogger(__name__)

LOOK_S = 60.0  # without news the devices are looked at anyway: an event may be missed
LEAST_GAP_S = 1.0  # a device that comes and goes all the time costs one look a second
TELL_AGAIN_S = 3600.0  # one that stays or flaps is told once an hour
REMEMBERED = 32  # sockets of a booth with room; a device that changes its id each time pushes out the oldest
TOLD_MOST = 64  # in an hour: twice all of those sockets; what changes its id all the time is counted
INVENTORY_GAP_S = 30.0  # a device that comes and goes all the time is no megabytes of inventory a day
SCHEME = "evdev:"


@dataclass(frozen=True, slots=True)
class Stranger:
    """A device that could type. Its name is foreign text, cleaned and short: for those at the booth."""

    usb_id: str
    port: str
    name: str = field(default="", compare=False)

    def facts(self) -> dict[str, JsonValue]:
        """What leaves the booth: which device where, and nothing that it says of itself."""
        return {"usb_id": self.usb_id, "port": self.port}


class Strangers:
    """Watches for them. `changed` waits so long at most, or until something was plugged in."""

    def __init__(
        self,
        configured: Sequence[str],
        clock: Clock,
        changed: Callable[[float], Awaitable[object]],
        tell: Callable[[Stranger, int], Awaitable[None]],
        inventory: Callable[[], None],
        *,
        look: Callable[[], list[InputNode]] = input_nodes,
    ) -> None:
        """`tell` gets one and how many before it were not told; `inventory` hears that `here` has changed."""
        self._configured = [url.removeprefix(SCHEME) for url in configured if url.startswith(SCHEME)]
        self._clock = clock
        self._changed = changed
        self._tell = tell
        self._look = look
        self._inventory = inventory
        self._told: OrderedDict[Stranger, float] = OrderedDict()
        self._lately: deque[float] = deque(maxlen=TOLD_MOST)
        self._untold = 0
        self._listed: tuple[Stranger, ...] = ()
        self._listed_s = -INVENTORY_GAP_S
        self.here: tuple[Stranger, ...] = ()

    async def run(self) -> None:
        """Look and tell until cancelled."""
        while True:
            nodes = await asyncio.to_thread(self._look)
            self.here = tuple(dict.fromkeys(self._strangers(nodes)))[:REMEMBERED]
            self._list()
            for stranger in self.here:
                await self._once(stranger)
            await self._clock.sleep(LEAST_GAP_S)
            await self._changed(LOOK_S)

    def _list(self) -> None:
        """Have the inventory told where it has changed; what is held back is seen at a later look."""
        now_s = self._clock.monotonic_s()
        if self.here != self._listed and now_s - self._listed_s >= INVENTORY_GAP_S:
            self._listed, self._listed_s = self.here, now_s
            self._inventory()

    def _strangers(self, nodes: Sequence[InputNode]) -> list[Stranger]:
        ours = {node.usb_path or node.node for node in nodes if self._is_configured(node)}
        return [
            Stranger(node.usb_id, node.udev_port or node.node, node.name)
            for node in nodes
            if node.types and node.is_plugged and (node.usb_path or node.node) not in ours
        ]

    def _is_configured(self, node: InputNode) -> bool:
        for address in self._configured:
            try:
                wanted, path = split_address(address)
            except ConfigError:
                continue  # the settings' own check has told
            if wanted is None or wanted.usb_id != node.usb_id:
                continue
            if (path in (node.by_path, node.node)) if path else node.is_meant_by(wanted):
                return True
        return False

    async def _once(self, stranger: Stranger) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._told.get(stranger, -TELL_AGAIN_S) < TELL_AGAIN_S:
            return
        self._told.pop(stranger, None)
        self._told[stranger] = now_s
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        if len(self._lately) == TOLD_MOST and now_s - self._lately[0] < TELL_AGAIN_S:
            self._untold += 1
            return
        self._lately.append(now_s)
        untold, self._untold = self._untold, 0
        log.warning(
            "a device that could type is plugged in and not read: %s at %s", stranger.usb_id, stranger.port
        )
        await self._tell(stranger, untold)
