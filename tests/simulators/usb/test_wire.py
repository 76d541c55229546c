"""USB/IP messages: cut anywhere, wrong, and answered."""

from __future__ import annotations

import itertools
import struct

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.sdk.errors import ProtocolError
from simulators.usb.wire import Submit, Unlink, UrbParser, submit_result, unlink_result

SETUP = bytes.fromhex("8006000100004000")


def submit(
    number: int = 7, *, to_host: bool = True, endpoint: int = 0, data: bytes = b"", room: int = 64
) -> bytes:
    head = struct.pack(">IIIII", 1, number, 0x10002, to_host, endpoint)
    body = struct.pack(">Iiiii8s", 0, room if to_host else len(data), 0, 0, 0, SETUP)
    return head + body + data


def unlink(number: int = 8, victim: int = 7) -> bytes:
    return struct.pack(">IIIII", 2, number, 0x10002, 0, 0) + struct.pack(">I", victim) + bytes(24)


WHOLE = submit() + submit(9, to_host=False, endpoint=2, data=b"hello") + unlink()
URBS = [
    Submit(7, True, 0, 64, SETUP),
    Submit(9, False, 2, 5, SETUP, b"hello"),
    Unlink(8, 7),
]


@given(st.lists(st.integers(0, len(WHOLE)), max_size=8))
def test_urbs_come_whole_however_the_bytes_are_cut(cuts: list[int]) -> None:
    parser, found = UrbParser(), []
    edges = [0, *sorted(cuts), len(WHOLE)]
    for start, end in itertools.pairwise(edges):
        found += parser.feed(WHOLE[start:end])
    assert found == URBS


def test_an_unknown_command_ends_the_conversation() -> None:
    (error,) = UrbParser().feed(struct.pack(">I", 99) + bytes(44))
    assert isinstance(error, ProtocolError)
    assert error.code == "usbip.command"


def test_a_monstrous_transfer_is_refused() -> None:
    (error,) = UrbParser().feed(submit(room=1 << 30))
    assert isinstance(error, ProtocolError)
    assert error.code == "usbip.length"


def test_results_are_48_bytes_and_the_data() -> None:
    assert len(submit_result(7, 0, b"abc")) == 48 + 3
    assert submit_result(7, -32)[20:24] == struct.pack(">i", -32)
    assert submit_result(7, 0, taken=5)[24:28] == struct.pack(">i", 5)
    assert len(unlink_result(8, -104)) == 48
