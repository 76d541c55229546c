"""The door: hostile text, bounds, and what holds whatever is scanned."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.barcodes.meaning import NO_FIELDS, Meaning, accepted
from edge_agent.barcodes.parse import KINDS, LONGEST_TEXT, parse

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
NEARLY_CODED = st.text(st.sampled_from("]CEQde014]RBGX9 \x1d(|?&=/%:hpst.-A\u09e7"), max_size=60)
KIND = st.sampled_from([None, *KINDS, "no such kind"])
AIM = st.sampled_from([None, "]C1", "]E0", "]E4", "]I1", "]Q1", "]C0", "]X", "", "]]]"])

HOSTILE = [
    "'; DROP TABLE events;--",
    "<script>alert(1)</script>",
    "${jndi:ldap://x/a}",
    "=cmd|' /C calc'!A0",
    "../../etc/passwd",
    "%s%n%x",
    "\x1b]0;pwned\x07",
    "\x1b[2J\x1b[H",
    "\r\nALERT root login",
    "\x00\x00",
    "a\x00b",
    "\u202e321-BD",
    "\u2066RB123456785GB\u2069",
    "\ufeffRB123456785GB",
    "\u200bRB123456785GB",
    "RB12345678\u0665GB",
    "\uff32\uff22123456785GB",
    "\ud800",
    "\udcff\udcfe",
    "^XA^FO0,0^FDx^FS^XZ",
    "~JR",
    "\x1d" * 50,
    "]" * 10,
    "(" * 50,
    "(01)" * 50,
    "https://" + "/" * 200,
    "https://a/" + "01/" * 200,
    "https://a/01/12312312312334?" + "&" * 500,
    "https://[::/01/1",
    "9" * 4096,
    "A" * 4096,
    "\U0010ffff" * 20,
]


@given(ANY_TEXT | NEARLY_CODED, KIND, AIM)
def test_no_text_raises_whatever_is_asked(text: str, kind: str | None, aim: str | None) -> None:
    meaning = parse(text, kind, aim=aim)
    assert meaning.valid is (meaning.error is None)
    assert json.loads(json.dumps(meaning.as_dict()))["valid"] is meaning.valid


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_the_hostile_corpus_raises_nothing(kind: str | None) -> None:
    assert all(isinstance(parse(text, kind), Meaning) for text in HOSTILE)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_never_taken_for_an_identifier(text: str) -> None:
    meaning = parse(text)
    assert meaning.type == "text" or not meaning.valid


@given(ANY_TEXT)
def test_a_valid_identifier_is_printable_ascii_apart_from_separators(text: str) -> None:
    meaning = parse(text)
    if meaning.valid and meaning.type != "text":
        assert meaning.value.replace("\x1d", "").isascii()
        assert meaning.value.replace("\x1d", "").isprintable()


@given(st.text("0123456789", min_size=1, max_size=20))
def test_bangla_digits_are_no_digits(digits: str) -> None:
    bangla = digits.translate({ord(str(value)): 0x09E6 + value for value in range(10)})
    assert parse(bangla).type == "text"
    assert not any(parse(bangla, kind).valid for kind in KINDS if kind != "text")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("text", "aim")])
@pytest.mark.parametrize("control", ["\x00", "\x07", "\t", "\n", "\x1b", "\x7f", "\x85", "\x9b"])
def test_a_control_character_refuses_every_coded_type(kind: str, control: str) -> None:
    assert parse(f"12{control}34", kind).error == "control_characters"


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_nothing_is_refused_as_empty(kind: str | None) -> None:
    assert parse("", kind).error == "empty"


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_text_longer_than_any_barcode_is_refused_and_cut(kind: str | None) -> None:
    meaning = parse("1" * (LONGEST_TEXT + 1), kind)
    assert (meaning.error, len(meaning.value)) == ("too_long", LONGEST_TEXT)


def test_the_longest_text_is_taken() -> None:
    assert parse("x" * LONGEST_TEXT).valid


def test_an_unknown_kind_is_refused_not_guessed() -> None:
    assert parse("RB123456785GB", "s11").error == "unknown_kind"


@given(ANY_TEXT.filter(bool))
def test_opaque_text_is_kept_to_the_character(text: str) -> None:
    assert parse(text, "text").value == text


def test_the_fields_of_a_meaning_cannot_be_changed() -> None:
    fields = {"courier": "a"}
    meaning = accepted("courier_ref", "x", fields)
    fields["courier"] = "b"
    assert meaning.fields["courier"] == "a"
    with pytest.raises(TypeError):
        meaning.fields["courier"] = "c"  # type: ignore[index]
    assert accepted("text", "x").fields == NO_FIELDS


def test_two_meanings_of_the_same_text_are_equal() -> None:
    assert parse("RB123456785GB") == parse("RB123456785GB")
