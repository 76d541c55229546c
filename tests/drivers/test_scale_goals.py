"""Zero, tare and clear tare of a polled scale: confirmed by the scale itself, or refused with a reason."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from edge_agent.sdk.driver import Ask, Indication
from tests.drivers.rig import driven
from tests.drivers.scale_bench import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_zero_is_confirmed_by_the_scale_itself(bench: Bench) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1)
        await bench.goal("zero")
        assert bench.sink.readings[-1].weight == 0
    assert bench.scale.count(Ask.ZERO) == 1


async def test_less_than_nothing_can_be_zeroed(bench: Bench) -> None:
    bench.scale.shows = Indication(Decimal("-0.010"))
    async with driven(bench.driver):
        await bench.clock.advance(1)
        await bench.goal("zero")
        assert bench.sink.readings[-1].weight == 0


async def test_a_zero_that_the_scale_does_not_do_is_refused_after_one_try(bench: Bench) -> None:
    bench.scale.obeys = False
    async with driven(bench.driver):
        await bench.clock.advance(1)
        assert await bench.refused("zero") == "scale.refused"
    assert bench.scale.count(Ask.ZERO) == 1


@pytest.mark.parametrize("goal", ["zero", "tare"])
async def test_nothing_is_zeroed_or_tared_in_motion(bench: Bench, goal: str) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1)
        bench.scale.shows = replace(bench.scale.shows, motion=True)
        assert await bench.refused(goal) == "scale.motion"
    assert bench.scale.count(Ask.ZERO) + bench.scale.count(Ask.TARE) == 0


async def test_a_load_that_comes_to_rest_in_time_is_tared(bench: Bench) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1)
        bench.scale.shows = replace(bench.scale.shows, motion=True)
        task = asyncio.ensure_future(bench.driver.tare())
        await bench.clock.advance(1)
        assert bench.scale.count(Ask.TARE) == 0
        bench.scale.shows = replace(bench.scale.shows, motion=False)
        await bench.clock.advance(1)
        await task
    assert bench.scale.count(Ask.TARE) == 1


@pytest.mark.parametrize(
    ("goal", "shows", "code"),
    [
        ("zero", Indication(Decimal("1.000"), overload=True), "scale.overload"),
        ("zero", Indication(Decimal("1.000"), fault=True), "scale.zero_range"),
        ("tare", Indication(Decimal("1.000"), overload=True), "scale.overload"),
        ("tare", Indication(Decimal("-1.000")), "scale.underload"),
        ("tare", Indication(Decimal("0.000")), "scale.no_load"),
    ],
)
async def test_a_goal_out_of_reach_is_refused_unsent(
    bench: Bench, goal: str, shows: Indication, code: str
) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1)
        bench.scale.shows = shows
        assert await bench.refused(goal) == code
    assert bench.scale.count(Ask.ZERO) + bench.scale.count(Ask.TARE) == 0


async def test_a_tared_load_weighs_nothing_net_and_clearing_brings_it_back(bench: Bench) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1)
        await bench.goal("tare")
        assert (bench.sink.readings[-1].weight, bench.sink.readings[-1].net) == (Decimal(0), True)
        await bench.goal("clear_tare")
        assert (bench.sink.readings[-1].weight, bench.sink.readings[-1].net) == (Decimal("1.234"), False)


async def test_goals_that_are_already_reached_are_not_sent_again(bench: Bench) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1)
        await bench.goal("clear_tare")
        await bench.goal("tare")
        await bench.goal("tare")
    assert (bench.scale.count(Ask.TARE), bench.scale.count(Ask.CLEAR_TARE)) == (1, 0)


async def test_zero_with_a_tare_set_is_refused_and_says_why(bench: Bench) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1)
        await bench.goal("tare")
        bench.scale.obeys = False
        assert await bench.refused("zero") == "scale.tare_active"


async def test_a_scale_that_falls_silent_during_a_command_is_reported_to_its_caller(bench: Bench) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1)
        bench.scale.mute = True
        assert await bench.refused("zero") == "scale.silent"


async def test_commands_are_refused_until_the_scale_is_ready(bench: Bench) -> None:
    assert await bench.refused("zero") == "scale.not_ready"


async def test_commands_and_polls_never_interleave_on_the_wire(bench: Bench) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1)
        bench.driver.hurry(True)
        start = len(bench.link.written)
        await asyncio.gather(bench.goal("zero"), bench.goal("clear_tare"))
    sent = bytes(bench.link.written[start:])
    zero = sent.index(b"Z")
    assert sent[zero - 1 : zero + 2] == b"WZW"
    assert bench.sink.troubles == []
