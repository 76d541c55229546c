"""How much of a stream is told: repeats, changes, floods, slow listeners."""

from __future__ import annotations

from decimal import Decimal

import pytest

from drivers.scales import hid_scale
from tests.drivers.rig import driven, turns
from tests.drivers.streamed_bench import EACH_STREAM, MODELS, STREAMED, Model, SlowSink, Wire, built, frame

EACH_BUT_REPORTS = pytest.mark.parametrize(  # a read of a report link gives one report, never a queue
    "model", [m for m in STREAMED.values() if m.spec is not hid_scale.SPEC]
)


@EACH_STREAM
async def test_equal_readings_are_told_five_times_a_second_at_most(model: Model) -> None:
    wire, same = Wire(model), frame(model, "1.234")
    async with driven(wire.driver):
        await wire.hear(*[same] * 200, gap_s=0.05)
    assert 45 <= len(wire.sink.weighed) <= 52


@EACH_STREAM
async def test_every_change_of_a_settling_load_is_told_in_order(model: Model) -> None:
    wire = Wire(model)
    steps = [f"{grams / 1000:.3f}" for grams in range(1000, 1200, 5) for _ in range(2)]
    async with driven(wire.driver):
        await wire.hear(*[frame(model, "0.500")] * 3)
        await wire.hear(*[frame(model, step) for step in steps], gap_s=0.05)
        await wire.hear(frame(model, "0.500"))
    told = [format(weight, "f") for r in wire.sink.readings if (weight := r.weight) is not None]
    assert [text for text in told if text != "0.500"] == list(dict.fromkeys(steps))


async def test_a_change_that_comes_back_within_a_repeat_is_told_both_ways() -> None:
    model = MODELS["st_gs generic"]
    wire = Wire(model)
    async with driven(wire.driver):
        await wire.hear(b"\n", *[frame(model, w) for w in ("1.000", "1.005", "1.000")], gap_s=0.01)
    assert [str(reading.weight) for reading in wire.sink.readings] == ["1.000", "1.005", "1.000"]


@EACH_BUT_REPORTS
async def test_after_a_flood_only_what_is_true_now_is_told(model: Model) -> None:
    wire = Wire(model)
    queued = b"".join(frame(model, f"{grams / 1000:.3f}") for grams in range(2000, 2500))
    async with driven(wire.driver):
        await wire.hear(*[frame(model, "1.000")] * 3)
        wire.link.arrive(queued)
        await turns()
        told = len(wire.sink.weighed)
        await wire.hear(*[frame(model, "3.000")] * 3)
    numbers = [reading.weight for reading in wire.sink.readings]
    assert told <= 3
    assert set(numbers) == {Decimal("1.000"), Decimal("3.000")}
    assert [trouble.code for trouble in wire.sink.troubles] == ["scale.behind"]


async def test_a_scale_that_never_stops_flooding_is_told_by_its_newest_frames() -> None:
    model = MODELS["toledo_cont"]
    wire = Wire(model)
    async with driven(wire.driver):
        for grams in range(1000, 1020):
            await wire.hear(frame(model, f"{grams / 1000:.3f}") * 100)
    numbers = [reading.weight for reading in wire.sink.readings]
    assert 5 <= len(numbers) <= 20
    assert numbers[-1] in (Decimal("1.018"), Decimal("1.019"))


@EACH_STREAM
async def test_a_listener_that_was_slow_hears_no_old_weight(model: Model) -> None:
    wire = Wire(model)
    sink = SlowSink(wire.clock)
    wire.driver = built(model, wire.link, wire.clock, sink)
    async with driven(wire.driver) as task:
        await wire.hear(*[frame(model, "1.000")] * 3)
        sink.pause_s = 5.0
        await wire.hear(frame(model, "1.500"), gap_s=0.3)
        await wire.hear(*[frame(model, "2.000")] * 40)
        sink.pause_s = 0.0
        await wire.hear(*[frame(model, "3.000")] * 15)
        assert not task.done()
    numbers = [reading.weight for reading in sink.readings]
    assert Decimal("2.000") not in numbers
    assert numbers[-1] == Decimal("3.000")
    assert "scale.behind" in [trouble.code for trouble in sink.troubles]


async def test_a_listener_that_is_slow_for_ever_is_no_silent_scale() -> None:
    wire = Wire(MODELS["toledo_cont"])
    sink = SlowSink(wire.clock)
    sink.pause_s = 60.0
    wire.driver = built(MODELS["toledo_cont"], wire.link, wire.clock, sink)
    async with driven(wire.driver) as task:
        await wire.hear(frame(MODELS["toledo_cont"], "1.000"))
        await wire.clock.advance(30)
        assert not task.done()


async def test_a_flood_of_rubbish_is_not_told_byte_by_byte() -> None:
    wire = Wire(MODELS["toledo_cont"])
    async with driven(wire.driver):
        await wire.hear(b"\x02" * 60_000)
    assert 0 < len(wire.sink.troubles) <= 20
