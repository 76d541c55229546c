"""Every scale of the catalogue is found by its simulator: by listening, or by a harmless question."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from functools import cache

import pytest

from edge_agent.discovery.candidates import PROFILE
from edge_agent.discovery.identify import Finding, Outcome, Wanted
from edge_agent.discovery.probe import PROBE_BYTES, probes
from edge_agent.sdk.driver import HARMLESS_PROBE, DriverSpec
from tests.discovery.stand import LOADS, Stand, catalogue, options_for, speakers

SPECS = list(catalogue().values())
SPEAKERS = [pytest.param(spec.name, dialect, id=f"{spec.name}-{dialect}") for spec, dialect in speakers()]
ASKED = [pytest.param(spec, id=spec.name) for spec in SPECS if HARMLESS_PROBE in spec.capabilities]
LISTEN_S = 7  # all loads once

# Scales that neither speak nor answer a harmless question, and why.
BEYOND_FINDING = {
    "dibal": "answers only to a price, which its customer would see",
    "cas_pd2": "has no harmless question of its own; in the dialect ecr_2 it answers that of others",
}


@cache
def listened(name: str, dialect: str) -> tuple[Finding, bytes]:
    """What was found of this scale by listening, and the bytes that it was sent meanwhile."""
    spec = catalogue()[name]

    async def listen() -> tuple[Finding, bytes]:
        stand = Stand(spec, options_for(spec, dialect))
        found = await stand.identify(list(catalogue().values()), Wanted(listen_s=LISTEN_S))
        return found, bytes(stand.endpoint.received)

    return asyncio.run(listen())


@pytest.mark.parametrize(("name", "dialect"), SPEAKERS)
def test_a_scale_that_speaks_is_found_by_listening(name: str, dialect: str) -> None:
    verdict = listened(name, dialect)[0].verdict
    guesses = verdict.guesses if name == PROFILE else verdict.strong
    mine = [guess for guess in guesses if guess.spec.name == name]
    assert mine, [(guess.name, guess.score.reasons) for guess in verdict.guesses]
    assert {r.weight for r in mine[0].score.readings if r.stable is not False} & set(map(Decimal, LOADS))


@pytest.mark.parametrize(("name", "dialect"), SPEAKERS)
def test_the_only_strong_guess_reads_the_loads_whatever_its_name(name: str, dialect: str) -> None:
    decided = listened(name, dialect)[0].verdict.decided
    if decided and not decided.opens:
        still = {r.weight for r in decided.score.readings if r.stable}
        assert still <= set(map(Decimal, LOADS))


@pytest.mark.parametrize(("name", "dialect"), SPEAKERS)
def test_listening_sends_nothing(name: str, dialect: str) -> None:
    assert listened(name, dialect)[1] == b""


@pytest.mark.parametrize("dialect", ["forward_eq", "reversed_eq"])
def test_the_order_of_equals_lines_is_never_decided_by_listening(dialect: str) -> None:
    verdict = listened("yaohua", dialect)[0].verdict
    assert {guess.name for guess in verdict.strong} == {"yaohua (forward_eq)", "yaohua (reversed_eq)"}


@pytest.mark.parametrize("spec", ASKED)
async def test_a_scale_with_a_harmless_question_is_found_by_it(spec: DriverSpec) -> None:
    found = await Stand(spec, {}).identify([spec], Wanted(ask=True))
    assert found.verdict.decided
    assert found.verdict.decided.spec is spec


@pytest.mark.parametrize("spec", ASKED)
async def test_among_all_questions_it_is_found_as_well(spec: DriverSpec) -> None:
    found = await Stand(spec, {}).identify(SPECS, Wanted(ask=True))
    assert spec in [guess.spec for guess in found.verdict.strong]


@pytest.mark.parametrize("spec", ASKED)
async def test_without_leave_no_question_is_asked(spec: DriverSpec) -> None:
    stand = Stand(spec, {})
    found = await stand.identify(SPECS, Wanted())
    assert stand.endpoint.received == b""
    assert not found.verdict.strong


@pytest.mark.parametrize("spec", ASKED)
async def test_a_question_neither_zeroes_nor_tares(spec: DriverSpec) -> None:
    stand = Stand(spec, {})
    stand.scale.physics.preset_tare(Decimal("0.500"))
    await stand.identify(SPECS, Wanted(ask=True))
    assert stand.scale.indication().tare == Decimal("0.500")


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_question_and_its_leave_come_together_and_are_short(spec: DriverSpec) -> None:
    assert (HARMLESS_PROBE in spec.capabilities) == bool(spec.probe)
    assert len(spec.probe) <= PROBE_BYTES
    assert spec.probe or not spec.end_probe


def test_questions_without_a_line_end_come_last() -> None:
    ended = [spec.probe.endswith((b"\r", b"\n")) for spec in probes(SPECS)]
    assert ended == sorted(ended, reverse=True)


def test_every_scale_can_be_found_or_is_known_not_to_be() -> None:
    findable = {spec.name for spec, _ in speakers()} | {spec.name for spec in SPECS if spec.probe}
    assert {spec.name for spec in SPECS} - findable == set(BEYOND_FINDING)


async def test_a_scale_that_answers_another_ones_question_is_found_by_the_answer() -> None:
    spec = catalogue()["cas_pd2"]
    found = await Stand(spec, {}).identify(SPECS, Wanted(ask=True))
    assert "cas_pd2 (ecr_2)" in [guess.name for guess in found.verdict.strong]


@pytest.mark.parametrize("name", ["mt_sics", "nci", "sma"])
async def test_a_scale_that_refuses_another_ones_question_is_asked_on_until_it_understands(name: str) -> None:
    """Over the network all questions reach it; a refusal says little of what it speaks."""
    found = await Stand(catalogue()[name], {}).identify(SPECS, Wanted(ask=True))
    strong = [guess.spec.name for guess in found.verdict.strong]
    assert strong
    assert set(strong) == {name}


async def test_asking_is_told_before_it_is_done() -> None:
    stand = Stand(catalogue()["dibal"], {})
    told: list[tuple[str, int]] = []
    wanted = Wanted(ask=True, tell=lambda spec: told.append((spec.name, len(stand.endpoint.received))))
    found = await stand.identify(SPECS, wanted)
    assert found.outcome is Outcome.SILENT
    assert [name for name, _ in told] == [spec.name for spec in probes(SPECS)]
    assert told[0][1] == 0
    assert [sent for _, sent in told] == sorted({sent for _, sent in told})


async def test_what_a_question_began_is_ended() -> None:
    stand = Stand(catalogue()["toledo_8217"], {})
    await stand.identify([catalogue()["toledo_8217"]], Wanted(ask=True))
    assert stand.endpoint.received.endswith(b"F")
    assert stand.endpoint.received.count(b"E") == stand.endpoint.received.count(b"F")


async def test_a_found_scale_is_asked_nothing_more() -> None:
    stand = Stand(catalogue()["and"], {})
    await stand.identify(SPECS, Wanted(ask=True))
    assert bytes(stand.endpoint.received) == catalogue()["and"].probe * 3
