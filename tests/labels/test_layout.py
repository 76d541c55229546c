"""Rendering: conditions, presence, rotation, the reprint mark, and refusals that name the element."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_agent.labels.layout import MAX_REPRINT, render
from edge_agent.labels.page import black_ratio, to_png
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import Template, parse_template
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import Page
from tests.labels.paper import DATA, HEAD, codes, ink_bounds, page_of, pixels, template_of

TEXT = '[[element]]\nid = "who"\ntype = "text"\nat = [5, 5]\nsize = [40, 8]\nvalue = "{name}"\nfont_mm = 4\n'
NOTE = TEXT.replace('"who"', '"note"').replace("{name}", "{note}")
MARK = '[[element]]\nid = "mark"\ntype = "reprint"\nat = [5, 40]\nsize = [50, 8]\nfont_mm = 4\n'
S10_MODULES = 156  # of RR123456785BD in Code 128, without quiet zones
LINEAR = '[[element]]\nid = "code"\ntype = "code128"\nvalue = "{item.number}"\nmodule_dots = 2\n'
SQUARE = '[[element]]\nid = "qr"\ntype = "qr"\nvalue = "{item.number}"\nmodule_dots = 4\n'


def refused(template: Template, data: dict[str, object], fonts: Fonts) -> CommandError:
    with pytest.raises(CommandError) as refusal:
        render(template, data, fonts=fonts)
    return refusal.value


@pytest.mark.parametrize(("dpi", "size"), [(203, (480, 480)), (300, (709, 709)), (600, (1417, 1417))])
def test_the_page_has_the_dots_of_its_head(fonts: Fonts, dpi: int, size: tuple[int, int]) -> None:
    page = render(template_of(TEXT), DATA, fonts=fonts, dpi=dpi)
    assert (page.width, page.height) == size


def test_the_same_data_give_the_same_page(fonts: Fonts) -> None:
    template = template_of(TEXT)
    assert render(template, DATA, fonts=fonts) == render(template, DATA, fonts=Fonts())


def test_text_is_drawn_in_its_box(fonts: Fonts) -> None:
    inked = ink_bounds(render(template_of(TEXT), DATA, fonts=fonts))
    assert inked is not None
    assert inked[0] >= 40
    assert inked[1] >= 40
    assert inked[2] <= 360
    assert inked[3] <= 104


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("dpi", [203, 300])
def test_codes_read_in_all_four_rotations(fonts: Fonts, degrees: int, dpi: int) -> None:
    size = "[50, 12]" if degrees in {0, 180} else "[12, 50]"
    linear = LINEAR + f"at = [5, 5]\nsize = {size}\nrotate = {degrees}\n"
    square = SQUARE + f"at = [20, 20]\nsize = [20, 20]\nrotate = {degrees}\n"
    page = render(template_of(linear + square), DATA, fonts=fonts, dpi=dpi)
    assert codes(page) == {"Code128": "RR123456785BD", "QRCode": "RR123456785BD"}


def test_gs1_128_prints_element_strings(fonts: Fonts) -> None:
    gs1 = LINEAR.replace('"code128"', '"gs1_128"').replace("{item.number}", "(3103)001250(21){item.number}")
    template = template_of(gs1 + "at = [0, 5]\nsize = [80, 12]\n", width=80)
    assert codes(render(template, DATA, fonts=fonts)) == {"Code128": "(3103)001250(21)RR123456785BD"}


@pytest.mark.parametrize(("degrees", "turns"), [(90, 3), (180, 2), (270, 1)])
def test_turned_text_is_the_same_text(fonts: Fonts, degrees: int, turns: int) -> None:
    size = "[40, 8]" if degrees == 180 else "[8, 40]"
    upright = pixels(render(template_of(TEXT), DATA, fonts=fonts))[40:104, 40:360]
    turned = render(template_of(TEXT.replace("[40, 8]", size) + f"rotate = {degrees}\n"), DATA, fonts=fonts)
    width, height = (320, 64) if degrees == 180 else (64, 320)
    assert np.array_equal(pixels(turned)[40 : 40 + height, 40 : 40 + width], np.rot90(upright, turns))


def test_strokes_and_frames_have_their_dots(fonts: Fonts) -> None:
    line = '[[element]]\nid = "rule"\ntype = "line"\nat = [1, 2]\nto = [4, 2]\nstroke_dots = 3\n'
    box = '[[element]]\nid = "box"\ntype = "box"\nat = [10, 10]\nsize = [2, 1]\nstroke_dots = 1\n'
    dots = pixels(render(template_of(line + box), DATA, fonts=fonts)) == 0
    assert dots[16:19, 8:32].all()
    assert dots[80:88, 80:96].sum() == 2 * 16 + 2 * 6
    assert dots.sum() == 3 * 24 + 2 * 16 + 2 * 6


def test_finer_heads_get_whole_dots_that_are_never_wider(fonts: Fonts) -> None:
    line = '[[element]]\nid = "rule"\ntype = "line"\nat = [0, 0]\nto = [0, 10]\nstroke_dots = 3\n'
    dots = pixels(render(template_of(line), DATA, fonts=fonts, dpi=300)) == 0
    assert dots[0].sum() == 4


@pytest.mark.parametrize(("dpi", "module"), [(150, 1), (203, 2), (300, 3), (600, 6)])
def test_a_finer_head_prints_a_code_no_smaller_where_there_is_room(
    fonts: Fonts, dpi: int, module: int
) -> None:
    """0.25 mm at 203 dpi: 0.17 at 300 would be less than a cheap scanner reads."""
    code = LINEAR + "at = [2, 2]\nsize = [50, 12]\n"
    bounds = ink_bounds(render(template_of(code), DATA, fonts=fonts, dpi=dpi))
    assert bounds is not None
    assert bounds[2] - bounds[0] == S10_MODULES * module


@pytest.mark.parametrize(
    ("dpi", "width_mm", "module"), [(300, 45, 3), (300, 44, 2), (180, 50, 2), (180, 49, 0), (203, 44, 2)]
)
def test_no_head_prints_a_code_much_finer_than_its_minimum(
    fonts: Fonts, dpi: int, width_mm: int, module: int
) -> None:
    """0.25 mm at 203 dpi: 0.17 will do where there is no room for more, 0.14 of a coarse head will not."""
    template = template_of(LINEAR + f"at = [2, 2]\nsize = [{width_mm}, 12]\n")
    if not module:
        with pytest.raises(CommandError, match="'code'"):
            render(template, DATA, fonts=fonts, dpi=dpi)
        return
    bounds = ink_bounds(render(template, DATA, fonts=fonts, dpi=dpi))
    assert bounds is not None
    assert bounds[2] - bounds[0] == S10_MODULES * module


@pytest.mark.parametrize("dpi", [150, 203, 300, 600])
def test_what_stands_in_a_frame_leaves_no_gap(fonts: Fonts, dpi: int) -> None:
    frame = '[[element]]\nid = "frame"\ntype = "box"\nat = [3, 7.7]\nsize = [40, 9]\nstroke_dots = 3\n'
    inside = TEXT.replace("at = [5, 5]\nsize = [40, 8]", "at = [3.375, 8.075]\nsize = [39.25, 8.25]")
    page = render(template_of(frame + inside + "invert = true\n"), DATA, fonts=fonts, dpi=dpi)
    bounds = ink_bounds(page)
    assert bounds is not None
    left, top, right, bottom = bounds
    dots = pixels(page) == 0
    assert dots[top:bottom, left : left + dpi // 50].all()
    assert dots[top : top + dpi // 50, left:right].all()


def test_a_stroke_never_vanishes_on_a_coarse_head(fonts: Fonts) -> None:
    lines = [
        f'[[element]]\nid = "rule-{n}"\ntype = "line"\nat = [5, {y}]\nto = [9, {y}]\nstroke_dots = 1\n'
        for n, y in enumerate(("0", "10.1", "20.21", "30.33", "40.45", "50.58", "59.875"))
    ]
    dots = pixels(render(template_of("".join(lines)), DATA, fonts=fonts, dpi=150)) == 0
    assert dots.any(axis=1).sum() == len(lines)


def test_a_picture_is_drawn_dot_for_dot(fonts: Fonts, tmp_path: Path) -> None:
    rows = ["#......." * 2] * 7 + ["#" * 16]
    (tmp_path / "logo.png").write_bytes(to_png(page_of(rows)))
    image = '[[element]]\nid = "logo"\ntype = "image"\nat = [2, 2]\nsize = [2, 1]\nfile = "logo.png"\n'
    template = parse_template(HEAD.format(kind="slip", width=60, height=60) + image, "test", tmp_path)
    drawn = pixels(render(template, DATA, fonts=fonts))[16:24, 16:32]
    assert np.array_equal(drawn, pixels(page_of(rows)))


def test_an_inverted_text_is_white_on_black(fonts: Fonts) -> None:
    page = render(template_of(TEXT + "invert = true\n"), DATA, fonts=fonts)
    assert ink_bounds(page) == (40, 40, 360, 104)
    assert 0.5 < black_ratio(page) * 480 * 480 / (320 * 64) < 1


@pytest.mark.parametrize(
    ("condition", "note", "shown"),
    [
        ('when = "note"', "x", True),
        ('when = "note"', None, False),
        ('when = "note"', " ", False),
        ('unless = "note"', "x", False),
        ('unless = "note"', None, True),
        ('when = ["name", "note"]', None, False),
    ],
)
def test_conditions_decide_what_is_there(
    fonts: Fonts, condition: str, note: str | None, *, shown: bool
) -> None:
    page = render(template_of(TEXT + condition + "\n"), {**DATA, "note": note}, fonts=fonts)
    assert (ink_bounds(page) is not None) is shown


def test_the_original_has_no_reprint_mark(fonts: Fonts) -> None:
    assert ink_bounds(render(template_of(MARK, kind="label"), DATA, fonts=fonts)) is None


def test_the_mark_says_reprint_n_in_both_languages(fonts: Fonts) -> None:
    said = MARK.replace('"reprint"', '"text"') + 'value = "REPRINT 12 / পুনর্মুদ্রণ ১২"\n'
    marked = render(template_of(MARK, kind="label"), DATA, fonts=fonts, reprint=12)
    assert marked == render(template_of(said), DATA, fonts=fonts)


def test_each_reprint_looks_different(fonts: Fonts) -> None:
    template = template_of(MARK, kind="label")
    pages = {render(template, DATA, fonts=fonts, reprint=number).data for number in range(4)}
    assert len(pages) == 4


@pytest.mark.parametrize("elements", [TEXT, MARK + 'when = ["note"]\n', MARK + 'unless = ["note"]\n'])
def test_a_reprint_that_could_look_like_the_original_is_not_drawn(fonts: Fonts, elements: str) -> None:
    slip = template_of(elements)
    for note in (None, "hello"):
        render(slip, {**DATA, "note": note}, fonts=fonts)
        with pytest.raises(CommandError) as refusal:
            render(slip, {**DATA, "note": note}, fonts=fonts, reprint=1)
        assert refusal.value.code == "label.no_reprint_mark"


@pytest.mark.parametrize(
    ("dpi", "reprint"), [(0, 0), (149, 0), (10**6, 0), (203, -1), (203, MAX_REPRINT + 1)]
)
def test_an_absurd_request_is_refused(fonts: Fonts, dpi: int, reprint: int) -> None:
    with pytest.raises(CommandError) as refusal:
        render(template_of(MARK), DATA, fonts=fonts, dpi=dpi, reprint=reprint)
    assert refusal.value.code == "label.request"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (None, "label.missing_field"),
        ("", "label.missing_field"),
        (7, "label.field_type"),
        ("রহিম 😀", "label.missing_glyph"),
        ("রহিম\x1b@", "label.unprintable"),
        ("রহিম " * 100, "label.overflow"),
        ("x" * 10_000, "label.overflow"),
    ],
)
def test_a_refusal_names_the_element_and_not_the_data(fonts: Fonts, name: object, code: str) -> None:
    refusal = refused(template_of(TEXT), {**DATA, "name": name}, fonts)
    assert refusal.code == code
    assert "'who'" in refusal.message
    assert "রহিম" not in refusal.message
    assert refusal.hint


def test_a_code_that_no_longer_fits_is_refused(fonts: Fonts) -> None:
    template = template_of(LINEAR + "at = [5, 5]\nsize = [50, 12]\n")
    refusal = refused(template, {**DATA, "item": {"number": "A-LONG-COURIER-REFERENCE-2026"}}, fonts)
    assert (refusal.code, "'code'" in refusal.message) == ("label.overflow", True)


def test_a_code_outside_ascii_is_refused(fonts: Fonts) -> None:
    template = template_of(LINEAR + "at = [5, 5]\nsize = [50, 12]\n")
    assert refused(template, {**DATA, "item": {"number": "১২৩"}}, fonts).code == "label.code"


def test_data_that_the_template_does_not_declare_is_ignored(fonts: Fonts) -> None:
    more = {**DATA, "other": {"deep": ["x"]}, "item": {"number": "RR123456785BD", "extra": object()}}
    template = template_of(TEXT)
    assert render(template, more, fonts=fonts) == render(template, DATA, fonts=fonts)


def test_an_idle_process_loads_no_font_engine_and_no_picture_library() -> None:
    program = (
        "import sys, edge_agent.labels.layout, edge_agent.labels.template\n"
        "heavy = {'uharfbuzz', 'PIL', 'segno', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_rendering_needs_no_numpy_and_no_picture_library() -> None:
    program = (
        "import sys\n"
        "from edge_agent.labels.layout import render\n"
        "from edge_agent.labels.shaping import Fonts\n"
        "from edge_agent.labels.template import find_template, sample_data\n"
        "template = find_template('parcel-80')\n"
        "render(template, sample_data(template), fonts=Fonts())\n"
        "sys.exit(1 if {'PIL', 'numpy'} & set(sys.modules) else 0)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_page_is_a_value_that_can_be_compared(fonts: Fonts) -> None:
    assert isinstance(render(template_of(TEXT), DATA, fonts=fonts), Page)


def test_what_is_kept_between_labels_is_never_another_label(fonts: Fonts) -> None:
    """Fixed parts are drawn once for each template, fonts and resolution, and stay as they were."""
    template = template_of(TEXT + '[[element]]\nid = "rule"\ntype = "line"\nat = [2, 50]\nto = [50, 50]\n')
    first = render(template, DATA, fonts=fonts)
    render(template, {**DATA, "name": "Karim"}, fonts=fonts)
    assert render(template, DATA, fonts=fonts) == first
    assert render(template, DATA, fonts=fonts, dpi=300).height != first.height
    assert render(template, DATA, fonts=Fonts()) == first


def test_endless_paper_ends_below_the_last_element_that_is_drawn(fonts: Fonts) -> None:
    """Below its box, not its ink: the quiet zone of a code that comes last is kept."""
    code = '[[element]]\nid = "qr"\ntype = "qr"\nwhen = "note"\nat = [2, 20]\nsize = [20, 20]\n'
    head = HEAD.format(kind="slip", width=60, height=60).replace(
        "[data]", "margin_mm = 1\ntrim = true\n\n[data]"
    )
    template = parse_template(head + TEXT + code + 'value = "{note}"\nmodule_dots = 4\n', "test")
    assert render(template, DATA, fonts=fonts).height < 20 * 8
    assert render(template, {**DATA, "note": "x"}, fonts=fonts).height == (20 + 20 + 1) * 8
