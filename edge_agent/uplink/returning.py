"""A centre that says it was restarted: told once more what it may have missed, no more often than needed.

Owns: when that is. Must not know: what is told.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

CENTRAL_BACK_S = 2.0  # nine thousand booths must not answer a restarted centre in the same instant
AGAIN_S = 10.0  # one that says so again and again, in a loop or in malice, must not cost a metered link


class Returning:
    """Many words within AGAIN_S are one."""

    def __init__(self, tell_again: Callable[[], None]) -> None:
        self._tell_again = tell_again
        self._loop = asyncio.get_running_loop()
        self._random = random.Random()  # noqa: S311 - spreads answers, guards nothing
        self._told_at_s = self._loop.time() - AGAIN_S
        self._waits = False

    def said(self) -> None:
        """The centre says that it is back."""
        if self._waits:
            return
        self._waits = True
        rest_s = max(0.0, self._told_at_s + AGAIN_S - self._loop.time())
        self._loop.call_later(rest_s + self._random.uniform(0.0, CENTRAL_BACK_S), self._tell)

    def _tell(self) -> None:
        self._waits, self._told_at_s = False, self._loop.time()
        self._tell_again()
