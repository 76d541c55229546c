"""Amounts in words: what a cheque or a COD receipt says, in Bangla and English."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.labels.taka_words import _BANGLA, bn_taka_words, taka_words

AMOUNTS = [
    (0, "শূন্য টাকা মাত্র", "Zero taka only"),
    (5, "পাঁচ পয়সা মাত্র", "Five poisha only"),
    (100, "এক টাকা মাত্র", "One taka only"),
    (12350, "একশত তেইশ টাকা পঞ্চাশ পয়সা মাত্র", "One hundred twenty-three taka and fifty poisha only"),
    (125_000, "এক হাজার দুইশত পঞ্চাশ টাকা মাত্র", "One thousand two hundred fifty taka only"),
    (2_000_000, "বিশ হাজার টাকা মাত্র", "Twenty thousand taka only"),
    (10_000_000, "এক লক্ষ টাকা মাত্র", "One lakh taka only"),
    (
        1_234_567_810,
        "এক কোটি তেইশ লক্ষ পঁয়তাল্লিশ হাজার ছয়শত আটাত্তর টাকা দশ পয়সা মাত্র",
        "One crore twenty-three lakh forty-five thousand six hundred seventy-eight taka and ten poisha only",
    ),
    (99_99_99_99_900, "নিরানব্বই কোটি নিরানব্বই লক্ষ নিরানব্বই হাজার নয়শত নিরানব্বই টাকা মাত্র", None),
]
VALUES = {"শূন্য": 0} | {word: number for number, word in enumerate(_BANGLA.split())}
SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
ENGLISH = {word: number for number, word in enumerate(f"{SMALL} seventeen eighteen nineteen".split())} | {
    word: 10 * number for number, word in enumerate(TENS.split(), 2)
}
ENGLISH_GROUPS = {"crore": 10_000_000, "lakh": 100_000, "thousand": 1_000}
BEGINS = (("",), ("এক",), ("ব",), ("তে", "তি"), ("চ",), ("পঁ", "পঞ্চ"), ("ছ",), ("সা",), ("আ",))
ENDS = ("", "", "শ", "ত্রিশ", "ল্লিশ", "ান্ন", "ষট্টি", "ত্তর", "শি", "নব্বই")
AMOUNT = st.integers(0, 12).flatmap(lambda digits: st.integers(0, 10**digits))  # small ones as often as large
GROUPS = {"কোটি": 10_000_000, "লক্ষ": 100_000, "হাজার": 1_000}


@pytest.mark.parametrize(("poisha", "bangla", "english"), AMOUNTS)
def test_an_amount_is_said_in_both_languages(poisha: int, bangla: str, english: str | None) -> None:
    assert bn_taka_words(poisha) == bangla
    assert english is None or taka_words(poisha) == english


def test_there_are_a_hundred_different_number_words() -> None:
    assert len(set(_BANGLA.split())) == len(_BANGLA.split()) == 100


def test_each_bangla_number_word_stands_at_its_number() -> None:
    """From 21 on a word begins as its ones do and ends as its tens do; …9 is one less than the next ten."""
    words = _BANGLA.split()
    for number in range(21, 99):
        tens, ones = divmod(number, 10)
        if ones == 9:
            assert words[number] == f"উন{words[number + 1]}"
        elif ones:
            assert words[number].startswith(BEGINS[ones]), number
            assert words[number].endswith(ENDS[tens]), number
    assert words[99] == "নিরানব্বই"


def number_of(words: list[str]) -> int:
    """Read the words of a whole number back."""
    total = part = 0
    for word in words:
        if word == "কোটি":
            total, part = (total + part) * GROUPS[word], 0
        elif word in GROUPS:
            total, part = total + part * GROUPS[word], 0
        elif word.endswith("শত"):
            part += 100 * VALUES[word.removesuffix("শত")]
        else:
            part += VALUES[word]
    return total + part


@given(AMOUNT)
def test_the_words_say_the_amount_exactly(poisha: int) -> None:
    words = bn_taka_words(poisha).removesuffix(" মাত্র")
    taka, _, rest = words.partition(" টাকা") if "টাকা" in words else ("", "", words)
    said = number_of(taka.split()) * 100 + number_of(rest.removesuffix(" পয়সা").split())
    assert said == poisha


def english_number_of(words: list[str]) -> int:
    """Read the English words of a whole number back."""
    total = part = 0
    for word in words:
        if word == "crore":
            total, part = (total + part) * ENGLISH_GROUPS[word], 0
        elif word in ENGLISH_GROUPS:
            total, part = total + part * ENGLISH_GROUPS[word], 0
        elif word == "hundred":
            part *= 100
        else:
            part += sum(ENGLISH[piece] for piece in word.split("-"))
    return total + part


@given(AMOUNT)
def test_the_english_words_say_the_amount_exactly(poisha: int) -> None:
    text = taka_words(poisha).removesuffix(" only")
    words = text[0].lower() + text[1:]
    taka, _, rest = words.partition(" taka") if "taka" in words else ("", "", words)
    rest = rest.removeprefix(" and ").removesuffix(" poisha")
    assert english_number_of(taka.split()) * 100 + english_number_of(rest.split()) == poisha
