"""`edge-agent devices adopt`: wait for a scale to be plugged in, find out what it speaks, write its table.

Owns: the conversation with the technician. Must not know: how a scale is found, how settings are written.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import replace
from pathlib import Path

from edge_agent.cli.devices_identify import ADVISE, as_json, lines, stanza_of, wanted_by
from edge_agent.cli.devices_list import configured
from edge_agent.cli.terminal import agrees, answer, note, tell
from edge_agent.discovery.hid import driver_of, hid_ports
from edge_agent.discovery.identify import Finding, Wanted, identify
from edge_agent.discovery.ports import is_same_port, next_port, port_at, stable_url
from edge_agent.discovery.stanza import Stanza, append, free_id, remark
from edge_agent.discovery.verdict import Open, judge
from edge_agent.links.find import FoundPort, serial_ports
from edge_agent.links.hotplug import Hotplug
from edge_agent.registry import Registry
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Kind
from edge_agent.sdk.errors import ConfigError, DeviceError

ANSWERS = 3  # a person who errs three times wants to look at the scale first


def run(args: argparse.Namespace) -> int:
    """0 when the table is in the settings, 1 when no table was found or it was not wanted."""
    if args.print and not args.scanner:
        raise ConfigError("print.usage", "a scale needs no printed code", hint="--print goes with --scanner")
    if args.scanner:
        from edge_agent.cli import devices_adopt_scanner  # labels and their codes, for scanners only

        return devices_adopt_scanner.run(args)
    drivers = Registry.installed()
    device = free_id(args.config, drivers)
    port = port_at(args.port or _plugged_in(args.wait))
    url = stable_url(port.url, _ports())
    _refuse_twice(args.config, url)
    if told := _told(url, device, drivers):
        return _write(args, told, drivers)
    specs = drivers.of_kind(Kind.SCALE)
    wanted = wanted_by(args, port, specs)
    found = asyncio.run(identify(port, specs, SystemClock(), wanted))
    _tell(found, stanza_of(found, url, device), as_json_too=args.json)
    if found.verdict.decided is None:
        raise DeviceError("devices.not_found", "no table was written", device=port.url, hint=_advice(found))
    return _write(args, _answered(found, wanted, url, device), drivers)


def _write(args: argparse.Namespace, stanza: Stanza, drivers: Registry) -> int:
    """Append the table if the person wants it."""
    note(f"\n{stanza.text()}")
    if not args.yes and not agrees(f"Append this to {args.config}?"):
        return 1
    append(args.config, stanza, drivers)
    note(f"{stanza.values['id']} is in {args.config}; it counts after: systemctl restart edge-agent")
    return 0


def _told(url: str, device: str, drivers: Registry) -> Stanza | None:
    """The table of a HID device, which says what it is. Raises DeviceError for a scanner."""
    port = next((port for port in hid_ports() if is_same_port(port.url, url)), None)
    if port is None:
        return None
    spec = drivers.load(driver_of(port))
    if spec.kind is not Kind.SCALE:
        hint = "edge-agent devices adopt --scanner"
        raise DeviceError("devices.not_found", "this is a scanner", device=url, hint=hint)
    return Stanza({"id": device, "driver": spec.name, "port": url}, {})


def _ports() -> list[FoundPort]:
    return [*serial_ports(), *hid_ports()]


def _plugged_in(wait_s: int) -> str:
    """The node of the next port that comes. Raises DeviceError when none does."""
    note(f"Plug the scale in now ({wait_s} s) ...")
    port = asyncio.run(_next(wait_s))
    if port is None:
        raise DeviceError("devices.none_came", "no port came", hint="name its port: edge-agent devices list")
    note(f"{port.node} came")
    return port.node if port.scheme == "serial" else port.url


async def _next(wait_s: int) -> FoundPort | None:
    with Hotplug() as hotplug:
        return await next_port(_ports, _ports(), hotplug, SystemClock(), wait_s)


def _refuse_twice(file: Path, url: str) -> None:
    owner = next((device.id for _, device in configured(file) if is_same_port(device.port, url)), None)
    if owner:
        raise ConfigError("devices.in_use", f"{url} is already the port of {owner}", hint="change its table")


def _tell(found: Finding, stanza: Stanza | None, *, as_json_too: bool) -> None:
    if as_json_too:
        tell(json.dumps(as_json(found, stanza), indent=2))
    else:
        note("\n".join(lines(found, None)))


def _advice(found: Finding) -> str:
    return ADVISE[found.outcome]


def _answered(found: Finding, wanted: Wanted, url: str, device: str) -> Stanza:
    """The table once a person has decided what the bytes left open. Raises ConfigError."""
    verdict = found.verdict
    known = dict(wanted.known)
    while verdict.decided and verdict.decided.opens:
        opened = verdict.decided.opens[0]
        known[opened.name] = _decided(opened)
        only = [verdict.decided.spec]
        verdict = judge(found.heard, only, {**_dialect(verdict.decided.candidate.dialect), **known})
    stanza = stanza_of(replace(found, verdict=verdict), url, device)
    if stanza is None or not stanza.is_complete:
        raise ConfigError("devices.open", "the answers do not fit what was heard", hint="look at the display")
    return stanza


def _dialect(dialect: str) -> dict[str, str]:
    return {"dialect": dialect} if dialect else {}


def _decided(opened: Open) -> str:
    """One of the possible values, as a person chose it."""
    values = [str(value) for value in opened.readings]
    note(f"{opened.name}: {remark(opened)}")
    for _ in range(ANSWERS):
        given = answer(f"{opened.name} ({', '.join(values)})?")
        if given in values:
            return given
    raise ConfigError("devices.open", f"{opened.name} was not answered", hint="look at the scale's display")
