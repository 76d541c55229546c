"""ESC/POS status: every condition through every reply, in any mixture and any chunking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.printers.escpos_condition import Condition
from drivers.printers.escpos_status import (
    QUESTIONS,
    Printed,
    PrinterCondition,
    Report,
    Source,
    StatusDecoder,
    asb_reply,
    eot_reply,
    paper_reply,
    process_id_reply,
)
from edge_agent.sdk.errors import ProtocolError
from edge_agent.sdk.testing import random_split
from edge_agent.sdk.values import ClockQuality, Cover, Paper, PrinterState, Ready, Stamp

NOW = Stamp(1, 1, ClockQuality.NTP)
FLAGS = st.booleans()
CONDITIONS = st.builds(PrinterCondition, FLAGS, FLAGS, FLAGS, FLAGS, FLAGS, FLAGS, FLAGS)
IDS = st.binary(min_size=4, max_size=4).map(lambda raw: bytes(32 + value % 95 for value in raw))
KINDS = st.lists(st.sampled_from((1, 2, 3, 4, "asb", "gs_r", "id")), max_size=12)


def paper_of(condition: PrinterCondition) -> Paper:
    if condition.paper_out:
        return Paper.OUT
    return Paper.NEAR_END if condition.near_end else Paper.OK


def read(*replies: tuple[Source | None, bytes]) -> list[object]:
    decoder = StatusDecoder()
    values: list[object] = []
    for question, reply in replies:
        if question:
            decoder.asked(question)
        values += decoder.feed(reply)
    return [*values, *decoder.flush()]


def condition_of(*values: object) -> PrinterState:
    merged = Condition()
    for value in values:
        assert isinstance(value, Report)
        merged.take(value)
    return merged.state("printer", NOW)


@given(CONDITIONS, KINDS, IDS, st.integers(0, 1 << 32))
def test_replies_are_told_apart_in_any_mixture_and_chunking(
    condition: PrinterCondition, kinds: list[int | str], id_: bytes, seed: int
) -> None:
    decoder = StatusDecoder()
    stream = b""
    expected: list[object] = []
    for kind in kinds[:8]:
        if isinstance(kind, int):
            decoder.asked(QUESTIONS[kind - 1])
            stream += eot_reply(kind, condition)
            expected.append(QUESTIONS[kind - 1])
        elif kind == "asb":
            stream += asb_reply(condition)
            expected.append(Source.ASB)
        elif kind == "gs_r":
            decoder.asked(Source.IN_ORDER)
            stream += paper_reply(condition)
            expected.append(Source.IN_ORDER)
        else:
            stream += process_id_reply(id_)
            expected.append(id_)
    values = [value for chunk in random_split(stream, seed) for value in decoder.feed(chunk)]
    told = [value.id if isinstance(value, Printed) else getattr(value, "source", value) for value in values]
    assert told == expected
    assert list(decoder.flush()) == []


@given(CONDITIONS)
def test_the_four_questions_tell_the_condition(condition: PrinterCondition) -> None:
    values = read(*((question, eot_reply(n, condition)) for n, question in enumerate(QUESTIONS, 1)))
    state = condition_of(*values)
    assert state.paper is paper_of(condition)
    assert state.cover is (Cover.OPEN if condition.cover_open else Cover.CLOSED)
    assert state.ready is (Ready.NO if condition.offline else Ready.YES)
    assert bool(state.faults) is condition.error


@given(CONDITIONS, CONDITIONS)
def test_pushed_status_replaces_all_that_was_known(before: PrinterCondition, now: PrinterCondition) -> None:
    asked = [(question, eot_reply(n, before)) for n, question in enumerate(QUESTIONS, 1)]
    state = condition_of(*read(*asked, (None, asb_reply(now))))
    assert state == condition_of(*read((None, asb_reply(now))))
    assert state.paper is paper_of(now)
    assert state.ready is (Ready.NO if now.offline else Ready.YES)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_one_answer_leaves_everything_else_unknown(n: int) -> None:
    state = condition_of(*read((QUESTIONS[n - 1], eot_reply(n, PrinterCondition()))))
    told = {1: "ready", 2: "cover", 3: "faults", 4: "paper"}[n]
    for name, unknown in (("ready", Ready.UNKNOWN), ("cover", Cover.UNKNOWN), ("paper", Paper.UNKNOWN)):
        assert (getattr(state, name) == unknown) is (name != told)


def test_nothing_told_is_unknown_and_never_lack_of_paper() -> None:
    state = Condition().state("printer", NOW)
    assert (state.ready, state.paper, state.cover, state.faults) == (
        Ready.UNKNOWN,
        Paper.UNKNOWN,
        Cover.UNKNOWN,
        (),
    )


def test_an_answer_that_comes_after_its_question_was_given_up_answers_nothing() -> None:
    decoder = StatusDecoder()
    decoder.asked(Source.PAPER_SENSOR)
    decoder.give_up(Source.PAPER_SENSOR)
    (late,) = decoder.feed(eot_reply(4, PrinterCondition(paper_out=True)))
    assert isinstance(late, ProtocolError)


def test_an_in_order_answer_that_nobody_awaits_proves_nothing() -> None:
    (value,) = read((None, paper_reply(PrinterCondition())))
    assert isinstance(value, ProtocolError)


def test_paper_put_in_again_ends_the_stop_for_lack_of_it() -> None:
    out, back = PrinterCondition(paper_out=True), PrinterCondition()
    values = read((QUESTIONS[1], eot_reply(2, out)), (QUESTIONS[3], eot_reply(4, back)))
    assert condition_of(*values).paper is Paper.OK
