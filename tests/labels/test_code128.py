"""Code 128 and GS1-128: what is encoded is what an independent reader reads, in the fewest symbols."""

from __future__ import annotations

import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.labels.code128 import FNC1, MAX_CHARACTERS, CodeError, encode, gs1, modules

SCANNER_ROWS = 40
QUIET = 20


def read(bars: str) -> zxingcpp.Barcode:
    row = [255] * QUIET + [0 if bar == "1" else 255 for bar in bars for _ in range(2)] + [255] * QUIET
    found = zxingcpp.read_barcodes(np.repeat(np.array([row], dtype=np.uint8), SCANNER_ROWS, axis=0))
    assert len(found) == 1
    return found[0]


def test_an_s10_number_takes_156_modules() -> None:
    assert len(modules("EE123456785BD")) == 156


def test_each_symbol_begins_with_a_bar_and_the_stop_ends_with_one() -> None:
    bars = modules("A1")
    assert bars.startswith("11010000100" if bars[:11] == "11010000100" else "11010010000")
    assert bars.endswith("1100011101011")


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("1234", 2),  # two pairs
        ("123", 3),  # no pair is worth a switch
        ("12345", 4),  # two pairs, a switch, one digit
        ("AB1234", 5),  # A, B, switch, two pairs
        ("a\x01b", 4),  # one shift, not two switches
        ("\x01\x02\x03abc", 7),  # one switch, not three shifts
    ],
)
def test_a_text_takes_the_fewest_symbols(text: str, symbols: int) -> None:
    start_check_and_stop = 3
    assert len(encode(text)) == symbols + start_check_and_stop


@settings(max_examples=120, deadline=None)
@given(st.text(st.characters(max_codepoint=127), min_size=1, max_size=24))
def test_every_ascii_text_reads_back(text: str) -> None:
    assert read(modules(text)).bytes == text.encode()


@settings(max_examples=60, deadline=None)
@given(st.text("0123456789ABab\x01", min_size=1, max_size=MAX_CHARACTERS // 2))
def test_every_mix_of_code_sets_reads_back(text: str) -> None:
    assert read(modules(text)).bytes == text.encode()


@pytest.mark.parametrize("text", ["", "x" * (MAX_CHARACTERS + 1), "é", "১২৩", "\x80", "৳"])
def test_what_is_not_bounded_ascii_is_refused(text: str) -> None:
    with pytest.raises(CodeError):
        encode(text)


def test_a_refusal_does_not_repeat_the_text() -> None:
    with pytest.raises(CodeError) as refusal:
        encode("secret\xe9name")
    assert "secret" not in str(refusal.value)


def test_gs1_128_reads_as_gs1_with_its_separators() -> None:
    code = read(modules(gs1("(01)09521234543213(10)ABC(21)12")))
    assert code.symbology_identifier == "]C1"
    assert code.bytes == b"010952123454321310ABC\x1d2112"


def test_gs1_128_separates_only_what_has_no_fixed_length() -> None:
    assert gs1("(3103)001250(410)9521234543213") == FNC1 + "31030012504109521234543213"
    assert gs1("(10)AB(17)261123") == FNC1 + "10AB" + FNC1 + "17261123"


@pytest.mark.parametrize("text", ["", "01095", "(01)", "(1)23", "(01)123", "(10)A)B", "(10)AB x(", "()A"])
def test_what_is_no_element_string_is_refused(text: str) -> None:
    with pytest.raises(CodeError):
        gs1(text)
