"""The canonical form is RFC 8785's, and JSON that two readers could read in two ways is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.sdk.errors import CommandError
from edge_agent.uplink.canonical import DEPTH, DOCUMENT_BYTES, canonical, read_object

# Texts without lone surrogates, integers of at most 53 bits: what a document may hold.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def test_members_stand_in_the_order_of_rfc_8785_section_3_2_3() -> None:
    names = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    read = list(json.loads(canonical(names)))
    assert read == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_text_is_as_short_as_json_allows() -> None:
    """RFC 8785, section 3.2.2.2: two-character escapes where there are such, other controls as lower hex."""
    text = "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/\x7f\b\t\f\r"
    wanted = '{"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f\\b\\t\\f\\r"}'
    assert canonical({"string": text}) == wanted.encode()


def test_there_are_no_blanks_and_literals_are_short() -> None:
    assert canonical({"b": [56, {"d": True, "10": None, "1": False}], "a": -7}) == (
        b'{"a":-7,"b":[56,{"1":false,"10":null,"d":true}]}'
    )


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_what_is_read_is_what_was_written_and_has_one_spelling(document: dict[str, object]) -> None:
    spelling = canonical(document)  # type: ignore[arg-type]  # the strategy makes nothing else
    assert read_object(json.dumps(document, indent=1).encode()) == document
    assert canonical(read_object(spelling)) == spelling


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b'{"a":1,"a":2}', "message.invalid"),
        (b'{"x":{"a":1,"a":1}}', "message.invalid"),
        (b'{"a":1.0}', "message.invalid"),
        (b'{"a":1e3}', "message.invalid"),
        (b'{"a":NaN}', "message.invalid"),
        (b'{"a":-Infinity}', "message.invalid"),
        (b'{"a":9007199254740992}', "message.invalid"),
        (b'{"a":-9007199254740992}', "message.invalid"),
        (b'{"a":' + b"9" * 5000 + b"}", "message.invalid"),
        (b"[1]", "message.invalid"),
        (b"7", "message.invalid"),
        (b"", "message.invalid"),
        (b"\xff\xfe{}", "message.invalid"),
        (b"\xef\xbb\xbf{}", "message.invalid"),
        (b'{"a":1} x', "message.invalid"),
        (b'{"a":' + b"[" * DEPTH + b"]" * DEPTH + b"}", "message.invalid"),
        (b'{"a":' * 9000 + b"1" + b"}" * 9000, "message.invalid"),
        (b"[" * 60_000, "message.invalid"),
        (b'{"a":"' + b"x" * DOCUMENT_BYTES + b'"}', "message.too_large"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(payload: bytes, code: str) -> None:
    with pytest.raises(CommandError) as refused:
        read_object(payload)
    assert refused.value.code == code


def test_a_lone_surrogate_has_no_canonical_form() -> None:
    with pytest.raises(CommandError):
        canonical(read_object(b'{"a":"\\ud800"}'))


def test_the_deepest_document_is_read() -> None:
    inner = b"[" * (DEPTH - 1) + b"]" * (DEPTH - 1)
    assert read_object(b'{"a":' + inner + b"}")
