"""Lists of the data: a group for each entry, in the order given, and a refusal where there are too many."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.labels.layout import render
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import Template, parse_template, sample_data
from edge_agent.sdk.errors import CommandError, ConfigError
from tests.labels.paper import pixels

SHEET = """
[label]
schema = 1
kind = "slip"
title = "Test"
size_mm = [60, 40]

[data]
"device.name" = { type = "text", sample = ["Scanner", "Scale"] }
"device.fault" = { type = "text", optional = true, sample = "paper out" }

[[element]]
id = "devices"
type = "group"
each = "device"
most = 3
at = [2, 2]
step = [0, 10]

[[element.element]]
id = "name"
type = "text"
at = [0, 0]
size = [25, 5]
value = "{device.name}"
font_mm = 3

[[element.element]]
id = "fault"
type = "text"
when = "device.fault"
at = [28, 0]
size = [25, 5]
value = "{device.fault}"
font_mm = 3
"""


@pytest.fixture(scope="module")
def template() -> Template:
    return parse_template(SHEET, "test")


def inked_rows(template: Template, fonts: Fonts, devices: object) -> list[tuple[bool, bool]]:
    """For each of the three places: whether its name and its fault are inked."""
    page = pixels(render(template, {"device": devices}, fonts=fonts)) == 0
    bands = [page[16 + 80 * number : 56 + 80 * number] for number in range(3)]
    return [(bool(band[:, :224].any()), bool(band[:, 224:].any())) for band in bands]


def test_each_entry_has_its_place(template: Template, fonts: Fonts) -> None:
    two = [{"name": "Scanner"}, {"name": "Scale", "fault": "silent"}]
    assert inked_rows(template, fonts, two) == [(True, False), (True, True), (False, False)]
    assert inked_rows(template, fonts, []) == [(False, False)] * 3


def test_the_order_is_that_of_the_data(template: Template, fonts: Fonts) -> None:
    first, second = ({"name": name} for name in ("Scanner", "Printer"))
    one = pixels(render(template, {"device": [first, second]}, fonts=fonts))
    other = pixels(render(template, {"device": [second, first]}, fonts=fonts))
    assert np.array_equal(one[16:56], other[96:136])
    assert np.array_equal(one[96:136], other[16:56])


def test_the_samples_make_a_full_list(template: Template) -> None:
    fault = "paper out"
    assert sample_data(template) == {
        "device": [{"name": name, "fault": fault} for name in ("Scanner", "Scale", "Scanner")]
    }


@pytest.mark.parametrize(
    ("devices", "code", "element"),
    [
        ([{"name": "x"}] * 4, "label.overflow", "'devices'"),
        ([{"name": "x"}, {"fault": "y"}], "label.missing_field", "'name-2'"),
        ([{"name": 5}], "label.field_type", "'name-1'"),
        ("Scanner", "label.field_type", "'devices'"),
        (["Scanner"], "label.field_type", "'devices'"),
        ({"1": {"name": "x"}}, "label.field_type", "'devices'"),
    ],
)
def test_a_wrong_list_is_refused_by_element(
    template: Template, fonts: Fonts, devices: object, code: str, element: str
) -> None:
    with pytest.raises(CommandError) as refusal:
        render(template, {"device": devices}, fonts=fonts)
    assert refusal.value.code == code
    assert element in refusal.value.message


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("most = 3", "most = 13", ["'devices'", "'most'", "12"]),
        ("most = 3", "most = 5", ["'name-5'", "'at'"]),
        ("step = [0, 10]", "step = [0, 1]", ["'name-2'", "overlaps element 'name-1'"]),
        ('each = "device"', 'each = "devices"', ["'devices'", "'each'", "no field"]),
        ('each = "device"\nmost = 3\n', "most = 3\n", ["'devices'", "'each'"]),
        ('"{device.name}"', '"{device.1.name}"', ["'name'", "'value'"]),
        ('when = "device.fault"', 'when = "device.falt"', ["'fault-1'", "unknown field"]),
    ],
)
def test_a_wrong_list_group_is_refused_by_name(right: str, wrong: str, said: list[str]) -> None:
    assert right in SHEET
    with pytest.raises(ConfigError) as refusal:
        parse_template(SHEET.replace(right, wrong, 1), "test")
    assert [words for words in said if words not in refusal.value.message] == [], refusal.value.message
