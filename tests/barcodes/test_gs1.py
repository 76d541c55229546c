"""Element strings: what is put together is taken apart the same; a Digital Link says the same thing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.barcodes import gs1_identifiers
from edge_agent.barcodes.meaning import SEPARATOR
from edge_agent.barcodes.parse import parse
from edge_agent.sdk.checksums import gs1_check_digit

SET_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

text = st.text(SET_82, min_size=1, max_size=20)
number = st.text("0123456789", min_size=1, max_size=8)
weight = st.text("0123456789", min_size=6, max_size=6)
gtin = st.text("0123456789", min_size=13, max_size=13).map(lambda body: f"{body}{gs1_check_digit(body)}")
sscc = st.text("0123456789", min_size=17, max_size=17).map(lambda body: f"{body}{gs1_check_digit(body)}")
date = st.dates().map(lambda day: day.strftime("%y%m%d")).filter(lambda day: not day.endswith("0229"))

element = st.one_of(
    st.tuples(st.sampled_from(["10", "21", "22", "240", "400", "403", "420", "7020", "90", "99"]), text),
    st.tuples(st.sampled_from(["37", "30"]), number),
    st.tuples(st.sampled_from(["3100", "3103", "3302", "3365"]), weight),
    st.tuples(st.just("01"), gtin),
    st.tuples(st.just("00"), sscc),
    st.tuples(st.sampled_from(["11", "17"]), date),
)
message = st.lists(element, min_size=1, max_size=8, unique_by=lambda pair: pair[0])


def joined(elements: list[tuple[str, str]]) -> str:
    parts = []
    for identifier, value in elements:
        ends_itself = gs1_identifiers.predefined_length(identifier) is not None
        parts.append(identifier + value + ("" if ends_itself else SEPARATOR))
    return "".join(parts)


@given(message, st.sampled_from(["", "]C1", "]d2", "]Q3", "]e0", "]J1"]))
def test_joined_elements_are_taken_apart_again(elements: list[tuple[str, str]], identifier: str) -> None:
    meaning = parse(identifier + joined(elements), "gs1")
    assert (meaning.error, meaning.fields.get("elements")) == (None, tuple(elements))


@given(gtin, text, text)
def test_a_digital_link_says_what_its_element_string_says(item: str, lot: str, serial: str) -> None:
    def escaped(value: str) -> str:
        return "".join(f"%{ord(character):02X}" for character in value)

    link = parse(f"https://example.com/x/01/{item}/10/{escaped(lot)}/21/{escaped(serial)}?99=A")
    string = parse(f"]C101{item}10{lot}{SEPARATOR}21{serial}{SEPARATOR}99A", "gs1")
    assert link.valid
    assert link.fields == string.fields


@given(message, st.data())
def test_a_message_cut_anywhere_never_raises(elements: list[tuple[str, str]], data: st.DataObject) -> None:
    whole = joined(elements)
    end = data.draw(st.integers(1, len(whole)))
    assert parse(whole[:end], "gs1").type == "gs1"


@pytest.mark.parametrize("decimals", range(6))
def test_the_last_digit_of_the_identifier_places_the_decimal_point(decimals: int) -> None:
    shown = parse(f"310{decimals}012345", "gs1").fields["net_weight_kg"]
    assert shown == ["12345", "1234.5", "123.45", "12.345", "1.2345", "0.12345"][decimals]


def test_no_identifier_is_the_beginning_of_another() -> None:
    assigned = {str(number) for number in range(10, 10_000) if gs1_identifiers.is_assigned(str(number))}
    assigned |= {f"0{digit}" for digit in range(10) if gs1_identifiers.is_assigned(f"0{digit}")}
    assert len(assigned) > 400
    assert not {name for name in assigned for length in (2, 3) if name[:length] in assigned - {name}}


def test_every_format_of_the_table_is_readable() -> None:
    faults = {
        gs1_identifiers.fault(str(number), "")
        for number in range(10, 10_000)
        if gs1_identifiers.is_assigned(str(number))
    }
    assert faults == {"length"}
