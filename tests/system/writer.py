"""A program that commits events and sends them, and says of each that it is stored; to be killed.

Run: python -m tests.system.writer FOLDER PORT PROTOCOL. Each line on standard output is "stored N".
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.system.booth import booth


async def main(folder: Path, port: int, protocol: str) -> None:
    async with booth(folder, port, protocol=protocol) as one:
        while True:
            await one.commit(1)
            print(f"stored {one.ledger.last}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
