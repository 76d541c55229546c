"""The wire between a device and its endpoint, with faults in either direction that can change while it runs.

Owns: carrying frames through the faults, pauses and pulled plugs. Must not know: devices, protocols.
A wire is itself an Endpoint, so that a device does not know whether it hangs on one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from enum import StrEnum

from edge_agent.sdk.clock import Clock, SystemClock
from simulators.endpoints import Endpoint
from simulators.faults import Fault, Piece


class Toward(StrEnum):
    """The direction of a fault: on what the device sends, or on what it receives."""

    HOST = "host"
    DEVICE = "device"


class Wire:
    """An endpoint seen through faults; without any it is clean."""

    def __init__(self, endpoint: Endpoint, *faults: Fault, clock: Clock | None = None) -> None:
        self._endpoint = endpoint
        self._faults: dict[Toward, tuple[Fault, ...]] = {Toward.HOST: faults, Toward.DEVICE: ()}
        self._clock = clock or SystemClock()
        self._arriving: Iterator[Piece] = iter(())
        self._turn = asyncio.Lock()

    @property
    def url(self) -> str:
        return self._endpoint.url

    @property
    def connected(self) -> bool:
        return self._endpoint.connected

    def impair(self, *faults: Fault, toward: Toward = Toward.HOST) -> None:
        """From the next frame on, have these faults in that direction, and no others."""
        self._faults[toward] = faults

    async def start(self) -> None:
        await self._endpoint.start()

    async def close(self) -> None:
        await self._endpoint.close()

    async def unplug(self) -> None:
        await self._endpoint.unplug()

    async def plug(self) -> None:
        await self._endpoint.plug()

    async def read(self) -> bytes:
        while True:
            for piece in self._arriving:
                await self._pass(piece)
                if piece.data:
                    return piece.data
            self._arriving = self._through(Toward.DEVICE, await self._endpoint.read())

    async def write(self, data: bytes) -> None:
        async with self._turn:
            for piece in self._through(Toward.HOST, data):
                await self._clock.sleep(piece.after_s)
                if piece.data:
                    await self._endpoint.write(piece.data)
                await self._pull(piece)

    async def _pass(self, piece: Piece) -> None:
        await self._clock.sleep(piece.after_s)
        await self._pull(piece)

    async def _pull(self, piece: Piece) -> None:
        if piece.hang_up:
            await self._endpoint.unplug()

    def _through(self, toward: Toward, data: bytes) -> Iterator[Piece]:
        pieces: Iterator[Piece] = iter((Piece(data),))
        for fault in self._faults[toward]:
            pieces = _each(fault, pieces)
        return pieces


def _each(fault: Fault, pieces: Iterator[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        yield from fault.carry(piece)
