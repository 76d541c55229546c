"""Help for tests of codecs and drivers, for ours and for third parties'.

Owns: golden frames (TOML files of real bytes and the values they must give), re-chunkers, a link in memory.
Must not know: any protocol.
"""

from __future__ import annotations

import asyncio
import random
import tomllib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_agent.sdk.errors import LinkError, ProtocolError
from edge_agent.sdk.ports import Codec

NOISE = bytes([0x00, 0xFF, 0x7F, 0x55])  # none of it starts or ends a frame of any shipped protocol


@dataclass(frozen=True, slots=True)
class Golden:
    """One recorded or printed example: bytes as received, and what the last value must show.

    `options` are the driver's settings that the example needs, `asked` the numbers of the questions that it
    answers (printers), `noise` what may come before it on the line and must not change it.
    """

    id: str
    chunks: tuple[bytes, ...]
    expect: dict[str, Any]
    dialect: str
    unit: str
    basis: str
    source: str
    options: dict[str, Any] = field(default_factory=dict)
    asked: tuple[int, ...] = ()
    noise: bytes = NOISE

    @property
    def whole(self) -> bytes:
        return b"".join(self.chunks)


def load_golden(path: Path) -> list[Golden]:
    """Read a golden-frame file: `[[frame]]` tables with id, hex (list), expect, basis and source.

    `source` and `noise` may also stand once at the head of the file, for all frames.
    """
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return [
        Golden(
            id=frame["id"],
            chunks=tuple(bytes.fromhex(chunk) for chunk in frame["hex"]),
            expect=frame["expect"],
            dialect=frame.get("dialect", ""),
            unit=frame.get("unit", ""),
            basis=frame["basis"],
            source=frame.get("source", document.get("source", "")),
            options=frame.get("options", {}),
            asked=tuple(frame.get("asked", ())),
            noise=bytes.fromhex(frame.get("noise", document.get("noise", NOISE.hex()))),
        )
        for frame in document["frame"]
    ]


def whole(data: bytes) -> list[bytes]:
    """The bytes in one chunk."""
    return [data]


def byte_by_byte(data: bytes) -> list[bytes]:
    """Each byte in a chunk of its own."""
    return [data[i : i + 1] for i in range(len(data))]


def random_split(data: bytes, seed: int) -> list[bytes]:
    """Chunks of 1 to 7 bytes; print the seed with a failure."""
    choose = random.Random(seed)
    chunks, at = [], 0
    while at < len(data):
        size = choose.randint(1, 7)
        chunks.append(data[at : at + size])
        at += size
    return chunks


def run_codec(codec: Codec[Any], chunks: Sequence[bytes], *, silence: bool = True) -> list[Any]:
    """All values and errors that the codec gives for these chunks, and for the silence after them."""
    values: list[Any] = []
    for chunk in chunks:
        values += codec.feed(chunk)
    return [*values, *codec.flush()] if silence else values


def good(values: Sequence[Any]) -> Iterator[Any]:
    """The values that are no errors."""
    return (value for value in values if not isinstance(value, ProtocolError))


class MemoryLink:
    """A ByteLink whose other end is the test: `arrive` gives bytes, `written` shows what was sent."""

    def __init__(self, url: str = "memory:") -> None:
        self.url = url
        self.written = bytearray()
        self.closed = False
        self.write_limit: int | None = None
        self.write_timeout_s = 0.0
        self._waiting: deque[bytes] = deque()
        self._hung_up = False
        self._news = asyncio.Event()

    def arrive(self, data: bytes) -> None:
        self._waiting.append(data)
        self._news.set()

    def hang_up(self) -> None:
        self._hung_up = True
        self._news.set()

    async def read(self) -> bytes:
        while not self._waiting:
            if self._hung_up:
                raise LinkError("link.lost", "hung up", device=self.url)
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    async def write(self, data: bytes, timeout_s: float) -> None:
        self.write_timeout_s = timeout_s
        if self._hung_up:
            raise LinkError("link.lost", "hung up", device=self.url)
        room = len(data) if self.write_limit is None else max(0, self.write_limit - len(self.written))
        self.written += data[:room]
        if room < len(data):
            raise LinkError("link.write_timeout", "the port took no more", accepted=room)

    def discard_input(self) -> int:
        dropped = sum(map(len, self._waiting))
        self._waiting.clear()
        return dropped

    async def close(self) -> None:
        self.closed = True
