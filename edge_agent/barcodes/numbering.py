"""How a leased number is spelled: a pattern with the digits of a serial number and a check digit.

Owns: patterns, their check digits, the bounds of serial numbers. Must not know: leases, where numbers go.

`#` is a digit of the serial number, `*` the check digit, everything else stands for itself:
`RR########*BD` with the check "s10" is a registered item of Bangladesh Post.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_agent.barcodes.countries import COUNTRIES
from edge_agent.sdk.checksums import gs1_check_digit, s10_check_digit
from edge_agent.sdk.errors import CommandError

PATTERN = re.compile(r"(?=.{4,32}\Z)[A-Z0-9/.-]*(#{3,12})[A-Z0-9/.-]*(?:\*[A-Z0-9/.-]*)?", re.ASCII)
S10 = re.compile(r"[A-Z]{2}#{8}\*([A-Z]{2})", re.ASCII)
CHECKS = ("s10", "mod10", "none")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that is sound. Made by `pattern`."""

    text: str
    check: str

    @property
    def digits(self) -> int:
        return self.text.count("#")

    @property
    def limit(self) -> int:
        """The highest serial number that it can spell."""
        return int(10**self.digits) - 1

    def number(self, serial: int) -> str:
        """The number as it stands on a label."""
        digits = str(serial).zfill(self.digits)
        before, after = self.text.split("#" * self.digits)
        spelled = before + digits + after
        return spelled.replace("*", str(self._check_digit(digits)))

    def _check_digit(self, digits: str) -> int:
        return s10_check_digit(digits) if self.check == "s10" else gs1_check_digit(digits)


def may_meet(one: str, other: str) -> bool:
    """Whether two patterns can spell the same number: place by place the same, or both a digit."""
    return len(one) == len(other) and all(
        a == b or (_is_digit(a) and _is_digit(b) and not (a + b).isdigit())
        for a, b in zip(one, other, strict=True)
    )


def _is_digit(place: str) -> bool:
    return place.isdigit() or place in "#*"


def pattern(text: object, check: object) -> Pattern:
    """Raises CommandError number.pattern."""
    if not isinstance(text, str) or check not in CHECKS or not isinstance(check, str):
        raise CommandError("number.pattern", f"pattern is text, check one of {', '.join(CHECKS)}")
    if PATTERN.fullmatch(text) is None or ("*" in text) != (check != "none"):
        raise CommandError(
            "number.pattern", "capitals, digits, one run of 3 to 12 #, and * if there is a check"
        )
    found = S10.fullmatch(text)
    if check == "s10" and (found is None or found[1] not in COUNTRIES):
        raise CommandError("number.pattern", "S10 is two letters, ########, * and a country")
    return Pattern(text, check)
