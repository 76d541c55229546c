"""`edge-agent devices list`: ports, USB printers and, with settings, the devices that are meant to be there.

Owns: how they are shown. Must not know: how ports are found, what hangs on them.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypedDict

from edge_agent.barcodes.display import display
from edge_agent.cli.devices_printers import printer_lines, shown_printers
from edge_agent.cli.terminal import tell
from edge_agent.discovery.hid import driver_of, hid_ports
from edge_agent.discovery.ports import is_same_port
from edge_agent.links.find import FoundPort, serial_ports
from edge_agent.links.find_input import input_ports
from edge_agent.registry import Registry
from edge_agent.sdk.driver import Kind
from edge_agent.settings.load import load
from edge_agent.settings.model import Device

SHOWN = 160  # a by-path name has up to 150 characters, and a part of it is no name
KINDS = ("scanner", "scale", "printer")


class ShownPort(TypedDict):
    """One port as JSON."""

    node: str
    name: str
    speaks: str
    usb_id: str
    usb_path: str
    serial: str
    maker: str
    model: str
    driver: str
    twins: bool
    device: str


class ShownDevice(TypedDict):
    """One configured device as JSON; `present` is null where nobody can tell."""

    id: str
    kind: str
    driver: str
    port: str
    present: bool | None


def run(args: argparse.Namespace) -> int:
    """0, also where there is no port; 1 where a configured device has none."""
    ports = [*serial_ports(), *input_ports(), *hid_ports()]
    devices = configured(args.config) if args.config else []
    here = [shown_port(port, devices) for port in ports]
    printers = shown_printers(Registry.installed().of_kind(Kind.PRINTER), devices)
    meant = [shown_device(kind, device, ports) for kind, device in devices]
    if args.json:
        tell(json.dumps({"ports": here, "printers": printers, "devices": meant}, indent=2))
    else:
        tell("\n".join((*lines(here, meant), *printer_lines(printers))))
    return 1 if any(device["present"] is False for device in meant) else 0


def configured(file: Path) -> list[tuple[str, Device]]:
    """The devices of a settings file, each with its kind. Raises ConfigError."""
    settings = load(file, Registry.installed())
    return [(kind, device) for kind in KINDS for device in getattr(settings, kind)]


def shown_port(port: FoundPort, devices: Iterable[tuple[str, Device]] = ()) -> ShownPort:
    """One port, with the configured device that is meant by it."""
    own = _own(port)
    return ShownPort(
        node=port.node,
        name=port.stable_name,
        speaks=driver_of(port),
        usb_id=port.usb_id,
        usb_path=port.usb_path,
        serial=port.serial,
        maker=port.maker,
        model=port.model,
        driver=port.driver,
        twins=port.twins,
        device=next((device.id for _, device in devices if is_same_port(device.port, own)), ""),
    )


def _own(port: FoundPort) -> str:
    return f"serial:{port.node}" if port.scheme == "serial" else port.url


def shown_device(kind: str, device: Device, ports: Sequence[FoundPort]) -> ShownDevice:
    """One configured device, and whether its port is there."""
    shown = device.port.startswith(("serial:", "evdev:", "hidraw:"))
    node = device.port.partition(":")[2]
    here = any(is_same_port(device.port, _own(port)) for port in ports)
    here = here or (node.startswith("/") and os.access(node, os.F_OK))  # one that the list leaves out
    return ShownDevice(
        id=device.id,
        kind=kind,
        driver=device.driver,
        port=device.port,
        present=here if shown else None,
    )


def lines(ports: Sequence[ShownPort], devices: Sequence[ShownDevice]) -> Iterator[str]:
    """Both lists for a person; all text that a device gives of itself escaped."""
    if not ports:
        yield "no serial ports, and nothing that types"
    for port in ports:
        yield port_line(port)
        if port["twins"]:
            yield "    has a twin without a serial number of its own: the name is that of the USB socket"
    for device in devices:
        state = {True: "present", False: "MISSING", None: ""}[device["present"]]
        words = (
            f"{device['kind']:<8} {device['id']:<16} {device['driver']:<12} {display(device['port'], SHOWN)}"
        )
        yield f"{words}  {state}".rstrip()


def port_line(port: ShownPort) -> str:
    """One port on one line."""
    said = " ".join(part for part in (port["maker"], port["model"], port["serial"]) if part)
    whose = f"  = {port['device']}" if port["device"] else ""
    said = f"{said} [{port['speaks']}]" if port["speaks"] else said
    words = f"{port['node']:<14} {port['usb_id'] or '-':<10} {display(said, SHOWN):<32}"
    return f"{words} {display(port['name'], SHOWN)}{whose}".rstrip()
