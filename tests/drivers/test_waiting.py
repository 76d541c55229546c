"""Waiting with a limit: a result, a time-out, and nothing left running."""

from __future__ import annotations

import asyncio

import pytest

from edge_agent.sdk.clock import ManualClock, within
from edge_agent.sdk.errors import LinkError
from tests.drivers.rig import turns


async def test_work_that_is_done_in_time_gives_its_result() -> None:
    clock = ManualClock()

    async def work() -> str:
        await clock.sleep(0.5)
        return "done"

    waiting = asyncio.ensure_future(within(clock, 1, work()))
    await clock.advance(0.5)
    assert await waiting == "done"


async def test_work_that_takes_too_long_is_cancelled() -> None:
    clock = ManualClock()
    ended: list[str] = []

    async def work() -> None:
        try:
            await clock.sleep(5)
        finally:
            ended.append("cancelled")

    waiting = asyncio.ensure_future(within(clock, 1, work()))
    await clock.advance(1)
    with pytest.raises(TimeoutError):
        await waiting
    assert ended == ["cancelled"]


async def test_what_the_work_raises_is_raised() -> None:
    async def work() -> None:
        raise LinkError("link.lost", "gone")

    with pytest.raises(LinkError):
        await within(ManualClock(), 1, work())


async def test_work_that_ends_in_the_moment_of_the_time_out_counts() -> None:
    clock = ManualClock()
    came = asyncio.Event()

    async def work() -> str:
        await came.wait()
        return "just in time"

    waiting = asyncio.ensure_future(within(clock, 1, work()))
    await turns()
    came.set()
    await clock.advance(1)
    assert await waiting == "just in time"


async def test_cancelling_the_wait_cancels_the_work() -> None:
    clock = ManualClock()
    ended: list[str] = []

    async def work() -> None:
        try:
            await clock.sleep(5)
        finally:
            ended.append("cancelled")

    waiting = asyncio.ensure_future(within(clock, 10, work()))
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == ["cancelled"]
