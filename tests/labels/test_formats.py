"""Facts into words: both digit systems, amounts of poisha, dates, item numbers, and the value strings."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.labels.fields import Field, FieldError, FieldType, Record, nested
from edge_agent.labels.formats import bn_digits, bn_money, day_first, money, plain, s10_spaced, taka
from edge_agent.labels.phrases import check_phrase, parse_phrase

FIELDS = {
    field.path: field
    for field in (
        Field("name", FieldType.TEXT),
        Field("item.number", FieldType.TEXT),
        Field("weight", FieldType.DECIMAL),
        Field("cod", FieldType.MONEY),
        Field("day", FieldType.DATE),
        Field("count", FieldType.INTEGER),
    )
}


def filled(phrase: str, data: dict[str, object]) -> str:
    parsed = parse_phrase(phrase)
    check_phrase(parsed, FIELDS)
    return parsed.filled(Record(FIELDS, data))


@pytest.mark.parametrize(
    ("poisha", "english", "bangla"),
    [
        (0, "BDT 0.00", "৳ ০.০০"),
        (5, "BDT 0.05", "৳ ০.০৫"),
        (12350, "BDT 123.50", "৳ ১২৩.৫০"),
        (125000, "BDT 1,250.00", "৳ ১,২৫০.০০"),
        (12345650, "BDT 1,23,456.50", "৳ ১,২৩,৪৫৬.৫০"),
        (123456789012, "BDT 1,23,45,67,890.12", "৳ ১,২৩,৪৫,৬৭,৮৯০.১২"),
    ],
)
def test_poisha_are_written_as_taka(poisha: int, english: str, bangla: str) -> None:
    assert (money(poisha), bn_money(poisha)) == (english, bangla)


@given(st.integers(0, 10**12))
def test_grouping_never_changes_an_amount(poisha: int) -> None:
    assert Decimal(taka(poisha).replace(",", "")) * 100 == poisha


def test_bangla_digits_leave_all_else_alone() -> None:
    assert bn_digits("House 12/A, ৩") == "House ১২/A, ৩"


@pytest.mark.parametrize(
    ("unit", "bangla"),
    [("kg", "কেজি"), ("g", "গ্রাম"), ("lb", "পাউন্ড"), ("oz", "আউন্স"), ("KG", "KG"), ("tical", "tical")],
)
def test_a_unit_of_weight_has_its_bangla_word(unit: str, bangla: str) -> None:
    assert filled("{name:bn-unit}", {"name": unit}) == bangla


@pytest.mark.parametrize(
    ("text", "spaced"),
    [
        ("RR123456785BD", "RR 123 456 785 BD"),
        ("EC-2026-1", "EC-2026-1"),
        ("rr123456785bd", "rr123456785bd"),
        ("RR১২৩456785BD", "RR১২৩456785BD"),
    ],
)
def test_only_s10_numbers_are_spaced(text: str, spaced: str) -> None:
    assert s10_spaced(text) == spaced


def test_midnight_is_a_time() -> None:
    assert day_first(datetime(2026, 11, 23, 0, 0)) == "23-11-2026 00:00"  # noqa: DTZ001  # local, as printed
    assert day_first(date(2026, 11, 23)) == "23-11-2026"


def test_a_decimal_keeps_the_numeral_that_was_sent() -> None:
    assert plain(Decimal("7.650")) == "7.650"
    assert filled("{weight}", {"weight": "7.650"}) == "7.650"
    assert filled("{weight}", {"weight": Decimal("0E-3")}) == "0.000"


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("{name}", "রহিম"),
        ("To {name}, {item.number:s10-spaced}!", "To রহিম, RR 123 456 785 BD!"),
        ("{{{count}}}", "{3}"),
        ("{day:date}", "23-11-2026 21:15"),
        ("{day:date|bn-digits}", "২৩-১১-২০২৬ ২১:১৫"),
        ("{day}", "2026-11-23 21:15"),
        ("{weight:bn-digits} kg", "১.২৫০ kg"),
        ("{cod:bn-money}", "৳ ১২৩.৫০"),
        ("{cod:money|bn-digits}", "BDT ১২৩.৫০"),
        ("{cod:taka-words}", "One hundred twenty-three taka and fifty poisha only"),
        ("{cod:bn-taka-words}", "একশত তেইশ টাকা পঞ্চাশ পয়সা মাত্র"),
        ("{cod:taka-words|upper}", "ONE HUNDRED TWENTY-THREE TAKA AND FIFTY POISHA ONLY"),
    ],
)
def test_a_phrase_is_filled_from_the_data(phrase: str, text: str) -> None:
    data = {
        "name": "রহিম",
        "item": {"number": "RR123456785BD"},
        "count": 3,
        "weight": "1.250",
        "cod": 12350,
        "day": "2026-11-23T21:15",
    }
    assert filled(phrase, data) == text


@pytest.mark.parametrize(
    ("phrase", "reason"),
    [
        ("{nam}", "did you mean 'name'"),
        ("{name:uper}", "did you mean 'upper'"),
        ("{cod}", "is money"),
        ("{cod:upper}", "does not suit"),
        ("{name:bn-money}", "does not suit"),
        ("{weight:date}", "does not suit"),
        ("{name:}", "unknown formatter ''"),
        ("{name:upper|money}", "does not suit"),
    ],
)
def test_a_phrase_that_does_not_suit_the_data_is_refused(phrase: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason.replace("(", r"\(")):
        check_phrase(parse_phrase(phrase), FIELDS)


@pytest.mark.parametrize(
    "text", ["{", "}", "a{b", "{a}}", "{A}", "{a b}", "{a.}", "{__class__}", "{}", "", 7, None]
)
def test_a_phrase_has_no_syntax_but_fields(text: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_phrase(text)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", 7),
        ("name", b"x"),
        ("name", ["x"]),
        ("weight", 1.25),
        ("weight", "1,25"),
        ("weight", "NaN"),
        ("weight", Decimal("Infinity")),
        ("weight", "١.٢"),
        ("cod", "12350"),
        ("cod", -1),
        ("cod", True),
        ("cod", 10**13),
        ("cod", 12.5),
        ("count", "3"),
        ("count", 10**30),
        ("weight", Decimal("1E+999999999")),
        ("weight", Decimal("1E-999999999")),
        ("weight", Decimal("NaN")),
        ("weight", Decimal("sNaN")),
        ("weight", "9" * 5000),
        ("day", "23-11-2026"),
        ("day", 20261123),
    ],
)
def test_a_value_of_another_type_is_refused(path: str, value: object) -> None:
    with pytest.raises(FieldError) as refusal:
        Record(FIELDS, {path: value}).fact(path)
    assert not refusal.value.missing


@pytest.mark.parametrize("path", FIELDS)
def test_a_value_of_another_type_is_told_what_is_expected(path: str) -> None:
    with pytest.raises(FieldError, match=f"'{path}' is not of type {FIELDS[path].type}: expected (a|whole) "):
        Record(FIELDS, nested({path: 1.5})).fact(path)


@pytest.mark.parametrize("value", [None, "", " \t\n", "\u200d\u202e\u2069"])
def test_a_value_that_would_not_show_is_missing(value: object) -> None:
    with pytest.raises(FieldError) as refusal:
        Record(FIELDS, {"name": value}).fact("name")
    assert refusal.value.missing


@pytest.mark.parametrize(
    "data", [{}, {"item": None}, {"item": "x"}, {"item": []}, {"item": {"numbers": "x"}}]
)
def test_a_path_that_leads_nowhere_is_missing(data: dict[str, object]) -> None:
    with pytest.raises(FieldError) as refusal:
        Record(FIELDS, data).fact("item.number")
    assert refusal.value.missing


def test_zero_is_no_absence() -> None:
    assert Record(FIELDS, {"cod": 0}).has("cod")
