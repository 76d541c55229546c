"""Hostile names on paper: a strict printer that is sent the label sees nothing but what a label needs."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import numpy as np
import pytest

from edge_agent.labels.fields import FieldType, Record
from edge_agent.labels.layout import render
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import Template, find_template
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import Page
from tests.labels.hostile import HOSTILE
from tests.labels.paper import expected, pixels, read
from tests.labels.printers import FAST, LANGUAGES, printed
from tools.label_samples import PARCEL, SAMPLES, Data

TEMPLATE = find_template("parcel-100x150")
LABELS = [(name, variant) for name in SAMPLES for variant in SAMPLES[name]]
WORDS = ("zpl-words", "tspl-words", "escpos-words", "toml", "sql", "html", "bidi")


def label(kind: str, fonts: Fonts) -> Page | CommandError:
    data = copy.deepcopy(PARCEL["cod"])
    data["recipient"] |= {"name": HOSTILE[kind], "address": HOSTILE[kind]}
    return drawn(TEMPLATE, data, fonts)


@pytest.mark.parametrize("kind", WORDS)
def test_commands_in_plain_words_are_drawn_as_words(kind: str, fonts: Fonts) -> None:
    """Nothing but ink: the codes still read, and each printer sees one label of the usual commands."""
    page = label(kind, fonts)
    assert isinstance(page, Page)
    for language in FAST:
        paper = printed(page, language)
        assert read(paper) == expected(TEMPLATE, PARCEL["cod"])
        assert (pixels(paper)[: page.height, : page.width] != pixels(page)).sum() < 12


def texts_of(template: Template, data: Data) -> Iterator[str]:
    """The paths of the texts that this data gives; of a list the first entry's."""
    record = Record(template.fields, data)
    for path, field in template.fields.items():
        later = any(step.isdecimal() and step != "1" for step in path.split("."))
        if field.type is FieldType.TEXT and record.has(path) and not later:
            yield path


def replaced(data: Data, path: str, text: str) -> Data:
    """The same data with another text at this path."""
    changed = copy.deepcopy(data)
    node: Any = changed
    *parents, last = path.split(".")
    for step in parents:
        node = node[int(step) - 1] if step.isdecimal() else node[step]
    node[last] = text
    return changed


def shows(template: Template, path: str) -> set[str]:
    """The elements that say what stands at this path."""
    values = [(placed.element.id, getattr(placed.element, "value", None)) for placed in template.placed]
    return {name for name, value in values if value and any(part.path == path for part in value.fields())}


def drawn(template: Template, data: Data, fonts: Fonts) -> Page | CommandError:
    try:
        return render(template, data, fonts=fonts)
    except CommandError as refusal:
        return refusal


def check(name: str, variant: str, kind: str, fonts: Fonts, languages: int) -> None:
    """Each text of the label in turn made hostile: printed in the next so many languages, or refused."""
    template, data = find_template(name), SAMPLES[name][variant]
    ways = cycle(LANGUAGES if languages > 1 else FAST)
    for path in texts_of(template, data):
        page = drawn(template, replaced(data, path, HOSTILE[kind]), fonts)
        if isinstance(page, CommandError):
            assert page.code.startswith("label."), path
            assert any(f"'{element}'" in page.message for element in shows(template, path)), path
            assert HOSTILE[kind] not in page.message, path
            continue
        for language in islice(ways, languages):
            assert np.any(pixels(printed(page, language)) == 0), (path, language)


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_hostile_text_in_any_field_of_a_label_is_ink_or_refused_by_element(
    name: str, kind: str, fonts: Fonts
) -> None:
    check(name, next(iter(SAMPLES[name])), kind, fonts, 1)


@pytest.mark.torture
@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize(("name", "variant"), LABELS)
def test_the_same_of_every_variant_in_every_language(
    name: str, variant: str, kind: str, fonts: Fonts
) -> None:
    check(name, variant, kind, fonts, len(LANGUAGES))


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_name_prints_in_every_language_or_is_refused_by_element(kind: str, fonts: Fonts) -> None:
    page = label(kind, fonts)
    if isinstance(page, CommandError):
        assert "element 'recipient-" in page.message
        return
    for language in LANGUAGES:
        assert np.any(pixels(printed(page, language)) == 0)
