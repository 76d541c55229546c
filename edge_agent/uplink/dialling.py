"""The way to TCP and TLS, in a thread of its own that nobody has to wait for.

Owns: that thread. Must not know: paho, what happens once connected.

Looking a name up and connecting block for as long as the operating system likes. A stop of the agent does not
wait for that: what comes after it is thrown away.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable


class Dialling:
    """One try. `throw_away` undoes a connection that comes too late: in the thread, the loop may be gone."""

    def __init__(self, connect: Callable[[], object], throw_away: Callable[[], object]) -> None:
        self._connect = connect
        self._throw_away = throw_away
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[None] = self._loop.create_future()
        self._between = threading.Lock()  # its two ends: the thread's, and ours
        self._over = False
        self._abandoned = False
        threading.Thread(target=self._dial, name="uplink connect", daemon=True).start()

    async def connected(self) -> None:
        """Returns once connected. Raises OSError or ValueError as connecting did."""
        await asyncio.shield(self._answer)

    def abandon(self) -> bool:
        """Nobody waits any more; False when it has ended already, and the connection is the caller's."""
        with self._between:
            self._abandoned = self._abandoned or not self._over
            return self._abandoned

    def _dial(self) -> None:
        error: Exception | None = OSError("connecting failed")
        try:
            self._connect()
            error = None
        except (OSError, ValueError) as caught:
            error = caught
        finally:
            self._report(error)

    def _report(self, error: Exception | None) -> None:
        with self._between:
            self._over = True
        if self._abandoned:
            self._throw_away()
            return
        try:
            self._loop.call_soon_threadsafe(self._ended, error)
        except RuntimeError:  # the loop has ended, and nobody abandoned this
            self._throw_away()

    def _ended(self, error: Exception | None) -> None:
        if error is not None:
            self._answer.set_exception(error)
            self._answer.exception()  # it may be that nobody waits any more
        else:
            self._answer.set_result(None)
