"""Templates: what is wrong with one is said with template, element, key and the nearest right word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.labels.files import MAX_FILE_BYTES
from edge_agent.labels.template import (
    parse_template,
    sample_data,
)
from edge_agent.sdk.errors import ConfigError
from tests.labels.paper import HEAD, template_of

TEXT = '[[element]]\nid = "who"\ntype = "text"\nat = [2, 2]\nsize = [50, 6]\nvalue = "{name}"\nfont_mm = 4\n'
CODE = (
    '[[element]]\nid = "code"\ntype = "code128"\nat = [2, 20]\nsize = [50, 10]\n'
    'value = "{item.number}"\nmodule_dots = 2\n'
)
QR = (
    '[[element]]\nid = "qr"\ntype = "qr"\nat = [2, 32]\nsize = [15, 15]\n'
    'value = "{item.number}"\nmodule_dots = 3\n'
)
LINE = '[[element]]\nid = "rule"\ntype = "line"\nat = [2, 50]\nto = [50, 50]\n'
BOX = '[[element]]\nid = "frame"\ntype = "box"\nat = [1, 1]\nsize = [58, 58]\n'
GROUP = (
    '[[element]]\nid = "pair"\ntype = "group"\nat = [2, 2]\n\n[[element.element]]\nid = "inner"\n'
    'type = "text"\nat = [0, 0]\nsize = [50, 6]\nvalue = "x"\nfont_mm = 4\n'
)
GOOD = TEXT + CODE + QR + LINE + BOX


def refusal_of(elements: str, kind: str = "slip") -> str:
    with pytest.raises(ConfigError) as refusal:
        template_of(elements, kind=kind)
    assert refusal.value.code.startswith("template.")
    assert "'test'" in refusal.value.message
    return refusal.value.message


def test_the_good_template_is_accepted() -> None:
    assert [placed.element.id for placed in template_of(GOOD).placed] == [
        "who",
        "code",
        "qr",
        "rule",
        "frame",
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("font_mm = 4", "fontmm = 4", ["'who'", "'fontmm'", "did you mean 'font_mm'?"]),
        ("font_mm = 4", "", ["'who'", "'font_mm'", "missing"]),
        ("font_mm = 4", "font_mm = 1.5", ["'who'", "'font_mm'", "2.25"]),
        ("font_mm = 4", "font_mm = true", ["'who'", "'font_mm'", "millimetres"]),
        ("font_mm = 4", 'font_mm = "big"', ["'who'", "'font_mm'", "millimetres"]),
        ("font_mm = 4", "font_mm = nan", ["'who'", "'font_mm'"]),
        ("font_mm = 4", "font_mm = inf", ["'who'", "'font_mm'"]),
        ("font_mm = 4", "font_mm = 1e-999999", ["'who'", "'font_mm'"]),
        ("font_mm = 4", "font_mm = 4.00001", ["'who'", "'font_mm'", "3 decimal places"]),
        ("font_mm = 4", "font_mm = 4\nmin_mm = 5", ["'who'", "'min_mm'", "at most font_mm"]),
        ("font_mm = 4", 'font_mm = 4\nfit = "cut"', ["'who'", "'fit'", "shrink", "wrap", "ellipsis"]),
        ("font_mm = 4", "font_mm = 4\nrotate = 45", ["'who'", "'rotate'", "0, 90, 180 or 270"]),
        ("font_mm = 4", "font_mm = 4\nweight = 500", ["'who'", "'weight'", "400 or 700"]),
        ("font_mm = 4", 'font_mm = 4\nlang = "de"', ["'who'", "'lang'", "'bn' or 'en'"]),
        ("font_mm = 4", 'font_mm = 4\ninvert = "yes"', ["'who'", "'invert'", "boolean"]),
        ("font_mm = 4", "font_mm = 10", ["'who'", "'size'", "more height"]),
        ("size = [50, 6]", "size = [60, 6]", ["'who'", "'at'", "62", "0 to 60"]),
        ("size = [50, 6]", "size = [50]", ["'who'", "'size"]),
        ("size = [50, 6]", "size = [50, 0]", ["'who'", "'size", "0.5"]),
        ("at = [2, 2]", "at = [-1, 2]", ["'who'", "'at", "greater than or equal to 0"]),
        ("{name}", "{nmae}", ["'who'", "'value'", "did you mean 'name'?"]),
        ("{name}", "{name:bndigits}", ["'who'", "'value'", "did you mean 'bn-digits'?"]),
        ("{name}", "{name", ["'who'", "'value'", "{field.path:formatter}"]),
        ("{name}", "{cod:money}", ["'who'", "'when'", "optional"]),
        ("{name}", "a\\u0007b", ["'who'", "'value'", "U+0007"]),
        ('"{name}"', "5", ["'who'", "'value'", "quotes"]),
        ('type = "text"\nat', 'type = "txt"\nat', ["'who'", "unknown type", "text"]),
        ('type = "text"\nat', "at", ["'who'", "'type' is missing"]),
        ('id = "who"', 'id = "code"', ["'code'", "'id'", "taken"]),
        ('id = "who"', 'id = "Who is it"', ["'id'"]),
        ('id = "who"', "", ["number 1", "'id'", "missing"]),
        ('id = "who"', 'id = "who"\nwhen = "nmae"', ["'who'", "'when'", "did you mean 'name'?"]),
        ('id = "who"', 'id = "who"\nunless = "not a path"', ["'who'", "'unless", "field path"]),
        ("module_dots = 2", "module_dots = 2.5", ["'code'", "'module_dots'", "integer"]),
        ("module_dots = 2", "module_dots = 0", ["'code'", "'module_dots'", "1"]),
        ("module_dots = 2", "module_dots = 3", ["'code'", "'size'", "528 dots"]),
        ("module_dots = 2", "module_dots = 2\nmin_module_dots = 3", ["'code'", "'min_module_dots'"]),
        ("size = [15, 15]", "size = [10, 15]", ["'qr'", "'size'", "dots"]),
        ("to = [50, 50]", "to = [50, 51]", ["'rule'", "'to'", "same height"]),
        ("to = [50, 50]", "to = [1, 50]", ["'rule'", "'to'"]),
        ("size = [58, 58]", "size = [58, 1]\nstroke_dots = 5", ["'frame'", "'stroke_dots'", "thicker"]),
        ("at = [2, 20]", "at = [2, 7]", ["'code'", "'at'", "overlaps element 'who' by 50 x 1 mm"]),
        ("at = [2, 50]\nto = [50, 50]", "at = [2, 25]\nto = [50, 25]", ["'rule'", "overlaps element 'code'"]),
        (
            "at = [1, 1]\nsize = [58, 58]",
            "at = [1, 1]\nsize = [58, 40]",
            ["'frame'", "overlaps element 'qr'"],
        ),
        ('type = "code128"', 'type = "gs1_128"', ["'code'", "'value'", "element strings"]),
        ('"{item.number}"\nmodule_dots = 2', '"{name}"\nmodule_dots = 2', ["'code'", "'value'", "ASCII"]),
    ],
)
def test_a_wrong_key_is_named(right: str, wrong: str, said: list[str]) -> None:
    assert right in GOOD
    message = refusal_of(GOOD.replace(right, wrong, 1))
    assert [words for words in said if words not in message] == [], message


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("schema = 1", "schema = 2", ["'label.schema'", "1"]),
        ("schema = 1", "", ["'label.schema'", "missing"]),
        ('title = "Test"', 'titel = "Test"', ["'label.titel'", "did you mean 'title'?"]),
        ('kind = "slip"', 'kind = "parcel"', ["'label.kind'", "'label' or 'slip'"]),
        ("size_mm = [60, 60]", "size_mm = [600, 60]", ["'label.size_mm", "120"]),
        ("size_mm = [60, 60]", "size_mm = [60, 6000]", ["'label.size_mm", "300"]),
        ("[data]", "[date]", ["'date'", "did you mean 'data'?"]),
        ('"name" = { type = "text" }', '"name" = { typ = "text" }', ["'data.name", "lines such as"]),
        ('"name" = { type = "text" }', 'name.first = { type = "text" }', ["'data.name", "path in quotes"]),
        ('"name" = { type = "text" }', '"name" = { type = "float" }', ["'data.name.type'", "decimal"]),
        ('"name" = { type = "text" }', '"Na me" = { type = "text" }', ["field path"]),
        (
            '"name" = { type = "text" }',
            '"name" = { type = "text", sample = 5 }',
            ["'who'", "not of type text"],
        ),
        ('"day" = { type = "date" }', '"name" = 5', ["TOML"]),
    ],
)
def test_a_wrong_head_is_named(right: str, wrong: str, said: list[str]) -> None:
    head = HEAD.format(kind="slip", width=60, height=60)
    assert right in head
    with pytest.raises(ConfigError) as refusal:
        parse_template(head.replace(right, wrong, 1) + GOOD, "test")
    assert [words for words in said if words not in refusal.value.message] == [], refusal.value.message


def test_an_element_in_a_group_is_named_by_its_own_id() -> None:
    message = refusal_of(GROUP.replace("font_mm", "font"))
    assert "'inner'" in message
    assert "did you mean 'font_mm'?" in message


def test_a_group_hands_on_its_place_and_conditions() -> None:
    group = GROUP.replace('type = "group"', 'type = "group"\nwhen = "note"').replace(
        "at = [2, 2]", "at = [3, 4.5]"
    )
    inner = template_of(group).placed[0]
    assert (str(inner.left), str(inner.top), inner.when) == ("3", "4.5", {"note"})


def test_groups_do_not_nest() -> None:
    assert "inner" in refusal_of(GROUP.replace('type = "text"', 'type = "group"'))


def test_a_label_without_a_place_for_the_reprint_mark_is_refused() -> None:
    assert "reprint" in refusal_of(GOOD, kind="label")


def test_a_reprint_mark_under_a_condition_is_none() -> None:
    mark = '[[element]]\nid = "mark"\ntype = "reprint"\nat = [2, 9]\nsize = [50, 6]\nfont_mm = 3\n'
    assert template_of(TEXT + mark, kind="label").label.kind == "label"
    assert "without condition" in refusal_of(TEXT + mark + 'when = "note"\n', kind="label")


def test_elements_that_exclude_each_other_may_share_their_place() -> None:
    other = TEXT.replace('"who"', '"other"').replace("{name}", "{note}") + 'when = "note"\n'
    assert template_of(TEXT + 'unless = "note"\n' + other).placed
    assert "overlaps" in refusal_of(TEXT + other)


def test_sizes_may_be_integers_decimals_or_decimal_strings() -> None:
    sizes = {
        template_of(TEXT.replace("size = [50, 6]", f"size = [{width}, 6]")).placed[0].bounds().right
        for width in ("50.5", '"50.5"', "5.05e1")
    }
    assert len(sizes) == 1


def test_each_sample_prints_so_that_a_preview_needs_no_data() -> None:
    data = sample_data(template_of(GOOD))
    assert data["item"] == {"number": "RR123456785BD"}
    assert data["cod"] == 1234550


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[" * 5000,
        "a = [" * 3000,
        "\x00",
        "a = 1\na = 2",
        "i = " + "9" * 5000,
        "label = 5",
        "[[label]]",
    ],
)
def test_rubbish_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_template(text, "test")


def test_too_long_a_text_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(ConfigError, match="at most"):
        parse_template("#" * (MAX_FILE_BYTES + 1), "test")


@settings(max_examples=80, deadline=None)
@given(st.integers(0, len(GOOD)), st.text(max_size=6), st.integers(0, 6))
def test_a_damaged_template_is_refused_in_our_words_or_still_good(place: int, noise: str, gone: int) -> None:
    damaged = GOOD[:place] + noise + GOOD[place + gone :]
    assert outcome(damaged).partition(".")[0] == "template"


def outcome(elements: str) -> str:
    try:
        return f"template.{template_of(elements).label.kind}"
    except ConfigError as refusal:
        return refusal.code
