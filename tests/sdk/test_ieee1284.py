"""IEEE 1284 device ids as printers really send them, and worse."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.sdk.ieee1284 import DeviceId, device_id_text, parse_device_id

# github michaelrsweet/lprint, tables and pull requests 206 and 213: ids of printers in the field.
FIELD = {
    "MANUFACTURER:Zebra Technologies ;COMMAND SET:ZPL;MODEL:ZTC ZD611-203dpi ZPL;": DeviceId(
        "Zebra Technologies", "ZTC ZD611-203dpi ZPL", ("ZPL",)
    ),
    "MFG:4BARCODE;CMD:CEZD;MDL:4B-2054A;": DeviceId("4BARCODE", "4B-2054A", ("CEZD",)),
    "MFG:HP ;CMD:Bixolon_01;MODEL:KE103;": DeviceId("HP", "KE103", ("Bixolon_01",)),
    "MFG:MARKLIFE ;CMD:XPP,XL;MDL:X4;CLS:PRINTER;": DeviceId("MARKLIFE", "X4", ("XPP", "XL")),
    "MFG: ;CMD:XPP,XL;MDL:PM-241-BT;": DeviceId("", "PM-241-BT", ("XPP", "XL")),
    "MFG:VEVOR ;CMD: ;MODEL:Y428BT;DES:LabelPrinter;": DeviceId("VEVOR", "Y428BT", (), "", "LabelPrinter"),
}


@pytest.mark.parametrize("text", FIELD)
def test_an_id_of_the_field_is_read(text: str) -> None:
    assert parse_device_id(text) == FIELD[text]


@pytest.mark.parametrize("order", [">H", "<H"])
@pytest.mark.parametrize("counts_itself", [True, False])
def test_the_length_stands_in_front_whichever_way_round(order: str, counts_itself: bool) -> None:
    for text, expected in FIELD.items():
        length = len(text) + (2 if counts_itself else 0)
        answer = struct.pack(order, length) + text.encode()
        assert parse_device_id(device_id_text(answer)) == expected
        assert parse_device_id(device_id_text(answer.ljust(1024, b"\0"))) == expected


def test_an_id_without_its_length_is_read() -> None:
    for text, expected in FIELD.items():
        assert parse_device_id(device_id_text(text.encode())) == expected


def test_keys_are_read_in_any_case_order_and_spelling() -> None:
    text = " mdl : TM-T82 ; Cls:PRINTER;SN:X1;Command Set:ESC/POS , ESC/POS;MFR:EPSON"
    assert parse_device_id(text) == DeviceId("EPSON", "TM-T82", ("ESC/POS",), "X1")


def test_the_first_of_two_counts() -> None:
    assert parse_device_id("MFG:A;MFG:B;").maker == "A"


def test_a_name_is_put_together_from_what_is_told() -> None:
    assert parse_device_id("MFG:EPSON;MDL:TM-T82;").name == "EPSON TM-T82"
    assert parse_device_id("MFG: ;DES:LabelPrinter;").name == "LabelPrinter"
    assert parse_device_id("").name == ""


def test_what_could_steer_a_terminal_is_taken_out() -> None:
    shown = parse_device_id(device_id_text(b"\0\x20MFG:\x1b[2JX;MDL:\x07\x9b;"))
    assert (shown.maker, shown.model) == ("?[2JX", "?\N{REPLACEMENT CHARACTER}")


@given(st.binary(max_size=3000))
def test_rubbish_is_read_as_something_short(answer: bytes) -> None:
    shown = parse_device_id(device_id_text(answer))
    assert len(shown.maker) <= 128
    assert len(shown.commands) <= 16
    assert (shown.maker + shown.model + "".join(shown.commands)).isprintable()


@given(st.text(max_size=3000))
def test_any_text_is_read_as_something_short(text: str) -> None:
    shown = parse_device_id(text)
    assert len(shown.name) <= 257
