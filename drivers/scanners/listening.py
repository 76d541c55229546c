"""Listening to one scanner: reads into its codec, barcodes to the agent, silences told, answers sent.

Owns: the moment a barcode arrived, the order of what was read, back-pressure, what a hang-up costs.
Must not know: how barcodes are framed, what they mean.

Each read is stamped as it comes, also while the agent is busy with the one before: a barcode that waited here
must not look as if it had been scanned later. What came meanwhile is handed over in one call.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from edge_agent.sdk.driver import Context
from edge_agent.sdk.errors import LinkError, ProtocolError
from edge_agent.sdk.values import Scan, ScanText, Stamp

WAITING_BYTES = 16 * 1024  # read ahead while the agent is busy; beyond that the link holds the scanner back
ANSWER_S = 1.0  # a packet of ten bytes at 9600 baud takes 10 ms


class ScannerCodec(Protocol):
    """What is asked of a scanner's codec beside feed, flush and reset."""

    @property
    def held(self) -> int:
        """More than 0 while something waits for its end."""

    @property
    def silence_s(self) -> float:
        """How long nothing must come for that to be over."""

    def feed(self, data: bytes) -> Sequence[Any]: ...
    def flush(self) -> Sequence[Any]: ...
    def reset(self) -> None: ...


class Listening:
    """Serves one scanner. Each value that is neither a barcode nor an error is for `answer` alone."""

    def __init__(
        self,
        context: Context,
        codec: ScannerCodec,
        answer: Callable[[Any], bytes] = lambda _: b"",
        *,
        torn: Callable[[ScanText], ProtocolError],
    ) -> None:
        """`answer` is what the scanner is told once the agent has dealt with a value; `torn` makes an error
        of a barcode that only the hang-up ended."""
        self._device = context.device
        self._link = context.link
        self._clock = context.clock
        self._sink = context.sink
        self._codec = codec
        self._answer = answer
        self._torn = torn
        self._known = False
        self._arrived: deque[tuple[Stamp, bytes]] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    async def run(self) -> None:
        """Read until the link is lost; what is unfinished then is dropped and reported."""
        self._codec.reset()
        self._arrived.clear()
        reader = asyncio.ensure_future(self._read())
        reader.add_done_callback(lambda _: self._news.set())
        try:
            await self._serve(reader)
            reader.result()
        except LinkError:
            for left in self._codec.flush():
                self._sink.trouble(left if isinstance(left, ProtocolError) else self._torn(left))
            raise
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            data = await self._link.read()
            self._arrived.append((self._clock.stamp(), data))
            self._news.set()
            while sum(len(data) for _, data in self._arrived) >= WAITING_BYTES:
                self._room.clear()
                await self._room.wait()

    async def _serve(self, reader: asyncio.Future[None]) -> None:
        """Until the reader has ended and all it read is handed over."""
        while True:
            if self._arrived:
                arrived = list(self._arrived)
                self._arrived.clear()
                self._room.set()
                await self._publish([(at, self._codec.feed(data)) for at, data in arrived])
            elif reader.done():
                return
            elif await self._is_silent():
                await self._publish([(self._clock.stamp(), self._codec.flush())])

    async def _is_silent(self) -> bool:
        """Wait for the next read, and give silence its say while something is held."""
        self._news.clear()
        if not self._codec.held:
            await self._news.wait()
            return False
        news = asyncio.ensure_future(self._news.wait())
        silence = asyncio.ensure_future(self._clock.sleep(self._codec.silence_s))
        try:
            await asyncio.wait((news, silence), return_when=asyncio.FIRST_COMPLETED)
            return not self._news.is_set()
        finally:
            news.cancel()
            silence.cancel()
            await asyncio.gather(news, silence, return_exceptions=True)

    async def _publish(self, read: Sequence[tuple[Stamp, Sequence[Any]]]) -> None:
        scans = []
        for at, values in read:
            for value in values:
                if isinstance(value, ProtocolError):
                    self._sink.trouble(value)
                elif isinstance(value, ScanText):
                    scans.append(Scan(self._device, at, value.text, value.aim, value.raw))
        if scans:
            self._greet()
            await self._sink.scans(scans)
        answers = b"".join(self._answer(value) for _, values in read for value in values)
        if answers:
            await self._link.write(answers, ANSWER_S)

    def _greet(self) -> None:
        """A scanner cannot be asked anything: its first barcode is what proves it."""
        if not self._known:
            self._known = True
            self._sink.ready()
