"""Traps that public barcode parsers fall into, each closed: what a text may and may not be taken for."""

from __future__ import annotations

import socket

import pytest

from edge_agent.barcodes.courier import CourierPattern
from edge_agent.barcodes.parse import parse


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("4006381333932", "text"),  # an EAN-13 with a wrong check digit, whose digits also parse as AI 400
        ("4006381333931", "ean13"),
        ("1722123110123", "text"),  # a GS1 message only where a symbol or a question says so
        ("]C1ABC", "text"),  # without the setting a "]" is data
        ("https://example.com/01/x", "text"),
        ("https://example.com/track?01=09506000134352", "text"),
        ("ftp://example.com/01/09506000134352", "text"),
        ("RB123456785GB\n", "text"),  # `$` accepts it
        ("RB12345678\u0665GB", "text"),  # `\\d` accepts it
        ("ＲＢ123456785GB", "text"),
        ("rb123456785gb", "s10"),
        ("12345678", "courier_ref"),
    ],
)
def test_without_a_question_it_is_no_more_than_this(text: str, kind: str) -> None:
    meaning = parse(text)
    assert meaning.valid
    assert meaning.type == kind


@pytest.mark.parametrize("identifier", ["]Q1", "]d1"])
def test_a_digital_link_is_read_under_the_identifiers_of_plain_codes(identifier: str) -> None:
    meaning = parse(f"{identifier}https://id.gs1.org/01/9506000134352", "aim")
    assert meaning.type == "gs1_digital_link"
    assert meaning.fields["gtin"] == "09506000134352"


@pytest.mark.parametrize("service", ["JA", "KB", "AA", "QN", "WX", "XY"])
def test_an_unknown_service_warns_and_refuses_nothing(service: str) -> None:
    meaning = parse(f"{service}123456785BD", "s10")
    assert meaning.valid
    assert meaning.warnings == ("service_unassigned",)
    assert meaning.fields["product"] == "unassigned"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("RB123456786US", "check_digit"),
        ("CP132456785BD", "check_digit"),
        ("EE000000006BD", "check_digit"),
        ("CPI23456785BD", "format"),
        ("RB123456785XX", "country"),
        ("RB123456785UK", "country"),
        ("RB12345678GB", "length"),
    ],
)
def test_format_check_digit_and_country_are_hard(text: str, error: str) -> None:
    assert parse(text, "s10").error == error


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ("]C13103001234", {"net_weight_kg": "1.234"}),
        ("]C13100001234", {"net_weight_kg": "1234"}),
        ("]C13305000001", {"gross_weight_kg": "0.00001"}),
        ("]C10015703538141037517717270200", {"sscc": "157035381410375177"}),  # day 00: the end of the month
        ("]C110ABC\x1d21XYZ\x1d", {"lot": "ABC", "serial": "XYZ"}),  # a separator at the end
        ("]C11727020010LOT", {"lot": "LOT"}),  # predefined length needs none
    ],
)
def test_gs1_lengths_dates_and_declared_weights(data: str, fields: dict[str, str]) -> None:
    meaning = parse(data, "gs1")
    assert meaning.valid, meaning
    assert {name: meaning.fields[name] for name in fields} == fields


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ("]C117270230", "date"),
        ("]C117271301", "date"),
        ("]C13106001234", "unknown_ai"),
        ("]C1310300123", "length"),
        ("]C110ABC\x1d10XYZ", "repeated"),
        ("]C10134012345000000001", "length"),
        ("]C1725019000229", "date"),
        ("]C1725020231301", "date"),
        ("]C17251202312312460", "date"),
        ("]C172523", "format"),
        ("]C172582-2", "format"),
        ("]C172583/2", "format"),
        ("]C172580/2", "format"),
    ],
)
def test_gs1_that_is_wrong_is_refused(data: str, error: str) -> None:
    assert parse(data, "gs1").error == error


@pytest.mark.parametrize("data", ["725020000229", "7251202312312359", "72529", "72581/2", "72589/9"])
def test_what_a_wristband_tells_of_a_birth_is_taken(data: str) -> None:
    assert parse(data, "gs1").valid


def test_a_host_has_a_port_that_exists() -> None:
    assert parse("https://a.example:65535/01/09506000134352", "gs1_digital_link").valid
    assert parse("https://a.example:65536/01/09506000134352", "gs1_digital_link").error == "host"


def test_a_pattern_of_word_characters_and_digits_is_ascii_and_whole() -> None:
    pattern = CourierPattern("x", r"\w\d{3}")
    assert pattern.read("A123") is not None
    for text in ("A১২৩", "অ123", "A123\n", "xA123", "A1234"):
        assert pattern.read(text) is None


def test_nothing_is_ever_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object) -> None:
        raise AssertionError("a barcode opened a connection")

    monkeypatch.setattr(socket, "socket", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    for text in (
        "https://id.gs1.org/01/09506000134352",
        "http://evil.example/",
        "HTTPS://A/01/09506000134352",
    ):
        for kind in (None, "gs1", "gs1_digital_link", "text"):
            parse(text, kind)
