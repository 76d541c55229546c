"""References of couriers and merchants: patterns that a booth is configured with.

Owns: one pattern with its check rule, and the patterns that ship. Must not know: settings files, S10, GS1.
Source of the shipped ones: Steadfast Courier API V1 (tracking code of eight characters, consignment number,
merchant's invoice of letters, digits, hyphens and underscores). Neither has a check digit; Pathao, RedX and
Bangladesh Post's own domestic numbers are not published. Length and the symbol's own check are all there is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge_agent.barcodes import courier_regex
from edge_agent.barcodes.meaning import Meaning, accepted, refused
from edge_agent.sdk.checksums import gs1_check_digit, s10_check_digit
from edge_agent.sdk.errors import ConfigError

TYPE = "courier_ref"
LONGEST_REFERENCE = (
    64  # a courier's label has a Code 128 of at most 48 characters; bounds the regular expression
)


def _no_check(reference: str) -> bool:
    return bool(reference)


def _mod10(reference: str) -> bool:
    digits = _digits(reference)
    return len(digits) > 1 and gs1_check_digit(digits[:-1]) == int(digits[-1])


def _mod11(reference: str) -> bool:
    """Weights 2, 3, … from the right, as ISBN-10 has them; X stands for ten."""
    digits = _digits(reference[:-1])
    remainder = -sum(int(digit) * weight for weight, digit in enumerate(reversed(digits), 2)) % 11
    return bool(digits) and reference[-1].upper() == ("X" if remainder == 10 else str(remainder))


def _s10(reference: str) -> bool:
    digits = _digits(reference)
    return len(digits) == 9 and s10_check_digit(digits[:-1]) == int(digits[-1])


def _digits(reference: str) -> str:
    return "".join(character for character in reference if character in "0123456789")


CHECKS: dict[str, Callable[[str], bool]] = {"none": _no_check, "mod10": _mod10, "mod11": _mod11, "s10": _s10}


@dataclass(frozen=True, slots=True)
class CourierPattern:
    """How one kind of reference of one courier looks.

    `pattern` must match the whole reference (ASCII; courier_regex says what it may hold). `check` names the
    rule of the last character: none, mod10 (GS1), mod11 (ISBN-10), s10. An open pattern that would match
    nearly anything has `on_sight` False: it counts only where a courier's reference is asked for.
    Raises ConfigError for a pattern that is not permitted.
    """

    name: str
    pattern: str
    check: str = "none"
    stands_for: str = "reference"
    on_sight: bool = True
    regex: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fault = courier_regex.fault(self.pattern)
        if fault:
            raise _config_error(self.name, f"pattern: {fault}")
        if self.check not in CHECKS:
            raise _config_error(self.name, f"check: one of {', '.join(CHECKS)}, not {self.check!r}")
        object.__setattr__(self, "regex", re.compile(self.pattern, re.ASCII))

    def read(self, text: str) -> Meaning | None:
        """The reference, or its wrong check digit; None where the pattern does not match."""
        if len(text) > LONGEST_REFERENCE or self.regex.fullmatch(text) is None:
            return None
        fields = {"courier": self.name, "reference": self.stands_for}
        if not CHECKS[self.check](text):
            return refused(TYPE, text, "check_digit", fields)
        return accepted(TYPE, text, fields)


def parse(text: str, patterns: Sequence[CourierPattern]) -> Meaning:
    """The courier's reference `text`; the first pattern that matches decides."""
    for pattern in patterns:
        meaning = pattern.read(text)
        if meaning is not None:
            return meaning
    return refused(TYPE, text, "no_match" if text else "empty")


def _config_error(name: str, what: str) -> ConfigError:
    return ConfigError("config.courier", f"courier {name!r}: {what}", hint="correct the courier's pattern")


SHIPPED = (
    CourierPattern("steadfast", "[0-9A-Z]{8}", stands_for="tracking_code"),
    CourierPattern("steadfast", "[1-9][0-9]{6,9}", stands_for="consignment_id"),
    CourierPattern("merchant_invoice", "[0-9A-Za-z_-]{3,40}", stands_for="invoice", on_sight=False),
)
