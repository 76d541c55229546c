"""Command codes: signed for one booth, dated, and nothing that is nearly one is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.barcodes.booth_command import FORM, BoothCommand, CommandCode, looks_like, make, read
from edge_agent.labels.code128 import modules

BOOTH, KEY, TODAY = "DHAKA-0001", bytes(range(32)), "20270615"
CODES = [
    CommandCode(command, "K7Q2ZD", once, "20271231") for command in BoothCommand for once in (False, True)
]


@pytest.mark.parametrize("code", CODES, ids=lambda code: f"{code.command}-{code.once}")
def test_a_code_is_read_as_it_was_made(code: CommandCode) -> None:
    text = make(code, booth=BOOTH, key=KEY)
    assert read(text, booth=BOOTH, key=KEY, today=TODAY) == code
    assert looks_like(text)
    assert len(text) <= 48, "the longest Code 128 of a label"
    assert modules(text)


def test_the_form_and_the_signature_never_change() -> None:
    text = make(CODES[0], booth=BOOTH, key=KEY)
    assert text.startswith("BXC1-CONFIRM-M-20271231-K7Q2ZD-")
    assert text.endswith("-FRLKIS74DWX7V3X4")


@given(st.integers(0, 46), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"))
def test_no_changed_character_is_taken(at: int, character: str) -> None:
    text = make(CODES[0], booth=BOOTH, key=KEY)
    changed = text[:at] + character + text[at + 1 :]
    if changed != text:
        assert read(changed, booth=BOOTH, key=KEY, today=TODAY) in {"form", "signature"}


def test_a_code_of_another_booth_or_key_is_refused() -> None:
    text = make(CODES[0], booth=BOOTH, key=KEY)
    assert read(text, booth="DHAKA-0002", key=KEY, today=TODAY) == "signature"
    assert read(text, booth=BOOTH, key=KEY[::-1], today=TODAY) == "signature"


def test_a_code_counts_until_the_end_of_its_last_day() -> None:
    text = make(CODES[0], booth=BOOTH, key=KEY)
    assert isinstance(read(text, booth=BOOTH, key=KEY, today="20271231"), CommandCode)
    assert read(text, booth=BOOTH, key=KEY, today="20280101") == "expired"


@given(st.text(max_size=80))
def test_no_text_is_a_code_without_the_key(text: str) -> None:
    assert isinstance(read(text, booth=BOOTH, key=KEY, today=TODAY), str)
    assert isinstance(read("BXC1-" + text, booth=BOOTH, key=KEY, today=TODAY), str)


@pytest.mark.parametrize(
    "text", ["BXC1", "BXC1-", "bxc1:slip:X", "bxc1-confirm", " BXC1-X", "BXC1-CONFIRM-M-20271231"]
)
def test_whatever_begins_like_a_code_is_one(text: str) -> None:
    assert looks_like(text)
    assert FORM.fullmatch(text) is None


@pytest.mark.parametrize("text", ["BXC", "BXC2-X", "XBXC1-", "RB123456785GB", ""])
def test_other_texts_are_none(text: str) -> None:
    assert not looks_like(text)
