"""Works that end together: the first that ends, ends the others.

Owns: first_to_end. Must not know: what they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


async def first_to_end(*works: Coroutine[None, None, object]) -> None:
    """Run all until one ends; raises what ended it, once the others are cancelled and gone."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        task.result()
