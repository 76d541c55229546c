"""Facts into words: digits of both scripts, amounts, dates, item numbers.

Owns: the formatters that a template may name, and nothing else can. Must not know: templates, fonts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

from edge_agent.labels.taka_words import POISHA_IN_TAKA, bn_taka_words, taka_words
from edge_agent.sdk.errors import CommandError

Fact = str | int | Decimal | date

TAKA_SIGN = "৳"

_BANGLA_UNITS = {"kg": "কেজি", "g": "গ্রাম", "lb": "পাউন্ড", "oz": "আউন্স"}
_BANGLA_DIGITS = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
_S10 = re.compile(r"([A-Z]{2})([0-9]{3})([0-9]{3})([0-9]{3})([A-Z]{2})")


def bn_digits(text: str) -> str:
    """ASCII digits as Bangla digits; all else unchanged."""
    return text.translate(_BANGLA_DIGITS)


def bn_unit(text: str) -> str:
    """A unit of weight in Bangla: kg is কেজি; one that scales do not send is unchanged."""
    return _BANGLA_UNITS.get(text, text)


def taka(poisha: int) -> str:
    """Poisha as taka with two decimals, grouped as in Bangladesh: 12345650 is 1,23,456.50."""
    whole, rest = divmod(poisha, POISHA_IN_TAKA)
    digits = str(whole)
    head, tail = digits[:-3], digits[-3:]
    pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)]
    return f"{','.join([*reversed(pairs), tail])}.{rest:02d}"


def money(poisha: int) -> str:
    """Poisha in English: BDT 123.50."""
    return f"BDT {taka(poisha)}"


def bn_money(poisha: int) -> str:
    """Poisha in Bangla: ৳ ১২৩.৫০."""
    return f"{TAKA_SIGN} {bn_digits(taka(poisha))}"


def day_first(day: date) -> str:
    """A local date as people here write it: 23-11-2026, with the time where there is one."""
    return f"{day:%d-%m-%Y %H:%M}" if isinstance(day, datetime) else f"{day:%d-%m-%Y}"


def s10_spaced(text: str) -> str:
    """An S10 item number in the groups of the UPU standard: RR 123 456 785 BD; others unchanged."""
    match = _S10.fullmatch(text)
    return " ".join(match.groups()) if match else text


def plain(fact: Fact) -> str:
    """A fact without formatter: a decimal keeps the numeral that was sent, a date is ISO 8601."""
    if isinstance(fact, Decimal):
        return format(fact, "f")
    if isinstance(fact, date):
        return f"{fact:%Y-%m-%d %H:%M}" if isinstance(fact, datetime) else f"{fact:%Y-%m-%d}"
    return str(fact)


TEXT_FORMATS: dict[str, Callable[[str], str]] = {
    "bn-digits": bn_digits,
    "bn-unit": bn_unit,
    "s10-spaced": s10_spaced,
    "upper": str.upper,
}
MONEY_FORMATS: dict[str, Callable[[int], str]] = {
    "bn-money": bn_money,
    "money": money,
    "bn-taka-words": bn_taka_words,
    "taka-words": taka_words,
}
DATE_FORMATS: dict[str, Callable[[date], str]] = {"date": day_first}


def formatted(fact: Fact, formats: tuple[str, ...]) -> str:
    """The fact through its formatters, in order. Templates are checked, so each name fits its fact."""
    text: str | None = None
    for name in formats:
        text = _first(fact, name) if text is None else TEXT_FORMATS[name](text)
    return plain(fact) if text is None else text


def _first(fact: Fact, name: str) -> str:
    if isinstance(fact, date) and name in DATE_FORMATS:
        return DATE_FORMATS[name](fact)
    if isinstance(fact, int) and name in MONEY_FORMATS:
        return MONEY_FORMATS[name](fact)
    if name in TEXT_FORMATS:
        return TEXT_FORMATS[name](plain(fact))
    raise CommandError("label.format", f"the formatter {name!r} does not apply here")
