"""SIGKILL in the middle of a stream: what was acknowledged is there, and the rest comes once."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from simulators.broker import Broker
from simulators.central import check
from simulators.central.report import read_report
from tests.simulators.central.booth import DEADLINE_S, Booth, event

pytestmark = pytest.mark.system

EVENTS = 1500
KILL_AT = (150, 500, 900)  # acknowledged numbers at which the centre dies, mid-stream each time
PROGRAM = """
import argparse, asyncio, sys
from simulators.central import cli
parser = argparse.ArgumentParser()
cli.add_arguments(parser)
sys.exit(asyncio.run(cli.run(parser.parse_args())))
"""


async def start(broker: Broker, db: Path) -> asyncio.subprocess.Process:
    sessions = broker.sessions
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, "--db", str(db), "--port", str(broker.port),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(DEADLINE_S):
        assert b"central on" in await process.stdout.readline()
    assert broker.sessions == sessions + 1
    return process


async def stream(booth: Booth, first: int) -> None:
    for seq in range(first, EVENTS + 1):
        await booth.send(event(seq))


async def test_nothing_acknowledged_is_lost_by_kill_9_and_all_arrives_once(broker, db):
    async with Booth(broker.port) as booth:
        for limit in KILL_AT:
            process = await start(broker, db)
            streaming = asyncio.create_task(stream(booth, booth.upto() + 1))
            drain = asyncio.create_task(process.stdout.read())
            await booth.acked(limit)
            process.send_signal(signal.SIGKILL)
            acked = booth.upto()
            await drain
            await process.wait()
            streaming.cancel()
            await asyncio.wait([streaming])
            with closing(sqlite3.connect(db)) as reader:
                stored = reader.execute("SELECT count(*) FROM events WHERE seq <= ?", (acked,)).fetchone()
            assert stored == (acked,)
            assert acked < EVENTS
        process = await start(broker, db)
        drain = asyncio.create_task(process.stdout.read())
        await stream(booth, booth.upto() + 1)
        await booth.acked(EVENTS)
        process.terminate()
        await drain
        assert await process.wait() == 0
    report = read_report(db)
    assert (report.events, report.conflicts, report.gaps) == (EVENTS, 0, ())
    assert check(db) == []
