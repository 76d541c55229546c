"""The acceptance machine: each row of its table, and its promises under any order of inputs."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.counter.acceptance import Acceptance
from edge_agent.counter.feedback import CATALOGUE, Prompt, Sound
from edge_agent.counter.inputs import (
    Indicated,
    Input,
    LabelScanned,
    Order,
    Ordered,
    Outcome,
    Policy,
    PrintEnded,
    PrinterReady,
    Restarted,
    Scanned,
    Ticked,
    Weighed,
)
from edge_agent.counter.parcel import Phase, State, state_from_json
from edge_agent.counter.settling import Settled
from edge_agent.sdk.errors import DeviceError
from edge_agent.sdk.values import ClockQuality, PrintResult, Proof, Reading, Stamp, Status

FLOW = Acceptance(Policy())


def at(ms: int) -> Stamp:
    return Stamp(ms, 1_790_000_000_000 + ms, ClockQuality.NTP)


def scan(ms: int = 1000, item: str = "RR102030405BD", job: str = "00000000000a", **more: bool) -> Scanned:
    return Scanned(at(ms), item, "s10", job, **more)


def rest(first: int, last: int, text: str = "1.234") -> Weighed:
    reading = Reading(Status.OK, Decimal(text), "kg", True, False, raw=b"\x0201.234\r")
    settled = Settled(
        reading,
        "scale-1",
        at(first),
        at(last),
        2,
        by_flag=True,
        empty=Decimal(text) == 0,
        spread=Decimal("0.010"),
    )
    return Weighed(settled, "toledo_8217/1")


EMPTY = rest(100, 300, "0.000")


def printed(proof: Proof, attempt: int = 1, reason: str = "", ms: int = 5000) -> PrintEnded:
    return PrintEnded(at(ms), PrintResult("00000000000a", attempt, proof, 0, reason))


def play(*inputs: Input, flow: Acceptance = FLOW) -> tuple[State, list[Outcome]]:
    state, outcomes = State(), []
    for given_input in inputs:
        outcome = flow.step(state, given_input)
        outcomes.append(outcome)
        state = outcome.state
    return state, outcomes


def types(outcomes: list[Outcome]) -> list[str]:
    return [event.type for outcome in outcomes for event in outcome.events]


def test_scan_first_then_weigh_gives_one_accepted_parcel() -> None:
    state, outcomes = play(EMPTY, scan(), rest(1200, 1400), printed(Proof.SENT))
    assert types(outcomes) == ["parcel.scanned", "weight.settled", "label.printed", "parcel.accepted"]
    assert state == State(pan_clear=False)


def test_place_first_then_scan_needs_a_reading_begun_after_the_scan() -> None:
    state, _ = play(EMPTY, rest(500, 700), scan(), rest(900, 1300))
    assert state.phase is Phase.WEIGHING
    state, _ = play(EMPTY, rest(500, 700), scan(), rest(1001, 1300))
    assert state.phase is Phase.LABELLING


def test_the_accepted_weight_is_the_scales_own_numeral_with_its_evidence() -> None:
    _, outcomes = play(EMPTY, scan(), rest(1200, 1400, "7.650"), printed(Proof.SENT))
    accepted = outcomes[-1].events[-1].data["weight"]
    assert accepted == {
        "value": "7.650",
        "unit": "kg",
        "net": False,
        "device": "scale-1",
        "stable_by": "flag",
        "readings": 2,
        "settle_ms": 400,
        "raw": "0230312e3233340d",
        "protocol": "toledo_8217/1",
        "spread": "0.010",
        "tare": None,
        "zero_before": "0.000",
    }


def test_without_an_empty_pan_since_the_last_parcel_no_weight_is_taken() -> None:
    second = scan(6000, "EA555123453BD", "00000000000b")
    state, outcomes = play(EMPTY, scan(), rest(1200, 1400), printed(Proof.SENT), second, rest(6100, 6300))
    assert state.phase is Phase.WEIGHING
    assert outcomes[-2].cues[0].prompt.id == "clear_pan"


def test_after_power_up_under_load_no_weight_is_taken_until_the_pan_was_empty() -> None:
    state, _ = play(scan(), rest(1200, 1400))
    assert state.phase is Phase.WEIGHING


def test_saved_is_only_said_with_the_accepted_event() -> None:
    _, outcomes = play(EMPTY, scan(), rest(1200, 1400), printed(Proof.SENT))
    for outcome in outcomes:
        said = any(cue.sound is Sound.SAVED for cue in outcome.cues)
        assert said == any(event.type == "parcel.accepted" for event in outcome.events)


def test_the_same_code_while_in_hand_changes_nothing() -> None:
    state, outcomes = play(EMPTY, scan(), scan(4000))
    assert not outcomes[-1].events
    assert state.parcel is not None
    assert state.parcel.scanned_ms == 1000


@pytest.mark.parametrize("more", [(), (rest(1200, 1400),)])
def test_another_parcel_while_one_is_in_hand_is_refused_aloud(more: tuple[Input, ...]) -> None:
    state, outcomes = play(EMPTY, scan(), *more, scan(2000, "EA555123453BD"))
    assert types(outcomes)[-1] == "scan.refused"
    assert outcomes[-1].cues[0].sound is Sound.REJECTED
    assert state.parcel is not None
    assert state.parcel.item == "RR102030405BD"


def test_an_item_accepted_before_is_refused() -> None:
    state, outcomes = play(EMPTY, scan(before=True))
    assert state.phase is Phase.IDLE
    assert outcomes[-1].events[0].data == {"reason": "accepted_before"}


def test_without_a_scale_the_parcel_is_refused_or_flagged_as_configured() -> None:
    state, _ = play(scan(scale_ready=False))
    assert state.phase is Phase.IDLE
    flow = Acceptance(Policy(unweighed=True))
    _, outcomes = play(scan(scale_ready=False), printed(Proof.SENT), flow=flow)
    assert outcomes[-1].events[-1].data["flags"] == ["no_scale"]
    assert outcomes[-1].events[-1].data["weight"] is None


@pytest.mark.parametrize(
    ("text", "prompt"), [("0.0005", "too_light"), ("50.1", "too_heavy"), ("-1.0", "below_zero")]
)
def test_a_weight_outside_the_plausible_range_is_not_taken(text: str, prompt: str) -> None:
    state, outcomes = play(EMPTY, scan(), rest(1200, 1400, text))
    assert state.phase is Phase.WEIGHING
    assert outcomes[-1].cues[0].prompt.id == prompt


@pytest.mark.parametrize(
    ("status", "prompt"),
    [(Status.MOTION, "hold_still"), (Status.OVERLOAD, "too_heavy"), (Status.UNDERLOAD, "below_zero")],
)
def test_what_the_scale_shows_is_told_once(status: Status, prompt: str) -> None:
    shown = Indicated(Reading(status, stable=False))
    _, outcomes = play(EMPTY, scan(), shown, shown)
    assert [cue.prompt.id for cue in outcomes[-2].cues] == [prompt]
    assert not outcomes[-1].cues


@pytest.mark.parametrize("status", [Status.MOTION, Status.OVERLOAD, Status.ERROR])
def test_a_load_that_has_gone_again_is_asked_for_anew(status: Status) -> None:
    empty = rest(1500, 1700, "0.000")
    _, outcomes = play(EMPTY, scan(), Indicated(Reading(status, stable=False)), empty, empty)
    assert [cue.prompt.id for cue in outcomes[-2].cues] == ["place_parcel"]
    assert not outcomes[-1].cues


def test_a_scale_that_goes_away_under_a_waiting_parcel_is_told_once_and_so_is_its_return() -> None:
    away, back = Ticked(at(3000), scale_ready=False), Ticked(at(4000))
    _, outcomes = play(EMPTY, scan(), away, away, back, back)
    assert [[cue.prompt.id for cue in outcome.cues] for outcome in outcomes[-4:]] == [
        ["scale_fault"],
        [],
        ["place_parcel"],
        [],
    ]


def test_the_zero_seen_before_a_parcel_that_was_given_up_is_evidence_for_the_next() -> None:
    _, outcomes = play(EMPTY, scan(), Ordered(at(1100), Order.VOID), scan(1150), rest(1200, 1400))
    assert outcomes[-1].events[0].data["zero_before"] == "0.000"


def test_a_scale_that_was_switched_to_another_unit_is_not_believed() -> None:
    pounds = Reading(Status.OK, Decimal("2.720"), "lb", True, False)
    settled = Settled(pounds, "scale-1", at(1200), at(1400), 2, by_flag=True, empty=False)
    state, outcomes = play(EMPTY, scan(), Weighed(settled))
    assert state.phase is Phase.WEIGHING
    assert outcomes[-1].cues[0].prompt.id == "wrong_unit"


def test_a_parcel_that_is_never_weighed_is_voided() -> None:
    state, outcomes = play(EMPTY, scan(), Ticked(at(61_001)))
    assert state == State(pan_clear=True, zero="0.000")
    assert types(outcomes)[-1] == "parcel.voided"


def test_no_paper_holds_the_label_and_the_ready_printer_gets_the_same_attempt() -> None:
    out = printed(Proof.FAILED, reason="printer.paper_out")
    state, outcomes = play(EMPTY, scan(), rest(1200, 1400), out, PrinterReady(at(9000)))
    assert outcomes[-2].cues[0].prompt.id == "insert_paper"
    assert (state.phase, state.attempt, outcomes[-1].label) == (Phase.LABELLING, 1, True)


def test_a_held_label_is_tried_again_after_a_while_without_a_word_from_the_printer() -> None:
    out = printed(Proof.FAILED, reason="printer.absent")
    state, outcomes = play(EMPTY, scan(), rest(1200, 1400), out, Ticked(at(14_000)), Ticked(at(15_000)))
    assert [o.label for o in outcomes[-2:]] == [False, True]
    assert state.phase is Phase.LABELLING


def test_an_unproved_label_asks_and_the_scanned_label_proves_it() -> None:
    unknown = printed(Proof.UNKNOWN, reason="link.lost")
    state, outcomes = play(EMPTY, scan(), rest(1200, 1400), unknown)
    assert state.phase is Phase.ASKING
    assert types(outcomes)[-1] == "label.unconfirmed"
    done = FLOW.step(state, LabelScanned(at(7000), "00000000000a", 1))
    assert done.events[0].data["proof"] == "scanned"
    assert done.events[1].type == "parcel.accepted"


def test_another_labels_code_proves_nothing() -> None:
    state, _ = play(EMPTY, scan(), rest(1200, 1400), printed(Proof.UNKNOWN))
    assert FLOW.step(state, LabelScanned(at(7000), "00000000000a", 2)).state == state
    assert FLOW.step(state, LabelScanned(at(7000), "00000000000b", 1)).state == state


def test_a_reprint_is_a_persons_decision_and_a_new_attempt() -> None:
    reprint = Ordered(at(7000), Order.REPRINT)
    state, outcomes = play(EMPTY, scan(), rest(1200, 1400), printed(Proof.UNKNOWN), reprint)
    assert (state.phase, state.attempt, outcomes[-1].label) == (Phase.LABELLING, 2, True)
    done = FLOW.step(state, printed(Proof.SENT, attempt=2))
    assert [event.type for event in done.events] == ["label.reprinted", "parcel.accepted"]


def test_the_late_end_of_an_earlier_attempt_is_not_the_end_of_the_reprint() -> None:
    reprint = Ordered(at(7000), Order.REPRINT)
    state, _ = play(EMPTY, scan(), rest(1200, 1400), printed(Proof.UNKNOWN), reprint)
    assert FLOW.step(state, printed(Proof.PRINTED, attempt=1)).state == state


def test_a_weaker_proof_than_configured_asks() -> None:
    flow = Acceptance(Policy(least_proof=Proof.CONSUMED))
    state, _ = play(EMPTY, scan(), rest(1200, 1400), printed(Proof.SENT), flow=flow)
    assert state.phase is Phase.ASKING


def test_a_label_that_cannot_be_laid_out_voids_the_parcel() -> None:
    refused = printed(Proof.FAILED, reason="label.overflow")
    state, outcomes = play(EMPTY, scan(), rest(1200, 1400), refused)
    assert state.phase is Phase.IDLE
    assert outcomes[-1].events[0].data["reason"] == "label.overflow"


@pytest.mark.parametrize(
    ("inputs", "sending", "phase", "label"),
    [
        ((EMPTY, scan()), False, Phase.IDLE, False),
        ((EMPTY, scan(), rest(1200, 1400)), False, Phase.LABELLING, True),
        ((EMPTY, scan(), rest(1200, 1400)), True, Phase.ASKING, False),
        ((EMPTY, scan(), rest(1200, 1400), printed(Proof.FAILED)), False, Phase.LABELLING, True),
        ((EMPTY, scan(), rest(1200, 1400), printed(Proof.UNKNOWN)), False, Phase.ASKING, False),
    ],
)
def test_after_a_restart_the_flow_resumes_or_voids_itself(
    inputs: tuple[Input, ...], sending: bool, phase: Phase, label: bool
) -> None:
    before, _ = play(*inputs)
    kept = state_from_json(before.to_json())
    outcome = FLOW.step(kept, Restarted(at(50), sending))
    assert (outcome.state.phase, outcome.label) == (phase, label)
    assert not outcome.state.pan_clear


def test_a_state_that_cannot_be_read_is_an_error_not_a_guess() -> None:
    for text in ("{", "[]", '{"phase":"x"}', '{"phase":"idle","parcel":null}'):
        with pytest.raises(DeviceError):
            state_from_json(text)


def test_every_prompt_is_short_and_in_both_languages() -> None:
    for bangla, english in CATALOGUE.values():
        assert 1 <= len(english.split()) <= 6
        assert 1 <= len(bangla.split()) <= 6
        assert any("\u0980" <= c <= "\u09ff" for c in bangla)


TIMES = st.integers(0, 200_000)
ITEMS = st.sampled_from(["A", "B"])
ATTEMPTS = st.integers(1, 3)
PROOFS = st.sampled_from(list(Proof))
REASONS = st.sampled_from(["", "printer.paper_out", "label.overflow", "link.lost"])
LOADS = st.sampled_from(["0.000", "1.234", "99"])
MOVING = st.sampled_from([Status.MOTION, Status.ERROR])


def ended(ms: int, item: str, attempt: int, proof: Proof, reason: str) -> PrintEnded:
    return PrintEnded(at(ms), PrintResult(f"{item}-job", attempt, proof, 0, reason))


def scanned(ms: int, item: str, before: bool, ready: bool) -> Scanned:
    return Scanned(at(ms), item, "s10", f"{item}-job", before, ready)


INPUTS = st.lists(
    st.one_of(
        st.builds(scanned, TIMES, ITEMS, st.booleans(), st.booleans()),
        st.builds(lambda t, d, w: rest(t, t + d, w), TIMES, st.integers(0, 500), LOADS),
        st.builds(ended, TIMES, ITEMS, ATTEMPTS, PROOFS, REASONS),
        st.builds(lambda t: PrinterReady(at(t)), TIMES),
        st.builds(lambda t: Ticked(at(t)), TIMES),
        st.builds(lambda t, o: Ordered(at(t), o), TIMES, st.sampled_from(list(Order))),
        st.builds(lambda t, i, a: LabelScanned(at(t), f"{i}-job", a), TIMES, ITEMS, ATTEMPTS),
        st.builds(lambda t, s: Restarted(at(t), s), TIMES, st.booleans()),
        st.builds(lambda s: Indicated(Reading(s, stable=False)), MOVING),
    ),
    max_size=40,
)


@given(INPUTS)
@settings(max_examples=400, deadline=None)
def test_under_any_inputs_no_parcel_is_doubled_and_no_label_is_sent_twice_unmarked(
    inputs: list[Input],
) -> None:
    state = State()
    in_hand: str | None = None
    seen_empty = False
    for given_input in inputs:
        before = state
        outcome = FLOW.step(state, given_input)
        state = outcome.state
        if isinstance(given_input, Weighed) and given_input.settled.empty:
            seen_empty = True
        for event in outcome.events:
            if event.type == "weight.settled":
                assert seen_empty, "a weight without an empty pan before it"
                seen_empty = False
            if event.type == "parcel.accepted":
                assert in_hand == event.subject or before.phase is Phase.IDLE
                in_hand = None
        if isinstance(given_input, Restarted):
            seen_empty = False
        if (
            outcome.label
            and before.phase in {Phase.ASKING, Phase.LABELLING}
            and not isinstance(given_input, Restarted)
        ):
            assert state.attempt == before.attempt + 1, (
                "the same attempt sent again after bytes may have left"
            )
        in_hand = state.parcel.item if state.parcel else None
        assert (state.phase is Phase.IDLE) == (state.parcel is None)
        for cue in outcome.cues:
            assert isinstance(cue.prompt, Prompt)
            assert cue.prompt.text("bn")
        assert state_from_json(state.to_json()).phase is state.phase
