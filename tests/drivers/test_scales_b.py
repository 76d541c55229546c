"""Continuous and retail scales against their device halves: identify, read, fall silent, join, recover."""

from __future__ import annotations

from decimal import Decimal

import pytest

from drivers.scales import dibal, print_line
from edge_agent.sdk.errors import DeviceError, LinkError
from edge_agent.sdk.values import Status
from tests.drivers.rig import driven
from tests.drivers.streamed_bench import EACH, EACH_STREAM, LOAD, MODELS, Booth, Model, Wire, frame

# Identify and read


@EACH
async def test_it_is_ready_after_a_valid_frame_and_tells_the_load_exactly(model: Model) -> None:
    booth = Booth(model)
    async with booth.open():
        await booth.clock.advance(3)
        assert len(booth.sink.identities) == 1
        booth.scale.put(LOAD)
        await booth.clock.advance(9)
    assert booth.sink.troubles == []
    last = booth.sink.readings[-1]
    assert (last.weight, last.unit, last.status) == (LOAD, "kg", Status.OK)
    assert format(last.weight or 0, "f") == "2.500"


@EACH
async def test_what_a_scale_tells_while_it_moves_is_never_called_stable(model: Model) -> None:
    booth = Booth(model)
    async with booth.open():
        await booth.clock.advance(3)
        booth.scale.put(LOAD)
        await booth.clock.advance(9)
    for reading in booth.sink.readings:
        assert not reading.stable or reading.weight in (None, Decimal(0), LOAD)


@EACH
async def test_overload_is_told_without_a_number_or_not_at_all(model: Model) -> None:
    booth = Booth(model)
    async with booth.open():
        booth.scale.put(Decimal(40))
        await booth.clock.advance(2)
        booth.sink.weighed.clear()
        await booth.clock.advance(8)
    assert booth.numbers <= ({Decimal(0)} if model.spec is dibal.SPEC else set())


@EACH
async def test_a_scale_that_falls_silent_ends_the_driver(model: Model) -> None:
    booth = Booth(model)
    async with booth.open() as (_, task):
        await booth.clock.advance(3)
        booth.physics.power(False)
        error = await booth.ended(task, model.quiet_s + 1)
    assert isinstance(error, DeviceError)
    assert error.code == "scale.silent"
    assert error.hint


@EACH
async def test_a_port_without_a_scale_is_never_ready(model: Model) -> None:
    booth = Booth(model)
    booth.physics.power(False)
    async with booth.open() as (_, task):
        error = await booth.ended(task, model.quiet_s + 1)
    assert isinstance(error, DeviceError)
    assert booth.sink.identities == []


@EACH
async def test_a_lost_link_ends_the_driver(model: Model) -> None:
    booth = Booth(model)
    async with booth.open() as (_, task):
        await booth.clock.advance(3)
        await booth.endpoint.unplug()
        error = await booth.ended(task, 30)
    assert isinstance(error, LinkError)


@EACH_STREAM
async def test_readings_are_numbered_without_gaps_and_stamped(model: Model) -> None:
    booth = Booth(model)
    async with booth.open():
        await booth.clock.advance(3)
        booth.scale.put(LOAD)
        await booth.clock.advance(3)
    weighed = booth.sink.weighed
    assert [weight.number for weight in weighed] == list(range(1, len(weighed) + 1))
    assert [w.at.uptime_ms for w in weighed] == sorted(w.at.uptime_ms for w in weighed)


# Joining, noise, rubbish


@EACH_STREAM
async def test_joining_in_mid_frame_never_gives_a_number_that_was_not_sent(model: Model) -> None:
    sent = frame(model, "12.345")
    following = [frame(model, "12.345")] * 3
    for cut in range(1, len(sent)):
        wire = Wire(model)
        async with driven(wire.driver):
            await wire.hear(sent[cut:], *following)
        numbers = {reading.weight for reading in wire.sink.readings} - {None}
        assert numbers == {Decimal("12.345")}, sent[cut:]


@EACH_STREAM
async def test_bytes_from_before_the_opening_are_dropped(model: Model) -> None:
    wire = Wire(model)
    wire.link.arrive(frame(model, "8.888") * 5)
    async with driven(wire.driver):
        await wire.hear(*[frame(model, "1.234")] * 4)
    assert {reading.weight for reading in wire.sink.readings} == {Decimal("1.234")}


@EACH_STREAM
async def test_a_frame_torn_by_a_pause_is_not_joined_to_what_follows(model: Model) -> None:
    whole, other = frame(model, "11.111"), frame(model, "22.222")
    for cut in range(1, len(whole)):
        wire = Wire(model)
        async with driven(wire.driver):
            await wire.hear(
                *[whole] * 3, whole[:cut], b"", b"", b"", b"", b"", b"", other[cut:], *[other] * 3
            )
        numbers = {reading.weight for reading in wire.sink.readings} - {None}
        assert numbers <= {Decimal("11.111"), Decimal("22.222")}, whole[:cut]
        assert Decimal("22.222") in numbers


FREE = MODELS["print_line"].spec  # two lines that lose a byte each may agree with one another


@EACH
@pytest.mark.parametrize("fault", ["dropped 0.05", "truncated 12", "merged 3", "slow 100"])
async def test_no_fault_of_the_line_makes_a_scale_weigh_wrong(model: Model, fault: str) -> None:
    booth = Booth(model, impaired=fault)
    booth.scale.put(LOAD)
    async with booth.open():
        await booth.clock.advance(8)
    assert booth.numbers <= {LOAD} or (model.spec is FREE and fault.startswith("dropped"))


async def test_a_line_shorter_than_its_neighbours_is_not_taken_from_a_stream() -> None:
    wire, line = Wire(MODELS["print_line"]), frame(MODELS["print_line"], "12.345")
    async with driven(wire.driver):
        await wire.hear(line, line, line, line.replace(b"3", b""), line, line)
    assert {reading.weight for reading in wire.sink.readings} == {Decimal("12.345")}
    assert [trouble.code for trouble in wire.sink.troubles] == ["frame.length", "frame.length"]


async def test_a_report_in_pieces_is_no_report() -> None:
    wire, report = Wire(MODELS["hid_scale"]), frame(MODELS["hid_scale"], "1.000")
    async with driven(wire.driver):
        await wire.hear(report, report, report[:5], report[5:], report[:3], b"\x03\x04\x00", gap_s=0.01)
    assert len(wire.sink.weighed) == 1
    assert wire.sink.troubles


@EACH_STREAM
async def test_a_bad_frame_is_counted_and_the_next_good_one_told_at_once(model: Model) -> None:
    wire, good = Wire(model), frame(model, "1.234")
    async with driven(wire.driver):
        await wire.hear(*[good] * 3)
        told = len(wire.sink.weighed)
        await wire.hear(b"\x02=rubbish\r\n\r", good, good, gap_s=0.01)
    assert wire.sink.troubles
    assert len(wire.sink.weighed) > told
    assert {reading.weight for reading in wire.sink.readings} == {Decimal("1.234")}


@EACH_STREAM
async def test_rubbish_alone_is_not_understood(model: Model) -> None:
    wire = Wire(model)
    async with driven(wire.driver) as task:
        for _ in range(round(model.quiet_s / 0.1) + 2):
            await wire.hear(b"\x02\xff=\x00=no scale speaks like this\x03\r\n" * 2)
        error = task.exception() if task.done() else None
    assert isinstance(error, DeviceError)
    assert error.code == "scale.not_understood"
    assert "baud" in error.hint or "setting" in error.hint
    assert wire.sink.identities == []
    assert wire.sink.weighed == []


# What single drivers do


async def test_a_hid_scale_hands_out_an_old_report_first_and_it_is_not_told() -> None:
    model = MODELS["hid_scale"]
    wire = Wire(model)
    async with driven(wire.driver):
        await wire.hear(frame(model, "9.999"))
        assert wire.sink.weighed == []
        await wire.hear(frame(model, "1.000"))
    assert [reading.weight for reading in wire.sink.readings] == [Decimal("1.000")]


async def test_a_scale_that_prints_on_a_key_may_be_silent_for_hours() -> None:
    model = Model(print_line.SPEC, {"style": "auto_print"})
    wire = Wire(model)
    async with driven(wire.driver) as task:
        await wire.clock.advance(7200)
        assert not task.done()
        await wire.hear(frame(model, "1.234"), gap_s=1)
        await wire.clock.advance(7200)
        await wire.hear(frame(model, "1.234"), gap_s=1)
        assert not task.done()
    assert [str(reading.weight) for reading in wire.sink.readings] == ["1.234", "1.234"]


async def test_a_pause_ends_a_line_where_nothing_else_does() -> None:
    model = Model(print_line.SPEC, {"end": "", "style": "auto_print"})
    wire = Wire(model)
    line = frame(model, "12.345")
    async with driven(wire.driver):
        await wire.hear(line[8:], gap_s=1)
        await wire.hear(line[:9], line[9:], gap_s=0.05)
        await wire.clock.advance(1)
    assert [str(reading.weight) for reading in wire.sink.readings] == ["12.345"]


async def test_an_idle_stream_wakes_the_box_only_with_its_bytes() -> None:
    model = MODELS["toledo_cont"]
    wire = Wire(model)
    sleeps = 0
    sleep = wire.clock.sleep

    async def counted(seconds: float) -> None:
        nonlocal sleeps
        sleeps += 1
        await sleep(seconds)

    wire.clock.sleep = counted  # type: ignore[method-assign]  # counts, changes nothing
    async with driven(wire.driver):
        await wire.hear(*[frame(model, "0.000")] * 100)
    assert sleeps <= 10


@pytest.mark.parametrize("dialect", ["reversed_eq", "forward_eq"])
async def test_an_equals_line_is_told_without_waiting_for_the_next(dialect: str) -> None:
    model = MODELS[f"yaohua {dialect}"]
    wire = Wire(model)
    async with driven(wire.driver):
        await wire.hear(*[frame(model, "1.000")] * 3, gap_s=1)
        await wire.hear(frame(model, "2.000"), gap_s=0.3)
    assert [str(reading.weight) for reading in wire.sink.readings[-2:]] == ["1.000", "2.000"]
