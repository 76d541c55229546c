"""A reader that nobody here wrote reads the Bangla of our labels, and cannot where it is not shaped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.labels import elements as keys
from edge_agent.labels.characters import is_bangla
from edge_agent.labels.fields import Record
from edge_agent.labels.layout import render
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import find_template, shipped_names
from tests.labels.paper import is_shown, pixels
from tests.labels.printers import printed
from tests.labels.reading import UnshapedFonts, error_rate, read_words
from tools.label_samples import PARCEL, SAMPLES, Data

MOST_WRONG = 0.05  # of the Bangla of a label; the reader's own mistakes are 0.4 to 1.3 % on clean lines
UNREADABLE = 0.30  # of words full of conjuncts and reordered vowels, where shaping is missing
CONTROL = 2 * MOST_WRONG  # the same of a whole label: half of its Bangla may be digits, which need no shaping
DOTS_PER_MM = 8
REORDERED: Data = {  # conjuncts, and vowels that are typed behind the letter they stand before
    **PARCEL["bangla"],
    "recipient": {
        "name": "সেলিনা সিদ্দিকী",
        "address": "দ্বিতীয় তলা, কেন্দ্রীয় দিঘির পেছনে, মেন্দিবিলের মেলে, সিলেট, নেত্রকোনা",
    },
}
# Of every shipped label the variants that the reader can be asked to read. Not among them:
# - "long": names end with an ellipsis, so what stands there is not what is true.
# - "english", "by-hand", "cod-by-hand", "name-only", and "cod" of receipt-80: much of their Bangla is
#   numerals alone beside Latin words: a weight in Bangla digits is taken for another script (5 to 8 %).
# - "well" and "bare" of status-80: of a hundred letters one word, twice, is read as Latin (9 to 12 %).
READABLE = {
    "parcel-80": ("bangla", "cod", "not-weighed", "courier"),
    "parcel-100x100": ("bangla", "cod", "not-weighed", "courier"),
    "parcel-100x150": ("bangla", "cod", "not-weighed", "courier"),
    "item-50x30": ("plain", "bare"),
    "receipt-80": ("bangla", "bare"),
    "cod-receipt-80": ("bangla", "bare"),
    "bag-100x75": ("sscc", "own-code"),
    "challenge-80": ("device", "bare"),
    "commands-80": ("five", "one"),
    "print-test-80": ("booth",),
    "status-80": ("faults",),
}
CASES = [(name, variant) for name, variants in READABLE.items() for variant in variants]


def wrong(name: str, data: Data, fonts: Fonts, folder: Path, *, of: str = "") -> float:
    """The part of the label's Bangla (of these fields) that is read wrongly from a printer's paper."""
    template = find_template(name)
    record = Record(template.fields, data)
    paper = pixels(printed(render(template, data, fonts=fonts), "escpos"))
    pieces: list[np.ndarray] = []
    texts = []
    for placed in template.placed:
        element = placed.element
        if not isinstance(element, keys.Text) or not is_shown(record, placed):
            continue
        text = element.value.filled(record)
        named = any(part.path.startswith(of) for part in element.value.fields()) or not of
        if not named or not any(map(is_bangla, text)):
            continue
        bounds = placed.bounds()
        rows = slice(int(bounds.top * DOTS_PER_MM), int(bounds.bottom * DOTS_PER_MM))
        piece = paper[rows, int(bounds.left * DOTS_PER_MM) : int(bounds.right * DOTS_PER_MM)]
        pieces.append(255 - piece if element.invert else piece)
        texts.append(text)
    return error_rate(read_words(pieces, folder), "\n".join(texts))


def test_the_bangla_of_a_label_is_read(fonts: Fonts, tmp_path: Path) -> None:
    assert wrong("parcel-100x150", PARCEL["bangla"], fonts, tmp_path) <= MOST_WRONG


def test_bangla_is_read_where_it_is_shaped_and_not_where_it_is_not(fonts: Fonts, tmp_path: Path) -> None:
    """The control: the same words, glyph by glyph. A reader that reads those would prove nothing."""
    assert wrong("parcel-80", REORDERED, fonts, tmp_path, of="recipient.") <= MOST_WRONG
    assert wrong("parcel-80", REORDERED, UnshapedFonts(), tmp_path, of="recipient.") >= UNREADABLE


def test_no_shipped_label_goes_unread() -> None:
    assert set(READABLE) == set(shipped_names())


@pytest.mark.torture
@pytest.mark.parametrize(("name", "variant"), CASES)
def test_the_bangla_of_every_label_is_read(name: str, variant: str, fonts: Fonts, tmp_path: Path) -> None:
    assert wrong(name, SAMPLES[name][variant], fonts, tmp_path) <= MOST_WRONG
    assert wrong(name, SAMPLES[name][variant], UnshapedFonts(), tmp_path) >= CONTROL
