"""The polled scale driver on the Toledo 8217 protocol: identity, pace, pairing, goals, and every way to fail."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from drivers.scales.polling import MISSES
from drivers.scales.toledo_8217 import SPEC, Toledo8217, Toledo8217DeviceHalf
from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.driver import Ask, Indication, Options, Request
from edge_agent.sdk.errors import DeviceError, LinkError
from edge_agent.sdk.values import Status
from tests.drivers.rig import DeviceLink, SinkLog, context, driven, turns


class Scale:
    """A scale behind the device half: just enough of one to zero, tare, rock and stay silent."""

    def __init__(self, unit: str = "kg") -> None:
        self.half = Toledo8217DeviceHalf(Options(SPEC.options, {"unit": unit}))
        self.shows = Indication(Decimal("1.234"), unit)
        self.asked: list[Request] = []
        self.mute = False
        self.obeys = True
        self.spoil = lambda reply: reply

    def answer(self, data: bytes) -> bytes:
        reply = b""
        for request in self.half.feed(data):
            assert isinstance(request, Request)
            self.asked.append(request)
            done = self.obeys and not self.shows.motion and self.do(request.ask)
            reply += self.half.reply(request, self.shows, done=done)
        return b"" if self.mute else self.spoil(reply)

    def do(self, ask: Ask) -> bool:
        if ask is Ask.ZERO:
            self.shows = replace(self.shows, gross=Decimal("0.000"))
        elif ask is Ask.TARE:
            self.shows = replace(self.shows, tare=self.shows.gross)
        elif ask is Ask.CLEAR_TARE:
            self.shows = replace(self.shows, tare=Decimal(0))
        return True

    def count(self, ask: Ask) -> int:
        return sum(request.ask is ask for request in self.asked)


class Bench:
    """One driver, one scale, one clock."""

    def __init__(self, **options: object) -> None:
        self.scale = Scale()
        self.clock = ManualClock()
        self.sink = SinkLog()
        self.link = DeviceLink(self.scale.answer)
        self.driver = Toledo8217(context(SPEC, self.link, self.clock, self.sink, **options))

    async def goal(self, name: str) -> None:
        """Zero, tare or clear_tare, with time passing until it is settled."""
        task = asyncio.ensure_future(getattr(self.driver, name)())
        for _ in range(200):
            if task.done():
                break
            await self.clock.advance(0.05)
        await task

    async def refused(self, name: str) -> str:
        with pytest.raises(DeviceError) as error:
            await self.goal(name)
        assert error.value.hint
        return error.value.code


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def ended(task: asyncio.Task[None], clock: ManualClock, within_s: float = 10) -> BaseException | None:
    """What run() ended with, letting time pass until it does."""
    for _ in range(round(within_s / 0.1)):
        if task.done():
            return task.exception()
        await clock.advance(0.1)
    return None


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
        assert (bench.sink.readings[-1].weight, bench.sink.readings[-1].net) == (0, True)
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
