"""Brokers to test against: the built-in one, and mosquitto as the reference for what both must do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from simulators.broker import Broker
from simulators.mqtt.packets import Version
from tests.conftest import Mosquitto


@pytest.fixture(scope="session")
def mosquitto_port(mosquitto_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """One for all tests; they keep apart by their names."""
    reference = Mosquitto(mosquitto_binary, tmp_path_factory.mktemp("mosquitto"))
    reference.start()
    reference.release()
    yield reference.port
    reference.close()


@pytest_asyncio.fixture
async def broker() -> AsyncIterator[Broker]:
    """Fails its test if anything in the loop raised where nobody waits for it."""
    troubles: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: troubles.append(context))
    async with Broker() as running:
        yield running
    assert not troubles


@pytest.fixture(params=["builtin", "mosquitto"])
def port(request: pytest.FixtureRequest) -> int:
    """The port of a broker that the contract holds for."""
    if request.param == "builtin":
        return request.getfixturevalue("broker").port
    return request.getfixturevalue("mosquitto_port")


@pytest.fixture(params=list(Version), ids=lambda version: version.name)
def version(request: pytest.FixtureRequest) -> Version:
    return request.param
