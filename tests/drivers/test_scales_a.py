"""Scales that are asked, each behind the simulated scale of its own protocol: identified, read, silent."""

from __future__ import annotations

import asyncio

import pytest

from drivers.scales import a_and_d, adam, mt_sics, ohaus, sartorius_sbi, sma
from edge_agent.sdk.driver import show
from edge_agent.sdk.errors import DeviceError, LinkError
from edge_agent.sdk.values import Status
from tests.drivers.asked_bench import EACH, POLLED, Bench, Case, weighing


@EACH
async def test_a_scale_is_identified_and_read(case: Case) -> None:
    async with weighing(case) as bench:
        assert len(bench.sink.identities) == 1
        await bench.put("7.65")
        assert (show(bench.last), bench.last.unit) == ("7.650", "kg")
        assert bench.last.stable in (True, None)
        assert bench.sink.troubles == []
        assert list(bench.scale.rubbish) == []


async def test_the_model_is_told_where_the_protocol_has_a_question_for_it() -> None:
    async with weighing(Case(mt_sics.SPEC, {})) as bench:
        assert bench.sink.identities == ["Simulated 30.000 kg"]


@EACH
async def test_no_weight_is_told_that_the_scale_did_not_show(case: Case) -> None:
    async with weighing(case) as bench:
        for load in ("1.235", "0", "12.5", "0.005"):
            await bench.put(load)
        resting = {show(reading) for reading in bench.sink.readings if reading.status is Status.OK}
    assert resting <= {"0.000", "1.235", "12.500", "0.005"} or case.spec.name == "adam"  # it has no flag


@EACH
async def test_a_moving_load_is_never_told_as_stable(case: Case) -> None:
    async with weighing(case) as bench:
        for _ in range(10):
            bench.scale.indication()
            bench.scale.physics.disturb(500)
            told = len(bench.sink.readings)
            await bench.pass_time(0.4)
            assert all(reading.stable is not True for reading in bench.sink.readings[told + 1 :])


@EACH
async def test_overload_is_no_weight(case: Case) -> None:
    async with weighing(case, "1") as bench:
        told = len(bench.sink.readings)
        await bench.put("45")
        later = bench.sink.readings[told + 6 :]
    assert not any(reading.weight is not None and reading.stable is True for reading in later)
    if case.tells_overload:
        assert bench.last.weight is None
        assert bench.last.status in (Status.OVERLOAD, Status.ERROR)


@EACH
async def test_a_scale_that_falls_silent_ends_the_driver(case: Case) -> None:
    async with weighing(case, "1") as bench:
        bench.scale.physics.power(False)
        error = await bench.ended()
    assert isinstance(error, DeviceError)
    assert error.code == "scale.silent"


@EACH
async def test_a_port_that_only_opened_is_no_scale(case: Case) -> None:
    bench = Bench(case)
    await bench.open()
    error = await bench.ended()
    assert isinstance(error, DeviceError)
    assert error.code == "scale.silent"
    assert bench.sink.identities == []


@EACH
async def test_a_pulled_plug_ends_the_driver_with_the_links_error(case: Case) -> None:
    async with weighing(case, "1") as bench:
        await bench.endpoint.unplug()
        error = await bench.ended()
    assert isinstance(error, LinkError)


@EACH
async def test_what_waited_in_the_port_is_never_told(case: Case) -> None:
    stale = Bench(case, "25").answer()
    assert stale
    async with weighing(case, "1", stale=stale) as bench:
        told = {show(reading) for reading in bench.sink.readings}
    assert "25.000" not in told
    assert "1.000" in told


@POLLED
async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(case: Case) -> None:
    async with weighing(case, "1") as bench:
        bench.scale._answer_s = 1.3
        await bench.pass_time(2)
        bench.scale._answer_s = 0.0
        await bench.put("2")
        told = len(bench.sink.readings)
        await bench.pass_time(5)
        assert {show(reading) for reading in bench.sink.readings[told:]} == {"2.000"}


@pytest.mark.parametrize(
    "case", [Case(mt_sics.SPEC, {"style": "on_demand"}), Case(sma.SPEC, {"style": "on_demand"})], ids=str
)
async def test_on_demand_nothing_is_asked_while_nobody_waits(case: Case) -> None:
    async with weighing(case, "1") as bench:
        told = len(bench.sink.readings)
        await bench.pass_time(10)
        assert len(bench.sink.readings) == told
        bench.driver.hurry(True)
        await bench.put("2")
        assert show(bench.last) == "2.000"
        bench.driver.hurry(False)
        await bench.pass_time(1)
        told = len(bench.sink.readings)
        await bench.pass_time(10)
        assert len(bench.sink.readings) == told


async def test_on_demand_an_unplugged_port_is_noticed_though_nobody_waits() -> None:
    async with weighing(Case(mt_sics.SPEC, {"style": "on_demand"}), "1") as bench:
        await bench.pass_time(10)
        bench.endpoint.hang_up()
        error = await bench.ended()
    assert isinstance(error, LinkError)


async def test_on_demand_the_scale_is_zeroed_though_nobody_waits_for_a_weight() -> None:
    async with weighing(Case(sma.SPEC, {"style": "on_demand"})) as bench:
        await bench.pass_time(10)
        zeroing = asyncio.ensure_future(bench.driver.zero())
        await bench.pass_time(5)
        await zeroing
        await bench.pass_time(5)
        bench.endpoint.hang_up()
        assert isinstance(await bench.ended(), LinkError), "it listens again"


async def test_on_demand_a_stable_weight_is_waited_for() -> None:
    async with weighing(Case(mt_sics.SPEC, {"style": "on_demand"}), "1") as bench:
        bench.driver.hurry(True)
        for _ in range(20):
            bench.scale.indication()
            bench.scale.physics.disturb(200)
            await bench.clock.advance(0.1)
        await bench.put("3")
        assert all(reading.stable for reading in bench.sink.readings)
        assert show(bench.last) == "3.000"


@pytest.mark.parametrize(
    "case",
    [
        Case(a_and_d.SPEC, {"style": "auto_print"}),
        Case(ohaus.SPEC, {"style": "auto_print"}),
        Case(sartorius_sbi.SPEC, {"style": "auto_print"}),
        Case(adam.SPEC, {"style": "auto_print", "dialect": adam.HIGHLAND}),
    ],
    ids=str,
)
async def test_each_print_is_one_weight_and_silence_between_them_is_no_fault(case: Case) -> None:
    async with weighing(case) as bench:
        await bench.put("1")
        await bench.pass_time(20)
        await bench.put("0")
        await bench.put("2")
        await bench.pass_time(20)
        assert not bench.task.done()
    assert [show(reading) for reading in bench.sink.readings] == ["1.000", "2.000"]


async def test_a_scale_that_answers_only_for_new_weights_is_no_silent_scale() -> None:
    async with weighing(Case(adam.SPEC, {"dialect": adam.AZEXTRA})) as bench:
        assert bench.sink.identities == []
        await bench.put("1")
        await bench.pass_time(20)
        assert len(bench.sink.identities) == 1
        await bench.put("2")
        await bench.pass_time(60)
        assert not bench.task.done()
    assert show(bench.last) == "2.000"


async def test_the_wrong_dialect_is_named_as_a_possible_cause() -> None:
    case = Case(sartorius_sbi.SPEC, {"dialect": sartorius_sbi.LONG})
    async with weighing(case, "1", dialect=sartorius_sbi.SHORT) as bench:
        error = await bench.ended()
    assert isinstance(error, DeviceError)
    assert error.code == "scale.not_understood"
    assert "dialect" in error.hint
