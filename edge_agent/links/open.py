"""From the port URL of the configuration to an open link.

Owns: the table of port kinds. Must not know: drivers, protocols.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_agent.links.evdev import EvdevLink
from edge_agent.links.hidraw import HidrawLink
from edge_agent.links.input_address import split_address as split_input
from edge_agent.links.lp import LpLink
from edge_agent.links.serial import SerialLink
from edge_agent.links.tcp import TcpLink, split_address
from edge_agent.links.usb import UsbLink
from edge_agent.links.usb_address import is_usb_address, parse_usb_address
from edge_agent.links.usb_identity import demand
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import ConfigError, LinkError
from edge_agent.sdk.ports import ByteLink

URL_LIMIT = 512  # by-path names stay below 150; the longest host name is 253


@dataclass(frozen=True, slots=True)
class PortUrl:
    """A port as configured: its kind and where it is, in the kind's own form."""

    scheme: str
    address: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.address}"


@dataclass(frozen=True, slots=True)
class PortKind:
    """How the addresses of one kind of port look and how they are opened."""

    example: str
    check: Callable[[str], object]
    open: Callable[[str, SerialSettings, str], Awaitable[ByteLink]]


def parse_url(url: str) -> PortUrl:
    """The parts of a port URL. Raises ConfigError, with the known forms as its hint."""
    scheme, colon, address = url.partition(":")
    if len(url) > URL_LIMIT or not url.isprintable():
        raise ConfigError("config.port_url", f"{url[:80]!a} is no port", hint=_known_forms())
    if not colon or scheme not in KINDS:
        raise ConfigError("config.port_url", f"unknown kind of port in {url[:80]!a}", hint=_known_forms())
    KINDS[scheme].check(address)
    return PortUrl(scheme, address)


async def open_link(
    url: str, serial: SerialSettings, *, device: str, usb_id: str = "", root: Path = Path("/")
) -> ByteLink:
    """Open the port of a device. Raises ConfigError or LinkError, nothing else.

    With `usb_id` nothing but that USB device is opened; what took its place meanwhile is let go unread.
    `root` is "/" but for tests.
    """
    port = parse_url(url)
    kind = KINDS[port.scheme]
    if not usb_id:
        return await kind.open(port.address, serial, device)
    await demand(url, usb_id, device, root)
    link = await kind.open(port.address, serial, device)
    try:
        await demand(url, usb_id, device, root)
    except (LinkError, asyncio.CancelledError):
        await link.close()
        raise
    return link


def _check_path(address: str) -> None:
    if not address.startswith("/") or ".." in address.split("/"):
        raise ConfigError(
            "config.port_url",
            f"{address[:80]!a} is no absolute path",
            hint=_known_forms(),
        )


def _check_path_or_device(address: str) -> None:
    if is_usb_address(address):
        parse_usb_address(address)
    else:
        _check_path(address)


async def _open_serial(address: str, serial: SerialSettings, device: str) -> ByteLink:
    return await SerialLink.open(address, serial, device=device)


async def _open_tcp(address: str, _serial: SerialSettings, device: str) -> ByteLink:
    return await TcpLink.open(address, device=device)


async def _open_lp(address: str, _serial: SerialSettings, device: str) -> ByteLink:
    return await LpLink.open(address, device=device)


async def _open_hidraw(address: str, _serial: SerialSettings, device: str) -> ByteLink:
    return await HidrawLink.open(address, device=device)


async def _open_usb(address: str, _serial: SerialSettings, device: str) -> ByteLink:
    return await UsbLink.open(address, device=device)


async def _open_evdev(address: str, _serial: SerialSettings, device: str) -> ByteLink:
    return await EvdevLink.open(address, device=device)


def _known_forms() -> str:
    return "ports are written as " + " or ".join(kind.example for kind in KINDS.values())


KINDS: Mapping[str, PortKind] = {
    "serial": PortKind("serial:/dev/serial/by-path/NAME", _check_path, _open_serial),
    "evdev": PortKind("evdev:VENDOR:PRODUCT[@PORT]", split_input, _open_evdev),
    "lp": PortKind("lp:/dev/usb/lp0", _check_path, _open_lp),
    "hidraw": PortKind("hidraw:VENDOR:PRODUCT[@PORT]", _check_path_or_device, _open_hidraw),
    "usb": PortKind("usb:VENDOR:PRODUCT[@PORT]", parse_usb_address, _open_usb),
    "tcp": PortKind("tcp:HOST:PORT", split_address, _open_tcp),
}
