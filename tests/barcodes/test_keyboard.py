"""Keyboards of other countries: what is typed on them, and which of them explains a text."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.barcodes.keyboard import MEANT, TYPED, explained_by

CODE_SIGNS = string.ascii_letters + string.digits + "-_/:."  # what codes of ours hold


@pytest.mark.parametrize("layout", TYPED)
def test_every_character_of_our_codes_can_be_typed_and_is_found_again(layout: str) -> None:
    typed = CODE_SIGNS.translate(TYPED[layout])
    assert len(set(typed)) == len(CODE_SIGNS)
    assert typed.translate(MEANT[layout]) == CODE_SIGNS
    assert typed.isascii()


@pytest.mark.parametrize(
    ("layout", "meant", "typed"),
    [
        ("German", "CZ-Y/_:1", "CY/Z&?>1"),
        ("French", "AQM-0_1/:", "QA:6)8!>."),
        ("Italian/Spanish", "ZY-/_:1", "ZY/&?>1"),
    ],
)
def test_known_differences_from_a_united_states_keyboard(layout: str, meant: str, typed: str) -> None:
    assert meant.translate(TYPED[layout]) == typed


@given(st.text(max_size=300))
def test_any_text_is_explained_or_not(text: str) -> None:
    assert explained_by(text, lambda _: False) == ""
    assert explained_by(text, lambda _: True) in {"", *TYPED}


def test_a_text_that_every_keyboard_types_alike_is_explained_by_none() -> None:
    assert explained_by("LP123456785BD".replace("1", "B").replace("6", "B"), lambda _: True) in {"French", ""}
    assert explained_by(".", lambda text: text == ".") == ""
