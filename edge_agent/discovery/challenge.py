"""The code that a new scanner must read before it is believed: what it proves, and what a difference means.

Owns: making the code, finding it in what was scanned, naming the fix. Must not know: ports, drivers, screens.

A device that only pretends to be a scanner does not know the code: it is new each time. Its letters and
signs stand elsewhere on the keyboards of other countries, so that it also proves the scanner's layout, its
case, and what the scanner puts before and behind a barcode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_agent.barcodes.aim import LENGTH as AIM_LENGTH
from edge_agent.barcodes.aim import symbology
from edge_agent.barcodes.keyboard import TYPED

LETTERS = "cdefghkmnprtuvxCDEFGHKMNPRTUVX234579"  # none that is easily taken for another
RANDOM_LETTERS = 4  # twice: 36 to the 8th are more codes than a device can type in the time that there is
AROUND_LIMIT = 32  # a prefix or suffix of a scanner has a few characters; more is another barcode


@dataclass(frozen=True, slots=True)
class Proved:
    """The code was read; this stood around it."""

    prefix: str
    suffix: str
    aim: bool
    caps: bool


def new_code(choose: Callable[[Sequence[str]], str]) -> str:
    """A code that nobody can know; `choose` takes one of some characters, as secrets.choice does."""
    first, second = ("".join(choose(LETTERS) for _ in range(RANDOM_LETTERS)) for _ in range(2))
    return f"Bx7/{first}-aYq_{second}"


def proof(code: str, scanned: str) -> Proved | None:
    """What stood around the code; None where it was not read as it is, but for its case."""
    for caps, shown in ((False, code), (True, code.swapcase())):
        before, found, after = scanned.partition(shown)
        if found and len(before) <= AROUND_LIMIT and len(after) <= AROUND_LIMIT:
            aim = symbology(before[-AIM_LENGTH:].swapcase() if caps else before[-AIM_LENGTH:]) is not None
            prefix = before[:-AIM_LENGTH] if aim else before
            return Proved(*((prefix.swapcase(), after.swapcase()) if caps else (prefix, after)), aim, caps)
    return None


def difference(code: str, scanned: str) -> str:
    """What is wrong with what was scanned, and the fix."""
    for country, table in TYPED.items():
        if code.translate(table) in scanned:
            return f"the scanner types for a {country} keyboard: scan its set-up code 'keyboard country USA'"
    if code.lower() in scanned.lower():
        return "the scanner changes the case of letters: scan its set-up code 'case unchanged'"
    if "".join(filter(str.isalnum, code)) in "".join(filter(str.isalnum, scanned)):
        return "the scanner changes signs: set it to the US keyboard, and its text rules to none"
    return "another barcode: scan the one that is shown"
