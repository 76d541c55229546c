"""`edge-sim broker` as a program: options, console, ends."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from simulators.mqtt.packets import Connect, Pingreq, Puback, Publish
from tests.simulators.mqtt_broker.peers import DEADLINE_S, raw

PROGRAM = """
import argparse, asyncio, sys
from simulators.broker import cli
parser = argparse.ArgumentParser()
cli.add_arguments(parser)
sys.exit(asyncio.run(cli.run(parser.parse_args())))
"""


class Program:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.port = 0

    async def line(self) -> str:
        async with asyncio.timeout(DEADLINE_S):
            return (await self.process.stdout.readline()).decode().rstrip()

    async def type(self, text: str) -> str:
        self.process.stdin.write(f"{text}\n".encode())
        return await self.line()


@asynccontextmanager
async def program(*options: str, stdin: int = asyncio.subprocess.PIPE) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        *options,
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@asynccontextmanager
async def listening(*options: str) -> AsyncIterator[Program]:
    async with program("--port", "0", *options) as running:
        assert "not for production" in await running.line()
        running.port = int((await running.line()).rpartition(":")[2])
        await running.line()
        yield running


@pytest.mark.system
async def test_the_console_counts_freezes_thaws_and_quits():
    async with listening() as broker, raw(broker.port, Connect("c")) as peer:
        assert "connections 1" in await broker.type("stats")
        assert await broker.type("freeze") == "freeze: done"
        peer.send(Pingreq())
        assert await peer.silent_for(0.1)
        assert await broker.type("thaw") == "thaw: done"
        assert await peer.next() is not None
        assert await broker.type("puback 0x97") == "puback: done"
        peer.send(Publish("t", b"", 1, packet_id=1))
        assert await peer.next() == Puback(1, 0x97)
        assert "not understood" in await broker.type("puback \x1b[31m")
        assert "console:" in await broker.type("what?")
        broker.process.stdin.write(b"quit\n")
        assert await asyncio.wait_for(broker.process.wait(), DEADLINE_S) == 0


@pytest.mark.system
async def test_faults_come_from_the_command_line():
    async with (
        listening("--puback-reason", "0x87", "--receive-maximum", "7") as broker,
        raw(broker.port) as peer,
    ):
        peer.send(Connect("c"))
        assert (await peer.next()).properties.receive_maximum == 7
        peer.send(Publish("t", b"", 1, packet_id=1))
        assert await peer.next() == Puback(1, 0x87)


@pytest.mark.system
async def test_sigterm_ends_it_cleanly_and_a_taken_port_is_told():
    async with listening() as broker:
        async with program("--port", str(broker.port), stdin=asyncio.subprocess.DEVNULL) as second:
            assert "choose another --port" in await second.line()
            assert await asyncio.wait_for(second.process.wait(), DEADLINE_S) == 2
        broker.process.terminate()
        assert await asyncio.wait_for(broker.process.wait(), DEADLINE_S) == 0
