"""How leased numbers are spelled: the check digit is right, and every serial number has its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.barcodes.numbering import pattern
from edge_agent.barcodes.parse import parse
from edge_agent.sdk.errors import CommandError

S10 = "RR########*BD"


@given(st.integers(0, 99_999_999))
def test_every_number_of_an_s10_block_is_a_valid_s10(serial: int) -> None:
    number = pattern(S10, "s10").number(serial)
    meaning = parse(number)
    assert (meaning.type, meaning.valid, meaning.value) == ("s10", True, number)
    assert number[2:10] == f"{serial:08d}"


def test_a_known_number_is_spelled_as_it_is_known() -> None:
    assert pattern(S10, "s10").number(47312482) == "RR473124829BD"  # UPU S10's own example, another country


@pytest.mark.parametrize(
    ("text", "check", "serial", "number"),
    [
        ("BPO-########", "none", 42, "BPO-00000042"),
        ("DGP#####*", "mod10", 12345, "DGP123457"),
        ("###/BD", "none", 7, "007/BD"),
    ],
)
def test_other_patterns_are_spelled(text: str, check: str, serial: int, number: str) -> None:
    assert pattern(text, check).number(serial) == number


@pytest.mark.parametrize(
    ("text", "check"),
    [
        (S10, "none"),
        (S10, "mod11"),
        ("RR########BD", "s10"),
        ("RR#######*BD", "s10"),
        ("rr########*BD", "s10"),
        ("RR########*ZZ", "s10"),
        ("##", "none"),
        ("A###B###", "none"),
        ("A#############", "none"),
        ("A###*", "none"),
        ("A###", "mod10"),
        ("A###\n", "none"),
        ("A ### B", "none"),
        ("ক###", "none"),
        ("A" * 40 + "###", "none"),
        (7, "none"),
        ("A###", None),
    ],
)
def test_a_pattern_that_is_none_is_refused(text: object, check: object) -> None:
    with pytest.raises(CommandError) as refused:
        pattern(text, check)
    assert refused.value.code == "number.pattern"
