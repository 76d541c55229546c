"""Every test of the links must give back what it took: descriptors, tasks and threads."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from tests.links.far_end import eventually, open_descriptors


@pytest.fixture(autouse=True)
async def nothing_leaks() -> AsyncIterator[None]:
    tasks, threads, descriptors = asyncio.all_tasks(), set(threading.enumerate()), open_descriptors()
    yield
    await eventually(lambda: set(threading.enumerate()) <= threads, "a thread is left")
    await eventually(lambda: open_descriptors() <= descriptors, "a descriptor is left")
    assert asyncio.all_tasks() <= tasks | {asyncio.current_task()}
