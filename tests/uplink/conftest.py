"""A ledger, and a publisher over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.ledger.ledger import Ledger, Limits
from tests.uplink.publishing import Bench


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "l.db", "boot", limits=Limits(reserve_mib=1))
    yield opened
    await opened.close()


@pytest.fixture
async def bench(ledger: Ledger) -> AsyncIterator[Bench]:
    made = Bench(ledger)
    yield made
    await made.close()


@pytest.fixture
async def broker_bench(ledger: Ledger) -> AsyncIterator[Bench]:
    made = Bench(ledger, central=False)
    yield made
    await made.close()
