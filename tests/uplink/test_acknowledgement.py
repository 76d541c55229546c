"""An acknowledgement is read by hand: it takes and refuses what the same model in pydantic does."""

from __future__ import annotations

import json
from typing import Annotated

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_agent.sdk.errors import CommandError
from edge_agent.uplink.acknowledgement import CODE, ENTRIES, SEQ_LIMIT, TEXT, read_ack

Seq = Annotated[int, Field(ge=1, le=SEQ_LIMIT)]


class Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class Rejected(Model):
    seq: Annotated[int, Field(ge=1)]
    code: Annotated[str, Field(max_length=TEXT, pattern=f"^{CODE.pattern}$")]


class Ack(Model):
    epoch: Annotated[str, Field(max_length=TEXT)]
    upto: Annotated[int, Field(ge=0)]
    rej: Annotated[list[Rejected], Field(max_length=ENTRIES)] = []
    also: Annotated[
        list[Annotated[list[Seq], Field(min_length=2, max_length=2)]], Field(max_length=ENTRIES)
    ] = []
    conn: Annotated[int | None, Field(ge=0)] = None


WHOLE = st.one_of(
    st.integers(-2, 3), st.sampled_from([SEQ_LIMIT, SEQ_LIMIT + 1, 2**64, True, None, "1", 1.5, 2.0])
)
TEXTS = st.one_of(st.sampled_from(["", "a", "schema.late", "x" * 64, "x" * 65, "A B", "a\n"]), WHOLE)
REJECTED = st.fixed_dictionaries({}, optional={"seq": WHOLE, "code": TEXTS, "later": WHOLE})
SPAN = st.lists(WHOLE, max_size=3)
DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        "epoch": TEXTS,
        "upto": WHOLE,
        "rej": st.one_of(st.lists(REJECTED, max_size=2), WHOLE, st.just([[]])),
        "also": st.one_of(st.lists(SPAN, max_size=2), WHOLE, st.just([{}])),
        "conn": WHOLE,
        "later": TEXTS,
    },
)


def modelled(payload: bytes) -> tuple[object, ...] | str:
    """What pydantic makes of it: the values, or its first refusal."""
    try:
        ack = Ack.model_validate_json(payload)
    except ValidationError as refused:
        first = refused.errors(include_url=False, include_context=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'document'}: {first['msg']}"
    rejected = tuple((entry.seq, entry.code) for entry in ack.rej)
    return ack.epoch, ack.upto, rejected, tuple(map(tuple, ack.also)), ack.conn


def by_hand(payload: bytes) -> tuple[object, ...] | str:
    try:
        ack = read_ack(payload)
    except CommandError as refused:
        return refused.message.removeprefix("unreadable acknowledgement: ")
    rejected = tuple((entry.seq, entry.code) for entry in ack.rej)
    return ack.epoch, ack.upto, rejected, ack.also, ack.conn


@given(DOCUMENT)
@example({"epoch": "e", "upto": 1, "rej": [{"seq": 1, "code": "a"}], "also": [[3, 4], [6, 9]], "conn": 2})
def test_it_is_read_and_refused_as_by_the_model(document: dict[str, object]) -> None:
    payload = json.dumps(document).encode()
    assert by_hand(payload) == modelled(payload)


@pytest.mark.parametrize("name", ["rej", "also"])
def test_more_entries_than_it_may_have_are_refused_in_the_same_words(name: str) -> None:
    entry = {"rej": {"seq": 1, "code": "a"}, "also": [1, 2]}[name]
    payload = json.dumps({"epoch": "e", "upto": 1, name: [entry] * (ENTRIES + 1)}).encode()
    assert by_hand(payload) == modelled(payload)


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b"1", b"null", b"\xff\xfe", b'{"epoch":"e","upto":1', b"[" * 9000]
)
def test_what_is_no_json_object_is_refused_by_both(payload: bytes) -> None:
    assert isinstance(by_hand(payload), str)
    assert isinstance(modelled(payload), str)
