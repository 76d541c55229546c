"""Every protocol in every form in which it may be spoken: what a recording is held against.

Owns: which settings of a driver decide how bytes are read, and trying their values.
Must not know: any protocol; what a recording holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import islice, product

from edge_agent.sdk.driver import DriverSpec, Option, Options, OptionValue
from edge_agent.sdk.errors import ConfigError
from edge_agent.settings.devices import options_of

PROFILE = "print_line"  # fits itself to nearly any line, so that it proves nothing: its form is learnt
STYLE = "style"  # who speaks first: seen from outside the frames
NUMBERS_LIMIT = 8  # a whole number with more values than this is an address or a time, not a form
FORMS_LIMIT = 512  # of one protocol: five dialects, eight units, five decimals, and a flag are 400


@dataclass(frozen=True)  # no slots: its settings are checked once, not for each of thousands of frames
class Candidate:
    """One protocol with those of its settings that differ from the defaults."""

    spec: DriverSpec
    given: Mapping[str, OptionValue]

    @cached_property
    def options(self) -> Options:
        """All its settings. Raises ConfigError where they do not go together."""
        return Options(options_of(self.spec), self.given)

    @property
    def dialect(self) -> str:
        """The dialect, or an empty text where the protocol has but one."""
        option = next((option for option in options_of(self.spec) if option.name == "dialect"), None)
        return str(self.given.get("dialect", option.default)) if option else ""

    def value(self, option: Option) -> OptionValue:
        return self.given.get(option.name, option.default)


def candidates(
    specs: Iterable[DriverSpec], known: Mapping[str, str] | None = None
) -> dict[tuple[str, str], list[Candidate]]:
    """The candidates of each protocol and dialect; only those that agree with the settings `known`."""
    found: dict[tuple[str, str], list[Candidate]] = {}
    for spec in specs:
        for candidate in islice(_forms(spec), FORMS_LIMIT):
            if _agrees(candidate, known or {}):
                found.setdefault((spec.name, candidate.dialect), []).append(candidate)
    return found


def deciding(spec: DriverSpec) -> list[tuple[Option, tuple[OptionValue, ...]]]:
    """The settings that may decide how bytes are read, the default first among their values."""
    decide = []
    for option in options_of(spec):
        values = _values(option)
        if option.name != STYLE and len(values) > 1:
            decide.append((option, (option.default, *(v for v in values if v != option.default))))
    return decide


def _values(option: Option) -> tuple[OptionValue, ...]:
    if option.choices:
        return option.choices
    if isinstance(option.default, bool):
        return (False, True)
    low, high = option.minimum, option.maximum
    if isinstance(option.default, int) and isinstance(low, int) and isinstance(high, int):
        numbers = range(low, high + 1) if high - low < NUMBERS_LIMIT else ()
        return tuple(number for number in numbers if number not in option.gaps)
    return ()


def _forms(spec: DriverSpec) -> Iterator[Candidate]:
    """All combinations; those nearest to the defaults first, so that the limit cuts off the farthest."""
    decide = deciding(spec) if spec.name != PROFILE else []
    forms = product(*(values for _, values in decide))
    if _count(values for _, values in decide) > FORMS_LIMIT:
        forms = product(*(values if o.name in {"dialect", "unit"} else values[:1] for o, values in decide))
    for values in forms:
        given = {o.name: v for (o, _), v in zip(decide, values, strict=True) if v != o.default}
        yield Candidate(spec, given)


def _count(values: Iterable[tuple[OptionValue, ...]]) -> int:
    count = 1
    for each in values:
        count *= len(each)
    return count


def _agrees(candidate: Candidate, known: Mapping[str, str]) -> bool:
    """Whether the candidate has no setting that contradicts what is known."""
    values = {option.name: candidate.value(option) for option in options_of(candidate.spec)}
    return all(_same(values[name], text) for name, text in known.items() if name in values)


def _same(value: OptionValue, text: str) -> bool:
    if isinstance(value, bool):
        return text.lower() == str(value).lower()
    if isinstance(value, Decimal):
        return text == format(value, "f")
    return text == str(value)


def built(candidate: Candidate) -> Options | None:
    """The candidate's settings, or None where they do not go together."""
    try:
        return candidate.options
    except ConfigError:
        return None
