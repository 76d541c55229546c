"""GS1 application identifiers: which exist, and what their data must look like.

Owns: the table, the character sets, the checks on one data field. Must not know: separators, scanners, URIs.
Source: GS1 General Specifications, sections 3, 7.8 and 7.11; GS1 Barcode Syntax Dictionary (2025).
Checked: characters, lengths, check digits, dates and times, pieces of a total, yes/no, ISO 3166-1 letters.
Not checked: the check pairs of 8013 and 8014, numeric country and currency codes, company prefixes, coupons,
which identifiers must or must not stand together, and the check digit in 8003 (a published label carries a
wrong one).

A format is a row of components: N digits, X characters of set 82, Y of set 39, Z of base64url; a number for a
fixed length, `..` for up to; `:` and the name of a check; square brackets where the component may be missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from edge_agent.barcodes.countries import COUNTRIES
from edge_agent.sdk.checksums import gs1_check_digit

_ROWS = (
    ("00", "N18:check_digit"),
    ("01 02 03", "N14:check_digit"),
    ("11 12 13 15 16 17", "N6:day_or_month"),
    ("20", "N2"),
    ("10 21 22 243 254 420 4318 7020 7021 7022 7240 8002 8012", "X..20"),
    ("710 711 712 713 714 715 716", "X..20"),
    ("235", "X..28"),
    ("240 241 250 251 400 401 403 4308 4319 7002 7023 8004 90", "X..30"),
    ("242", "N..6"),
    ("253", "N13:check_digit [X..17]"),
    ("255", "N13:check_digit [N..12]"),
    ("30 37", "N..8"),
    ("310n 311n 312n 313n 314n 315n 316n", "N6"),
    ("320n 321n 322n 323n 324n 325n 326n 327n 328n 329n", "N6"),
    ("330n 331n 332n 333n 334n 335n 336n 337n", "N6"),
    ("340n 341n 342n 343n 344n 345n 346n 347n 348n 349n", "N6"),
    ("350n 351n 352n 353n 354n 355n 356n 357n", "N6"),
    ("360n 361n 362n 363n 364n 365n 366n 367n 368n 369n", "N6"),
    ("390n 392n", "N..15"),
    ("391n 393n", "N3 N..15"),
    ("394n", "N4"),
    ("395n", "N6"),
    ("402", "N17:check_digit"),
    ("410 411 412 413 414 415 416 417", "N13:check_digit"),
    ("421", "N3 X..9"),
    ("422 424 426", "N3"),
    ("423 425", "N3 [N3] [N3] [N3] [N3]"),
    ("427 7008", "X..3"),
    ("4300 4301 4310 4311 4320", "X..35"),
    ("4302 4303 4304 4305 4306 4312 4313 4314 4315 4316 7257 8110 8112 8200", "X..70"),
    ("4307 4317", "X2:country"),
    ("4309", "N20"),
    ("4321 4322 4323", "N1:yes_no"),
    ("4324 4325", "N6:day_or_month N4:hour_or_none"),
    ("4326 7006", "N6:day"),
    ("4330 4331 4332 4333", "N6 [X1:minus]"),
    ("7001", "N13"),
    ("7003", "N6:day N4:hour"),
    ("7004", "N..4"),
    ("7005", "X..12"),
    ("7007", "N6:day [N6:day]"),
    ("7009 7255", "X..10"),
    ("7010", "X..2"),
    ("7011", "N6:day [N4:hour]"),
    ("7030 7031 7032 7033 7034 7035 7036 7037 7038 7039", "N3 X..27"),
    ("7040", "N1 X3"),
    ("7041", "X..4"),
    ("7230 7231 7232 7233 7234 7235 7236 7237 7238 7239", "X2 X..28"),
    ("7241", "N2"),
    ("7242 8020", "X..25"),
    ("7250", "N8:long_day"),
    ("7251", "N8:long_day N4:hour"),
    ("7252", "N1:sex"),
    ("7253 7254 7259", "X..40"),
    ("7256", "X..90"),
    ("7258", "X3:birth_order"),
    ("8001", "N14"),
    ("8003", "N1:zero N13 [X..16]"),
    ("8005", "N6"),
    ("8006 8026", "N14:check_digit N4:piece"),
    ("8007", "X..34"),
    ("8008", "N6:day N2 [N2] [N2]"),
    ("8009", "X..50"),
    ("8010", "Y..30"),
    ("8011", "N..12:no_leading_zero"),
    ("8013 8014", "X..25"),
    ("8017 8018", "N18:check_digit"),
    ("8111", "N4"),
    ("8019", "N..10"),
    ("8030", "Z..90"),
    ("91 92 93 94 95 96 97 98 99", "X..90"),
)
_FORMATS = {identifier: form for identifiers, form in _ROWS for identifier in identifiers.split()}

# Identifiers written with n above end in the number of decimals; how many there may be.
_MOST_DECIMALS = {"390": 9, "391": 9, "392": 9, "393": 9, "394": 3, "395": 5}
_MOST_DECIMALS_OF_MEASURES = 5

# First two digits of the identifiers whose data ends by its length, without a separator (section 7.8).
_PREDEFINED = re.compile("0[0-4]|1[1-9]|20|3[1-6]|41")

_CHARACTERS = {
    "N": re.compile(r"[0-9]+"),
    "X": re.compile(r"""[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]+"""),
    "Y": re.compile(r"[#\-/0-9A-Z]+"),
    "Z": re.compile(r"[A-Za-z0-9\-_=]+"),
}
_COMPONENT = re.compile(r"([NXYZ])(\.\.)?([0-9]+)(?::([a-z_]+))?")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Component(NamedTuple):
    """One part of a data field: its characters, its length, the name of its check."""

    characters: re.Pattern[str]
    least: int
    most: int
    check: str
    optional: bool


def identifier_at(data: str, start: int) -> str | None:
    """The application identifier that begins there; no identifier is the beginning of another."""
    for length in (2, 3, 4):
        candidate = data[start : start + length]
        if len(candidate) == length and is_assigned(candidate):
            return candidate
    return None


def is_assigned(identifier: str) -> bool:
    """Whether GS1 has given this identifier a meaning."""
    return _format(identifier) is not None


def predefined_length(identifier: str) -> int | None:
    """How many characters of data follow without a separator; None where a separator or the end is needed."""
    if _PREDEFINED.match(identifier) is None:
        return None
    return sum(component.most for component in _components(_format(identifier) or ""))


def fault(identifier: str, data: str) -> str | None:
    """What is wrong with the data of an assigned identifier, as an error code; None if nothing is."""
    rest = data
    for component in _components(_format(identifier) or ""):
        if not rest and component.optional:
            break
        piece, rest = rest[: component.most], rest[component.most :]
        if len(piece) < component.least:
            return "length"
        if component.characters.fullmatch(piece) is None:
            return "format"
        if component.check and not _CHECKS[component.check](piece):
            return _ERRORS.get(component.check, "format")
    return "length" if rest else None


def _format(identifier: str) -> str | None:
    if not (identifier.isascii() and identifier.isdigit()):
        return None
    with_decimals = _FORMATS.get(identifier[:3] + "n") if len(identifier) == 4 else None
    if with_decimals is None:
        return _FORMATS.get(identifier)
    most = _MOST_DECIMALS.get(identifier[:3], _MOST_DECIMALS_OF_MEASURES)
    return with_decimals if int(identifier[3]) <= most else None


@cache  # bounded by the number of formats in the table
def _components(form: str) -> tuple[Component, ...]:
    return tuple(_component(word) for word in form.split())


def _component(word: str) -> Component:
    parts = _COMPONENT.fullmatch(word.strip("[]"))
    if parts is None:
        raise ValueError(f"no component of a format: {word!r}")
    kind, up_to, length, check = parts.groups()
    least = 1 if up_to else int(length)
    return Component(_CHARACTERS[kind], least, int(length), check or "", word.startswith("["))


def _check_digit(digits: str) -> bool:
    return gs1_check_digit(digits[:-1]) == int(digits[-1])


def _day(digits: str) -> bool:
    return digits[4:6] != "00" and _day_or_month(digits)


def _day_or_month(digits: str) -> bool:
    """YYMMDD, where day 00 is the whole month; year 00 is 2000 (GS1: at most 50 ahead, 49 behind)."""
    year, month, day = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    if not 1 <= month <= 12 or day > _DAYS[month - 1]:
        return False
    return (month, day) != (2, 29) or year % 4 == 0


def _hour(digits: str) -> bool:
    return int(digits[:2]) < 24 and int(digits[2:]) < 60


def _long_day(digits: str) -> bool:
    """YYYYMMDD, as of a person who may be a hundred years old."""
    year = int(digits[:4])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _day(digits[2:]) and (digits[4:] != "0229" or leap)


def _birth_order(text: str) -> bool:
    """1/2: the first of twins."""
    return re.fullmatch("[1-9]/[1-9]", text) is not None and text[0] <= text[2]


def _piece(digits: str) -> bool:
    return 1 <= int(digits[:2]) <= int(digits[2:])


_CHECKS: dict[str, Callable[[str], bool]] = {
    "birth_order": _birth_order,
    "check_digit": _check_digit,
    "country": COUNTRIES.__contains__,
    "day": _day,
    "day_or_month": _day_or_month,
    "hour": _hour,
    "hour_or_none": lambda digits: digits == "9999" or _hour(digits),
    "long_day": _long_day,
    "minus": lambda character: character == "-",
    "no_leading_zero": lambda digits: digits == "0" or not digits.startswith("0"),
    "piece": _piece,
    "sex": lambda digit: digit in "0129",  # ISO/IEC 5218
    "yes_no": lambda digit: digit in "01",
    "zero": lambda digit: digit == "0",
}
_ERRORS = {
    "check_digit": "check_digit",
    "country": "country",
    "day": "date",
    "day_or_month": "date",
    "hour": "date",
    "hour_or_none": "date",
    "long_day": "date",
}
