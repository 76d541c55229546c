"""What holds for each text protocol of scales that are asked: both halves of its page against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scales import a_and_d, adam, mt_sics, nci, ohaus, sartorius_sbi, sma
from edge_agent.sdk.driver import Ask, DriverSpec, Indication, Options, Request, show
from edge_agent.sdk.errors import ConfigError, ProtocolError
from edge_agent.sdk.testing import byte_by_byte, random_split, run_codec
from edge_agent.sdk.values import Reading, Status

STATES = (Status.OVERLOAD, Status.UNDERLOAD, Status.ERROR)


@dataclass(frozen=True)
class Case:
    """A protocol with its settings: how it is asked, and whether one lost byte cannot go unseen in it."""

    spec: DriverSpec
    question: bytes
    settings: Mapping[str, str]
    fixed: bool = True
    says: frozenset[Status] = frozenset(STATES)

    @property
    def options(self) -> Options:
        return Options(self.spec.options, self.settings)

    def answer(self, now: Indication) -> bytes:
        assert self.spec.device_half is not None
        half = self.spec.device_half(self.options)
        (request,) = half.feed(self.question)
        assert isinstance(request, Request)
        return half.reply(request, now)

    def read(self, *chunks: bytes) -> list[Reading | ProtocolError]:
        return run_codec(self.spec.decoder(self.options), chunks)


OHAUS = frozenset({Status.ERROR})
SILENT: frozenset[Status] = frozenset()
CASES = [
    Case(mt_sics.SPEC, mt_sics.command(mt_sics.WEIGHT), {}),
    Case(nci.SPEC, nci.command(nci.WEIGHT), {"dialect": nci.SCP01}, fixed=False),
    Case(nci.SPEC, nci.command(nci.WEIGHT), {"dialect": nci.SCP02}),
    Case(sma.SPEC, sma.command(sma.WEIGHT), {}),
    Case(a_and_d.SPEC, a_and_d.command(a_and_d.WEIGHT), {}),
    Case(ohaus.SPEC, ohaus.command(ohaus.PRINT_NOW), {"dialect": ohaus.STANDARD}, fixed=False, says=OHAUS),
    Case(ohaus.SPEC, ohaus.command(ohaus.PRINT_NOW), {"dialect": ohaus.DEFENDER}, says=OHAUS),
    Case(ohaus.SPEC, ohaus.command(ohaus.PRINT_NOW), {"dialect": ohaus.RANGER_RC}, says=OHAUS),
    Case(sartorius_sbi.SPEC, sartorius_sbi.command(sartorius_sbi.PRINT), {"dialect": sartorius_sbi.LONG}),
    Case(sartorius_sbi.SPEC, sartorius_sbi.command(sartorius_sbi.PRINT), {"dialect": sartorius_sbi.SHORT}),
    *(
        Case(
            adam.SPEC,
            adam.QUESTIONS[dialect],
            {"dialect": dialect},
            fixed=dialect in (adam.HIGHLAND, adam.MDW),
            says=frozenset(STATES) if dialect == adam.MDW else SILENT,
        )
        for dialect in adam.QUESTIONS
    ),
]
EACH = pytest.mark.parametrize(
    "case", CASES, ids=lambda case: "-".join((case.spec.name, *case.settings.values()))
)
UNITS = ("kg", "g", "lb", "oz")


@st.composite
def indications(draw: st.DrawFn, *, plain: bool = False) -> Indication:
    """What a scale shows; `plain` is a number, moving or not."""
    decimals = draw(st.integers(0, 3))
    gross = Decimal(draw(st.integers(-200_000, 200_000))).scaleb(-decimals)
    tare = Decimal(draw(st.sampled_from((0, 0, 1, 350)))).scaleb(-decimals)
    now = Indication(gross, draw(st.sampled_from(UNITS)), tare, motion=draw(st.booleans()))
    if plain:
        return now
    return replace(now, overload=draw(st.booleans()), fault=draw(st.booleans()))


def numbers(values: list[Reading | ProtocolError]) -> set[tuple[str, str | None]]:
    """Every number in these values, as text, with its unit; without one where it moves."""
    readings = [value for value in values if isinstance(value, Reading) and value.weight is not None]
    return {(show(reading), reading.unit) for reading in readings}


def shown_by(now: Indication) -> set[tuple[str, str | None]]:
    """What this scale shows, gross and net: a number that it did send."""
    return {(format(value, "f"), now.unit) for value in (now.gross, now.net)}


@EACH
@given(now=indications())
def test_a_weight_is_told_exactly_or_not_at_all(case: Case, now: Indication) -> None:
    for reading in case.read(case.answer(now)):
        if isinstance(reading, Reading) and reading.weight is not None:
            shown = now.gross if case.settings.get("dialect") == adam.CPWPLUS else now.net
            assert show(reading) == format(shown, "f")
            assert reading.unit == now.unit or (reading.unit is None and now.motion)
            assert reading.stable in (None, not now.motion)


@EACH
@given(thousandths=st.integers(1, 29_999))
def test_a_weight_at_rest_is_told_with_its_decimals(case: Case, thousandths: int) -> None:
    weight = Decimal(thousandths).scaleb(-3)
    assert numbers(case.read(case.answer(Indication(weight)))) == {(format(weight, ".3f"), "kg")}


@EACH
@given(now=indications())
def test_overload_and_faults_never_carry_a_weight(case: Case, now: Indication) -> None:
    beyond = now.overload or not now.fault
    now = replace(now, unit="kg", overload=beyond)  # an MDW knows kilograms and pounds only
    values = case.read(case.answer(now))
    assert numbers(values) == set()
    assert {value.status for value in values if isinstance(value, Reading)} <= {*case.says, Status.MOTION}
    if case.says:
        assert len(values) == 1


@EACH
@given(now=indications(plain=True))
def test_motion_is_flagged_wherever_the_protocol_has_a_flag(case: Case, now: Indication) -> None:
    for reading in case.read(case.answer(replace(now, motion=True))):
        if isinstance(reading, Reading) and reading.stable is not None:
            assert reading.stable is False
            assert reading.status in (Status.MOTION, *STATES)


@EACH
@given(shown=st.lists(indications(), max_size=6), seed=st.integers(0, 1 << 32))
def test_any_chunking_gives_the_same_readings(case: Case, shown: list[Indication], seed: int) -> None:
    stream = b"".join(map(case.answer, shown))
    whole = case.read(stream)
    assert case.read(*byte_by_byte(stream)) == whole
    assert case.read(*random_split(stream, seed)) == whole


@EACH
@given(first=indications(plain=True), second=indications(plain=True), data=st.data())
def test_a_stream_joined_in_the_middle_gives_no_number_that_was_not_sent(
    case: Case, first: Indication, second: Indication, data: st.DataObject
) -> None:
    torn, whole = case.answer(first), case.answer(second)
    joined = torn[data.draw(st.integers(0, len(torn))) :] + whole
    assert numbers(case.read(joined)) <= numbers(case.read(torn + whole)) | shown_by(first) | shown_by(second)


@EACH
@given(first=indications(plain=True), second=indications(plain=True), data=st.data())
def test_a_frame_cut_off_and_merged_with_the_next_gives_no_number_that_was_not_sent(
    case: Case, first: Indication, second: Indication, data: st.DataObject
) -> None:
    torn, whole = case.answer(first), case.answer(second)
    merged = torn[: data.draw(st.integers(0, len(torn)))] + whole
    assert numbers(case.read(merged)) <= numbers(case.read(torn + whole))


@EACH
@given(now=indications(plain=True), data=st.data())
def test_a_frame_cut_off_by_silence_gives_no_number(case: Case, now: Indication, data: st.DataObject) -> None:
    frame = case.answer(now)
    ended = len(frame.rstrip(b"\r\n\x03"))
    cut = frame[: data.draw(st.integers(0, ended))]
    assert numbers(case.read(cut)) == set()


@pytest.mark.parametrize("case", [case for case in CASES if case.fixed], ids=lambda case: case.spec.name)
@given(now=indications(plain=True), data=st.data())
def test_a_lost_byte_is_never_a_wrong_number_where_columns_are_fixed(
    case: Case, now: Indication, data: st.DataObject
) -> None:
    frame = case.answer(now)
    if frame:
        at = data.draw(st.integers(0, len(frame) - 1))
        lost, whole = numbers(case.read(frame[:at] + frame[at + 1 :])), numbers(case.read(frame))
        assert {numeral for numeral, _ in lost} <= {numeral for numeral, _ in whole}
        assert lost <= whole or case.spec is mt_sics.SPEC  # its unit stands in no column: kg may become g


@EACH
@given(rubbish=st.binary(max_size=300), now=indications(plain=True))
def test_after_rubbish_and_a_silence_the_next_answer_is_read(
    case: Case, rubbish: bytes, now: Indication
) -> None:
    codec = case.spec.decoder(case.options)
    codec.feed(rubbish)
    codec.flush()
    assert run_codec(codec, [case.answer(now)]) == case.read(case.answer(now))


@EACH
@given(rubbish=st.binary(max_size=60))
def test_the_scale_survives_any_command(case: Case, rubbish: bytes) -> None:
    assert case.spec.device_half is not None
    half = case.spec.device_half(case.options)
    for request in half.feed(rubbish):
        if isinstance(request, Request):
            case.read(half.reply(request, Indication(Decimal("1.234")), done=False))


@pytest.mark.parametrize(
    "ask", [Ask.ZERO, Ask.TARE, Ask.CLEAR_TARE, Ask.INFO, Ask.UNKNOWN, Ask.STABLE_WEIGHT]
)
@pytest.mark.parametrize("done", [True, False])
@EACH
def test_what_the_scale_says_to_a_command_is_in_the_grammar(case: Case, ask: Ask, done: bool) -> None:
    assert case.spec.device_half is not None
    half = case.spec.device_half(case.options)
    raw = {Ask.ZERO: b"Z", Ask.TARE: b"T", Ask.CLEAR_TARE: b"TAC", Ask.INFO: b"I2"}.get(ask, b"S")
    values = case.read(half.reply(Request(ask, raw=raw), Indication(Decimal("1.234")), done=done))
    version = case.spec is ohaus.SPEC and ask is Ask.INFO  # a bare text, which is no weight
    assert version or all(isinstance(value, Reading) for value in values)


GRAMS = st.integers(0, 9_999_999).map(lambda grams: Decimal(grams).scaleb(-3))


@given(tare=GRAMS)
def test_a_preset_tare_arrives_as_it_was_meant(tare: Decimal) -> None:
    for spec, request in (
        (mt_sics.SPEC, mt_sics.encode_preset_tare(tare, "kg")),
        (a_and_d.SPEC, a_and_d.encode_preset_tare(tare, "kg")),
        (ohaus.SPEC, ohaus.encode_preset_tare(tare)),
    ):
        assert spec.device_half is not None
        (taken,) = spec.device_half(Options(spec.options)).feed(request)
        assert isinstance(taken, Request)
        assert (taken.ask, Decimal(taken.value)) == (Ask.TARE, tare), spec.name


@pytest.mark.parametrize("tare", ["-1", "NaN", "Infinity", "123456789012"])
def test_a_tare_that_cannot_be_set_is_refused(tare: str) -> None:
    for encode in (mt_sics.encode_preset_tare, a_and_d.encode_preset_tare):
        with pytest.raises(ConfigError):
            encode(Decimal(tare), "kg")
    with pytest.raises(ConfigError):
        ohaus.encode_preset_tare(Decimal(tare))


def test_a_number_without_its_unit_is_only_ever_in_motion() -> None:
    moving = Reading(Status.MOTION, Decimal("5.4321"), stable=False)
    assert moving.unit is None
    for status in (Status.OK, Status.ZERO, Status.COUNT, Status.TARE):
        with pytest.raises(ValueError, match="unit"):
            Reading(status, Decimal("5.4321"))
