"""The parts of a printer's driver that run side by side.

Owns: ending all of them with the first. Must not know: what they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


async def serve(*parts: Coroutine[object, object, None]) -> None:
    """Run all; the first that ends, ends the others. Raises what it raised."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
