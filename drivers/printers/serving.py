"""What the driver of every printer does, whatever it speaks: serve it, watch it, print one page at a time.

Owns: the order of watching and printing on one wire, the end of an attempt.
Must not know: languages, how a printer is asked, what is sent to it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import ClassVar

from drivers.printers.conversation import Conversation
from drivers.printers.sending import Attempt, Ends, Sender
from edge_agent.sdk.driver import Context
from edge_agent.sdk.errors import CommandError, ConfigError, LinkError
from edge_agent.sdk.values import PrintJob, PrintResult, Ready

ALERT_S = 1.0  # somebody stands before it, changing the paper


class Served(ABC):
    """One printer: publishes its condition; prints one page at a time, never anything twice."""

    IDLE_S: ClassVar[float]  # between two looks at a printer that is ready

    def __init__(self, context: Context, talk: Conversation, ends: Ends) -> None:
        self._options = context.options
        self._clock = context.clock
        self._link = context.link
        self._sink = context.sink
        self._talk = talk
        self._sender = Sender(context.link, talk, ends)
        self._wire = asyncio.Lock()
        self._asks = context.options.flag("status")

    async def run(self) -> None:
        """Serve the printer until the link is lost."""
        self._link.discard_input()
        if not self._asks:
            self._sink.ready()
        await _side_by_side(self._talk.listen(), *([self._watch()] if self._asks else []))

    async def print(self, job: PrintJob) -> PrintResult:
        """Send one page and gather the strongest proof there is; never sends anything twice."""
        attempt = Attempt(job)
        async with self._wire:
            try:
                await self._print(attempt)
            except (CommandError, ConfigError, LinkError) as error:
                attempt.stop(error.code)
        return attempt.result()

    @abstractmethod
    async def _look(self) -> bool:
        """Ask the printer how it is; whether it answered."""

    @abstractmethod
    async def _print(self, attempt: Attempt) -> None:
        """Send the page of this attempt, and leave in it how that ended."""

    async def _watch(self) -> None:
        await self._talk.introduce()
        while True:
            async with self._wire:
                await self._sender.complete()
                await self._look()
            if self._talk.all_answered and self._talk.ready is Ready.YES:
                await self._talk.wait(lambda: self._talk.ready is not Ready.YES, self.IDLE_S)
            else:
                await self._clock.sleep(ALERT_S)


async def _side_by_side(*parts: Coroutine[object, object, None]) -> None:
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
