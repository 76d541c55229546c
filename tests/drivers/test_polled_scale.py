"""The polled scale driver, on Toledo 8217: identity, pace, pairing of answers, and the ways to give up."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from drivers.scales.polling import MISSES
from edge_agent.sdk.driver import Ask, Indication
from edge_agent.sdk.errors import DeviceError, LinkError
from edge_agent.sdk.values import Status
from tests.drivers.rig import driven, turns
from tests.drivers.scale_bench import Bench, ended


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_ready_is_told_once_the_scale_is_identified_and_weighs(bench: Bench) -> None:
    async with driven(bench.driver):
        assert bench.sink.identities == []
        await bench.clock.advance(1)
        assert bench.sink.identities == [""]
        assert bytes(bench.link.written).startswith(b"FEhelloFW")


async def test_ready_is_not_told_by_a_port_that_only_opened(bench: Bench) -> None:
    bench.scale.mute = True
    async with driven(bench.driver) as task:
        error = await ended(task, bench.clock)
    assert isinstance(error, DeviceError)
    assert error.code == "scale.silent"
    assert bench.sink.identities == []


async def test_without_probe_nothing_but_weights_is_asked() -> None:
    bench = Bench(probe=False)
    async with driven(bench.driver):
        await bench.clock.advance(2.5)
    assert bench.sink.identities == [""]
    assert set(bytes(bench.link.written)) == set(b"W")


async def test_a_scale_that_answers_but_not_the_probe_is_the_wrong_device(bench: Bench) -> None:
    bench.scale.spoil = lambda reply: b"\x02?@\r"
    async with driven(bench.driver) as task:
        error = await ended(task, bench.clock)
    assert isinstance(error, DeviceError)
    assert error.code == "device.wrong"
    assert "probe" in error.hint


async def test_a_scale_left_in_echo_mode_is_brought_out_of_it(bench: Bench) -> None:
    bench.scale.half.feed(b"E")
    async with driven(bench.driver):
        await bench.clock.advance(2)
    assert bench.sink.identities == [""]


async def test_a_wrong_unit_setting_never_becomes_ready_and_is_named() -> None:
    bench = Bench(unit="lb")
    async with driven(bench.driver) as task:
        error = await ended(task, bench.clock)
    assert isinstance(error, DeviceError)
    assert error.code == "scale.not_understood"
    assert "unit" in error.hint
    assert bench.sink.identities == []
    assert bench.sink.readings == []


async def test_rubbish_instead_of_answers_is_counted_and_ends_in_an_error(bench: Bench) -> None:
    bench.scale.spoil = lambda reply: b"\x00\xff\x02\x7f\r"
    async with driven(bench.driver) as task:
        error = await ended(task, bench.clock)
    assert isinstance(error, DeviceError)
    assert error.code == "scale.not_understood"
    assert len(bench.sink.troubles) >= MISSES


async def test_weights_are_read_slowly_while_nobody_waits(bench: Bench) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1)
        before = bench.scale.count(Ask.WEIGHT)
        await bench.clock.advance(10)
        assert bench.scale.count(Ask.WEIGHT) - before == 10


async def test_weights_are_read_fast_while_somebody_waits(bench: Bench) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1)
        bench.driver.hurry(True)
        await turns()
        before = bench.scale.count(Ask.WEIGHT)
        await bench.clock.advance(2)
        assert bench.scale.count(Ask.WEIGHT) - before == 10
        bench.driver.hurry(False)
        await bench.clock.advance(1)
        before = bench.scale.count(Ask.WEIGHT)
        await bench.clock.advance(5)
        assert bench.scale.count(Ask.WEIGHT) - before == 5


async def test_a_wish_to_hurry_is_granted_at_once(bench: Bench) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1.5)
        before = bench.scale.count(Ask.WEIGHT)
        bench.driver.hurry(True)
        await bench.clock.advance(0.2)
        assert bench.scale.count(Ask.WEIGHT) > before


async def test_readings_are_numbered_and_stamped(bench: Bench) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(3.5)
    assert [weight.number for weight in bench.sink.weighed] == list(range(1, len(bench.sink.weighed) + 1))
    uptimes = [weight.at.uptime_ms for weight in bench.sink.weighed]
    assert uptimes == sorted(set(uptimes))
    assert bench.sink.weighed[0].device == "device"


async def test_motion_overload_and_underload_are_readings_not_errors(bench: Bench) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1)
        for change in ({"motion": True}, {"overload": True}, {"gross": Decimal("-0.010")}):
            bench.scale.shows = replace(Indication(Decimal("1.000")), **change)
            await bench.clock.advance(1)
    told = [reading.status for reading in bench.sink.readings][-3:]
    assert told == [Status.MOTION, Status.OVERLOAD, Status.UNDERLOAD]
    assert all(reading.weight is None for reading in bench.sink.readings[-3:])


async def test_old_bytes_are_dropped_before_the_first_request(bench: Bench) -> None:
    bench.link.arrive(b"\x0299.999\r")
    async with driven(bench.driver):
        await bench.clock.advance(3)
    assert {reading.weight for reading in bench.sink.readings} == {Decimal("1.234")}


@pytest.mark.parametrize("late_s", [0.05, 0.15, 0.25, 0.6, 1.1])
async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(
    bench: Bench, late_s: float
) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1.35)
        bench.scale.mute = True
        await bench.clock.advance(1.05 + late_s)
        bench.link.arrive(b"\x0288.888\r")
        bench.scale.mute = False
        await bench.clock.advance(3)
    assert {reading.weight for reading in bench.sink.readings} == {Decimal("1.234")}
    assert bench.sink.weighed[-1].at.uptime_ms > bench.clock.stamp().uptime_ms - 2_000


async def test_two_lost_answers_are_no_reason_to_give_up(bench: Bench) -> None:
    async with driven(bench.driver) as task:
        await bench.clock.advance(1)
        bench.scale.mute = True
        await bench.clock.advance(2.6)
        bench.scale.mute = False
        await bench.clock.advance(5)
        assert not task.done()


async def test_three_lost_answers_are(bench: Bench) -> None:
    async with driven(bench.driver) as task:
        await bench.clock.advance(1)
        bench.scale.mute = True
        error = await ended(task, bench.clock)
    assert isinstance(error, DeviceError)
    assert error.code == "scale.silent"


async def test_a_hang_up_ends_the_driver_with_the_links_error(bench: Bench) -> None:
    async with driven(bench.driver) as task:
        await bench.clock.advance(1)
        bench.scale.mute = True
        bench.link.hang_up()
        error = await ended(task, bench.clock)
    assert isinstance(error, LinkError)
    assert error.code == "link.lost"


async def test_every_write_has_a_time_limit(bench: Bench) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1)
    assert 0 < bench.link.write_timeout_s <= 5


async def test_an_idle_scale_costs_few_wake_ups(bench: Bench) -> None:
    reads = 0
    read = bench.link.read

    async def counted() -> bytes:
        nonlocal reads
        reads += 1
        return await read()

    bench.link.read = counted  # type: ignore[method-assign]  # counts, changes nothing
    async with driven(bench.driver):
        await bench.clock.advance(1)
        reads = 0
        await bench.clock.advance(10)
    assert reads <= 10


async def test_an_answer_that_is_cut_off_is_reported_and_asked_for_again(bench: Bench) -> None:
    async with driven(bench.driver):
        await bench.clock.advance(1)
        bench.scale.spoil = lambda reply: reply[:4]
        await bench.clock.advance(1.6)
        bench.scale.spoil = lambda reply: reply
        await bench.clock.advance(3)
    assert {error.code for error in bench.sink.troubles} == {"frame.torn"}
    assert bench.sink.readings[-1].weight == Decimal("1.234")
