"""Listening: which settings are tried, that parity is seen from outside, that nothing is ever written."""

from __future__ import annotations

import pytest

from edge_agent.discovery.identify import Finding, Outcome, Wanted, identify
from edge_agent.discovery.recording import BYTES_LIMIT, with_parity_seen
from edge_agent.discovery.sweep import (
    ENOUGH_BYTES,
    FASTEST,
    LISTEN_LIMIT_S,
    RATES,
    SWEEP_LIMIT_S,
    lines_to_try,
    sweep,
)
from edge_agent.sdk.driver import SerialSettings
from edge_agent.settings.model import BaudRate
from tests.discovery.stand import Wires, catalogue, finished, frames_of, heard
from tests.discovery.uart import heard_at
from tests.quiet_clock import QuietClock

SPECS = list(catalogue().values())
ST_GS = frames_of(catalogue()["st_gs"], "generic")


async def found_on(wires: Wires, **wanted: object) -> Finding:
    return await finished(wires.clock, identify(wires.port, SPECS, wires.clock, Wanted(**wanted)))  # type: ignore[arg-type]


@pytest.mark.parametrize("baud", RATES)
async def test_a_scale_is_found_at_any_usual_rate(baud: int) -> None:
    wires = Wires(ST_GS, SerialSettings(baud), QuietClock())
    found = await found_on(wires)
    assert found.verdict.decided
    assert found.verdict.decided.name == "st_gs (generic)"
    assert found.verdict.decided.line == SerialSettings(baud)


@pytest.mark.parametrize("line", [SerialSettings(9600, 7, "E"), SerialSettings(2400, 7, "O")], ids=str)
async def test_the_parity_of_a_line_is_seen(line: SerialSettings) -> None:
    found = await found_on(Wires(ST_GS, line, QuietClock()))
    assert found.verdict.decided
    assert found.verdict.decided.line == line


async def test_two_stop_bits_are_heard_as_one() -> None:
    found = await found_on(Wires(ST_GS, SerialSettings(9600, 8, "N", 2), QuietClock()))
    assert found.verdict.decided
    assert found.verdict.decided.line == SerialSettings(9600)


async def test_eight_bits_with_parity_are_found_too() -> None:
    found = await found_on(Wires(ST_GS, SerialSettings(4800, 8, "E"), QuietClock()))
    assert found.verdict.decided
    assert found.verdict.decided.line == SerialSettings(4800, 8, "E")


async def test_nothing_is_written_while_listening() -> None:
    wires = Wires(ST_GS, SerialSettings(600), QuietClock())
    await found_on(wires)
    assert wires.written == b""


async def test_a_silent_line_is_given_up_after_the_fastest_rate() -> None:
    wires = Wires([], SerialSettings(), QuietClock())
    found = await found_on(wires)
    assert found.outcome is Outcome.SILENT
    assert [line.baud for line in wires.opened] == [RATES[0], FASTEST]


async def test_a_rate_that_is_wrong_gives_no_strong_guess() -> None:
    for baud in RATES:
        for wrong in set(RATES) - {baud}:
            data = [heard_at(frame, SerialSettings(baud), SerialSettings(wrong)) for frame in ST_GS]
            wires = Wires([piece for piece in data if piece], SerialSettings(9600), QuietClock())
            found = await found_on(wires, lines=[SerialSettings(9600)], listen_s=4)
            assert not found.verdict.strong, (baud, wrong)


async def test_given_settings_are_the_only_ones_tried() -> None:
    wires = Wires(ST_GS, SerialSettings(9600), QuietClock())
    found = await found_on(wires, lines=[SerialSettings(1200)])
    assert wires.opened == [SerialSettings(1200)]
    assert found.outcome is Outcome.NOISE


async def test_listening_ends_when_there_is_enough() -> None:
    wires = Wires([b"x" * 200], SerialSettings(), QuietClock())
    (recording,) = await finished(
        wires.clock, sweep(wires.port, [SerialSettings()], wires.clock, lambda _: True, 50)
    )
    assert len(recording.data) < ENOUGH_BYTES + 200


async def test_a_flood_is_cut() -> None:
    wires = Wires([b"x" * 60_000], SerialSettings(), QuietClock())
    (recording,) = await finished(
        wires.clock, sweep(wires.port, [SerialSettings()], wires.clock, lambda _: True)
    )
    assert len(recording.data) == BYTES_LIMIT


async def test_the_whole_takes_a_bounded_time() -> None:
    wires = Wires([b"\x00"], SerialSettings(), QuietClock())
    lines = [SerialSettings(9600 + n) for n in range(1000)]
    began = wires.clock.monotonic_s()
    await finished(wires.clock, sweep(wires.port, lines, wires.clock, lambda _: False, 10_000), step_s=5)
    assert wires.clock.monotonic_s() - began <= SWEEP_LIMIT_S + LISTEN_LIMIT_S + 5


def test_the_order_begins_with_what_is_usual_and_has_every_rate_once() -> None:
    lines = lines_to_try(SPECS)
    assert lines[0] == SerialSettings(9600)
    assert len(set(lines)) == len(lines)
    assert {spec.serial.baud for spec in SPECS} <= {line.baud for line in lines}


def test_every_rate_that_is_tried_can_be_configured() -> None:
    assert set(RATES) <= set(BaudRate.__origin__.__args__)  # type: ignore[attr-defined]


def test_plain_text_has_no_parity() -> None:
    recording = heard(*ST_GS, line=SerialSettings())
    assert with_parity_seen(recording) == recording


def test_raw_bytes_among_text_are_no_parity() -> None:
    frames = frames_of(catalogue()["cas_22"], "cas_22")
    recording = heard(*frames, line=SerialSettings())
    assert with_parity_seen(recording).line == SerialSettings()


def test_a_mark_in_the_highest_bit_is_no_data() -> None:
    marked = [bytes(byte | 0x80 for byte in frame) for frame in ST_GS]
    seen = with_parity_seen(heard(*marked, line=SerialSettings()))
    assert seen.line == SerialSettings(9600, 7, "N", 2)
    assert seen.data == b"".join(ST_GS)
