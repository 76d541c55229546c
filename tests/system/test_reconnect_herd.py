"""Many real sessions come back to a mosquitto that was killed and cannot take them all at once.

The table of failures has nine thousand booths as a model; here two hundred sessions stand before a door that
lets as many in, for their number, as a broker that shakes 331 hands a second does of nine thousand.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from edge_agent.sdk.clock import SystemClock
from edge_agent.sdk.values import Stamp
from edge_agent.uplink.session import PATIENCE_FIRST_S, Session
from tests.conftest import Mosquitto
from tests.system.herd import Return, modelled
from tests.uplink.bench import SeenHandler, address, beside, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

OUTAGE_S = 600.0


class Shifted:
    """The system's clock; `shift_s` is time that has passed while nobody looked."""

    def __init__(self) -> None:
        self._real = SystemClock()
        self.shift_s = 0.0

    def monotonic_s(self) -> float:
        return self._real.monotonic_s() + self.shift_s

    def stamp(self) -> Stamp:
        return self._real.stamp()

    async def sleep(self, seconds: float) -> None:
        await self._real.sleep(seconds)


class Door:
    """Takes every connection, and lets `rate` of them a second through to the broker, in their order."""

    def __init__(self, broker_port: int, rate: float) -> None:
        self._broker_port = broker_port
        self._rate = rate
        self._turn = asyncio.Lock()
        self._open: set[asyncio.Task[None]] = set()
        self.slow = False
        self.tries = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._let_through(reader, writer)
        except (OSError, asyncio.CancelledError):
            return
        finally:
            self._open.discard(task)
            writer.close()

    async def _let_through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tries += self.slow
        first = await reader.read(65536)
        if self.slow:
            async with self._turn:
                if reader.at_eof():  # it has given up: its place costs nothing
                    return
                await asyncio.sleep(1 / self._rate)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
        try:
            far_writer.write(first)
            await asyncio.gather(_copied(reader, far_writer), _copied(far_reader, writer))
        finally:
            far_writer.close()


async def _copied(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    sink.close()


async def _herd(mosquitto: Mosquitto, sessions: int, rate: float) -> Return:
    """All up; the broker is killed, ten minutes pass, it is back; until all are up again."""
    door, clock = Door(mosquitto.port, rate), Shifted()
    back_s: list[float] = []
    async with door.listening() as port, contextlib.AsyncExitStack() as stack:
        handlers = [SeenHandler() for _ in range(sessions)]
        for number, handler in enumerate(handlers):
            where = replace(address(port, protocol="5"), client_id=f"B{number}")
            running = Session(where, handler, clock, seed=number).run()
            await stack.enter_async_context(beside(running))
        await until(lambda: all(handler.connected for handler in handlers), 120)
        mosquitto.kill()
        await until(lambda: not any(handler.connected for handler in handlers), 120)
        clock.shift_s += OUTAGE_S
        before = [len(handler.downs) for handler in handlers]
        await until(lambda: all(len(h.downs) > n for h, n in zip(handlers, before, strict=True)), 120)
        door.slow = True  # each has tried in vain, and waits as one does after ten minutes
        await asyncio.to_thread(mosquitto.start)
        began = time.monotonic()
        while len(back_s) < sessions:
            up = sum(handler.connected for handler in handlers)
            back_s += [time.monotonic() - began] * (up - len(back_s))
            assert time.monotonic() < began + 600, f"{up} of {sessions} are back"
            await asyncio.sleep(0.05)
    return Return(back_s, door.tries)


@pytest.mark.torture
async def test_two_hundred_come_back_as_the_model_says(mosquitto: Mosquitto) -> None:
    sessions = 200
    rate = 331 * sessions / 9000
    model, found = (
        modelled(sessions, rate, PATIENCE_FIRST_S, OUTAGE_S),
        await _herd(mosquitto, sessions, rate),
    )
    for name, one in (("model", model), ("real", found)):
        print(f"{name}: half after {one.by(0.5):.0f} s, nine of ten after {one.by(0.9):.0f} s,"
              f" all after {one.back_s[-1]:.0f} s, {one.tries} tries")  # fmt: skip
    assert found.back_s[-1] < 300, "all are back within five minutes, as nine thousand in the model"
    assert found.by(0.5) < 60, "half of them within one"
    assert found.back_s[-1] < 2 * model.back_s[-1] + 30, "the model is not rosier than what happens"
    assert found.tries < 2 * model.tries + sessions
