"""What the check digits promise: each changed digit is seen, as far as the algorithm can see it."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from edge_agent.barcodes.isbn import check_character
from edge_agent.barcodes.parse import parse
from edge_agent.sdk.checksums import gs1_check_digit, s10_check_digit

DIGITS = "0123456789"


def digits(length: int) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=length, max_size=length)


def one_changed(number: str, place: int, step: int) -> str:
    place %= len(number)
    changed = str((int(number[place]) + step) % 10)
    return number[:place] + changed + number[place + 1 :]


CHANGE = (st.integers(0, 30), st.integers(1, 9))


@given(st.sampled_from([7, 11, 12, 13]).flatmap(digits), *CHANGE)
def test_a_gtin_with_one_digit_changed_is_refused(body: str, place: int, step: int) -> None:
    number = body + str(gs1_check_digit(body))
    assert parse(number, "gtin").valid
    assert parse(one_changed(number, place, step), "gtin").error == "check_digit"


@given(digits(17), *CHANGE)
def test_an_sscc_with_one_digit_changed_is_refused(body: str, place: int, step: int) -> None:
    number = body + str(gs1_check_digit(body))
    assert parse(number, "sscc").valid
    assert parse(one_changed(number, place, step), "sscc").error == "check_digit"


@given(digits(9), *CHANGE)
def test_an_isbn_10_with_one_digit_changed_is_refused(nine: str, place: int, step: int) -> None:
    number = nine + check_character(nine)
    assert parse(number, "isbn").valid
    changed = one_changed(number[:9], place, step) + number[9]
    assert parse(changed, "isbn").error == "check_digit"


@given(digits(8), *CHANGE)
def test_an_s10_with_one_digit_changed_is_refused(serial: str, place: int, step: int) -> None:
    check = str(s10_check_digit(serial))
    assert parse(f"RR{serial}{check}BD", "s10").valid
    changed = one_changed(serial, place, step)
    assume({int(check), s10_check_digit(changed)} != {5})  # remainders 0 and 6 share the check digit 5
    assert parse(f"RR{changed}{check}BD", "s10").error == "check_digit"


@given(digits(8), st.integers(1, 9))
def test_an_s10_with_another_check_digit_is_refused(serial: str, step: int) -> None:
    wrong = (s10_check_digit(serial) + step) % 10
    assert parse(f"RR{serial}{wrong}BD", "s10").error == "check_digit"


@given(st.integers(0, 99_999_999))
def test_a_numbered_s10_reads_back_as_it_was_made(number: int) -> None:
    serial = f"{number:08}"
    meaning = parse(f"cp {serial}{s10_check_digit(serial)} bd", "s10")
    assert (meaning.valid, meaning.fields["serial"], meaning.fields["country"]) == (True, serial, "BD")
