"""Zero and tare on scales that speak unasked, and on retail scales that are asked."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from drivers.scales import hid_scale
from edge_agent.sdk.errors import DeviceError
from tests.drivers.rig import driven
from tests.drivers.streamed_bench import LOAD, MODELS, Booth, Model, Wire, frame

ZEROED = ("toledo_cont", "st_gs excell", "cas_22 asked", "yaohua a12_w", "hid_scale")
TARED = ("toledo_cont", "st_gs excell", "cas_22 asked", "yaohua a12_w")
CLEARED = ("toledo_cont", "st_gs excell")
MUTE = ("st_gs generic", "cas_22", "digi_ds", "dibal", "yaohua a9_tf0", "print_line")


@pytest.mark.parametrize("name", ZEROED)
async def test_zero_is_confirmed_by_the_scale_itself(name: str) -> None:
    booth = Booth(MODELS[name])
    async with booth.open() as (driver, _):
        await booth.clock.advance(3)
        booth.scale.put(Decimal("0.100"))
        await booth.clock.advance(3)
        await booth.goal(driver, "zero")
        await booth.clock.advance(1)
    assert booth.sink.readings[-1].weight == 0


@pytest.mark.parametrize("name", ZEROED)
async def test_zero_too_far_from_zero_is_refused_with_a_reason(name: str) -> None:
    booth = Booth(MODELS[name])
    async with booth.open() as (driver, _):
        booth.scale.put(Decimal(10))
        await booth.clock.advance(3)
        with pytest.raises(DeviceError) as refused:
            await booth.goal(driver, "zero")
    assert refused.value.code == "scale.refused"
    assert refused.value.hint


@pytest.mark.parametrize("name", TARED)
async def test_tare_is_confirmed_by_the_scale_itself(name: str) -> None:
    booth = Booth(MODELS[name])
    async with booth.open() as (driver, _):
        await booth.clock.advance(3)
        booth.scale.put(LOAD)
        await booth.clock.advance(3)
        await booth.goal(driver, "tare")
        await booth.clock.advance(1)
    last = booth.sink.readings[-1]
    assert (last.weight, last.net) == (Decimal(0), True)


@pytest.mark.parametrize("name", CLEARED)
async def test_a_tare_is_cleared(name: str) -> None:
    booth = Booth(MODELS[name])
    async with booth.open() as (driver, _):
        booth.scale.put(LOAD)
        await booth.clock.advance(3)
        await booth.goal(driver, "tare")
        await booth.goal(driver, "clear_tare")
        await booth.clock.advance(1)
    last = booth.sink.readings[-1]
    assert (last.weight, last.net) == (LOAD, False)


@pytest.mark.parametrize("name", TARED)
async def test_an_empty_scale_is_not_tared(name: str) -> None:
    booth = Booth(MODELS[name])
    async with booth.open() as (driver, _):
        await booth.clock.advance(3)
        with pytest.raises(DeviceError) as refused:
            await booth.goal(driver, "tare")
    assert refused.value.code == "scale.no_load"


@pytest.mark.parametrize("name", [name for name in ZEROED if MODELS[name].streams])
async def test_nothing_is_commanded_while_the_load_moves(name: str) -> None:
    model = MODELS[name]
    wire = Wire(model)
    async with driven(wire.driver):
        await wire.hear(*[frame(model, "1.000")] * 3)
        zeroing = asyncio.ensure_future(wire.driver.zero())
        for grams in range(60):
            await wire.hear(frame(model, f"{1 + grams / 1000:.3f}", motion=True), gap_s=0.1)
        with pytest.raises(DeviceError):
            await zeroing
    assert wire.link.written == b""


@pytest.mark.parametrize("name", MUTE)
@pytest.mark.parametrize("goal", ["zero", "tare", "clear_tare"])
async def test_a_scale_without_commands_says_so(name: str, goal: str) -> None:
    booth = Booth(MODELS[name])
    async with booth.open() as (driver, _):
        await booth.clock.advance(3)
        with pytest.raises(DeviceError) as refused:
            await booth.goal(driver, goal)
    assert refused.value.code == "scale.unsupported"


async def test_a_stream_that_is_not_ready_is_told_nothing() -> None:
    wire = Wire(MODELS["toledo_cont"])
    with pytest.raises(DeviceError) as refused:
        await wire.driver.zero()
    assert refused.value.code == "scale.not_ready"


async def test_a_goal_on_a_stream_that_falls_silent_ends_with_the_silence() -> None:
    wire = Wire(MODELS["toledo_cont"])
    async with driven(wire.driver):
        await wire.hear(frame(MODELS["toledo_cont"], "1.000"))
        zeroing = asyncio.ensure_future(wire.driver.zero())
        await wire.clock.advance(4)
        with pytest.raises(DeviceError) as refused:
            await zeroing
    assert refused.value.code == "scale.silent"


@pytest.mark.parametrize(("setting", "report"), [("zero_scale", b"\x02\x02"), ("enforced_zero", b"\x02\x01")])
async def test_a_hid_scale_is_zeroed_by_one_report(setting: str, report: bytes) -> None:
    model = Model(hid_scale.SPEC, {"zero_by": setting})
    wire = Wire(model)
    async with driven(wire.driver):
        await wire.hear(*[frame(model, "0.000")] * 2)
        zeroing = asyncio.ensure_future(wire.driver.zero())
        await wire.hear(*[frame(model, "0.000")] * 3)
        await zeroing
    assert bytes(wire.link.written) == report
