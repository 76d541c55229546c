"""`edge-sim booth`: scanner, scale, printer, broker and centre of one booth, together in one folder.

Owns: its arguments, the folder, the booth.toml that fits it. Must not know: how each part works.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from drivers.scanners.line import SPEC as SCANNER
from drivers.scanners.line import LineScannerDevice
from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import DriverSpec, Kind, Options, OptionValue
from edge_agent.sdk.errors import ConfigError
from simulators.broker.server import Broker
from simulators.central.server import Central
from simulators.central.taken import News
from simulators.console import shown
from simulators.control import Simulated
from simulators.endpoints import PtyEndpoint, TcpEndpoint
from simulators.programs.printer import add_printer_arguments, head_dots, printer_of
from simulators.programs.running import HIGHEST_PORT, add_control_arguments, serve
from simulators.programs.scale import add_scale_arguments, physics_of, with_unit
from simulators.programs.specs import find_spec
from simulators.scale import ScaleSim
from simulators.scanner import ScannerSim
from simulators.wire import Wire

HOST = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder", type=Path, default=Path("booth-sim"), help="of ports, labels, data (default booth-sim)"
    )
    parser.add_argument(
        "--write-config", type=Path, metavar="FILE", help="the agent's booth.toml for it, - to print it"
    )
    parser.add_argument("--booth-id", default="B-SIM1", metavar="ID", help="in that file (default B-SIM1)")
    parser.add_argument("--broker-port", type=port, default=0, metavar="N", help="default any free one")
    parser.add_argument("--printer-port", type=port, default=0, metavar="N", help="default any free one")
    add_scale_arguments(parser)
    add_printer_arguments(parser)
    add_control_arguments(parser)


def port(text: str) -> int:
    """A TCP port, for argparse."""
    if not text.isdecimal() or int(text) > HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port up to {HIGHEST_PORT}")
    return int(text)


async def run(args: argparse.Namespace) -> int:
    folder = args.folder.absolute()
    spec = find_spec(args.protocol, Kind.SCALE)
    told = with_unit(spec, {}, args.unit)
    devices = _devices(args, folder, spec, told)
    async with AsyncExitStack() as parts:
        _make(folder)
        broker = await _start_broker(parts, args.broker_port)
        central = Central(folder / "central.db", HOST, broker.port, on_news=_tell)
        await parts.enter_async_context(central)
        for name, device in devices.items():
            await device.endpoint.start()
            parts.push_async_callback(device.endpoint.close)
            print(f"{name} listens at {device.endpoint.url}", flush=True)
        print(f"broker at {HOST}:{broker.port}, centre keeps {folder / 'central.db'}", flush=True)
        head: dict[str, OptionValue] = {"width_dots": head_dots(args), "dpi": args.dpi}
        stanzas = (
            ("[[scanner]]", _stanza("scanner-1", SCANNER, devices["scanner"], {})),
            ("[[scale]]", _stanza("scale-1", spec, devices["scale"], told)),
            (
                "[[printer]]",
                _stanza("printer-1", find_spec(args.language, Kind.PRINTER), devices["printer"], head),
            ),
        )
        _write(args.write_config, config_of(args.booth_id, folder, broker.port, stanzas))
        await serve(devices, args.control or folder / "control.sock", args.seed)
    return 0


def config_of(
    booth_id: str, folder: Path, broker_port: int, stanzas: Sequence[tuple[str, Mapping[str, OptionValue]]]
) -> str:
    """The booth.toml with which an agent works in this folder."""
    tables: tuple[tuple[str, Mapping[str, OptionValue]], ...] = (
        ("", {"schema": 1}),
        ("[booth]", {"id": booth_id, "name": "Simulated booth"}),
        ("[state]", {"directory": str(folder / "state")}),
        ("[local]", {"socket": str(folder / "edge-agent.sock")}),
        ("[uplink]", {"host": HOST, "port": broker_port}),
        *stanzas,
    )
    return "\n".join(f"{header}\n{_keys(table)}" for header, table in tables).lstrip()


def _devices(
    args: argparse.Namespace, folder: Path, spec: DriverSpec, options: dict[str, OptionValue]
) -> dict[str, Simulated]:
    clock = SystemClock()
    scanner_port = PtyEndpoint(folder, "scanner", line=SCANNER.serial)
    scale_port = PtyEndpoint(folder, "scale", line=spec.serial)
    printer_port = TcpEndpoint(HOST, args.printer_port)
    encode = LineScannerDevice(Options(SCANNER.options)).encode
    return {
        "scanner": ScannerSim(encode, Wire(scanner_port), clock),
        "scale": ScaleSim(spec, options, Wire(scale_port), physics_of(args), clock, rate_hz=args.rate),
        "printer": printer_of(args, Wire(printer_port), folder / "labels", keeps=False),
    }


async def _start_broker(parts: AsyncExitStack, number: int) -> Broker:
    try:
        return await parts.enter_async_context(Broker(HOST, number))
    except OSError as error:
        raise ConfigError("sim.port_taken", f"cannot listen on {HOST}:{number}: {error.strerror}") from None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("sim.folder", f"cannot make {folder}: {error.strerror}") from None


def _write(file: Path | None, text: str) -> None:
    if file is None:
        return
    if str(file) == "-":
        print(text, flush=True)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError("sim.config_file", f"cannot write {file}: {error.strerror}") from None
    print(f"the agent's settings are in {file}", flush=True)


def _stanza(
    name: str, spec: DriverSpec, device: Simulated, options: dict[str, OptionValue]
) -> dict[str, OptionValue]:
    return {"id": name, "driver": spec.name, "port": device.endpoint.url, **options}


def _keys(table: Mapping[str, OptionValue]) -> str:
    return "".join(f"{key} = {json.dumps(value, default=str)}\n" for key, value in table.items())


def _tell(news: News) -> None:
    what = f"{news.booth} {news.kind} {shown(news.what)} {shown(news.code)}".rstrip()
    print(f"centre: {what}", flush=True)
