"""Which commands are never broken off: on the assembled agent, as the contract tells it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from edge_agent.assembly import Parts
from edge_agent.commands.agent_ops import Controls
from edge_agent.commands.joining import make_configuring, offer_configuring
from edge_agent.commands.operations import is_unbroken
from edge_agent.ledger.ledger import Ledger, Limits
from edge_agent.pages import printery
from edge_agent.registry import Registry
from edge_agent.sdk.clock import ManualClock
from edge_agent.settings.starting import choose
from tests.architecture.tree import ROOT, text_of

CONTRACT = ROOT / "docs" / "central-integration.md"
BOOTH = """schema = 1
[booth]
id = "B-0001"
[state]
directory = "{folder}/state"
[uplink]
host = "127.0.0.1"
"""


async def orders(folder: Path) -> dict[str, bool]:
    """What the centre can order of a whole agent, and whether it is unbroken."""
    file, clock, registry = folder / "booth.toml", ManualClock(), Registry.installed()
    file.write_text(BOOTH.format(folder=folder))
    started = choose(file, registry, boot="boot", uptime_ms=0)
    ledger = await Ledger.open(folder / "ledger.db", "boot", limits=Limits(reserve_mib=1))
    try:
        parts = Parts(
            started.settings,
            clock,
            ledger,
            [],
            printery=printery(started.settings),
            plugged=asyncio.Event().wait,
            controls=Controls(lambda _level, _minutes: None, lambda: None),
            floor_ms=lambda: 0,
        )
        around = {"stored": parts.stored, "restart": lambda: None}
        made = make_configuring(started, registry, ledger, clock, parts.uplink, **around)
        offer_configuring(made, parts.router, parts.server)
        return {kind: is_unbroken(operation) for kind, operation in parts.router.operations.items()}
    finally:
        await ledger.close()


async def test_every_command_stands_in_the_contract_on_the_side_on_which_it_is(tmp_path: Path) -> None:
    """A new one stands on none: whoever makes it says whether it enters something on disk."""
    told = text_of(CONTRACT).partition("**Commands that take longer than a minute.**")[2].partition("```")[0]
    unbroken, broken_off = (
        set(re.findall(r"`([a-z]+\.[a-z]+)`", part.partition("These are")[2])) - {"command.timeout"}
        for part in told.split("Every other one")
    )
    made = await orders(tmp_path)
    assert {kind for kind, goes_on in made.items() if goes_on} == unbroken
    assert {kind for kind, goes_on in made.items() if not goes_on} == broken_off
