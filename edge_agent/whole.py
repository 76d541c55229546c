"""A step that is finished once it is begun, whoever stops waiting for it.

Owns: that one function. Must not know: what a step does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

ResultT = TypeVar("ResultT")


async def whole(step: Coroutine[None, None, ResultT]) -> ResultT:
    """The step's result. A cancellation waits for its end: what is on disk must be true in memory, too."""
    taken = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(taken)
    except asyncio.CancelledError:
        await asyncio.wait([taken])
        raise
