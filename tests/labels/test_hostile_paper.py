"""Hostile names on paper: a strict printer that is sent the label sees nothing but what a label needs."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from edge_agent.labels.layout import render
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import find_template
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import Page
from tests.labels.hostile import HOSTILE
from tests.labels.paper import expected, pixels, read
from tests.labels.printers import FAST, LANGUAGES, printed
from tools.label_samples import PARCEL

TEMPLATE = find_template("parcel-100x150")
WORDS = ("zpl-words", "tspl-words", "escpos-words", "toml", "sql", "html", "bidi")


def label(kind: str, fonts: Fonts) -> Page | CommandError:
    data = copy.deepcopy(PARCEL["cod"])
    data["recipient"] |= {"name": HOSTILE[kind], "address": HOSTILE[kind]}
    try:
        return render(TEMPLATE, data, fonts=fonts)
    except CommandError as refusal:
        return refusal


@pytest.mark.parametrize("kind", WORDS)
def test_commands_in_plain_words_are_drawn_as_words(kind: str, fonts: Fonts) -> None:
    """Nothing but ink: the codes still read, and each printer sees one label of the usual commands."""
    page = label(kind, fonts)
    assert isinstance(page, Page)
    for language in FAST:
        paper = printed(page, language)
        assert read(paper) == expected(TEMPLATE, PARCEL["cod"])
        assert (pixels(paper)[: page.height, : page.width] != pixels(page)).sum() < 12


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_name_prints_in_every_language_or_is_refused_by_element(kind: str, fonts: Fonts) -> None:
    page = label(kind, fonts)
    if isinstance(page, CommandError):
        assert "element 'recipient-" in page.message
        return
    for language in LANGUAGES:
        assert np.any(pixels(printed(page, language)) == 0)
