"""`edge-sim central`: the stand-in for the central system, with a line for everything that happens.

Owns: options, words, the command console. Must not know: MQTT, SQL.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import ssl
import sys
from pathlib import Path

from edge_agent.sdk.errors import CommandError, ConfigError, EdgeError
from simulators.central.check import check
from simulators.central.commands import JsonValue
from simulators.central.racing import first_to_end
from simulators.central.server import Central
from simulators.central.taken import News
from simulators.console import shown, typed_lines, whole_number

CONSOLE = """console: cmd BOOTH TYPE [JSON] | enrol BOOTH | report | check | mood NAME [VALUE] | moods | quit
for example: cmd B-1 scale.zero {"device":"scale-1"}    mood ack_delay_s 2    mood dead off"""
_WORDS = {
    "stored": "stored",
    "again": "came again, stored before",
    "conflict": "CAME AGAIN WITH ANOTHER CONTENT",
    "rejected": "rejected",
    "unreadable": "UNREADABLE",
    "response": "answers",
    "latest": "says",
    "ack": "acknowledged",
    "ack lost": "ack not sent",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--db", type=Path, default=Path("central.db"), help="its file (default central.db)")
    parser.add_argument("--host", default="127.0.0.1", help="the broker's address (default: this machine)")
    parser.add_argument(
        "--port", type=whole_number(1, 65535), default=1883, help="the broker's port (default 1883)"
    )
    parser.add_argument("--root", default="booth/v1", help="first levels of all topics (default booth/v1)")
    parser.add_argument("--group", help="share the events with other centres of this group")
    parser.add_argument(
        "--authority", type=Path, metavar="FOLDER", help="enrol booths; its key is made there"
    )
    tls = parser.add_argument_group("TLS")
    tls.add_argument("--ca", type=Path, metavar="FILE", help="speak TLS, and check the broker by this")
    tls.add_argument("--cert", type=Path, metavar="FILE", help="our certificate, if the broker asks for one")
    tls.add_argument("--key", type=Path, metavar="FILE", help="and its key")
    parser.add_argument("--check", action="store_true", help="judge the file and end: 0 clean, 1 violations")


async def run(args: argparse.Namespace) -> int:
    """Serve until interrupted or told to quit; with --check judge the file and end."""
    try:
        if args.check:
            return _judge(args.db)
        return await _serve(args)
    except EdgeError as error:
        print(f"edge-sim: {shown(str(error))}", file=sys.stderr)
        return 2


async def _serve(args: argparse.Namespace) -> int:
    central = Central(
        args.db,
        args.host,
        args.port,
        root=args.root,
        group=args.group,
        on_news=_print_news,
        tls=_tls(args),
        authority=args.authority,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    print(f"looking for the broker at {args.host}:{args.port}", file=sys.stderr, flush=True)
    async with central:
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        print(f"central on {args.host}:{args.port}, events in {args.db}\n{CONSOLE}", flush=True)
        console = asyncio.create_task(_console(central, args.db, stop))
        try:
            await first_to_end(stop.wait(), central.until_failed())
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            console.cancel()
            await asyncio.wait([console])
    return 0


async def _console(central: Central, db_path: Path, stop: asyncio.Event) -> None:
    async for line in typed_lines():
        word, *rest = line.split(maxsplit=3)
        if word == "quit":
            stop.set()
            return
        try:
            await _obey(central, db_path, word, rest)
        except (EdgeError, ValueError, TimeoutError) as error:
            print(f"not done: {shown(str(error))}", flush=True)


async def _obey(central: Central, db_path: Path, word: str, rest: list[str]) -> None:
    match word, rest:
        case "cmd", [booth, kind, *args]:
            command_id = await central.command(booth, kind, _arguments("".join(args)))
            print(f"sent {command_id}", flush=True)
        case "report", _:
            await _print_report(central)
        case "check", _:
            await asyncio.to_thread(_judge, db_path)
        case "enrol", [booth]:
            print(f"one-time code for {shown(booth)}: {await central.enrolment_code(booth)}", flush=True)
        case "dead" | "alive", _:
            central.moods.dead = word == "dead"
        case "mood", [name, *value]:
            central.moods.change(name, value[0] if value else "on")
        case "moods", _:
            print(shown(str(central.moods)), flush=True)
        case _:
            print(CONSOLE, flush=True)


def _tls(args: argparse.Namespace) -> ssl.SSLContext | None:
    """Raises ConfigError for files that cannot be used."""
    if args.ca is None:
        return None
    try:
        context = ssl.create_default_context(cafile=str(args.ca))
        if args.cert is not None:
            context.load_cert_chain(str(args.cert), str(args.key))
    except (OSError, ssl.SSLError) as error:
        why = f"cannot use --ca, --cert, --key: {error.strerror or error}"
        raise ConfigError("central.tls", why) from error
    return context


def _arguments(text: str) -> dict[str, JsonValue]:
    value = json.loads(text or "{}")
    if not isinstance(value, dict):
        raise CommandError("central.arguments", "the arguments are a JSON object")
    return value


async def _print_report(central: Central) -> None:
    report = await central.report()
    print(
        f"{report.events} events, {report.duplicates} came again, {report.conflicts} conflicts,"
        f" {report.rejected} rejected, {report.unreadable} unreadable, {len(report.gaps)} gaps"
    )
    for name, number in report.by_type.items():
        print(f"  {number:8} {name}")
    for gap in report.gaps:
        print(f"  missing: {gap.booth} {gap.epoch} {gap.first} to {gap.last}")


def _judge(db_path: Path) -> int:
    found = check(db_path)
    for one in found:
        print(f"{one.kind}: {one.booth} {one.epoch} {shown(one.text)}")
    print(f"{len(found)} violations" if found else "no violations")
    return 1 if found else 0


def _print_news(news: News) -> None:
    number = f"#{news.seq}" if news.seq and not news.kind.startswith("ack") else ""
    parts = (news.booth, number, _WORDS.get(news.kind, news.kind), shown(news.what), shown(news.code))
    print(" ".join(part for part in parts if part), flush=True)
