"""The shipped labels: every code reads at both resolutions, whatever an honest booth puts on them."""

from __future__ import annotations

import copy
import unicodedata

import numpy as np
import pytest

from edge_agent.labels import elements as keys
from edge_agent.labels.characters import is_ascii_letter, is_bangla
from edge_agent.labels.layout import render
from edge_agent.labels.page import black_ratio
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import Template, find_template, sample_data, shipped_names
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import Page
from tests.labels.hostile import HOSTILE
from tests.labels.paper import expected, ink_bounds, pixels, read
from tools.label_samples import BANGLA_RECIPIENT, PARCEL, SAMPLES

BARE = PARCEL["by-hand"]
PARCELS = ("parcel-80", "parcel-100x100", "parcel-100x150")
VARIANTS = [(name, variant) for name, variants in SAMPLES.items() for variant in variants]


@pytest.fixture(params=PARCELS, scope="module")
def template(request: pytest.FixtureRequest) -> Template:
    return find_template(request.param)


@pytest.fixture(params=shipped_names(), scope="module")
def shipped(request: pytest.FixtureRequest) -> Template:
    return find_template(request.param)


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_what_an_honest_booth_sends_prints(name: str, variant: str, fonts: Fonts) -> None:
    """At both resolutions, marked with the longest reprint; not empty, not black, with a white margin."""
    template = find_template(name)
    for dpi in (203, 300):
        page = render(template, SAMPLES[name][variant], fonts=fonts, dpi=dpi, reprint=999)
        assert 0.02 < black_ratio(page) < 0.35
        left, top, right, bottom = ink_bounds(page) or (0, 0, 0, 0)
        edge = int(float(template.label.margin_mm) * dpi / 25.4)
        assert min(left, top, page.width - right, page.height - bottom) >= edge


@pytest.mark.parametrize("dpi", [203, 300])
def test_every_code_reads(shipped: Template, fonts: Fonts, dpi: int) -> None:
    """With the template's own samples; `tests/labels/test_raster.py` reads them from printers' paper."""
    data = sample_data(shipped)
    assert read(render(shipped, data, fonts=fonts, dpi=dpi, reprint=999)) == expected(shipped, data)


def test_every_field_is_shown_and_described(shipped: Template) -> None:
    """A field that no element shows or asks for would be documented for nothing."""
    used = {path for placed in shipped.placed for path in placed.when | placed.unless}
    for placed in shipped.placed:
        value = getattr(placed.element, "value", None)
        used |= {part.path for part in value.fields()} if value is not None else set()
    assert set(shipped.fields) - used == set()


def test_every_label_can_be_marked_as_a_reprint(shipped: Template) -> None:
    assert any(isinstance(placed.element, keys.Reprint) for placed in shipped.placed)


@pytest.mark.parametrize("script", ["bn", "en"])
def test_every_label_speaks_both_languages(shipped: Template, script: str) -> None:
    texts = [placed.element.value for placed in shipped.placed if isinstance(placed.element, keys.Text)]
    words = " ".join(part for text in texts for part in text.parts if isinstance(part, str))
    assert any(is_bangla(char) if script == "bn" else is_ascii_letter(char) for char in words)


def test_a_cod_receipt_says_its_amount_in_digits_and_words_of_both_languages() -> None:
    values = [getattr(placed.element, "value", None) for placed in find_template("cod-receipt-80").placed]
    said = {part.formats for value in values if value for part in value.fields() if part.path == "cod.poisha"}
    assert said == {("bn-money",), ("money",), ("bn-taka-words",), ("taka-words",)}


def test_an_item_number_has_bars_of_three_dots_at_least(template: Template, fonts: Fonts) -> None:
    page = render(template, BARE, fonts=fonts)
    linear = next(placed for placed in template.placed if isinstance(placed.element, keys.Linear))
    bounds = linear.bounds()
    row = pixels(page)[
        int((bounds.top + bounds.bottom) / 2 * 8), int(bounds.left * 8) : int(bounds.right * 8)
    ]
    edges = np.flatnonzero(np.diff(row.astype(int)))
    assert np.diff(edges).min() >= 3


def test_a_reprint_differs_from_the_original_only_by_its_mark(shipped: Template, fonts: Fonts) -> None:
    data = next(iter(SAMPLES[shipped.name].values()))
    original, reprint = (render(shipped, data, fonts=fonts, reprint=number) for number in (0, 1))
    mark = next(placed.bounds() for placed in shipped.placed if isinstance(placed.element, keys.Reprint))
    changed = pixels(original) != pixels(reprint)
    rows = slice(int(mark.top * 8), int(mark.bottom * 8) + 1)
    columns = slice(int(mark.left * 8), int(mark.right * 8))
    assert changed[rows, columns].sum() > 1000
    assert changed.sum() == changed[rows, columns].sum()


@pytest.mark.parametrize("path", ["item.number", "item.qr", "weight.unit", "booth.id", "time.local"])
def test_a_label_without_what_it_needs_is_refused(template: Template, fonts: Fonts, path: str) -> None:
    data = copy.deepcopy(BARE)
    section, name = path.split(".")
    del data[section][name]
    with pytest.raises(CommandError) as refusal:
        render(template, data, fonts=fonts)
    assert refusal.value.code == "label.missing_field"
    assert path in refusal.value.message


def test_both_ways_of_typing_bangla_print_alike(template: Template, fonts: Fonts) -> None:
    def typed(form: str) -> Page:
        name = unicodedata.normalize(form, "ঢাকা গাড়ি, বড় বোন, কৌশিক, Ångström")
        return render(template, {**BARE, "recipient": {**BANGLA_RECIPIENT, "name": name}}, fonts=fonts)

    assert typed("NFC") == typed("NFD")


@pytest.mark.parametrize("kind", ["esc-pos", "real-time", "nul", "c1", "surrogate"])
def test_control_characters_never_print(template: Template, fonts: Fonts, kind: str) -> None:
    data = {**BARE, "recipient": {"name": HOSTILE[kind]}}
    with pytest.raises(CommandError) as refusal:
        render(template, data, fonts=fonts)
    assert refusal.value.code == "label.unprintable"


def test_direction_marks_change_nothing_on_paper(template: Template, fonts: Fonts) -> None:
    marked = {**BARE, "recipient": {"name": "\u202e\u2066রহিম\u2069\u202c"}}
    plain = {**BARE, "recipient": {"name": "রহিম"}}
    assert render(template, marked, fonts=fonts) == render(template, plain, fonts=fonts)


def test_a_parcel_without_a_weight_says_so_on_its_label(template: Template, fonts: Fonts) -> None:
    unweighed = {**BARE, "weight": {"unit": "kg"}}
    place = next(placed.bounds() for placed in template.placed if placed.element.id == "weight-none")
    rows = slice(int(place.top * 8), int(place.bottom * 8) + 1)
    columns = slice(int(place.left * 8), int(place.right * 8))
    with_weight, without = (pixels(render(template, data, fonts=fonts)) for data in (BARE, unweighed))
    assert (with_weight != without)[rows, columns].any()
    assert (with_weight != without).sum() == (with_weight != without)[rows, columns].sum()
    assert without[rows, columns].sum() > 500
