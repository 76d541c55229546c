"""Code 128 and GS1-128: text into symbol values and bars, in the fewest symbols.

Owns: the code sets, the element-string syntax of GS1-128, the bars. Must not know: dots, pages, templates.

Source: ISO/IEC 15417 (symbology, check character modulo 103) and the GS1 General Specifications, section 5.4
(FNC1 in first place; application identifiers of predefined length, figure 7.8.5-2).
"""

from __future__ import annotations

import re

MAX_CHARACTERS = 80  # at two dots a module this is 200 mm wide: longer than any label; GS1 itself ends at 48
FNC1 = "\xf1"  # stands for the function character inside a text that is otherwise ASCII
QUIET_MODULES = 10

# Widths of bar, space, bar, space, bar, space for the values 0 to 105, then the stop pattern.
_WIDTHS = (  # noqa: SIM905  # a table of 107 patterns reads better in rows than as a list
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 "
    "122231 113222 123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 "
    "322112 322211 212123 212321 232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 "
    "112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 213311 213131 311123 311321 "
    "331121 312113 312311 332111 314111 221411 431111 111224 111422 121124 121421 141122 141221 112214 "
    "112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 111242 121142 121241 114212 "
    "124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 114311 411113 "
    "411311 113141 114131 311141 411131 211412 211214 211232 2331112"
).split()
_STOP = 106
_CHECK_MODULUS = 103
_SETS = "ABC"
_START = {"A": 103, "B": 104, "C": 105}
_SWITCH = {"A": 101, "B": 100, "C": 99}
_SHIFT = 98
_FNC1_VALUE = 102
_OTHER = {"A": "B", "B": "A"}

_ELEMENT = re.compile(r"\(([0-9]{2,4})\)([^()]+)")
_FIXED_LENGTHS = {  # digits of the identifier and its data together, by the identifier's first two digits
    "00": 20,
    **dict.fromkeys(("01", "02", "03"), 16),
    "04": 18,
    **dict.fromkeys(("11", "12", "13", "14", "15", "16", "17", "18", "19"), 8),
    "20": 4,
    **dict.fromkeys(("31", "32", "33", "34", "35", "36"), 10),
    "41": 16,
}


class CodeError(ValueError):
    """A text that the code cannot hold; `args[0]` says why without repeating it."""


def encode(text: str) -> list[int]:
    """Symbol values with start, check character and stop; raises CodeError for what is not ASCII."""
    if not 0 < len(text) <= MAX_CHARACTERS:
        raise CodeError(f"must have 1 to {MAX_CHARACTERS} characters, has {len(text)}")
    if any(char > "\x7f" and char != FNC1 for char in text):
        raise CodeError("holds a character outside ASCII")
    values = _shortest(text)
    check = (values[0] + sum(place * value for place, value in enumerate(values))) % _CHECK_MODULUS
    return [*values, check, _STOP]


def modules(text: str) -> str:
    """The bars as a row of 0 and 1, one character for each module, without quiet zones."""
    widths = "".join(_WIDTHS[value] for value in encode(text))
    return "".join("10"[place % 2] * int(width) for place, width in enumerate(widths))


def gs1(text: str) -> str:
    """The text to encode for element strings such as "(01)09521234543213(10)AB": raises CodeError."""
    elements = _ELEMENT.findall(text)
    if not elements or "".join(f"({ai}){data}" for ai, data in elements) != text:
        raise CodeError("must be element strings such as (01)09521234543213(10)AB")
    encoded = FNC1
    for place, (ai, data) in enumerate(elements):
        length = _FIXED_LENGTHS.get(ai[:2])
        if length is not None and len(ai + data) != length:
            raise CodeError(f"needs {length - len(ai)} characters after ({ai}), has {len(data)}")
        last = place == len(elements) - 1
        encoded += ai + data + ("" if last or length is not None else FNC1)
    return encoded


def _shortest(text: str) -> tuple[int, ...]:
    """Walk the text once, keeping for each code set the shortest way to be in it."""
    ways: list[dict[str, tuple[int, ...]]] = [{} for _ in range(len(text) + 1)]
    ways[0] = {code: (start,) for code, start in _START.items()}
    for place in range(len(text)):
        if place:
            _switch(ways[place])
        for code, values in ways[place].items():
            for step, more in _steps(text, place, code):
                _keep(ways[place + step], code, values + more)
    return min(ways[-1].values(), key=len)


def _switch(here: dict[str, tuple[int, ...]]) -> None:
    for code in _SETS:
        for values in list(here.values()):
            _keep(here, code, (*values, _SWITCH[code]))


def _keep(here: dict[str, tuple[int, ...]], code: str, values: tuple[int, ...]) -> None:
    if code not in here or len(values) < len(here[code]):
        here[code] = values


def _steps(text: str, place: int, code: str) -> list[tuple[int, tuple[int, ...]]]:
    """How to go on in this code set: characters taken, and the values that take them."""
    char = text[place]
    if char == FNC1:
        return [(1, (_FNC1_VALUE,))]
    if code == "C":
        pair = text[place : place + 2]
        return [(2, (int(pair),))] if len(pair) == 2 and pair.isdigit() else []
    own, other = _value(char, code), _value(char, _OTHER[code])
    if own is not None:
        return [(1, (own,))]
    return [(1, (_SHIFT, other))] if other is not None else []


def _value(char: str, code: str) -> int | None:
    """The character's value in set A (controls, capitals) or B (capitals, small letters)."""
    number = ord(char)
    if 32 <= number < 96:
        return number - 32
    if code == "A":
        return number + 64 if number < 32 else None
    return number - 32 if number >= 96 else None
