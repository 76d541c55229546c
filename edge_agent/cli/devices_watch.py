"""`edge-agent devices watch`: each port as it comes or goes.

Owns: telling the differences. Must not know: how the kernel tells them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Iterator

from edge_agent.cli.devices_list import port_line, shown_port
from edge_agent.cli.terminal import tell
from edge_agent.discovery.hid import hid_ports
from edge_agent.links.find import FoundPort, serial_ports
from edge_agent.links.find_input import input_ports
from edge_agent.links.hotplug import Hotplug
from edge_agent.sdk.clock import Clock, SystemClock

LOOK_S = 30.0  # without news the ports are looked at anyway: an event may be missed
MARKS = {"here": " ", "added": "+", "removed": "-"}


def run(args: argparse.Namespace) -> int:
    """0 after the time, or at Ctrl-C."""

    def show(change: str, port: FoundPort) -> None:
        row = shown_port(port)
        tell(json.dumps({"change": change, **row}) if args.json else f"{MARKS[change]} {port_line(row)}")

    try:
        asyncio.run(_watch(args.seconds, show))
    except KeyboardInterrupt:
        return 0
    return 0


async def _watch(seconds: int | None, show: Callable[[str, FoundPort], None]) -> None:
    with Hotplug() as hotplug:
        await watch(_ports, hotplug, SystemClock(), seconds, show)


def _ports() -> list[FoundPort]:
    return [*serial_ports(), *input_ports(), *hid_ports()]


async def watch(
    ports: Callable[[], list[FoundPort]],
    hotplug: Hotplug,
    clock: Clock,
    seconds: int | None,
    show: Callable[[str, FoundPort], None],
) -> None:
    """Show the ports that are here, then each change, until the time is up (None: for ever)."""
    end_s = None if seconds is None else clock.monotonic_s() + seconds
    before = ports()
    for port in before:
        show("here", port)
    while end_s is None or clock.monotonic_s() < end_s:
        left_s = LOOK_S if end_s is None else min(LOOK_S, end_s - clock.monotonic_s())
        await hotplug.changed(max(0.0, left_s))
        now = ports()
        for change, port in changes(before, now):
            show(change, port)
        before = now


def changes(before: list[FoundPort], now: list[FoundPort]) -> Iterator[tuple[str, FoundPort]]:
    """What went and what came; a node behind which another device sits now did both."""
    was = {(port.node, port.usb_path, port.usb_id, port.serial): port for port in before}
    is_now = {(port.node, port.usb_path, port.usb_id, port.serial): port for port in now}
    yield from (("removed", port) for key, port in was.items() if key not in is_now)
    yield from (("added", port) for key, port in is_now.items() if key not in was)
