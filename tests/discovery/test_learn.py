"""Learning a line: each of several invented forms is recovered, and what cannot be known is not claimed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.discovery.learn import Learnt, learn
from edge_agent.discovery.recording import Chunk, Recording, Weighing, from_json, to_json
from edge_agent.sdk.driver import SerialSettings
from edge_agent.sdk.errors import ConfigError
from edge_agent.sdk.values import Reading
from tests.discovery.stand import catalogue, heard, weighed

SPEC = catalogue()["print_line"]
LINES = 12
KNOWN = ("0.000", "1.000", "2.475")

Form = Callable[[str], str]


def zeros(weight: str) -> str:
    return weight.replace(".", "").zfill(6)


FORMS: dict[str, Form] = {
    "number and unit": lambda w: f"{w:>8} kg\r\n",
    "sign and zeros": lambda w: f"+{w.zfill(8)}kg\r\n",
    "head of constant words": lambda w: f"ST,GS,{w:>8}kg\r\n",
    "head that a picture can hold": lambda w: f"WEIHT: {w:>8} kg\r\n".replace("T", "t"),
    "between STX and ETX": lambda w: f"\x02{w:>8} kg\x03",
    "STX and CR, a check character after it": lambda w: f"\x02{w:>8}kg\r\x1a",
    "no point": lambda w: f"\x02+{zeros(w)}kg\r",
    "backwards between equals signs": lambda w: f"={w.zfill(8)[::-1]}",
    "forwards between equals signs": lambda w: f"={w.zfill(8)}",
    "backwards without a point": lambda w: f"W{zeros(w)[::-1]}\r\n",
    "with a channel number": lambda w: f"1 {w:>8} kg\r\n",
    "with a counter": lambda w: f"{w:>8} kg 17\r\n",
    "a price behind it": lambda w: f"{w:>8}kg {Decimal(w) * 3:>9.2f}Tk\r\n",
    "left-aligned": lambda w: f"N: {w:<8}kg;\r\n",
    "of any length": lambda w: f"{w} kg\r\n",
    "ended by semicolons": lambda w: f"{w:>8}kg;",
}
WITHOUT_UNIT = {
    "backwards between equals signs",
    "forwards between equals signs",
    "backwards without a point",
}


def weighings(form: Form, known: tuple[str, ...] = KNOWN, *, cut: int = 3) -> list[Weighing]:
    """Each known weight on the pan for a while; the first line is torn."""
    taken = []
    for weight in known:
        frames = [form(weight).encode("latin-1")] * LINES
        taken.append(weighed(weight, frames[0][cut:], *frames[1:]))
    return taken


def reads(learnt: Learnt, data: bytes) -> list[str]:
    """The weights that the learnt profile reads in these bytes."""
    assert learnt.profile
    codec = SPEC.decoder(learnt.profile.score.candidate.options)
    values = [*codec.feed(data), *codec.flush()]
    return [format(v.weight, "f") for v in values if isinstance(v, Reading) and v.weight is not None]


@pytest.mark.parametrize("name", FORMS)
def test_the_form_is_recovered(name: str) -> None:
    unit = "kg" if name in WITHOUT_UNIT else ""
    learnt = learn(weighings(FORMS[name]), SPEC, unit)
    assert learnt.profile, learnt.why
    for weight in ("12.345", "0.010", *KNOWN):
        line = FORMS[name](weight).encode("latin-1")
        assert reads(learnt, line * 3)[-1:] == [weight]
    assert {reading.unit for reading in learnt.profile.score.readings} == {"kg"}


@pytest.mark.parametrize("name", FORMS)
def test_a_profile_reads_nothing_in_a_line_of_another_kind(name: str) -> None:
    learnt = learn(weighings(FORMS[name]), SPEC, "kg")
    for other in (b"ERROR\r\n", b"RR123456785BD\r\n", b"\x00\xff\x55\r\n", b"\r\n"):
        assert reads(learnt, other * 3) == []


@pytest.mark.parametrize("name", sorted(WITHOUT_UNIT))
def test_a_line_without_unit_asks_for_it(name: str) -> None:
    learnt = learn(weighings(FORMS[name]), SPEC)
    assert learnt.profile is None
    assert "no unit" in learnt.why


def test_a_unit_that_the_line_contradicts_is_refused() -> None:
    learnt = learn(weighings(FORMS["number and unit"]), SPEC, "g")
    assert learnt.profiles == ()
    assert "in g" in learnt.why


def test_an_empty_pan_may_be_written_as_0() -> None:
    taken = weighings(FORMS["number and unit"])
    taken[0] = Weighing(Decimal(0), taken[0].recording)
    assert learn(taken, SPEC).profile


def test_decimals_must_be_those_of_the_display() -> None:
    taken = weighings(FORMS["number and unit"])
    taken[1] = Weighing(Decimal("1.0"), taken[1].recording)
    assert learn(taken, SPEC).profile is None


PALINDROMES = [weighed("0", *[b"W000\r\n"] * 9), weighed("121", *[b"W121\r\n"] * 9)]


def test_orders_that_both_fit_are_both_told() -> None:
    learnt = learn(PALINDROMES, SPEC, "g")
    assert learnt.profile is None
    assert [profile.given.get("order", "forward") for profile in learnt.profiles] == ["forward", "reversed"]


@pytest.mark.parametrize("step", [1, -1])
def test_the_weight_that_is_named_decides(step: int) -> None:
    named = learn(PALINDROMES, SPEC, "g").why.removeprefix("record once more with ").partition(" ")[0]
    line = b"W" + named.zfill(3).encode()[::step] + b"\r\n"
    learnt = learn([*PALINDROMES, weighed(named, *[line] * 9)], SPEC, "g")
    assert learnt.profile
    assert learnt.profile.given.get("order", "forward") == ("forward" if step == 1 else "reversed")


def test_a_number_without_room_is_told() -> None:
    learnt = learn(weighings(lambda w: f"W[{w}]kg\r\n"), SPEC)
    assert learnt.profile
    assert any("heavier" in note for note in learnt.profile.notes)


@pytest.mark.parametrize("name", FORMS)
def test_what_is_longer_than_what_was_learnt_is_refused_not_cut(name: str) -> None:
    learnt = learn(weighings(FORMS[name]), SPEC, "kg")
    finer = (
        ("1.0005",) if "." in FORMS[name]("1.000") else ()
    )  # without a point it looks like ten times as much
    for weight in ("100000.000", "-1.000", "12345.678", *finer):
        line = FORMS[name](weight).encode("latin-1")
        assert set(reads(learnt, line * 3)) <= {weight}


def test_two_numbers_that_follow_the_weight_ask_for_a_tare() -> None:
    learnt = learn(weighings(lambda w: f"G{w:>8}kg N{w:>8}kg\r\n"), SPEC)
    assert len(learnt.profiles) == 2
    assert "tare" in learnt.why


def test_a_mark_of_rest_is_learnt_where_it_was_seen_to_change() -> None:
    taken = []
    for weight in KNOWN:
        moving = [f"US,{Decimal(weight) + n:>8}kg\r\n".encode() for n in (3, 2)]
        taken.append(weighed(weight, *moving, *[f"ST,{weight:>8}kg\r\n".encode()] * 15))
    learnt = learn(taken, SPEC)
    assert learnt.profile
    assert learnt.profile.given["stable_mark"] == "ST"
    codec = SPEC.decoder(learnt.profile.score.candidate.options)
    still, moving_now = codec.feed(b"ST,   1.234kg\r\nUS,   1.234kg\r\n")
    assert isinstance(still, Reading)
    assert isinstance(moving_now, Reading)
    assert (still.stable, moving_now.stable) == (True, False)


def test_a_letter_that_a_picture_cannot_insist_on_is_told() -> None:
    learnt = learn(weighings(lambda w: f"{w:>8}kg,NET\r\n"), SPEC)
    assert learnt.profile
    assert any("always said N" in note for note in learnt.profile.notes)


def test_a_head_of_letters_that_changes_is_refused_afterwards() -> None:
    learnt = learn(weighings(FORMS["head of constant words"]), SPEC)
    assert reads(learnt, b"OL,GS,   9.999kg\r\nUS,GS,   1.000kg\r\n") == []


def test_the_parity_of_a_recording_is_taken_away() -> None:
    taken = []
    for weight in KNOWN:
        frame = bytes(b | (0x80 if b.bit_count() % 2 else 0) for b in f"{weight:>8} kg\r\n".encode())
        taken.append(Weighing(Decimal(weight), heard(*[frame] * 9, line=SerialSettings())))
    learnt = learn(taken, SPEC)
    assert learnt.profile
    assert learnt.line == SerialSettings(9600, 7, "E")


# What cannot be learnt


def test_one_weight_is_not_enough() -> None:
    assert "only one weight" in learn(weighings(FORMS["number and unit"], ("1.000",)), SPEC).why


def test_only_an_empty_pan_is_not_enough() -> None:
    assert "no weight but zero" in learn(weighings(FORMS["number and unit"], ("0.000", "0")), SPEC).why


def test_nothing_at_all_is_not_enough() -> None:
    assert learn([], SPEC).profiles == ()


def test_a_silent_recording_is_named() -> None:
    taken = [*weighings(FORMS["number and unit"]), Weighing(Decimal("5.000"), Recording(None, ()))]
    assert "nothing was heard with 5.000" in learn(taken, SPEC).why


def test_recordings_of_two_lines_are_refused() -> None:
    taken = [
        Weighing(Decimal(n), heard(b"x" * 9, line=SerialSettings(baud))) for n, baud in ((1, 1200), (2, 2400))
    ]
    assert "different line settings" in learn(taken, SPEC).why


def test_a_load_that_was_not_changed_is_told() -> None:
    form = FORMS["number and unit"]
    taken = [*weighings(form, ("0.000", "1.000")), weighed("2.000", *[form("1.000").encode()] * LINES)]
    learnt = learn(taken, SPEC)
    assert learnt.profiles == ()
    assert "1.000 and 2.000 gave the same lines" in learnt.why


def test_a_weight_that_contradicts_the_others_is_named() -> None:
    form = FORMS["number and unit"]
    taken = [*weighings(form), weighed("5.000", *[form("4.995").encode()] * LINES)]
    learnt = learn(taken, SPEC)
    assert learnt.profiles == ()
    assert learnt.why == "5.000 contradicts the other weights: its lines show 4.995"


def test_the_same_weight_with_two_readings_is_a_contradiction() -> None:
    form = FORMS["number and unit"]
    taken = [*weighings(form), weighed("1.000", *[form("1.005").encode()] * LINES)]
    assert learn(taken, SPEC).profiles == ()


def test_bytes_without_lines_are_told() -> None:
    taken = [weighed("0", b"abc"), weighed("1.000", b"def")]
    assert "no lines" in learn(taken, SPEC).why


def test_lines_without_the_weights_are_told() -> None:
    taken = [weighed("0", *[b"hello\r\n"] * 9), weighed("1.000", *[b"world\r\n"] * 9)]
    assert "no columns" in learn(taken, SPEC).why


def test_a_load_that_never_rested_is_not_learnt() -> None:
    taken = [
        weighed(weight, *[f"{Decimal(weight) + n:>8} kg\r\n".encode() for n in range(9)]) for weight in KNOWN
    ]
    assert learn(taken, SPEC).profiles == ()


@settings(deadline=None, max_examples=80)
@given(
    st.lists(
        st.tuples(
            st.decimals(min_value=-99, max_value=999, places=3),
            st.lists(st.binary(min_size=1, max_size=40), max_size=8),
        ),
        max_size=4,
    ),
    st.sampled_from(["", "kg", "g"]),
)
def test_rubbish_never_raises_and_teaches_nothing_wrong(
    rows: list[tuple[Decimal, list[bytes]]], unit: str
) -> None:
    taken = [Weighing(weight, heard(*pieces)) for weight, pieces in rows]
    learnt = learn(taken, SPEC, unit)
    assert bool(learnt.profiles) or bool(learnt.why)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(sorted(FORMS)), st.data())
def test_spoilt_lines_never_raise_nor_teach_another_weight(name: str, data: st.DataObject) -> None:
    taken = []
    for weighing in weighings(FORMS[name]):
        raw = bytearray(weighing.recording.data)
        for _ in range(data.draw(st.integers(0, 6))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        taken.append(Weighing(weighing.weight, heard(bytes(raw))))
    learnt = learn(taken, SPEC, "kg")
    if learnt.profile:
        line = FORMS[name]("1.000").encode("latin-1")
        assert set(reads(learnt, line * 4)) <= {"1.000"}


# The file


def test_a_recording_survives_its_file() -> None:
    taken = [
        Weighing(
            Decimal("1.000"), Recording(SerialSettings(2400, 7, "E"), (Chunk(0, b"\x00\xff"), Chunk(9, b"a")))
        ),
    ]
    assert from_json(to_json(taken)) == taken


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"schema": 2}',
        '{"schema": 1}',
        '{"schema": 1, "weighings": []}',
        '{"schema": 1, "weighings": [1]}',
        '{"schema": 1, "weighings": [{"weight": 1, "chunks": []}]}',
        '{"schema": 1, "weighings": [{"weight": "NaN", "chunks": []}]}',
        '{"schema": 1, "weighings": [{"weight": "1e9", "chunks": []}]}',
        '{"schema": 1, "weighings": [{"weight": "1", "chunks": [[0, "0"]]}]}',
        '{"schema": 1, "weighings": [{"weight": "1", "chunks": [[-1, "00"]]}]}',
        '{"schema": 1, "weighings": [{"weight": "1", "chunks": [[true, "00"]]}]}',
        '{"schema": 1, "weighings": [{"weight": "1", "chunks": [[0, "00", 1]]}]}',
        '{"schema": 1, "weighings": [{"weight": "1", "chunks": [[0, "' + "00" * 5000 + '"]]}]}',
        '{"schema": 1, "line": [9600, 9, "N", 1], "weighings": [{"weight": "1", "chunks": []}]}',
        '{"schema": 1, "line": "9600", "weighings": [{"weight": "1", "chunks": []}]}',
        '{"schema": 1, "weighings": [{"weight": "' + "1" * 5000 + '", "chunks": []}]}',
    ],
)  # fmt: skip
def test_a_file_that_is_no_recording_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        from_json(text)
    assert refused.value.code == "devices.recording"


@given(st.text(max_size=300) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(repr))
def test_no_text_raises_anything_else(text: str) -> None:
    with pytest.raises(ConfigError):
        from_json(text)
