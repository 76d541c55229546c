"""The shipped labels: every code reads at both resolutions, whatever an honest booth puts on them."""

from __future__ import annotations

import copy
import unicodedata

import numpy as np
import pytest

from edge_agent.labels import elements as keys
from edge_agent.labels.layout import render
from edge_agent.labels.page import black_ratio
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import Template, find_template, sample_data, shipped_names
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import Page
from tests.labels.paper import codes, ink_bounds, pixels

Data = dict[str, dict[str, object]]

BARE: Data = {
    "item": {"number": "RR123456785BD", "qr": "https://bdpost.gov.bd/track/RR123456785BD"},
    "weight": {"text": "1.234", "unit": "kg"},
    "booth": {"id": "dhk-gpo-01", "name": "Dhaka GPO Booth 1", "name_bn": "ঢাকা জিপিও বুথ ১"},
    "time": {"local": "2026-11-23 21:15"},
}
RECIPIENT: dict[str, object] = {
    "name": "মোঃ আব্দুর রহিম",
    "address": "বাসা ১২/A, রোড ৫, ব্লক-সি, মিরপুর-১০, ঢাকা",
    "postcode": "1216",
    "phone": "01911-123456",
}
SENDER: dict[str, object] = {
    "name": "ক্ষুদ্র উদ্যোক্তা শপ",
    "address": "College Road, Sreemangal, Moulvibazar",
    "postcode": "3210",
    "phone": "01712-345678",
}
LONG: Data = {
    "item": {"number": "RR123456785BD", "qr": "https://bdpost.gov.bd/track/RR123456785BD?b=dhk-gpo-01"},
    "service": {"name": "REGISTERED / রেজিস্টার্ড"},
    "weight": {"text": "123.4567", "unit": "kg"},
    "booth": {
        "id": "ctg-agrabad-commercial-area-12",
        "name": "Chattogram Agrabad Commercial Area Post Office Booth 12",
        "name_bn": "চট্টগ্রাম আগ্রাবাদ বাণিজ্যিক এলাকা ডাকঘর বুথ ১২",
    },
    "time": {"local": "2026-11-23 21:15"},
    "cod": {"poisha": 1_234_567_890},
    "recipient": {
        "name": "ব্রাহ্মণবাড়িয়া ক্ষুদ্র উদ্যোক্তা উন্নয়ন সমবায় সমিতি লিমিটেড (Brahmanbaria Co-operative Ltd.)",
        "address": "হোল্ডিং নং ২৩৪/ক-৫, তৃতীয় তলা, বীর মুক্তিযোদ্ধা শহীদ ক্যাপ্টেন মনসুর আলী সরণি, "
        "উত্তর মৌড়াইল, ব্রাহ্মণবাড়িয়া সদর, ব্রাহ্মণবাড়িয়া-৩৪০০, চট্টগ্রাম বিভাগ, বাংলাদেশ",
        "postcode": "3400",
        "phone": "+880 1911-123456, 01712-345678",
    },
    "sender": {
        "name": "Messrs. Rahman & Sons Handicrafts, Jamdani and Muslin Export Import (Private) Limited",
        "address": "Plot 17/B, Tarabo Industrial Area, Rupganj Upazila, Narayanganj, Dhaka 1460, Bangladesh",
        "postcode": "1460",
        "phone": "01712-345678",
    },
}
VARIANTS: dict[str, Data] = {
    "bare": BARE,
    "addressed": {**BARE, "recipient": RECIPIENT, "sender": SENDER},
    "cod": {**BARE, "recipient": RECIPIENT, "sender": SENDER, "cod": {"poisha": 125_000}},
    "cod-by-hand": {**BARE, "cod": {"poisha": 50}},
    "name-only": {**BARE, "recipient": {"name": "Rahim"}, "sender": {"name": "Karim"}},
    "long": LONG,
    "courier": {**BARE, "item": {"number": "EC-2026-11-000123456789", "qr": "EC-2026-11-000123456789"}},
}


@pytest.fixture(params=shipped_names(), scope="module")
def template(request: pytest.FixtureRequest) -> Template:
    return find_template(request.param)


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("reprint", [0, 2])
def test_every_code_reads(template: Template, fonts: Fonts, dpi: int, variant: str, reprint: int) -> None:
    data = VARIANTS[variant]
    page = render(template, data, fonts=fonts, dpi=dpi, reprint=reprint)
    assert codes(page) == {"Code128": data["item"]["number"], "QRCode": data["item"]["qr"]}
    assert 0.02 < black_ratio(page) < 0.35


@pytest.mark.parametrize("dpi", [203, 300])
def test_the_samples_of_the_template_print(template: Template, fonts: Fonts, dpi: int) -> None:
    page = render(template, sample_data(template), fonts=fonts, dpi=dpi, reprint=999)
    assert codes(page)["Code128"] == "RR123456785BD"


def test_an_item_number_has_bars_of_three_dots_at_least(template: Template, fonts: Fonts) -> None:
    page = render(template, BARE, fonts=fonts)
    linear = next(placed for placed in template.placed if isinstance(placed.element, keys.Linear))
    bounds = linear.bounds()
    row = pixels(page)[
        int((bounds.top + bounds.bottom) / 2 * 8), int(bounds.left * 8) : int(bounds.right * 8)
    ]
    edges = np.flatnonzero(np.diff(row.astype(int)))
    assert np.diff(edges).min() >= 3


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_margin_stays_white(template: Template, fonts: Fonts, dpi: int, variant: str) -> None:
    page = render(template, VARIANTS[variant], fonts=fonts, dpi=dpi, reprint=1)
    inked = ink_bounds(page)
    edge = int(float(template.label.margin_mm) * dpi / 25.4)
    assert inked is not None
    assert min(inked[0], inked[1], page.width - inked[2], page.height - inked[3]) >= edge


def test_a_reprint_differs_from_the_original_only_by_its_mark(template: Template, fonts: Fonts) -> None:
    original, reprint = (render(template, BARE, fonts=fonts, reprint=number) for number in (0, 1))
    mark = next(placed.bounds() for placed in template.placed if isinstance(placed.element, keys.Reprint))
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
        return render(template, {**BARE, "recipient": {**RECIPIENT, "name": name}}, fonts=fonts)

    assert typed("NFC") == typed("NFD")


HOSTILE = {
    "esc-pos": "Rahim\x1b@\x1dV\x00",
    "real-time": "Rahim\x10\x04\x01",
    "zpl": "Rahim^XZ^XA^FDx^FS~JA",
    "tspl": 'Rahim"\r\nPRINT 99,1\r\n',
    "toml": "Rahim {recipient.phone} {{x}}",
    "sql": "Robert'); DROP TABLE events;--",
    "html": "<script>alert(1)</script>",
    "nul": "Rahim\x00",
    "c1": "Rahim\x9b2J",
    "bidi": "\u202eরহিম\u202c",
    "surrogate": "Rahim\ud83d",
    "emoji": "Rahim 😀",
    "arabic": "رحيم",
    "zalgo": "R" + "\u0301\u0335" * 200,
    "joiners": "\u200d\u200c" * 400,
    "marks": "্" * 300,
    "lines": "\n" * 300,
    "spaces": "a" + " " * 900 + "b",
    "long-word": "ক্ষুদ্র" * 100,
    "10-kB": "Rahim " * 1700,
    "1-MB": "x" * 1_000_000,
}


def refusal_or_none(template: Template, data: Data, fonts: Fonts) -> CommandError | None:
    try:
        render(template, data, fonts=fonts)
    except CommandError as refusal:
        return refusal
    return None


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize(
    "path", ["recipient.name", "recipient.address", "booth.name", "item.number", "item.qr"]
)
def test_a_hostile_text_is_printed_or_refused_by_name(
    template: Template, fonts: Fonts, kind: str, path: str
) -> None:
    data = copy.deepcopy(VARIANTS["cod"])
    section, name = path.split(".")
    data[section][name] = HOSTILE[kind]
    refusal = refusal_or_none(template, data, fonts)
    if refusal is not None:
        assert refusal.code.startswith("label.")
        assert any(f"'{placed.element.id}'" in refusal.message for placed in template.placed)
        assert HOSTILE[kind] not in refusal.message


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
