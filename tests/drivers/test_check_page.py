"""What a printer's driver says of a page without a printer is what it says with one."""

from __future__ import annotations

import pytest

from edge_agent.registry import Registry
from edge_agent.sdk.driver import DriverSpec, Kind, Options
from edge_agent.sdk.errors import EdgeError
from edge_agent.sdk.values import Page

PRINTERS = Registry.installed().of_kind(Kind.PRINTER)
LEFT_DOT = Page(384, 2, b"\x80" + bytes(95))  # in its first row


def refusal(spec: DriverSpec, page: Page, given: dict[str, object]) -> str:
    assert spec.check_page is not None
    try:
        spec.check_page(page, Options(spec.options, given))
    except EdgeError as error:
        return error.code
    return ""


@pytest.mark.parametrize("spec", PRINTERS, ids=lambda spec: spec.name)
@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, ""),
        ({"width_dots": 384}, ""),
        ({"width_dots": 383}, "printer.page_too_wide"),
        ({"x_offset_dots": 200}, ""),
        ({"x_offset_dots": -1}, "printer.offset"),
        ({"y_offset_dots": 1}, ""),
        ({"y_offset_dots": -1}, "printer.offset"),
    ],
)
def test_it_is_refused_where_it_would_not_lie_on_the_paper(
    spec: DriverSpec, given: dict[str, object], code: str
) -> None:
    assert refusal(spec, LEFT_DOT, given) == code


@pytest.mark.parametrize("spec", PRINTERS, ids=lambda spec: spec.name)
def test_it_is_refused_where_it_is_absurdly_long(spec: DriverSpec) -> None:
    assert refusal(spec, Page(8, 8_001, bytes(8_001)), {}) == "printer.page_too_long"
