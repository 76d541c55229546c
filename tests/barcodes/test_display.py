"""Scanned text on a terminal or in a log: one line, no control, nothing that changes its neighbours."""

from __future__ import annotations

import ast
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.barcodes.display import CUT, display


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("RB123456785GB", "RB123456785GB"),
        ("", ""),
        ("10AB\x1d21X", r"10AB\x1d21X"),
        ("a\r\nb\tc", r"a\x0d\x0ab\x09c"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b31m", r"\x9b31m"),
        ("x\u202ey", r"x\u202ey"),
        ("x\u200d\u200by", r"x\u200d\u200by"),
        ("\u2028", r"\u2028"),
        ("\udcff", r"\udcff"),
        ("\U000e0041", r"\U000e0041"),
        ('it\'s "so" `x` \\', 'it\\\'s \\"so\\" \\`x\\` \\\\'),
        ("ঢাকা 1000", "ঢাকা 1000"),
        ("a\u00a0b", r"a\xa0b"),
    ],
)
def test_what_could_deceive_is_escaped_and_the_rest_is_not(text: str, shown: str) -> None:
    assert display(text) == shown


@given(st.text(st.characters(exclude_categories=()), max_size=200), st.integers(1, 80))
def test_what_is_shown_is_printable_and_no_longer_than_asked(text: str, limit: int) -> None:
    shown = display(text, limit)
    assert len(shown) <= limit + len(CUT)
    assert all(unicodedata.category(character)[0] != "C" for character in shown)
    assert shown.isprintable()


def test_a_long_text_is_cut_before_an_escape_never_within_it() -> None:
    assert display("abc\x1b", 6) == "abc" + CUT
    assert display("a" * 65) == "a" * 64 + CUT
    assert display("a" * 64) == "a" * 64


@given(st.text(st.characters(exclude_characters="`"), max_size=16))
def test_nothing_is_lost_below_the_limit(text: str) -> None:
    assert ast.literal_eval(f"'{display(text, 1000)}'") == text
