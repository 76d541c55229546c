"""What the device programs of edge-sim share: where a device listens, and running until told to stop.

Owns: port and control arguments, endpoints made of them, signals, standard input.
Must not know: which devices run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import stat
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import ConfigError
from simulators.console import typed_lines
from simulators.control import Control, Simulated
from simulators.control_socket import ControlSocket
from simulators.endpoints import PtyEndpoint, TcpEndpoint
from simulators.faults import parse_faults
from simulators.report_socket import ReportSocketEndpoint
from simulators.wire import Wire

HIGHEST_PORT = 65_535


def add_port_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--pty", type=Path, metavar="PATH", help="a serial port under this name")
    where.add_argument("--hidraw", type=Path, metavar="PATH", help="a HID device under this name")
    where.add_argument("--tcp", metavar="HOST:PORT", help="a network port, 0 for any free one")
    parser.add_argument("--unpaced", action="store_true", help="send faster than a serial line could")
    parser.add_argument("--fault", default="clean", metavar="WORDS", help='for example "noise 0.1 delayed 2"')
    add_control_arguments(parser)


def add_control_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--control", type=Path, metavar="PATH", help="also take orders on this Unix socket")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="repeats its chances (default 0)")


def wire_of(args: argparse.Namespace, line: SerialSettings, report_bytes: int = 0) -> Wire:
    """The endpoint that was asked for, behind its fault wire. Raises ConfigError, CommandError.

    `report_bytes` is the size of a HID device's reports, 0 where each write is one.
    """
    faults = parse_faults(args.fault.split(), random.Random(args.seed))
    pace = None if args.unpaced else line
    if args.pty is not None:
        return Wire(PtyEndpoint(args.pty.absolute().parent, args.pty.name, line=pace), *faults)
    if args.hidraw is not None:
        path = args.hidraw.absolute()
        return Wire(ReportSocketEndpoint(path.parent, path.name, report_bytes=report_bytes), *faults)
    host, _, port = args.tcp.rpartition(":")
    if not host or not port.isdecimal() or int(port) > HIGHEST_PORT:
        raise ConfigError("sim.tcp", f"expected HOST:PORT with a port up to {HIGHEST_PORT}, not {args.tcp!r}")
    return Wire(TcpEndpoint(host, int(port)), *faults)


async def run_devices(
    devices: Mapping[str, Simulated], control_path: Path | None, seed: int, control: Control | None = None
) -> int:
    """Plug them in, say where they are, and run them until end of input, `quit` or a signal."""
    async with AsyncExitStack() as open_things:
        for name, device in devices.items():
            await device.endpoint.start()
            open_things.push_async_callback(device.endpoint.close)
            print(f"{name} listens at {device.endpoint.url}", flush=True)
        await serve(devices, control_path, seed, control)
    return 0


async def serve(
    devices: Mapping[str, Simulated], control_path: Path | None, seed: int, control: Control | None = None
) -> None:
    """Run devices that are plugged in already, until end of input, `quit` or a signal."""
    control = control or Control(devices, SystemClock(), seed=seed)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as open_things:
        open_things.callback(_forget_signals, loop)
        parts = [device.run() for device in devices.values()]
        if control_path is not None:
            door = await open_things.enter_async_context(ControlSocket(control_path, control.answer))
            parts.append(door.serve())
            print(f"orders are taken at {control_path}", flush=True)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(part) for part in (*parts, _obey_input(control, stop))]
            await stop.wait()
            for task in tasks:
                task.cancel()


def _forget_signals(loop: asyncio.AbstractEventLoop) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)


async def _obey_input(control: Control, stop: asyncio.Event) -> None:
    """Obey standard input to its end; one that was empty from the start (a service's) ends nothing."""
    endless = _is_device(sys.stdin.fileno())
    async for line in _input_lines():
        if line in ("quit", "exit"):
            stop.set()
            return
        told = await control.answer(line)
        print(told.replace(" | ", "\n   ") if line == "help" else told, flush=True)  # one order on a line
    if not endless:
        stop.set()


async def _input_lines() -> AsyncIterator[str]:
    if stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode):
        for line in sys.stdin:  # a file on disk does not keep anybody waiting
            if line.strip():
                yield line.strip()
        return
    async for line in typed_lines():
        yield line


def _is_device(descriptor: int) -> bool:
    """Whether this is /dev/null or the like: no file, no pipe, no terminal."""
    return stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor)
