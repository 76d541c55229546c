"""What comes down is hostile until parsed; what goes up is what the contract says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.events.model import StoredEvent
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import ClockQuality, Stamp
from edge_agent.uplink.acknowledgement import read_ack
from edge_agent.uplink.messages import batches, event_text, utc_text
from edge_agent.uplink.orders import read_command


def test_an_acknowledgement_is_read() -> None:
    ack = read_ack(b'{"epoch":"e","upto":7,"rej":[{"seq":3,"code":"schema"}],"later":"ignored"}')
    assert (ack.epoch, ack.upto, ack.rej[0].seq) == ("e", 7, 3)


HOSTILE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'{"epoch":"e"}',
    b'{"epoch":"e","upto":"7"}',
    b'{"epoch":"e","upto":-1}',
    b'{"epoch":"e","upto":1.5}',
    b'{"epoch":"e","upto":true}',
    b'{"epoch":"' + b"x" * 65 + b'","upto":1}',
    b'{"epoch":"e","upto":1,"rej":[{"seq":1,"code":"A B\\n"}]}',
    b"\xff\xfe",
    b'{"epoch":"e","upto":1}' + b" " * 70_000,
    b"[" * 5000,
]


@pytest.mark.parametrize("payload", HOSTILE)
def test_a_broken_acknowledgement_is_refused_with_a_reason(payload: bytes) -> None:
    with pytest.raises(CommandError) as refused:
        read_ack(payload)
    assert refused.value.code in {"message.invalid", "message.too_large"}


@pytest.mark.parametrize(
    "payload",
    [
        *HOSTILE,
        b'{"id":"../x","type":"scale.zero"}',
        b'{"id":"1","type":"Scale.Zero"}',
        b'{"id":"1","type":"scale.zero","args":[]}',
        b'{"id":"1","type":"scale.zero","notafter":"soon"}',
        json.dumps({"id": "1", "type": "a.b", "args": {"x": [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}}).encode(),
    ],
)
def test_a_broken_command_is_refused_with_a_reason(payload: bytes) -> None:
    with pytest.raises(CommandError):
        read_command(payload)


@given(st.binary(max_size=300))
def test_rubbish_only_raises_the_one_error(payload: bytes) -> None:
    for read in (read_ack, read_command):
        try:
            read(payload)
        except CommandError:
            continue


@given(st.text(), st.text(), st.integers(-(2**62), 2**62))
def test_an_event_of_any_text_is_valid_json(subject: str, text: str, utc_ms: int) -> None:
    subject = subject.encode("utf-8", "replace").decode()
    data = json.dumps({"text": text})
    at = Stamp(5, utc_ms, ClockQuality.NONE)
    event = StoredEvent("e", 1, "id", "b", "scan.read", subject, at, data)
    ((_, payload),) = list(batches([event], "B1"))
    (read,) = json.loads(payload)
    assert (read["subject"], read["data"]["text"], read["clock"]) == (subject, text, "none")
    assert event_text(event, "B1").count("\n") == 0


def test_time_is_rfc_3339_with_milliseconds() -> None:
    assert utc_text(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"
    assert utc_text(-5) == "1970-01-01T00:00:00.000Z"
    assert utc_text(10**18).startswith("9999-12-31")
