"""The ESC/POS driver watching its printer: what is known, what is unknown, and how often it asks."""

from __future__ import annotations

import pytest

from drivers.printers.escpos_device import StatusAsked
from drivers.printers.escpos_status import PrinterCondition, eot_reply
from edge_agent.sdk.errors import LinkError
from edge_agent.sdk.values import Cover, Paper, Ready
from tests.drivers.escpos_bench import (
    BARE,
    CLONE,
    EVERYTHING,
    MUTE,
    Bench,
)
from tests.drivers.rig import driven, turns


async def test_ready_is_told_by_the_first_valid_answer() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.clock.advance(0.1)
        assert bench.sink.identities == [""]
        assert (bench.sink.state.ready, bench.sink.state.paper) == (Ready.YES, Paper.OK)


async def test_a_mute_printer_is_unknown_never_ready_and_never_out_of_paper() -> None:
    bench = Bench(MUTE)
    async with driven(bench.driver) as task:
        await bench.clock.advance(60)
        assert not task.done()
    assert bench.sink.identities == []
    assert {(state.ready, state.paper, state.cover) for state in bench.sink.states} == {
        (Ready.UNKNOWN, Paper.UNKNOWN, Cover.UNKNOWN)
    }


async def test_a_one_way_link_is_ready_unasked_and_is_never_asked() -> None:
    bench = Bench(MUTE, status=False)
    async with driven(bench.driver):
        await bench.clock.advance(60)
    assert bench.sink.identities == [""]
    assert bench.link.written == b""


@pytest.mark.parametrize("able", [EVERYTHING, CLONE, BARE])
async def test_lack_of_paper_is_told_within_the_polling_time(able: frozenset[str]) -> None:
    bench = Bench(able)
    async with driven(bench.driver):
        await bench.settle()
        await bench.come(PrinterCondition(paper_out=True))
        await bench.clock.advance(0 if "asb" in able else 11)
        assert (bench.sink.state.paper, bench.sink.state.ready) == (Paper.OUT, Ready.NO)
        bench.printer.condition = PrinterCondition()
        await bench.clock.advance(3)
        assert (bench.sink.state.paper, bench.sink.state.ready) == (Paper.OK, Ready.YES)


async def test_the_same_condition_is_told_once() -> None:
    bench = Bench(CLONE)
    async with driven(bench.driver):
        await bench.clock.advance(100)
    same = [a.same_condition(b) for a, b in zip(bench.sink.states, bench.sink.states[1:], strict=False)]
    assert not any(same)


async def test_silence_makes_everything_unknown_and_is_no_error() -> None:
    bench = Bench()
    async with driven(bench.driver) as task:
        await bench.settle()
        bench.printer.able = MUTE
        await bench.clock.advance(20)
        state = bench.sink.state
        assert (state.ready, state.paper, state.cover) == (Ready.UNKNOWN, Paper.UNKNOWN, Cover.UNKNOWN)
        assert not task.done()
        bench.printer.able = EVERYTHING
        await bench.clock.advance(3)
        assert bench.sink.state.ready is Ready.YES


async def test_a_printer_that_was_away_is_asked_to_push_again() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.settle()
        bench.printer.able = MUTE
        bench.printer.pushes = False
        await bench.clock.advance(20)
        bench.printer.able = EVERYTHING
        await bench.clock.advance(5)
        assert bench.printer.pushes


async def test_an_idle_printer_is_left_alone() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.settle()
        before = len(bench.link.written)
        await bench.clock.advance(100)
        assert len(bench.link.written) - before <= 11 * 12


async def test_a_question_that_is_not_understood_spoils_no_other_answer() -> None:
    bench = Bench(frozenset({"eot1", "eot4"}))
    bench.printer.condition = PrinterCondition(near_end=True)
    async with driven(bench.driver):
        await bench.settle()
        assert (bench.sink.state.paper, bench.sink.state.cover) == (Paper.NEAR_END, Cover.UNKNOWN)
        assert not any(state.paper is Paper.OUT for state in bench.sink.states)
        bench.printer.events.clear()
        await bench.clock.advance(25)
        assert set(bench.printer.events) == {StatusAsked(1), StatusAsked(4)}


async def test_a_late_answer_is_noise() -> None:
    bench = Bench()
    async with driven(bench.driver):
        await bench.settle()
        bench.link.arrive(eot_reply(4, PrinterCondition(paper_out=True)))
        await turns()
        assert bench.sink.state.paper is Paper.OK
        assert [error.code for error in bench.sink.troubles] == ["frame.noise"]


async def test_a_hang_up_ends_the_driver_with_the_links_error() -> None:
    bench = Bench()
    async with driven(bench.driver) as task:
        await bench.settle()
        bench.link.hang_up()
        await turns()
        assert isinstance(task.exception(), LinkError)


async def test_a_port_that_takes_no_more_questions_ends_the_driver() -> None:
    bench = Bench()
    async with driven(bench.driver) as task:
        await bench.settle()
        bench.link.write_limit = len(bench.link.written) + 1
        await bench.clock.advance(20)
        assert isinstance(task.exception(), LinkError)
