"""`edge-agent devices adopt --scanner`: show a code, have the new scanner read it, write its table.

Owns: the conversation with the technician, the code on screen and in a picture.
Must not know: what frames scanners send, how settings are written.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_agent.cli import code_sheets, sheet_arguments
from edge_agent.cli.devices_list import configured
from edge_agent.cli.printed import CAME_OUT, job_line
from edge_agent.cli.terminal import agrees, note, tell
from edge_agent.discovery.adopting import Believed, Trial, hear, trials
from edge_agent.discovery.challenge import new_code
from edge_agent.discovery.ports import is_same_port, next_port, stable_url, written_url
from edge_agent.discovery.stanza import append, free_id
from edge_agent.labels.page import to_png
from edge_agent.labels.symbols import symbol
from edge_agent.links.find import FoundPort, serial_ports
from edge_agent.links.find_input import input_ports
from edge_agent.links.find_usb import usb_ports
from edge_agent.links.hotplug import Hotplug
from edge_agent.links.open import open_link, parse_url
from edge_agent.links.usb_identity import usb_id_of
from edge_agent.logs import one_line
from edge_agent.registry import Registry
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Kind, SerialSettings
from edge_agent.sdk.errors import ConfigError, DeviceError
from edge_agent.sdk.values import Page
from edge_agent.settings.load import load

HALVES = {"00": " ", "01": "▄", "10": "▀", "11": "█"}  # two rows of modules in one line of a terminal
QR_DOTS, BAR_DOTS, BAR_HEIGHT, MARGIN = 8, 3, 120, 24  # at 203 dpi: modules of 1 and 0.38 mm


def run(args: argparse.Namespace) -> int:
    """0 when the table is in the settings, 1 when it was not wanted. Raises EdgeError."""
    sheet_arguments.check(args)
    drivers = Registry.installed()
    device = free_id(args.config, drivers, "scanner")
    port = args.port or _plugged_in(args.wait)
    url = stable_url(written_url(port), every_port())
    scheme = parse_url(url).scheme
    _refuse_twice(args.config, url)
    tried = trials(scheme, drivers.of_kind(Kind.SCANNER))
    if not tried:
        raise ConfigError(
            "devices.port", f"no scanner is read on {scheme}: ports", hint="edge-agent devices list"
        )
    believed = asyncio.run(_hear(url, tried, args))
    if believed is None:
        raise DeviceError(
            "devices.not_proved",
            "the code did not come from this device: it is not read",
            device=url,
            hint="is the scanner the one on this port? A keyboard cannot prove itself",
        )
    stanza = believed.stanza(url, device).bound(usb_id_of(url))
    tell(stanza.text())
    if not args.yes and not agrees(f"Append this to {args.config}?"):
        return 1
    append(args.config, stanza, drivers)
    note(f"{device} is in {args.config}; it counts after: systemctl restart edge-agent")
    return 0


async def _hear(url: str, tried: Sequence[Trial], args: argparse.Namespace) -> Believed | None:
    """Show the code once the port is open: what is scanned before that is not read."""
    link = await open_link(url, SerialSettings(dtr=True), device=url)
    try:
        code = new_code(secrets.choice)
        show(code, args.png)
        if args.print:
            await asyncio.to_thread(_print, code, url, args)
        return await hear(link, tried, code, SystemClock(), wait_s=args.wait, say=note)
    finally:
        await link.close()


def _print(code: str, url: str, args: argparse.Namespace) -> None:
    """The code on paper; where none comes out the one on the screen counts all the same."""
    job = code_sheets.print_challenge(args, load(args.config, Registry.installed()), code, url)
    if job["state"] in CAME_OUT:
        note(f"\nIt is printed: {one_line(job_line(job))}")
    else:
        note(f"\nIt was not printed: {one_line(job_line(job))}. Scan it from the screen, or see --png.")


def every_port() -> list[FoundPort]:
    """Whatever a scanner may hang on."""
    return [*input_ports(), *serial_ports(), *(port for port in usb_ports() if port.scheme == "hidraw")]


def _plugged_in(wait_s: int) -> str:
    """The URL of the next port that comes. Raises DeviceError when none does."""
    note(f"Plug the scanner in now ({wait_s} s) ...")
    port = asyncio.run(_next(wait_s))
    if port is None:
        raise DeviceError("devices.none_came", "no port came", hint="name its port: edge-agent devices list")
    note(f"{port.url} came")
    return port.url


async def _next(wait_s: int) -> FoundPort | None:
    with Hotplug() as hotplug:
        return await next_port(every_port, every_port(), hotplug, SystemClock(), wait_s)


def _refuse_twice(file: Path, url: str) -> None:
    owner = next((device.id for _, device in configured(file) if is_same_port(device.port, url)), None)
    if owner:
        raise ConfigError("devices.in_use", f"{url} is already the port of {owner}", hint="change its table")


def show(code: str, picture: Path | None) -> None:
    """The code on the terminal, and in a picture to print: laser scanners do not read screens."""
    note(f"Scan this code with the new scanner, and nothing else:  {code}\n")
    note("\n".join(_blocks(symbol("qr", code).rows)))
    if picture is None:
        return
    try:
        picture.write_bytes(to_png(page(code)))
    except OSError as error:
        raise ConfigError("devices.write", f"cannot write {picture}: {error.strerror or error}") from error
    note(f"\nIt stands in {picture}, too, with bars for scanners that read no QR code.")


def page(code: str) -> Page:
    """A QR code with bars below it."""
    square = [_wide(row, QR_DOTS) for row in symbol("qr", code).rows for _ in range(QR_DOTS)]
    bars = [_wide(symbol("code128", code).rows[0], BAR_DOTS)] * BAR_HEIGHT
    width = (max(len(row) for row in (*square, *bars)) + 2 * MARGIN + 7) // 8 * 8
    blank = ["0" * width] * MARGIN
    rows = [
        *blank,
        *(row.center(width, "0") for row in square),
        *blank,
        *(row.center(width, "0") for row in bars),
    ]
    rows += blank
    return Page(width, len(rows), b"".join(int(row, 2).to_bytes(width // 8, "big") for row in rows))


def _wide(row: str, dots: int) -> str:
    return "".join(module * dots for module in row)


def _blocks(rows: Sequence[str]) -> Iterator[str]:
    """Light on dark, as most terminals are: what is white on paper is a block."""
    edge = "0" * (len(rows[0]) + 8)
    framed = [edge, edge, *(f"0000{row}0000" for row in rows), edge, edge]
    framed += [edge] * (len(framed) % 2)
    for upper, lower in zip(framed[::2], framed[1::2], strict=True):
        light = str.maketrans("01", "10")
        yield "".join(
            HALVES[a + b] for a, b in zip(upper.translate(light), lower.translate(light), strict=True)
        )
