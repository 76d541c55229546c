"""The ports that can be looked at, under the names that people and settings use.

Owns: from what a person writes to a Port, and from a node to the name that survives a re-plug.
Must not know: what hangs on a port.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial

from edge_agent.discovery.sweep import Port
from edge_agent.links.find import FoundPort
from edge_agent.links.find_usb import hidraw_node
from edge_agent.links.hotplug import Hotplug
from edge_agent.links.input_address import split_address
from edge_agent.links.open import open_link, parse_url
from edge_agent.links.serial import is_pty
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.ports import ByteLink

SERIAL, HIDRAW, INPUT = "serial", "hidraw", "evdev"
HIDRAW_NODES = ("/dev/hidraw", "/dev/edge-agent/hidraw")
LOOK_S = 2.0  # how long a plug is waited for at a time; then the ports are looked at anyway


def port_at(written: str) -> Port:
    """The port as a person writes it: /dev/ttyUSB0, or a URL. Raises ConfigError."""
    url = parse_url(written_url(written))
    return Port(str(url), partial(_open, str(url)), url.scheme == SERIAL and not is_pty(url.address))


def written_url(written: str) -> str:
    """The URL of what a person writes: a node is a serial port, unless its name says otherwise."""
    if not written.startswith("/"):
        return written
    return f"{HIDRAW if written.startswith(HIDRAW_NODES) else SERIAL}:{written}"


def stable_url(url: str, ports: Iterable[FoundPort]) -> str:
    """The URL to configure: by the name that leads to the same port after a re-plug."""
    scheme, _, address = url.partition(":")
    if scheme not in {SERIAL, HIDRAW} or not address.startswith("/"):
        return url
    node = real_node(address)
    here = (port.url for port in ports if port.scheme == scheme and real_node(port.node) == node)
    return next(here, url)


def is_same_port(one: str, other: str) -> bool:
    """Whether two URLs lead to the same port, by whatever names."""
    if one == other:
        return True
    schemes, addresses = zip(*(url.partition(":")[::2] for url in (one, other)), strict=True)
    if set(schemes) == {INPUT}:
        return _is_same_input(*addresses)
    if set(schemes) == {HIDRAW}:
        first, second = map(hidraw_node, addresses)
        return bool(first) and first == second
    return set(schemes) == {SERIAL} and real_node(addresses[0]) == real_node(addresses[1])


def _is_same_input(one: str, other: str) -> bool:
    """By id, and by socket where both name one in the same way."""
    (first, path), (second, other_path) = split_address(one), split_address(other)
    if path or other_path:
        return bool(path and other_path) and real_node(path) == real_node(other_path)
    if first is None or second is None or first.usb_id != second.usb_id:
        return False
    ports = sorted((first.port, second.port), key=len)
    return not ports[0] or ports[0] == ports[1] or ports[1].endswith(f"-{ports[0]}")


def real_node(address: str) -> str:
    """Where a name under /dev leads in the end."""
    return os.path.realpath(address)  # what is linked in a circle stays as it is


async def next_port(
    ports: Callable[[], list[FoundPort]],
    known: Iterable[FoundPort],
    hotplug: Hotplug,
    clock: Clock,
    wait_s: float,
) -> FoundPort | None:
    """The first port that was not known and comes within the time."""
    before = {port.node for port in known}
    end_s = clock.monotonic_s() + wait_s
    while clock.monotonic_s() < end_s:
        here = ports()
        fresh = next((port for port in here if port.node not in before), None)
        if fresh:
            return fresh
        before &= {port.node for port in here}  # one that went and comes again is new
        await hotplug.changed(min(LOOK_S, max(0.0, end_s - clock.monotonic_s())))
    return None


async def _open(url: str, line: SerialSettings) -> ByteLink:
    return await open_link(url, line, device=url)
