"""Shaping: each script by its own rules, fall-back by character, and no empty boxes on paper."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from edge_agent.labels.faces import BOLD, DEBIAN_FONTS, MAX_CACHE_BYTES, REGULAR, FontFiles
from edge_agent.labels.shaping import MAX_LINES, Fonts, MissingGlyphError, Word
from edge_agent.sdk.errors import ConfigError

PRAPOK = (
    224,
    54,
    40,
    20,
)  # pra, aa, pa, ka in Noto Sans Bengali: joined, not four letters with a bare hasanta


def numbers(word: Word) -> tuple[int, ...]:
    return tuple(glyph.number for glyph in word.glyphs)


def scripts(word: Word) -> list[str]:
    return [run.script for run in word.runs]


@pytest.mark.parametrize("weight", [REGULAR, BOLD])
def test_a_conjunct_is_one_glyph(fonts: Fonts, weight: int) -> None:
    assert len(fonts.words("ক্ষ", weight=weight)[0].glyphs) == 1


def test_a_vowel_that_is_written_before_its_consonant_is_drawn_before_it(fonts: Fonts) -> None:
    ki = fonts.words("কি")[0]
    ka, i = numbers(fonts.words("ক")[0])[0], numbers(ki)[0]
    assert numbers(ki)[-1] == ka != i


@pytest.mark.parametrize("lang", ["bn", "en"])
def test_bangla_in_a_mixed_line_is_shaped_as_bangla(fonts: Fonts, lang: str) -> None:
    to, prapok, rahim = fonts.words("To: প্রাপক Rahim", lang=lang)
    assert numbers(prapok) == PRAPOK
    assert (scripts(to), scripts(prapok), scripts(rahim)) == (["Latn"], ["Beng"], ["Latn"])


def test_signs_and_digits_follow_the_script_before_them(fonts: Fonts) -> None:
    words = fonts.words("বাসা 12/A, (রোড) 5", lang="en")
    assert [scripts(word) for word in words] == [["Beng"], ["Beng", "Latn"], ["Latn", "Beng"], ["Beng"]]


def test_a_line_of_digits_takes_the_script_of_its_language(fonts: Fonts) -> None:
    assert scripts(fonts.words("1216", lang="bn")[0]) == ["Beng"]
    assert scripts(fonts.words("1216", lang="en")[0]) == ["Latn"]


def test_a_character_that_the_first_face_lacks_comes_from_the_next(fonts: Fonts) -> None:
    word = fonts.words("ক·ক", lang="bn")[0]
    assert [run.text for run in word.runs] == ["ক", "·", "ক"]
    assert word.runs[0].face == word.runs[2].face != word.runs[1].face


@pytest.mark.parametrize("text", ["ড়ঢ়য়", "কোকৌ", "é", "Ångström"])
def test_composed_and_decomposed_text_shape_alike(fonts: Fonts, text: str) -> None:
    composed = fonts.words(unicodedata.normalize("NFC", text))[0]
    decomposed = fonts.words(unicodedata.normalize("NFD", text))[0]
    assert numbers(composed) == numbers(decomposed)


@pytest.mark.parametrize(("joiner", "same"), [("\u200c", False), ("\u200d", False), ("", True)])
def test_joiners_choose_the_form_of_a_conjunct(fonts: Fonts, joiner: str, *, same: bool) -> None:
    assert (numbers(fonts.words(f"ক্{joiner}ষ")[0]) == numbers(fonts.words("ক্ষ")[0])) is same


@pytest.mark.parametrize("char", ["😀", "漢", "ا", "ก", "★", "\u3000"])
def test_a_character_that_no_font_has_is_named_by_its_number(fonts: Fonts, char: str) -> None:
    with pytest.raises(MissingGlyphError, match=f"U\\+{ord(char):04X}"):
        fonts.words(f"Rahim {char} রহিম")


def test_a_mark_without_a_common_face_is_refused(fonts: Fonts) -> None:
    with pytest.raises(MissingGlyphError):
        fonts.words("ক\u0301")


def test_ink_begins_where_its_bounds_say(fonts: Fonts) -> None:
    ink = fonts.draw(fonts.words("প্রাপক"), 24, 800)
    assert ink is not None
    columns = [format(ink.bits, f"0{800 * ink.height}b")[x::800] for x in range(ink.width + 1)]
    assert "1" in columns[0]
    assert "1" in columns[-2]
    assert "1" not in columns[-1]


def test_a_line_wider_than_the_page_has_no_bits(fonts: Fonts) -> None:
    ink = fonts.draw(fonts.words("প্রাপক" * 20), 24, 400)
    assert ink is not None
    assert ink.width > 400
    assert ink.bits == 0


def test_a_pile_of_marks_is_measured_but_not_drawn(fonts: Fonts) -> None:
    ink = fonts.draw(fonts.words("e" + "\u0301" * 500), 24, 400)
    assert ink is not None
    assert ink.height > 24 * 4
    assert ink.bits == 0


def test_blank_lines_have_no_ink(fonts: Fonts) -> None:
    assert fonts.words("   ") == ()
    assert fonts.draw(fonts.words("\u00a0"), 24, 400) is None


def test_the_fonts_pass_their_own_test(fonts: Fonts) -> None:
    fonts.self_test()


def test_an_absent_font_names_the_package_that_has_it(tmp_path: Path) -> None:
    files = replace(DEBIAN_FONTS, bangla={REGULAR: tmp_path / "none.ttf", BOLD: tmp_path / "none.ttf"})
    with pytest.raises(ConfigError, match="fonts-noto-core") as refusal:
        Fonts(files).self_test()
    assert refusal.value.code == "fonts.missing"


def test_a_file_that_is_no_font_is_refused(tmp_path: Path) -> None:
    fake = tmp_path / "fake.ttf"
    fake.write_bytes(b"not a font" * 100)
    with pytest.raises(ConfigError, match="no font"):
        Fonts(FontFiles(bangla={REGULAR: fake, BOLD: fake}, latin=DEBIAN_FONTS.latin)).self_test()


def test_a_bangla_font_without_joining_is_refused() -> None:
    latin_only = FontFiles(bangla=DEBIAN_FONTS.latin, latin=DEBIAN_FONTS.latin)
    with pytest.raises(ConfigError) as refusal:
        Fonts(latin_only).self_test()
    assert refusal.value.code == "fonts.unshaped"


def test_remembered_glyphs_and_lines_are_bounded() -> None:
    own = Fonts()
    for size in range(18, 400, 3):
        own.draw(own.words(f"প্রাপক {size}"), size, 960)
    for number in range(MAX_LINES + 10):
        own.words(f"{number}")
    assert own._faces._cached_bytes <= MAX_CACHE_BYTES
    assert len(own._lines) <= MAX_LINES


@pytest.mark.parametrize("weight", [REGULAR, BOLD])
def test_letters_are_cut_at_one_level_and_never_dithered(weight: int) -> None:
    """What is black at a higher level is black at every lower one; dithering would scatter its dots anew."""

    def ink(level: int) -> set[tuple[int, int]]:
        own = Fonts(black_from=level)
        drawn = own.draw(own.words("ক্ষুদ্র উদ্যোক্তা To: 12", weight=weight), 24, 800)
        assert drawn is not None
        dots = format(drawn.bits, f"0{800 * drawn.height}b")
        return {(drawn.left + at % 800, drawn.top + at // 800) for at, dot in enumerate(dots) if dot == "1"}

    levels = [ink(level) for level in (40, 80, 110, 150, 220)]
    assert all(fewer < more for more, fewer in pairwise(levels))


def test_a_glyph_is_the_same_after_it_was_forgotten() -> None:
    own = Fonts()
    first = own.draw(own.words("প্রাপক"), 24, 800)
    for size in range(18, 400, 3):
        own.draw(own.words("ক্ষুদ্র উদ্যোক্তা"), size, 960)
    assert own.draw(own.words("প্রাপক"), 24, 800) == first
