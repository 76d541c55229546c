"""Amounts in words, as a receipt must say them: taka and poisha in Bangla and in English.

Owns: the number words and their grouping (hundred, thousand, lakh, crore). Must not know: templates, digits.

The Bangla words below a hundred are irregular and stand here one by one, in today's standard spelling. An
amount ends with "only" (মাত্র), so that nothing can be written behind it.
"""

from __future__ import annotations

POISHA_IN_TAKA = 100

_BANGLA = (
    "শূন্য এক দুই তিন চার পাঁচ ছয় সাত আট নয় দশ এগারো বারো তেরো চৌদ্দ পনেরো ষোলো সতেরো আঠারো উনিশ "
    "বিশ একুশ বাইশ তেইশ চব্বিশ পঁচিশ ছাব্বিশ সাতাশ আটাশ উনত্রিশ ত্রিশ একত্রিশ বত্রিশ তেত্রিশ চৌত্রিশ পঁয়ত্রিশ ছত্রিশ "
    "সাঁইত্রিশ আটত্রিশ উনচল্লিশ চল্লিশ একচল্লিশ বিয়াল্লিশ তেতাল্লিশ চুয়াল্লিশ পঁয়তাল্লিশ ছেচল্লিশ সাতচল্লিশ আটচল্লিশ "
    "উনপঞ্চাশ পঞ্চাশ একান্ন বায়ান্ন তিপ্পান্ন চুয়ান্ন পঞ্চান্ন ছাপ্পান্ন সাতান্ন আটান্ন উনষাট ষাট একষট্টি বাষট্টি তেষট্টি "
    "চৌষট্টি পঁয়ষট্টি ছেষট্টি সাতষট্টি আটষট্টি উনসত্তর সত্তর একাত্তর বাহাত্তর তিয়াত্তর চুয়াত্তর পঁচাত্তর ছিয়াত্তর সাতাত্তর "
    "আটাত্তর উনআশি আশি একাশি বিরাশি তিরাশি চুরাশি পঁচাশি ছিয়াশি সাতাশি আটাশি উননব্বই নব্বই একানব্বই বিরানব্বই "
    "তিরানব্বই চুরানব্বই পঁচানব্বই ছিয়ানব্বই সাতানব্বই আটানব্বই নিরানব্বই"
)
_ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_GROUPS = ((10_000_000, "কোটি", "crore"), (100_000, "লক্ষ", "lakh"), (1_000, "হাজার", "thousand"))


def bn_taka_words(poisha: int) -> str:
    """12350 is একশত তেইশ টাকা পঞ্চাশ পয়সা মাত্র."""
    taka, rest = divmod(poisha, POISHA_IN_TAKA)
    parts = [f"{_bangla(taka)} টাকা"] if taka or not rest else []
    return " ".join([*parts, *([f"{_bangla(rest)} পয়সা"] if rest else []), "মাত্র"])


def taka_words(poisha: int) -> str:
    """12350 is One hundred twenty-three taka and fifty poisha only."""
    taka, rest = divmod(poisha, POISHA_IN_TAKA)
    parts = [f"{_english(taka)} taka"] if taka or not rest else []
    text = " and ".join([*parts, *([f"{_english(rest)} poisha"] if rest else [])])
    return f"{text[:1].upper()}{text[1:]} only"


def _bangla(number: int) -> str:
    words = []
    for size, name, _ in _GROUPS:
        count, number = divmod(number, size)
        words += [_bangla(count), name] if count else []
    hundreds, rest = divmod(number, 100)
    names = _BANGLA.split()
    words += [f"{names[hundreds]}শত"] if hundreds else []
    return " ".join(words + ([names[rest]] if rest or not words else []))


def _english(number: int) -> str:
    words = []
    for size, _, name in _GROUPS:
        count, number = divmod(number, size)
        words += [_english(count), name] if count else []
    hundreds, rest = divmod(number, 100)
    words += [_english(hundreds), "hundred"] if hundreds else []
    return " ".join(words + ([_below_hundred(rest)] if rest or not words else []))


def _below_hundred(number: int) -> str:
    if number < 20:
        return _ENGLISH.split()[number]
    tens, ones = divmod(number, 10)
    return "-".join([_TENS.split()[tens - 2], *([_ENGLISH.split()[ones]] if ones else [])])
