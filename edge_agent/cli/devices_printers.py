"""Printers in `edge-agent devices list` and `devices identify`: what they say of themselves, what they speak.

Owns: how a printer is shown, its table for the settings. Must not know: languages, how an id is read.

Exit codes of `identify`: 0 the language is clear, 1 it is not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from edge_agent.barcodes.display import display
from edge_agent.cli.terminal import note, tell
from edge_agent.discovery.ports import is_same_port, port_at
from edge_agent.discovery.printer_language import Basis, Language, language_of
from edge_agent.discovery.printer_probe import ask_printer
from edge_agent.links.find_usb import UsbInterface, printer_id, usb_interfaces
from edge_agent.registry import Registry
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import DriverSpec, Kind
from edge_agent.sdk.errors import ConfigError, LinkError
from edge_agent.sdk.ieee1284 import DeviceId, parse_device_id
from edge_agent.sdk.ports import PrinterPort
from edge_agent.settings.model import Device

PRINTER_CLASS = "07"
SHOWN = 160  # an id may have a thousand characters; its first words tell who it is
WORDS = {
    Basis.TOLD: "as you say",
    Basis.COMMAND_SET: "by its command set",
    Basis.MODEL: "a known model",
    Basis.ANSWER: "by its answer",
    Basis.NOTHING: "",
}
ADVICE = (
    "try --probe (harmless questions, each told), or look at its settings page or its menu and say which"
    " language is switched on: --driver zpl"
)


class ShownPrinter(TypedDict):
    """One printer as JSON."""

    port: str
    usb_id: str
    maker: str
    model: str
    device_id: str
    driver: str
    basis: str
    claims: list[str]
    device: str


@dataclass(frozen=True, slots=True)
class Found:
    """A printer that was looked at."""

    port: str
    text: str
    language: Language

    @property
    def device_id(self) -> DeviceId:
        return parse_device_id(self.text)

    @property
    def stanza(self) -> str:
        """The table for the settings; empty where the language is not clear."""
        driver = self.language.driver
        words = {"id": "printer-1", "driver": driver, "port": self.port}
        lines = (f"{key} = {json.dumps(value)}" for key, value in words.items())
        return "\n".join(("[[printer]]", *lines)) if driver else ""


def shown_printers(
    specs: Sequence[DriverSpec], devices: Sequence[tuple[str, Device]], root: Path = Path("/")
) -> list[ShownPrinter]:
    """The USB printers that are plugged in, and what each says that it speaks."""
    found = [one for one in usb_interfaces(root) if one.kind == PRINTER_CLASS]
    return [_shown(one, printer_id(one, root), specs, devices) for one in found]


def _shown(
    one: UsbInterface, text: str, specs: Sequence[DriverSpec], devices: Sequence[tuple[str, Device]]
) -> ShownPrinter:
    language = language_of(parse_device_id(text), specs)
    port = f"lp:{one.by_path or one.node}" if one.node else one.usb_url
    own = {port, f"lp:{one.node}", one.usb_url}
    return ShownPrinter(
        port=port,
        usb_id=one.usb_id,
        maker=one.maker,
        model=one.model,
        device_id=text,
        driver=language.driver,
        basis=language.basis.value,
        claims=list(language.claims),
        device=next((d.id for _, d in devices if any(is_same_port(d.port, url) for url in own)), ""),
    )


def printer_lines(printers: Sequence[ShownPrinter]) -> Iterator[str]:
    """The printers for a person; all text that a device gives of itself escaped."""
    for printer in printers:
        who = display(" ".join(part for part in (printer["maker"], printer["model"]) if part), SHOWN)
        speaks = printer["driver"] or " or ".join(printer["claims"]) or "language unknown"
        whose = f"  = {printer['device']}" if printer["device"] else ""
        yield f"{'printer':<14} {printer['usb_id']:<10} {who:<32} {printer['port']}  {speaks}{whose}".rstrip()


def wants_printer(args: argparse.Namespace) -> bool:
    """Whether `identify` is asked about a printer."""
    return bool(args.printer or args.driver or str(args.port or "").startswith("lp:"))


def identify_printer(args: argparse.Namespace) -> int:
    """Look at one printer, and tell what it speaks."""
    specs = Registry.installed().of_kind(Kind.PRINTER)
    names = [spec.name for spec in specs]
    if not args.port or (args.driver and args.driver not in names):
        raise ConfigError("devices.usage", "give PORT, and as --driver one of " + ", ".join(sorted(names)))
    found = asyncio.run(_look(args, specs))
    if args.json:
        tell(json.dumps(_as_json(found), indent=2))
    else:
        tell("\n".join(_lines(found)))
    return 0 if found.language.driver else 1


async def _look(args: argparse.Namespace, specs: Sequence[DriverSpec]) -> Found:
    port = port_at(args.port)
    told = [spec for spec in specs if spec.name == args.driver]
    link = await port.open((told or list(specs))[0].serial)
    try:
        text = await _own_words(link)
        language = language_of(parse_device_id(text), specs, told=args.driver or "")
        if args.probe and not language.driver:
            answered = await ask_printer(link, specs, SystemClock(), lambda spec: _announce(port.url, spec))
            language = language_of(parse_device_id(text), specs, answered=answered)
    finally:
        await link.close()
    return Found(port.url, text, language)


async def _own_words(link: object) -> str:
    """Its device id; empty where the port has none, or the printer does not tell."""
    if not isinstance(link, PrinterPort):
        return ""
    try:
        return await link.device_id()
    except LinkError:
        return ""


def _announce(url: str, spec: DriverSpec) -> None:
    note(f"{url}: asking as {spec.name}: {spec.probe.hex(' ')}")


def _as_json(found: Found) -> dict[str, object]:
    told, language = found.device_id, found.language
    return {
        "port": found.port,
        "device_id": found.text,
        "maker": told.maker,
        "model": told.model,
        "commands": list(told.commands),
        "driver": language.driver,
        "basis": language.basis.value,
        "claims": list(language.claims),
        "contradicted": language.contradicted,
        "stanza": found.stanza or None,
    }


def _lines(found: Found) -> Iterator[str]:
    language = found.language
    yield f"{found.port}: {display(found.text, SHOWN) or 'says nothing of itself'}"
    if language.contradicted:
        yield f"    says itself that it speaks {' and '.join(language.claims)}: make sure of its emulation"
    if language.driver:
        yield f"    speaks {language.driver} ({WORDS[language.basis]})"
        yield from ("", found.stanza)
        return
    if language.claims:
        yield f"    speaks {' or '.join(language.claims)}: which is switched on, it does not say"
    yield f"    not clear: {ADVICE}"
