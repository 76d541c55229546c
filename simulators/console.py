"""What a person types at a simulator: numbers on the command line, and lines while it runs.

Owns: reading standard input without blocking the loop, bounds of options, showing foreign text.
Must not know: what the words mean.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator, Callable

LINE_LIMIT = 64 << 10  # a command with a whole template in it; more is a file sent by mistake
SHOWN_LIMIT = 200  # characters of foreign text on one line of a terminal


async def typed_lines() -> AsyncIterator[str]:
    """The lines, until standard input ends; none where it is no terminal and no pipe."""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or sys.stdin.isatty()):
        return
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        async for line in _lines(reader):
            yield line
    finally:
        transport.close()


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """A type for argparse: decimal or 0x…, within bounds."""

    def parse(text: str) -> int:
        try:
            value = int(text, 0)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{shown(text)!r} is no number from {least} to {most}")
        return value

    return parse


def shown(text: str) -> str:
    """Foreign text for a terminal: no control or invisible characters, not too long."""
    clean = "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:SHOWN_LIMIT]
    )
    return clean + "…" if len(text) > SHOWN_LIMIT else clean


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[str]:
    while True:
        try:
            line = await reader.readline()
        except ValueError:  # longer than the limit; the reader has dropped it
            print(f"a line may have {LINE_LIMIT} bytes", file=sys.stderr)
            continue
        if not line:
            return
        if text := line.decode(errors="replace").strip():
            yield text
