"""A manual clock for benches that lie wholly in memory: a moment ends when nothing is left to run.

Owns: QuietClock. Must not know: devices, protocols. Not for benches with sockets, pseudo-terminals or
threads: what those bring is on its way where no loop can see it, and the clock would move on before it came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sized
from typing import cast

from edge_agent.sdk.clock import SETTLE_ROUNDS, ManualClock


class QuietClock(ManualClock):
    """Gives as many turns of the loop as there is work for, at most as many as a ManualClock."""

    async def _settle(self) -> None:
        # The loop's own list of what runs next: asyncio has no public name for "nothing is left to do".
        ready = cast("Sized", asyncio.get_running_loop()._ready)
        for _ in range(SETTLE_ROUNDS):
            await asyncio.sleep(0)
            if not ready:
                return
