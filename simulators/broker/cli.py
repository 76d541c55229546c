"""`edge-sim broker`: the built-in broker on a port, with its faults on the command line and on a console.

Owns: options, words, what is printed. Must not know: MQTT.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from dataclasses import asdict

from simulators.broker.faults import Faults
from simulators.broker.server import Broker
from simulators.console import shown, typed_lines, whole_number
from simulators.mqtt.codec import PACKET_LIMIT

BANNER = "built-in MQTT broker: memory only, no passwords, no TLS - for demos and tests, not for production"
CODE = whole_number(0, 0xFF)  # a reason code, as 151 or 0x97
CUT_LIMIT_S = 86_400  # a day without network is the longest drill anybody waits for
CONSOLE = (
    "console: stats | freeze | thaw | drop | cut [SECONDS] | heal | quit"
    " | puback REASON|ok | pubacks lost|answered | delay SECONDS | forget on|off"
    " | window N|any | packet BYTES|any | at N lost|hangup|REASON|SECONDSs (the Nth PUBACK)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument(
        "--port",
        type=whole_number(0, 65535),
        default=1883,
        help="TCP port, 0 for any free one (default 1883)",
    )
    faults = parser.add_argument_group("faults")
    faults.add_argument("--puback-delay", type=float, default=0.0, metavar="S", help="answer QoS 1 this late")
    faults.add_argument("--drop-pubacks", action="store_true", help="take QoS 1 messages, never answer them")
    faults.add_argument("--puback-reason", type=CODE, default=0, metavar="N", help="take nothing, say this")
    faults.add_argument("--no-connack", action="store_true", help="take connections, never greet")
    faults.add_argument(
        "--receive-maximum",
        type=whole_number(1, 65535),
        metavar="N",
        help="unanswered QoS 1 messages allowed",
    )
    faults.add_argument(
        "--maximum-packet-size",
        type=whole_number(64, PACKET_LIMIT),
        metavar="BYTES",
        help="longest packet taken",
    )


async def run(args: argparse.Namespace) -> int:
    """Serve until interrupted or told to quit."""
    broker = Broker(args.host, args.port, faults=_faults(args))
    try:
        await broker.start()
    except OSError as error:
        words = f"cannot listen on {args.host}:{args.port}: {error.strerror} - choose another --port"
        print(f"edge-sim: {words}", file=sys.stderr)
        return 2
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    console = asyncio.create_task(_console(broker, stop))
    try:
        print(f"{BANNER}\nlistening on {args.host}:{broker.port}\n{CONSOLE}", flush=True)
        await stop.wait()
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        console.cancel()
        await asyncio.wait([console])
        await broker.stop()
    return 0


async def _console(broker: Broker, stop: asyncio.Event) -> None:
    async for line in typed_lines():
        word, *rest = line.split()
        if word == "quit":
            stop.set()
            return
        try:
            print(await _obey(broker, word, rest), flush=True)
        except (ValueError, argparse.ArgumentTypeError) as error:
            print(f"not understood: {shown(str(error))}", flush=True)


async def _obey(broker: Broker, word: str, rest: list[str]) -> str:
    match word:
        case "stats":
            return _stats(broker)
        case "freeze":
            broker.freeze()
        case "thaw":
            broker.thaw()
        case "drop":
            broker.drop_connections()
        case "cut":
            await broker.cut(_seconds(rest[0]) if rest else None)
        case "heal":
            await broker.heal()
        case _ if rest and _change(broker.faults, word, rest):
            pass
        case _:
            return CONSOLE
    return f"{shown(word)}: done"


def _change(faults: Faults, word: str, rest: list[str]) -> bool:
    """Set one fault as it was typed; False for a word that is none. Raises ValueError."""
    match word, rest:
        case "puback", [reason]:
            faults.puback_reason = 0 if reason == "ok" else CODE(reason)
        case "pubacks", ["lost" | "answered" as what]:
            faults.drop_every_puback = what == "lost"
        case "delay", [seconds]:
            faults.puback_delay_s = _seconds(seconds)
        case "forget", ["on" | "off" as what]:
            faults.forget = what == "on"
        case "window", [number]:
            faults.receive_maximum = None if number == "any" else whole_number(1, 65535)(number)
        case "packet", [size]:
            faults.maximum_packet_size = None if size == "any" else whole_number(64, PACKET_LIMIT)(size)
        case "at", [number, what]:
            _at(faults, whole_number(1, 1 << 31)(number), what)
        case _:
            return False
    return True


def _at(faults: Faults, number: int, what: str) -> None:
    if what == "lost":
        faults.drop_pubacks.add(number)
    elif what == "hangup":
        faults.hang_up_at.add(number)
    elif what.endswith("s"):
        faults.delay_pubacks[number] = _seconds(what[:-1])
    else:
        faults.puback_reasons[number] = CODE(what)


def _stats(broker: Broker) -> str:
    counts = "  ".join(f"{name} {value}" for name, value in asdict(broker.stats).items())
    return f"connections {broker.connections}  sessions {broker.sessions}  {counts}"


def _faults(args: argparse.Namespace) -> Faults:
    return Faults(
        puback_delay_s=args.puback_delay,
        drop_every_puback=args.drop_pubacks,
        puback_reason=args.puback_reason,
        no_connack=args.no_connack,
        receive_maximum=args.receive_maximum,
        maximum_packet_size=args.maximum_packet_size,
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= CUT_LIMIT_S:
        raise ValueError(f"{text} is not between 0 and {CUT_LIMIT_S} s")
    return seconds
