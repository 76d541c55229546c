"""Couriers' patterns: what a setting may ask for, and that no pattern can be made to run away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.barcodes import courier_regex
from edge_agent.barcodes.courier import LONGEST_REFERENCE, SHIPPED, CourierPattern
from edge_agent.barcodes.parse import parse
from edge_agent.sdk.errors import ConfigError


@pytest.mark.parametrize(
    "pattern",
    [
        "[0-9A-Z]{8}",
        r"DMS-\d{4}-\d{6,8}",
        "(RDX|PTH)[0-9]{8,10}",
        "(?:AB|CD)?[0-9]{6}(-[0-9]{2})?",
        "A|B|C",
        r"[\w\-]{3,20}",
        r"\(X\)[ -~]{1,4}",
    ],
)
def test_a_pattern_of_counted_characters_is_permitted(pattern: str) -> None:
    assert courier_regex.fault(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "a*",
        "a+b",
        "(a+)+",
        "(a{1,9}){1,9}",
        "((a)b)",
        "a{1,9}{1,9}",
        "a{1,9}?",
        "a??",
        "?a",
        "{3}",
        "a{3,2}",
        "a{1000}",
        "a{,9}",
        "a{0,64}b{0,64}c{0,64}",
        "(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)",
        "|".join(["a{0,99}b{0,40}"] * 2),
        ".{8}",
        "[^0-9]{8}",
        r"\D{8}",
        r"\s",
        r"\x41",
        r"\u0041",
        r"\1",
        "(?=a)a",
        "(?i)a",
        "(?P<x>a)",
        "(?#x)a",
        "^a$",
        "(a",
        "a)",
        "[z-a]",
        "[a--b]",
        "[[a]",
        "[]",
        "[a",
        "a\n",
        "১{8}",
        "[ক-হ]{8}",
        "a" * 201,
    ],
)
def test_a_pattern_that_could_run_away_or_match_the_unseen_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        CourierPattern("x", pattern)
    assert refusal.value.code == "config.courier"
    assert "'x'" in refusal.value.message


def test_an_unknown_check_rule_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="none, mod10, mod11, s10"):
        CourierPattern("x", "[0-9]{8}", check="luhn")


@given(st.text(st.sampled_from("ab01[]{}(),|?-\\dw^9"), max_size=24))
def test_any_text_as_a_pattern_is_permitted_or_refused_in_words(pattern: str) -> None:
    fault = courier_regex.fault(pattern)
    if fault is None:
        CourierPattern("x", pattern).read("ab01")
    else:
        assert fault


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("[a]{0,70}[a]{0,68}", "a" * 63 + "!"),
        ("[a]?" * 12, "a" * 12 + "!"),
        ("(a|a)" * 12 + "b", "a" * 13),
        ("[a]{0,16}" * 3, "a" * 48 + "!"),
    ],
)
def test_the_worst_permitted_pattern_ends_at_once(pattern: str, text: str) -> None:
    dangerous = CourierPattern("x", pattern)
    assert dangerous.read(text) is None  # milliseconds; one that explodes runs into the test's time limit


def test_a_longer_text_than_any_reference_is_not_tried() -> None:
    endless = CourierPattern("x", "[a]{1,99}")
    assert endless.read("a" * LONGEST_REFERENCE) is not None
    assert endless.read("a" * (LONGEST_REFERENCE + 1)) is None


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ("none", "123", None),
        ("mod10", "4006381333931", "4006381333932"),
        ("mod11", "080442957X", "0804429571"),
        ("mod11", "1857982185", "1857982186"),
        ("s10", "473124829", "473124820"),
    ],
)
def test_a_check_rule_sees_a_wrong_last_character(check: str, good: str, bad: str | None) -> None:
    pattern = CourierPattern("x", "[0-9X]{3,18}", check=check)
    assert parse(good, "courier", couriers=(pattern,)).valid
    if bad:
        assert parse(bad, "courier", couriers=(pattern,)).error == "check_digit"


@pytest.mark.parametrize("check", ["mod10", "mod11", "s10"])
@pytest.mark.parametrize("text", ["X", "0", "AB", "ABC"])
def test_a_reference_without_enough_digits_fails_its_check(check: str, text: str) -> None:
    assert not parse(text, "courier", couriers=(CourierPattern("x", r"\w{1,9}", check=check),)).valid


def test_the_first_pattern_that_matches_decides() -> None:
    strict = CourierPattern("strict", "[0-9]{8}", check="mod10")
    open_to_all = CourierPattern("open", r"\w{1,20}")
    assert parse("73513530", "courier", couriers=(strict, open_to_all)).error == "check_digit"
    assert parse("73513530", "courier", couriers=(open_to_all, strict)).fields["courier"] == "open"


def test_a_courier_cannot_claim_a_misread_s10() -> None:
    greedy = (CourierPattern("greedy", r"\w{1,20}"),)
    assert parse("RB123456786GB", couriers=greedy).type == "s10"
    assert parse("RB123456786XX", couriers=greedy).type == "courier_ref"


def test_a_courier_of_the_settings_is_recognised_on_sight() -> None:
    dms = (CourierPattern("post", r"DMS-\d{8}", stands_for="article"),)
    meaning = parse("DMS-00012345", couriers=dms)
    assert (meaning.type, meaning.value, dict(meaning.fields)) == (
        "courier_ref",
        "DMS-00012345",
        {"courier": "post", "reference": "article"},
    )


def test_digits_and_letters_of_other_alphabets_are_none() -> None:
    assert not parse("১২৩৪৫৬৭৮", "courier", couriers=(CourierPattern("x", r"\d{8}"),)).valid
    assert not parse("কখগ", "courier", couriers=(CourierPattern("x", r"\w{3}"),)).valid


@pytest.mark.parametrize("pattern", SHIPPED, ids=lambda pattern: pattern.stands_for)
def test_a_newline_behind_a_reference_is_not_overlooked(pattern: CourierPattern) -> None:
    assert pattern.read("15BAEB8A\n") is None
    assert pattern.read("1424107\n") is None
