"""Every scale of the catalogue, every fault: no accepted weight that the scale did not show, and it heals."""

from __future__ import annotations

import asyncio
import random
import zlib
from decimal import Decimal
from pathlib import Path

import pytest

from edge_agent.links.open import open_link
from edge_agent.sdk.clock import Clock, ManualClock, SystemClock
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.ports import ByteLink
from simulators.endpoints import Endpoint, PtyEndpoint, TcpEndpoint
from simulators.loopback import LoopbackEndpoint
from simulators.report_socket import ReportSocketEndpoint
from tests.drivers.fault_story import SCALE_FAULTS, WIRE_FAULTS, Model, Opener, Stand, catalogue
from tests.quiet_clock import QuietClock

STEP_S = 0.25
BEAT_S = 2.0
HEALED_S = (
    14.0  # silence, back-off, identification, a settled weight; the slowest scale is given up after 10 s
)
REAL_HEALED_S = 60.0  # the same, on a machine with other work
FIRST = {str(model) for model in catalogue(every_style=False)}
MODELS = [
    pytest.param(model, id=str(model), marks=[] if str(model) in FIRST else [pytest.mark.torture])
    for model in catalogue()
]
STORY = (*WIRE_FAULTS, *SCALE_FAULTS)


def load(number: int) -> Decimal:
    """Another load for each beat, none a digit's slip away from the one before."""
    return Decimal("1.115") + number * Decimal("1.105")


async def step(stand: Stand) -> None:
    """A little time passes."""
    stand.hurry()
    if isinstance(stand.clock, ManualClock):
        await stand.clock.advance(STEP_S)
    else:
        await asyncio.sleep(STEP_S)


async def until_settled(stand: Stand, seconds: float) -> bool:
    """Whether the load on the pan is accepted within that time."""
    before = len(stand.accepted)
    for _ in range(round(seconds / STEP_S)):
        await step(stand)
        now = stand.physics.indicate().net
        if any(settled.reading.weight == now for settled in stand.accepted[before:]):
            return True
    return False


async def story_of(
    model: Model, endpoint: Endpoint, opener: Opener, clock: Clock, healed_s: float
) -> list[str]:
    """One scale through all of it; what went wrong."""
    stand = Stand(model, endpoint, opener, clock)
    turn = random.Random(zlib.crc32(str(model).encode()))
    running = asyncio.ensure_future(stand.run())
    try:
        stand.scale.put(load(0))
        if not await until_settled(stand, healed_s):
            return [f"{model}: a healthy scale is not accepted"]
        for number, beat in enumerate(STORY, 1):
            await stand.suffer(beat, load(number), turn)
            for _ in range(round(BEAT_S / STEP_S)):
                await step(stand)
            await stand.recover()
            stand.scale.put(load(number))
            stand.beat = f"after {beat}"
            if not await until_settled(stand, healed_s):
                return [f"{model}: does not heal after {beat}", *stand.wrong]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await endpoint.close()
    return [f"{model}: {wrong}" for wrong in stand.wrong]


@pytest.mark.parametrize("model", MODELS)
async def test_no_fault_makes_an_accepted_weight_that_was_not_shown(model: Model) -> None:
    endpoint = LoopbackEndpoint()

    async def opener(_url: str, _line: SerialSettings, _device: str) -> ByteLink:
        return endpoint.host()

    assert await story_of(model, endpoint, opener, QuietClock(), HEALED_S) == []


# The same over real ports, all scales side by side in real time


async def real_port(url: str, line: SerialSettings, device: str) -> ByteLink:
    return await open_link(url, line, device=device)


def endpoint_for(kind: str, model: Model, folder: Path, number: int) -> Endpoint:
    if "hidraw" in model.spec.transports:
        return ReportSocketEndpoint(folder, f"hidraw{number}")
    return PtyEndpoint(folder, f"tty{number}") if kind == "pty" else TcpEndpoint()


@pytest.mark.torture
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["pty", "tcp"])
async def test_no_fault_over_real_ports_makes_an_accepted_weight_that_was_not_shown(
    kind: str, tmp_path: Path
) -> None:
    stories = [
        story_of(model, endpoint_for(kind, model, tmp_path, number), real_port, SystemClock(), REAL_HEALED_S)
        for number, model in enumerate(catalogue())
    ]
    found = await asyncio.gather(*stories)
    assert [wrong for story in found for wrong in story] == []
