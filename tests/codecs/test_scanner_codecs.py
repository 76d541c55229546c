"""Scanners of reports and packets: what the device half sends is read exactly, and nothing is ever glued."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanners import hid_pos, ssi, symbol_hid64, wedge_hid
from drivers.scanners.hid_pos import HidPosDevice
from drivers.scanners.ssi import SsiDecoder, SsiDevice, SsiPacket, encode_ack, encode_nak
from drivers.scanners.symbol_hid64 import SymbolHid64Device
from drivers.scanners.wedge_hid import WedgeHidDecoder, WedgeHidDevice
from edge_agent.sdk.driver import DriverSpec, Options
from edge_agent.sdk.errors import CommandError, ProtocolError
from edge_agent.sdk.framing import SCAN_LINE_LIMIT
from edge_agent.sdk.testing import byte_by_byte, random_split, run_codec
from edge_agent.sdk.values import ScanText

SPECS = {spec.name: spec for spec in (wedge_hid.SPEC, hid_pos.SPEC, ssi.SPEC, symbol_hid64.SPEC)}
DEVICES = {
    "wedge_hid": WedgeHidDevice,
    "hid_pos": HidPosDevice,
    "ssi": SsiDevice,
    "symbol_hid64": SymbolHid64Device,
}
SHORT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=15).filter(
    lambda text: text[-1] not in "\r\n"
)
LONG = st.text(st.characters(codec="utf-8"), min_size=1, max_size=600)
HELD_MOST = SCAN_LINE_LIMIT + 257  # a barcode and one packet
LINE_BYTES = st.binary(max_size=600)


def options(spec: DriverSpec, **given_: object) -> Options:
    return Options(spec.options, given_)


def texts(values: list[Any]) -> list[str]:
    return [value.text for value in values if isinstance(value, ScanText)]


def codes(values: list[Any]) -> list[str]:
    return [value.code for value in values if isinstance(value, ProtocolError)]


@pytest.mark.parametrize("name", SPECS)
@given(sent=st.lists(SHORT, max_size=4), aim=st.booleans(), seed=st.integers(0, 1 << 32))
def test_texts_arrive_exactly_however_they_are_split(
    name: str, sent: list[str], aim: bool, seed: int
) -> None:
    settings = options(SPECS[name], aim=aim, prefix="<", suffix=">")
    stream = b"".join(DEVICES[name](settings).encode(text, "]C1") for text in sent)
    for chunks in ([stream], byte_by_byte(stream), random_split(stream, seed)):
        values = run_codec(SPECS[name].decoder(settings), chunks)
        assert texts(values) == sent
        assert codes(values) == []
        assert all(value.aim == ("]C1" if aim else None) for value in values if isinstance(value, ScanText))


@pytest.mark.parametrize("name", ["hid_pos", "ssi", "wedge_hid"])
@given(text=LONG)
def test_a_long_text_is_put_together(name: str, text: str) -> None:
    settings = options(SPECS[name])
    values = run_codec(SPECS[name].decoder(settings), [DEVICES[name](settings).encode(text)])
    assert texts(values) == [text]


@given(text=SHORT)
def test_alt_numpad_mode_spells_every_byte(text: str) -> None:
    settings = options(wedge_hid.SPEC)
    stream = WedgeHidDevice(settings).encode(text, alt=True)
    assert texts(run_codec(WedgeHidDecoder(settings), [stream])) == [text]


@pytest.mark.parametrize("name", SPECS)
@given(chunks=st.lists(LINE_BYTES, max_size=8))
def test_any_bytes_are_survived_and_little_is_held(name: str, chunks: list[bytes]) -> None:
    codec: Any = SPECS[name].decoder(options(SPECS[name]))
    for chunk in chunks:
        for value in codec.feed(chunk):
            assert isinstance(value, ScanText | SsiPacket | ProtocolError)
        assert getattr(codec, "held", 0) <= HELD_MOST
    codec.flush()
    assert list(codec.flush()) == []


@pytest.mark.parametrize("name", ["hid_pos", "ssi", "wedge_hid"])
def test_a_text_beyond_the_bound_is_refused_whole_and_the_next_is_read(name: str) -> None:
    settings = options(SPECS[name])
    device = DEVICES[name](settings)
    values = run_codec(
        SPECS[name].decoder(settings), [device.encode("x" * (SCAN_LINE_LIMIT + 1)) + device.encode("next")]
    )
    assert codes(values) == ["frame.too_long"]
    assert texts(values) == ["next"]


@pytest.mark.parametrize("name", ["hid_pos", "ssi", "wedge_hid"])
def test_a_text_of_the_greatest_length_is_read(name: str) -> None:
    settings = options(SPECS[name])
    text = "x" * SCAN_LINE_LIMIT
    assert texts(run_codec(SPECS[name].decoder(settings), [DEVICES[name](settings).encode(text)])) == [text]


@pytest.mark.parametrize("name", ["hid_pos", "ssi"])
def test_a_barcode_cut_in_two_by_silence_is_never_joined_to_the_next(name: str) -> None:
    settings = options(SPECS[name])
    device = DEVICES[name](settings)
    size = {"hid_pos": 64, "ssi": 257}[name]
    codec: Any = SPECS[name].decoder(settings)
    codec.feed(device.encode("x" * 300)[:size])
    assert codes(codec.flush()) == ["frame.torn"]
    assert texts(codec.feed(device.encode("next"))) == ["next"]


def test_what_a_scanner_types_before_a_silence_is_not_joined_to_what_follows() -> None:
    settings = options(wedge_hid.SPEC, terminator="enter")
    device, codec = WedgeHidDevice(settings), WedgeHidDecoder(settings)
    codec.feed(device.encode("RB1234")[:-16])
    assert codes(codec.flush()) == ["frame.torn"]
    assert texts(codec.feed(device.encode("RR99"))) == ["RR99"]


def test_a_continued_packet_that_was_broken_takes_its_rest_with_it() -> None:
    settings = options(ssi.SPEC)
    stream = bytearray(SsiDevice(settings).encode("x" * 300))
    stream[20] ^= 1
    values = run_codec(SsiDecoder(settings), [bytes(stream)])
    assert texts(values) == []
    assert codes(values) == ["frame.checksum"]


def test_a_continued_packet_that_is_sent_again_completes_the_barcode() -> None:
    settings = options(ssi.SPEC)
    stream = SsiDevice(settings).encode("x" * 300)
    again = SsiDevice(settings).encode("x" * 300, again=True)
    broken = bytearray(stream[:257])
    broken[20] ^= 1
    values = run_codec(SsiDecoder(settings), [bytes(broken), again[:257], stream[257:]])
    assert texts(values) == ["x" * 300]


def test_a_copy_after_a_silence_is_no_second_scan() -> None:
    settings = options(ssi.SPEC)
    device, codec = SsiDevice(settings), SsiDecoder(settings)
    assert texts(codec.feed(device.encode("RR1"))) == ["RR1"]
    assert list(codec.flush()) == []
    assert texts(codec.feed(device.encode("RR1", again=True))) == []
    assert texts(codec.feed(device.encode("RR1"))) == ["RR1"]


def test_answers_of_the_host_are_packets_of_the_manual() -> None:
    assert encode_ack() == bytes.fromhex("04D00400FF28")
    assert sum(encode_nak()[:-2]) + int.from_bytes(encode_nak()[-2:], "big") == 0x10000


def test_a_text_that_fits_no_packet_is_refused_by_the_device_half() -> None:
    with pytest.raises(CommandError):
        SymbolHid64Device(options(symbol_hid64.SPEC)).encode("x" * 64)
