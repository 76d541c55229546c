"""Zero and tare of scales that are asked, each behind the simulated scale of its own protocol."""

from __future__ import annotations

import asyncio

import pytest

from drivers.scales import a_and_d, adam
from drivers.scales.streamed_goals import CONFIRM_S
from edge_agent.sdk.driver import show
from edge_agent.sdk.errors import DeviceError
from tests.drivers.asked_bench import EACH, TARED, Case, weighing


@EACH
async def test_zero_is_confirmed_by_the_scale_itself(case: Case) -> None:
    async with weighing(case) as bench:
        await bench.put("0.02")
        assert show(bench.last) == "0.020"
        await bench.goal("zero")
        await bench.pass_time(1)
        assert bench.last.weight == 0


@EACH
async def test_a_zero_that_the_scale_refuses_is_refused_with_a_reason(case: Case) -> None:
    async with weighing(case) as bench:
        await bench.put("5")
        with pytest.raises(DeviceError) as refused:
            await bench.goal("zero")
        assert refused.value.hint
        await bench.pass_time(1)
        assert show(bench.last) == "5.000"


@EACH
async def test_nothing_is_zeroed_in_motion(case: Case) -> None:
    async with weighing(case) as bench:
        await bench.put("0.02")
        if bench.last.stable is None:
            return
        zeroing = asyncio.ensure_future(bench.driver.zero())
        for _ in range(100):
            bench.scale.indication()
            bench.scale.physics.disturb(200)
            await bench.clock.advance(0.1)
        assert zeroing.done()
        assert isinstance(zeroing.exception(), DeviceError)
        await bench.put("0.02")
        assert show(bench.last) == "0.020"


@TARED
async def test_a_tared_load_weighs_nothing(case: Case) -> None:
    async with weighing(case) as bench:
        await bench.put("0.35")
        await bench.goal("tare")
        await bench.put("1.35")
        assert show(bench.last) == "1.000"
        assert bench.last.net is (True if case.tells_tare else None)


@TARED
async def test_clearing_the_tare_brings_the_load_back_or_is_said_to_be_impossible(case: Case) -> None:
    async with weighing(case) as bench:
        await bench.put("0.35")
        await bench.goal("tare")
        if "clear_tare" in case.spec.capabilities:
            await bench.goal("clear_tare")
            await bench.pass_time(1)
            assert show(bench.last) == "0.350"
        else:
            with pytest.raises(DeviceError) as refused:
                await bench.goal("clear_tare")
            assert refused.value.code == "scale.unsupported"


async def test_a_scale_that_can_only_be_zeroed_says_so() -> None:
    async with weighing(Case(adam.SPEC, {"dialect": adam.CPWPLUS})) as bench:
        await bench.put("0.35")
        with pytest.raises(DeviceError) as refused:
            await bench.goal("tare")
        assert refused.value.code == "scale.unsupported"


async def test_a_refusal_says_what_the_scale_answered() -> None:
    async with weighing(Case(a_and_d.SPEC, {"acknowledge": True})) as bench:
        await bench.put("5")
        with pytest.raises(DeviceError) as refused:
            await bench.goal("zero")
    assert "E07" in refused.value.message


def test_a_stream_is_given_longer_than_the_slowest_zero() -> None:
    assert CONFIRM_S > a_and_d.COMMAND_S
