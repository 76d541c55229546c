"""Every code of every shipped label reads from the simulated printer's paper, however it is held."""

from __future__ import annotations

import pytest

from edge_agent.labels import elements as keys
from edge_agent.labels.fields import Record
from edge_agent.labels.layout import render
from edge_agent.labels.page import Canvas
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import find_template, shipped_names
from tests.labels.paper import expected, is_shown, pixels, read, template_of
from tests.labels.printers import FAST, LANGUAGES, printed
from tools.label_samples import SAMPLES


def shown(name: str, variant: str) -> set[str]:
    """The elements that this sample makes appear."""
    template = find_template(name)
    record = Record(template.fields, SAMPLES[name][variant])
    return {placed.element.id for placed in template.placed if is_shown(record, placed)}


def codes_of(name: str) -> set[str]:
    """The elements of a template that are codes."""
    return {one.element.id for one in find_template(name).placed if isinstance(one.element, keys.Coded)}


def needed(name: str) -> list[str]:
    """The first sample, and each further one that shows a code which none before it does."""
    chosen: list[str] = []
    seen: set[str] = set()
    for variant in SAMPLES[name]:
        codes = shown(name, variant) & codes_of(name)
        if codes - seen or not chosen:
            chosen.append(variant)
            seen |= codes
    return chosen


VARIANTS = [(name, variant) for name, variants in SAMPLES.items() for variant in variants]
NEEDED = [(name, variant) for name in SAMPLES for variant in needed(name)]
NUDGED = 32  # dots of one label that encoders blacken lest a byte is obeyed; CPCL does so to every 1B


def check(name: str, variant: str, fonts: Fonts, language: str, dpi: int, turns: range) -> None:
    template, data = find_template(name), SAMPLES[name][variant]
    wanted = expected(template, data)
    assert wanted
    page = render(template, data, fonts=fonts, dpi=dpi)
    paper = printed(page, language, dpi)
    changed = pixels(paper)[: page.height, : page.width] != pixels(page)
    assert changed.sum() <= NUDGED, "more than the dots that keep commands out of the raster"
    for quarter_turns in turns:
        assert read(paper, quarter_turns) == wanted, f"turned by {quarter_turns * 90} degrees"


def test_every_shipped_label_has_data_to_try_it_with() -> None:
    assert sorted(SAMPLES) == sorted(shipped_names())


@pytest.mark.parametrize("name", SAMPLES)
def test_no_element_of_a_shipped_label_goes_untried(name: str) -> None:
    tried = set().union(*(shown(name, variant) for variant in SAMPLES[name]))
    assert {placed.element.id for placed in find_template(name).placed} - tried == set()


@pytest.mark.parametrize("name", SAMPLES)
def test_no_code_of_a_shipped_label_goes_unread(name: str) -> None:
    read_here = set().union(*(shown(name, variant) for variant in needed(name)))
    assert codes_of(name) - read_here == set()


@pytest.mark.parametrize(("name", "variant"), NEEDED)
@pytest.mark.parametrize("language", FAST)
def test_every_code_reads_from_the_paper(name: str, variant: str, fonts: Fonts, language: str) -> None:
    check(name, variant, fonts, language, 203, range(1))


@pytest.mark.parametrize(("name", "variant"), NEEDED)
@pytest.mark.parametrize("dpi", [203, 300])
def test_every_code_reads_however_the_paper_is_held(name: str, variant: str, dpi: int, fonts: Fonts) -> None:
    check(name, variant, fonts, "tspl", dpi, range(4))


@pytest.mark.torture
@pytest.mark.parametrize(("name", "variant"), VARIANTS)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("dpi", [203, 300])
def test_every_code_of_every_variant_reads_in_every_language_and_rotation(
    name: str, variant: str, fonts: Fonts, language: str, dpi: int
) -> None:
    check(name, variant, fonts, language, dpi, range(4))


CODES = {
    "code128": 'type = "code128"\nvalue = "{item.number}"\nmodule_dots = 2\n',
    "gs1_128": 'type = "gs1_128"\nvalue = "(00)340123450000000017"\nmodule_dots = 2\n',
    "qr": 'type = "qr"\nvalue = "{item.number}"\nmodule_dots = 4\n',
    "datamatrix": 'type = "datamatrix"\nvalue = "{item.number}"\nmodule_dots = 4\n',
}


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("kind", CODES)
def test_a_code_that_the_template_turns_reads(kind: str, rotate: int, dpi: int, fonts: Fonts) -> None:
    element = f'[[element]]\nid = "code"\nat = [3, 3]\nsize = [50, 50]\nrotate = {rotate}\n{CODES[kind]}'
    template = template_of(element)
    data = {"item": {"number": "RR123456785BD"}}
    paper = printed(render(template, data, fonts=fonts, dpi=dpi), "zpl-z64", dpi)
    assert read(paper, 0) == expected(template, data)


def test_a_code_with_a_broken_module_is_found_out() -> None:
    """The reader is no yes-man: a bar that lost a dot's column or a code without quiet zone does not pass."""
    template, data = find_template("item-50x30"), SAMPLES["item-50x30"]["bare"]
    page = render(template, data, fonts=Fonts())
    spoilt = Canvas(page.width, page.height)
    spoilt.fill(0, 80, page.width, 90)
    assert read(spoilt.page(), 0) != expected(template, data)
