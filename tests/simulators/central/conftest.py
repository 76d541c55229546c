"""A broker, a centre on it, and one booth."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from simulators.broker import Broker
from simulators.central import Central
from tests.simulators.central.booth import Booth


@pytest_asyncio.fixture
async def broker() -> AsyncIterator[Broker]:
    """Fails its test if anything in the loop raised where nobody waits for it."""
    troubles: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: troubles.append(context))
    async with Broker() as running:
        yield running
    assert not troubles


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "central.db"


@pytest_asyncio.fixture
async def central(broker: Broker, db: Path) -> AsyncIterator[Central]:
    async with Central(db, "127.0.0.1", broker.port) as running:
        yield running


@pytest_asyncio.fixture
async def booth(broker: Broker, central: Central) -> AsyncIterator[Booth]:
    async with Booth(broker.port) as running:
        yield running
