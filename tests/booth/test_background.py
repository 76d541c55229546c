"""The agent's tasks: one that ends by a fault of its own takes the agent down, to be started anew."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import pytest

from edge_agent.app import _background

FOREVER_S = 3600.0


async def _fail() -> None:
    raise ValueError("bug")


async def _cancel_itself() -> None:
    raise asyncio.CancelledError


async def _end() -> None:
    return


async def _agent(work: Coroutine[None, None, None], name: str) -> None:
    async with _background() as start:
        start(work, name)
        await asyncio.sleep(FOREVER_S)


async def test_a_task_that_fails_ends_the_agent_with_its_error() -> None:
    with pytest.raises(ValueError, match="bug"):
        await _agent(_fail(), "failing")


async def test_a_task_that_cancels_itself_ends_the_agent_too() -> None:
    """It would else be gone without a word: no uplink any more, or no devices."""
    with pytest.raises(RuntimeError, match="vanishing"):
        await _agent(_cancel_itself(), "vanishing")


async def test_a_task_that_has_nothing_to_do_may_end() -> None:
    async with _background() as start:
        start(_end(), "ending")
        await asyncio.sleep(0.01)


async def test_an_orderly_end_cancels_the_tasks_and_is_no_failure() -> None:
    ended: list[str] = []

    async def serve() -> None:
        try:
            await asyncio.sleep(FOREVER_S)
        finally:
            ended.append("serve")

    async with _background() as start:
        start(serve(), "serving")
        await asyncio.sleep(0)
    assert ended == ["serve"]


async def test_a_cancellation_from_outside_stays_one() -> None:
    running = asyncio.create_task(_agent(asyncio.sleep(FOREVER_S), "serving"))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
