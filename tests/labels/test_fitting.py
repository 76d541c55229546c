"""Text in its box: shrunk, wrapped, shortened or refused, and never outside."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.labels.characters import UnprintableError, printable_text
from edge_agent.labels.fitting import Align, Box, Fit, Style, Typesetter
from edge_agent.labels.page import Bitmap, Canvas, NoRoomError
from edge_agent.labels.shaping import Fonts, MissingGlyphError
from tests.labels.paper import ink_bounds

PITCH = 400
LETTERS = "কখগতথদনপবমযরলশষসহািীুূেৈোৌংঃঁ্ৎড়ঢ়য়০১২৯৳।abcgjpqyABCÅÉẾ0189.,:/-()\u200c\u200d\u0301 \n"


def typeset(fonts: Fonts, text: str, style: Style, width: int = 300, height: int = 60) -> Bitmap:
    return Typesetter(fonts, style, Box(width, height, PITCH)).set(text)


def bounds(bitmap: Bitmap) -> tuple[int, int, int, int] | None:
    canvas = Canvas(PITCH, bitmap.height)
    canvas.draw(Bitmap(PITCH, bitmap.height, PITCH, bitmap.bits), 0, 0)
    return ink_bounds(canvas.page())


def test_text_that_fits_keeps_its_size(fonts: Fonts) -> None:
    assert typeset(fonts, "রহিম", Style(30, 18)) == typeset(fonts, "রহিম", Style(30, 30))


def test_shrink_takes_the_largest_size_that_fits(fonts: Fonts) -> None:
    text = "মোঃ আব্দুর রহিম, মিরপুর-১০"
    shrunk = typeset(fonts, text, Style(40, 18))
    sizes = [size for size in range(18, 41) if _fits(fonts, text, size)]
    assert 18 < max(sizes) < 40
    assert shrunk == typeset(fonts, text, Style(max(sizes), max(sizes)))


def _fits(fonts: Fonts, text: str, size: int) -> bool:
    try:
        typeset(fonts, text, Style(size, size))
    except NoRoomError:
        return False
    return True


@pytest.mark.parametrize("fit", [Fit.SHRINK, Fit.WRAP])
def test_text_too_long_for_its_floor_is_refused(fonts: Fonts, fit: Fit) -> None:
    with pytest.raises(NoRoomError):
        typeset(fonts, "মিরপুর " * 30, Style(30, 18, fit=fit))


def test_wrap_breaks_between_words(fonts: Fonts) -> None:
    text = "House 12, Road 5, Mirpur, Dhaka"
    wrapped = typeset(fonts, text, Style(24, 24, fit=Fit.WRAP, lang="en"), 200, 60)
    by_hand = typeset(
        fonts, "House 12, Road\n5, Mirpur, Dhaka", Style(24, 24, fit=Fit.WRAP, lang="en"), 200, 60
    )
    assert wrapped == by_hand


def test_wrap_keeps_line_breaks_of_the_text(fonts: Fonts) -> None:
    one = bounds(typeset(fonts, "ab", Style(20, 20, fit=Fit.WRAP, lang="en")))
    two = bounds(typeset(fonts, "a\nb", Style(20, 20, fit=Fit.WRAP, lang="en")))
    assert one is not None
    assert two is not None
    assert two[3] > one[3] + 15


def test_wrap_cuts_a_word_that_is_wider_than_the_box(fonts: Fonts) -> None:
    style = Style(24, 18, fit=Fit.WRAP)
    inked = bounds(typeset(fonts, "ক্ষুদ্র" * 8, style, 200, 80))
    assert inked is not None
    assert inked[3] > 40


def test_elsewhere_a_line_break_is_a_space(fonts: Fonts) -> None:
    assert typeset(fonts, "a\nb", Style(20, 20)) == typeset(fonts, "a b", Style(20, 20))


def test_ellipsis_shows_that_something_was_left_out(fonts: Fonts) -> None:
    style = Style(24, 20, fit=Fit.ELLIPSIS, lang="en")
    shortened = typeset(fonts, "Chattogram Agrabad Commercial Area", style)
    shown = [f"{'Chattogram Agrabad Commercial Area'[:length].rstrip()}…" for length in range(1, 34)]
    assert shortened in [_or_none(fonts, text, Style(20, 20, lang="en")) for text in shown]


def _or_none(fonts: Fonts, text: str, style: Style) -> Bitmap | None:
    try:
        return typeset(fonts, text, style)
    except NoRoomError:
        return None


def test_ellipsis_in_a_box_too_low_is_refused(fonts: Fonts) -> None:
    with pytest.raises(NoRoomError):
        typeset(fonts, "Chattogram", Style(24, 20, fit=Fit.ELLIPSIS), 300, 15)


@pytest.mark.parametrize(("align", "side"), [(Align.START, 0), (Align.END, 2)])
def test_text_is_aligned_to_its_side(fonts: Fonts, align: Align, side: int) -> None:
    inked = bounds(typeset(fonts, "রহিম", Style(24, 24, align=align)))
    assert inked is not None
    assert abs(inked[side] - (0, 0, 300)[side]) <= 3


def test_centred_text_has_equal_room_around_it(fonts: Fonts) -> None:
    style = Style(24, 24, align=Align.CENTER, valign=Align.CENTER)
    inked = bounds(typeset(fonts, "COD", style))
    assert inked is not None
    assert abs(inked[0] - (300 - inked[2])) <= 4
    assert abs(inked[1] - (60 - inked[3])) <= 1


def test_accents_that_reach_above_the_line_are_pushed_inside(fonts: Fonts) -> None:
    inked = bounds(typeset(fonts, "Ế", Style(40, 40, lang="en"), 100, 43))
    assert inked is not None
    assert inked[1] == 0


def test_an_empty_text_leaves_its_box_white(fonts: Fonts) -> None:
    assert typeset(fonts, "", Style(24, 18)).bits == 0


@settings(max_examples=300, deadline=None)
@given(
    text=st.one_of(st.text(LETTERS, max_size=60), st.text(max_size=20)),
    fit=st.sampled_from(Fit),
    align=st.sampled_from(Align),
    valign=st.sampled_from(Align),
    lang=st.sampled_from(["bn", "en"]),
    width=st.integers(8, 300),
    height=st.integers(8, 120),
)
def test_no_text_ever_leaves_its_box(
    text: str, fit: Fit, align: Align, valign: Align, lang: str, width: int, height: int
) -> None:
    style = Style(30, 18, fit, align, valign, lang)
    try:
        bitmap = Typesetter(_FONTS, style, Box(width, height, PITCH)).set(printable_text(text))
    except (NoRoomError, MissingGlyphError, UnprintableError):
        return
    assert (bitmap.width, bitmap.height) == (width, height)
    assert bitmap.bits.bit_length() <= height * PITCH
    inked = bounds(bitmap)
    assert inked is None or (inked[2] <= width and inked[3] <= height)


_FONTS = Fonts()
