"""A Toledo 8217 scale behind its device half and the driver that talks to it.

Owns: Scale (just enough to zero, tare, rock and stay silent) and Bench. Must not know: what tests look for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from drivers.scales.toledo_8217 import SPEC, Toledo8217, Toledo8217DeviceHalf
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import Ask, Indication, Options, Request
from edge_agent.sdk.errors import DeviceError
from tests.drivers.rig import DeviceLink, SinkLog, context
from tests.quiet_clock import QuietClock


class Scale:
    """A scale behind the device half: just enough of one to zero, tare, rock and stay silent."""

    def __init__(self, unit: str = "kg") -> None:
        self.half = Toledo8217DeviceHalf(Options(SPEC.options, {"unit": unit}))
        self.shows = Indication(Decimal("1.234"), unit)
        self.asked: list[Request] = []
        self.mute = False
        self.obeys = True
        self.spoil: Callable[[bytes], bytes] = lambda reply: reply

    def answer(self, data: bytes) -> bytes:
        reply = b""
        for request in self.half.feed(data):
            assert isinstance(request, Request)
            self.asked.append(request)
            done = self.obeys and not self.shows.motion and self.do(request.ask)
            reply += self.half.reply(request, self.shows, done=done)
        return b"" if self.mute else self.spoil(reply)

    def do(self, ask: Ask) -> bool:
        if ask is Ask.ZERO:
            self.shows = replace(self.shows, gross=Decimal("0.000"))
        elif ask is Ask.TARE:
            self.shows = replace(self.shows, tare=self.shows.gross)
        elif ask is Ask.CLEAR_TARE:
            self.shows = replace(self.shows, tare=Decimal(0))
        return True

    def count(self, ask: Ask) -> int:
        return sum(request.ask is ask for request in self.asked)


class Bench:
    """One driver, one scale, one clock."""

    def __init__(self, **options: object) -> None:
        self.scale = Scale()
        self.clock = QuietClock()
        self.sink = SinkLog()
        self.link = DeviceLink(self.scale.answer)
        self.driver = Toledo8217(context(SPEC, self.link, self.clock, self.sink, **options))

    async def goal(self, name: str) -> None:
        """Zero, tare or clear_tare, with time passing until it is settled."""
        task = asyncio.ensure_future(getattr(self.driver, name)())
        for _ in range(200):
            if task.done():
                break
            await self.clock.advance(0.05)
        await task

    async def refused(self, name: str) -> str:
        with pytest.raises(DeviceError) as error:
            await self.goal(name)
        assert error.value.hint
        return error.value.code


async def ended(task: asyncio.Task[None], clock: ManualClock, within_s: float = 10) -> BaseException | None:
    """What run() ended with, letting time pass until it does."""
    for _ in range(round(within_s / 0.1)):
        if task.done():
            return task.exception()
        await clock.advance(0.1)
    return None
