"""Fault wires: what becomes of the bytes, alone and combined, in both directions, changed while running."""

from __future__ import annotations

import asyncio
import random

import pytest

from edge_agent.sdk.clock import ManualClock
from edge_agent.sdk.errors import CommandError, LinkError
from simulators.faults import (
    ByteByByte,
    Cut,
    Delayed,
    Dropped,
    Fault,
    Flipped,
    Flood,
    Merged,
    Noise,
    Piece,
    Silent,
    SlowDrain,
    Truncated,
    parse_faults,
)
from simulators.loopback import LoopbackEndpoint, LoopbackLink
from simulators.wire import Toward, Wire


def carried(fault: Fault, *frames: bytes) -> list[bytes]:
    return [piece.data for frame in frames for piece in fault.carry(Piece(frame))]


async def plugged(*faults: Fault, clock: ManualClock | None = None) -> tuple[Wire, LoopbackLink]:
    endpoint = LoopbackEndpoint()
    wire = Wire(endpoint, *faults, clock=clock or ManualClock())
    await wire.start()
    return wire, endpoint.host()


async def test_a_clean_wire_changes_nothing() -> None:
    wire, host = await plugged()
    await wire.write(b"1.234\r")
    assert await host.read() == b"1.234\r"


def test_bytewise_sends_each_byte_alone() -> None:
    assert carried(ByteByByte(), b"abc") == [b"a", b"b", b"c"]


def test_merged_holds_frames_until_there_are_enough() -> None:
    assert carried(Merged(3), b"a", b"b", b"c", b"d") == [b"abc"]


def test_delayed_adds_to_the_pause() -> None:
    assert [piece.after_s for piece in Delayed(2.0).carry(Piece(b"x", 0.5))] == [2.5]


def test_noise_comes_before_the_frame_and_leaves_it_whole() -> None:
    noisy = carried(Noise(1.0, random.Random(3)), b"1.234\r")
    assert noisy[-1] == b"1.234\r"
    assert 1 <= len(noisy[0]) <= 8


def test_noise_of_one_seed_repeats() -> None:
    assert carried(Noise(0.5, random.Random(3)), *[b"x"] * 50) == carried(
        Noise(0.5, random.Random(3)), *[b"x"] * 50
    )


def test_flipped_turns_one_bit_of_a_byte() -> None:
    (turned,) = carried(Flipped(1.0), bytes(100))
    assert {byte.bit_count() for byte in turned} == {1}


def test_dropped_loses_bytes_and_keeps_the_order() -> None:
    sent = bytes(range(200))
    (kept,) = carried(Dropped(0.5), sent)
    assert 0 < len(kept) < 200
    assert kept == bytes(sorted(kept))


def test_silent_gives_nothing() -> None:
    assert carried(Silent(), b"x") == [b""]


def test_flood_repeats_the_frame() -> None:
    assert carried(Flood(4), b"x") == [b"x"] * 4


def test_truncated_keeps_the_first_bytes_of_each_frame() -> None:
    assert carried(Truncated(2), b"abc", b"d") == [b"ab", b"d"]


def test_slow_drain_takes_as_long_as_the_rate_says() -> None:
    pieces = list(SlowDrain(100).carry(Piece(bytes(250))))
    assert sum(piece.after_s for piece in pieces) == pytest.approx(2.5)
    assert b"".join(piece.data for piece in pieces) == bytes(250)


def test_cut_pulls_the_plug_once_after_its_bytes() -> None:
    cut = Cut(4)
    pieces = [piece for frame in (b"abc", b"def", b"ghi") for piece in cut.carry(Piece(frame))]
    assert [(piece.data, piece.hang_up) for piece in pieces] == [
        (b"abc", False),
        (b"d", True),
        (b"ghi", False),
    ]


@pytest.mark.parametrize(
    "fault",
    [
        ByteByByte(),
        Merged(),
        Delayed(0),
        Noise(1),
        Flipped(0),
        Dropped(1),
        Silent(),
        Truncated(0),
        SlowDrain(10),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_no_fault_swallows_a_pulled_plug(fault: Fault) -> None:
    assert [piece.hang_up for piece in fault.carry(Piece(b"abc", hang_up=True))][-1]


async def test_faults_combine_in_order() -> None:
    wire, host = await plugged(Truncated(2), Flood(2), ByteByByte())
    await wire.write(b"abc")
    assert [await host.read() for _ in range(4)] == [b"a", b"b", b"a", b"b"]


async def test_faults_change_while_running() -> None:
    wire, host = await plugged(Silent())
    await wire.write(b"lost")
    wire.impair()
    await wire.write(b"heard")
    assert await host.read() == b"heard"


async def test_faults_toward_the_device_touch_only_what_it_receives() -> None:
    wire, host = await plugged()
    wire.impair(Truncated(1), toward=Toward.DEVICE)
    await host.write(b"W\r", 1)
    await wire.write(b"whole")
    assert await wire.read() == b"W"
    assert await host.read() == b"whole"


async def test_a_delay_is_measured_by_the_clock_given() -> None:
    clock = ManualClock()
    wire, host = await plugged(Delayed(5), clock=clock)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(wire.write(b"late"))
        await clock.advance(4.9)
        assert host.discard_input() == 0
        await clock.advance(0.2)
    assert await host.read() == b"late"


async def test_a_cut_hangs_up_on_the_host_and_a_replug_heals() -> None:
    wire, host = await plugged(Cut(3))
    await wire.write(b"abcdef")
    assert await host.read() == b"abc"
    with pytest.raises(LinkError):
        await host.read()
    assert not wire.connected
    await wire.plug()


async def test_a_cut_toward_the_device_gives_it_the_bytes_before() -> None:
    wire, host = await plugged()
    wire.impair(Cut(3), toward=Toward.DEVICE)
    await host.write(b"abcdef", 1)
    assert await wire.read() == b"abc"
    with pytest.raises(LinkError):
        await wire.read()


def test_words_make_faults() -> None:
    made = parse_faults(["silent", "delayed", "2", "cut", "10"], random.Random(0))
    assert [type(fault) for fault in made] == [Silent, Delayed, Cut]
    assert parse_faults(["clean"], random.Random(0)) == ()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nosie"], "unknown fault 'nosie'; known: clean, silent"),
        (["clean", "silent"], "unknown fault 'clean'"),
        (["noise"], "chance for each frame"),
        (["noise", "2"], "0 to 1"),
        (["noise", "nan"], "not 'nan'"),
        (["slow", "0"], "bytes in a second"),
        (["flood", "1e9"], "number of copies"),
    ],
)
def test_wrong_words_are_refused_with_what_is_known(words: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        parse_faults(words, random.Random(0))
