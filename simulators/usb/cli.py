"""`edge-sim usb`: simulated USB devices that this machine's own kernel enumerates.

Owns: the kinds of devices and their arguments, the words that make a USB device misbehave.
Must not know: requests, reports.

    edge-sim usb ftdi-scanner cdc-scale printer --put 1.25
    printer: usb printer hang · usb printer heal · usb cdc-scale stall 2 · unplug printer · plug printer
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from drivers.scales.hid_scale import SPEC as HID_SCALE
from drivers.scanners.hid_pos import SPEC as HID_POS
from drivers.scanners.hid_pos import HidPosDevice
from drivers.scanners.line import SPEC as SCANNER
from drivers.scanners.line import LineScannerDevice
from drivers.scanners.symbol_hid64 import SPEC as SYMBOL
from drivers.scanners.symbol_hid64 import SymbolHid64Device
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import Kind, Options
from edge_agent.sdk.errors import CommandError
from simulators.control import Control, Simulated
from simulators.faults import parse_faults
from simulators.programs.printer import add_printer_arguments, printer_of
from simulators.programs.running import add_control_arguments, run_devices
from simulators.programs.scale import add_scale_arguments, physics_of, with_unit
from simulators.programs.specs import find_spec
from simulators.scale import ScaleSim
from simulators.scanner import ScannerSim
from simulators.usb import cdc_acm, ftdi, hid_pos, hid_scale, printer, reports, symbol_hid, wedge
from simulators.usb.bus import Plug
from simulators.usb.descriptors import Identity, Spoiled
from simulators.usb.device import Function, UsbDevice
from simulators.usb.pipe import StreamFunction, UsbEndpoint
from simulators.usb.serial_line import SerialLine
from simulators.wire import Wire

FAULT_WORDS = f"stall ENDPOINT, hang, babble, spoil {'|'.join(Spoiled)}, stick CHARACTER, let-go, heal"
MOST_DEVICES = 8  # the ports of the virtual hub


class UsbControl(Control):
    """The simulators' language, and one word more: `usb NAME stall N|hang|babble|spoil HOW|stick C|heal`."""

    def __init__(self, devices: Mapping[str, Simulated], usb: Mapping[str, UsbDevice], *, seed: int) -> None:
        super().__init__(devices, SystemClock(), seed=seed)
        self._usb = usb

    async def obey(self, line: str) -> str:
        word, _, rest = line.strip().partition(" ")
        if word == "help":
            return f"{await super().obey(line)} | usb NAME {FAULT_WORDS}"
        if word != "usb":
            return await super().obey(line)
        name, _, fault = rest.strip().partition(" ")
        if name not in self._usb:
            raise CommandError("sim.unknown_word", f"usb devices: {', '.join(self._usb)}")
        _impair(self._usb[name], *fault.split())
        return f"{name}: {fault}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("device", nargs="+", choices=tuple(KINDS), metavar="DEVICE", help=", ".join(KINDS))
    parser.add_argument("--serial", default=None, metavar="TEXT", help='serial number, "" for none')
    parser.add_argument(
        "--port", type=int, default=None, metavar="N", help="of the virtual hub, for the first"
    )
    parser.add_argument(
        "--alt", action="store_true", help="the keyboard scanner spells characters by number (ALT mode)"
    )
    parser.add_argument("--caps", action="store_true", help="the keyboard scanner is set for Caps Lock")
    parser.add_argument(
        "--layout", default="us", choices=tuple(wedge.LAYOUTS), help="of the keyboard scanner"
    )
    parser.add_argument("--fault", default="clean", metavar="WORDS", help='for example "noise 0.1 delayed 2"')
    parser.add_argument("--labels", type=Path, metavar="DIR", help="keep each label here as a PNG file")
    add_scale_arguments(parser)
    add_printer_arguments(parser)
    add_control_arguments(parser)


async def run(args: argparse.Namespace) -> int:
    devices: dict[str, Simulated] = {}
    usb: dict[str, UsbDevice] = {}
    if len(args.device) > MOST_DEVICES:
        raise CommandError("sim.too_much", f"the virtual hub has {MOST_DEVICES} ports")
    for number, kind in enumerate(args.device):
        name = _name(kind, args.device, number)
        port = None if args.port is None else args.port + number
        devices[name], usb[name] = KINDS[kind](args, port)
    control = UsbControl(devices, usb, seed=args.seed)
    return await run_devices(devices, args.control, args.seed, control=control)


def _name(kind: str, kinds: list[str], at: int) -> str:
    """The kind, numbered where there are several of it."""
    return kind if kinds.count(kind) == 1 else f"{kind}-{kinds[: at + 1].count(kind)}"


def _impair(device: UsbDevice, *words: str) -> None:
    faults = device.faults
    match words:
        case ("stall", number) if number.isdecimal() and len(number) == 1:
            faults.stalled.add(int(number))
        case ("hang",):
            faults.hung = True
        case ("babble",):
            faults.babbling = True
        case ("spoil", how) if how in tuple(Spoiled):
            faults.spoiled = Spoiled(how)
        case ("stick", character) if isinstance(device.function, wedge.Wedge) and len(character) == 1:
            device.function.stick(character)
        case ("let-go",) if isinstance(device.function, wedge.Wedge):
            device.function.let_go()
        case ("heal",):
            faults.heal()
            device.offer()
        case _:
            raise CommandError("sim.unknown_fault", f"expected {FAULT_WORDS}")


# What each kind is made of

Made = tuple[Simulated, UsbDevice]


def _plug(args: argparse.Namespace, function: Function, identity: Identity, port: int | None) -> Plug:
    if args.serial is not None:
        identity = replace(identity, serial=args.serial)
    return Plug(UsbDevice(function, identity), port=port)


def _stream(
    args: argparse.Namespace, function: StreamFunction, identity: Identity, port: int | None
) -> tuple[Wire, UsbDevice]:
    plug = _plug(args, function, identity, port)
    faults = parse_faults(args.fault.split(), random.Random(args.seed))
    return Wire(UsbEndpoint(function, plug), *faults), plug.device


def _line_scanner(make: Callable[[], StreamFunction], identity: Identity) -> Callable[..., Made]:
    def build(args: argparse.Namespace, port: int | None) -> Made:
        wire, device = _stream(args, make(), identity, port)
        encode = LineScannerDevice(Options(SCANNER.options)).encode
        return ScannerSim(encode, wire, SystemClock()), device

    return build


def _line_scale(make: Callable[[SerialLine], StreamFunction], identity: Identity) -> Callable[..., Made]:
    def build(args: argparse.Namespace, port: int | None) -> Made:
        spec = find_spec(args.protocol, Kind.SCALE)
        wire, device = _stream(args, make(SerialLine(spec.serial)), identity, port)
        options = with_unit(spec, {}, args.unit)
        scale = ScaleSim(spec, options, wire, physics_of(args), SystemClock(), rate_hz=args.rate)
        return scale, device

    return build


def _printer(args: argparse.Namespace, port: int | None) -> Made:
    identity, device_id = printer.SPEAKERS[args.language]
    function = printer.UsbPrinter(device_id)
    wire, device = _stream(args, function, identity, port)
    sim = printer_of(args, wire, args.labels, keeps=False)
    function.sense = lambda: printer.PortStatus(sim.path.paper_out, fault=sim.path.halted)
    return sim, device


def _wedge(args: argparse.Namespace, port: int | None) -> Made:
    function = wedge.Wedge(
        caps=args.caps, controls=wedge.ControlKeys.ALT, layout=args.layout, spells=args.alt
    )
    plug = _plug(args, function, wedge.SCANNER, port)
    endpoint = reports.keyboard(function, plug)
    return ScannerSim(lambda text: (text + "\n").encode(), endpoint, SystemClock()), plug.device


def _hid_pos(args: argparse.Namespace, port: int | None) -> Made:
    function = hid_pos.HidPos()
    plug = _plug(args, function, hid_pos.SCANNER, port)
    encode = HidPosDevice(Options(HID_POS.options)).encode
    return ScannerSim(encode, reports.pos_scanner(function, plug), SystemClock()), plug.device


def _symbol(args: argparse.Namespace, port: int | None) -> Made:
    function = symbol_hid.SymbolHid()
    plug = _plug(args, function, symbol_hid.SCANNER, port)
    encode = SymbolHid64Device(Options(SYMBOL.options)).encode
    return ScannerSim(encode, reports.symbol_scanner(function, plug), SystemClock()), plug.device


def _hid_scale(args: argparse.Namespace, port: int | None) -> Made:
    function = hid_scale.HidScale()
    plug = _plug(args, function, hid_scale.SCALE, port)
    endpoint = reports.pos_scale(function, plug)
    return ScaleSim(HID_SCALE, {}, endpoint, physics_of(args), SystemClock(), rate_hz=args.rate), plug.device


KINDS: Mapping[str, Callable[..., Made]] = {
    "ftdi-scanner": _line_scanner(ftdi.Ftdi, ftdi.ADAPTER),
    "cdc-scanner": _line_scanner(cdc_acm.CdcAcm, cdc_acm.SCANNER),
    "wedge": _wedge,
    "hid-pos": _hid_pos,
    "symbol-hid": _symbol,
    "ftdi-scale": _line_scale(ftdi.Ftdi, ftdi.ADAPTER),
    "cdc-scale": _line_scale(cdc_acm.CdcAcm, cdc_acm.SCALE),
    "hid-scale": _hid_scale,
    "printer": _printer,
}
