"""A profile for a scale that no protocol page knows, from recordings with known weights on its pan.

Owns: proposing settings of the driver print_line, proving them with that driver's own codec, and saying what
is missing. Must not know: ports, how a profile is written to a file.

A profile is proposed only if it reads every known weight with the decimals that the display showed. Where
several do, none is chosen: the answer names a weight that would tell them apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from edge_agent.discovery.candidates import Candidate
from edge_agent.discovery.columns import MOST, Columns, Known, columns_of, same
from edge_agent.discovery.lines import LEAST_LINES, Cut, cuts
from edge_agent.discovery.recording import Weighing, with_parity_seen
from edge_agent.discovery.score import Score, score
from edge_agent.sdk.driver import DriverSpec, Indication, OptionValue, SerialSettings, show

FORWARD, REVERSED = "forward", "reversed"
SHARE_WANTED = 60  # per cent of the bytes: what stands between two lines may be another text
TRIAL_STEPS = (1, 2, 5, 10, 12, 15, 20, 25, 50, 100, 120, 125, 150, 200, 250, 500, 1000, 1250, 1500, 2000)
NO_ROOM = "a number with more digits does not fit and would be refused: record a heavier weight as well"
EMPTY = "record the empty pan and at least one known weight"


@dataclass(frozen=True, slots=True)
class Profile:
    """Settings of print_line that read every known weight, and how well."""

    score: Score
    number: range
    notes: tuple[str, ...] = ()

    @property
    def given(self) -> Mapping[str, OptionValue]:
        return self.score.candidate.given


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the recordings teach: one profile, or several with what would decide, or none and why."""

    profiles: tuple[Profile, ...]
    line: SerialSettings | None
    why: str = ""

    @property
    def profile(self) -> Profile | None:
        """The only profile that reads every weight."""
        return self.profiles[0] if len(self.profiles) == 1 else None


def learn(weighings: Sequence[Weighing], spec: DriverSpec, unit: str = "") -> Learnt:
    """What these weighings teach about the driver print_line. `unit` is what the display shows, if known."""
    seen = _without_parity(weighings)
    line = seen[0].recording.line if seen else None
    reason = _unusable(seen)
    if reason:
        return Learnt((), line, reason)
    found = _profiles(seen, spec, unit)
    if len(found) > 1:
        return Learnt(tuple(found), line, _deciding(found, seen))
    return Learnt(tuple(found), line, "" if found else _why_none(seen, spec, unit))


def _without_parity(weighings: Sequence[Weighing]) -> list[Weighing]:
    """With the parity taken away, if all of them have the same."""
    seen = [Weighing(w.weight, with_parity_seen(w.recording)) for w in weighings]
    return seen if len({weighing.recording.line for weighing in seen}) == 1 else list(weighings)


def _unusable(weighings: Sequence[Weighing]) -> str:
    """Why nothing can be learnt from them at all."""
    if not any(weighing.weight for weighing in weighings):
        return f"there is no weight but zero: {EMPTY}"
    if len({weighing.weight for weighing in weighings}) < 2:
        return f"there is only one weight: {EMPTY}"
    if len({weighing.recording.line for weighing in weighings}) > 1:
        return "the recordings were made with different line settings"
    silent = [weighing for weighing in weighings if not weighing.recording.chunks]
    if silent:
        return f"nothing was heard with {_named(silent[0])} on the pan"
    return ""


def _profiles(weighings: Sequence[Weighing], spec: DriverSpec, unit: str) -> list[Profile]:
    """The profiles of the first way to cut the bytes that gives any."""
    for cut in cuts([weighing.recording for weighing in weighings]):
        drawn = [*_of(cut, FORWARD, weighings, spec, unit), *_of(cut, REVERSED, weighings, spec, unit)]
        if any(NO_ROOM not in profile.notes for profile in drawn):
            return drawn
        free = _proved(Candidate(spec, _given(spec, cut, {"unit": unit})), weighings, unit)
        if free or drawn:
            return [free] if free else drawn
    return []


def _of(cut: Cut, order: str, weighings: Sequence[Weighing], spec: DriverSpec, unit: str) -> list[Profile]:
    """The profiles with a picture, for lines that are read in this order."""
    step = -1 if order == REVERSED else 1
    known = [
        Known(weighing.weight, tuple(line[::step] for line in cut.lines(weighing.recording)))
        for weighing in weighings
    ]
    proved = []
    for columns in columns_of(known, with_prefix=order == FORWARD):
        given = {"order": order, "unit": "" if columns.unit else unit, **_of_columns(columns)}
        whole = Cut(cut.end, cut.start + columns.prefix)
        profile = _proved(Candidate(spec, _given(spec, whole, given)), weighings, unit, columns)
        if profile:
            proved.append(profile)
    return proved


def _of_columns(columns: Columns) -> dict[str, OptionValue]:
    return {
        "picture": columns.picture.decode("latin-1"),
        "decimals": columns.decimals,
        "stable_mark": columns.stable_mark.decode("latin-1"),
    }


def _given(spec: DriverSpec, cut: Cut, given: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
    """The settings that differ from the driver's defaults."""
    full = {"end": cut.end.decode("latin-1"), "start": cut.start.decode("latin-1"), **given}
    defaults = {option.name: option.default for option in spec.options}
    return {name: value for name, value in full.items() if name in defaults and defaults[name] != value}


def _proved(
    candidate: Candidate, weighings: Sequence[Weighing], unit: str, columns: Columns | None = None
) -> Profile | None:
    """The profile, if the driver itself reads every known weight with it, in the unit of the display."""
    scores = [score(candidate, weighing.recording) for weighing in weighings]
    for made, weighing in zip(scores, weighings, strict=True):
        right = [
            reading
            for reading in made.readings
            if reading.weight is not None
            and same(reading.weight, weighing.weight)
            and unit in ("", reading.unit)
        ]
        if len(right) < LEAST_LINES or 100 * len(right) < MOST * (made.good + made.bad):
            return None
        if made.share < SHARE_WANTED:
            return None
    worst = min(scores, key=lambda made: made.mark)
    if columns is None:
        return Profile(worst, range(0))
    return Profile(worst, columns.number, (*columns.notes, *(() if columns.has_room else (NO_ROOM,))))


# What is missing


def _deciding(profiles: Sequence[Profile], weighings: Sequence[Weighing]) -> str:
    """A weight, or another change, after which fewer profiles would be left."""
    apart = [not set(a.number) & set(b.number) for a, b in combinations(profiles, 2)]
    if any(apart):
        return "two numbers in the line follow the weight: record once more with a tare set, and give the net"
    shown = [weighing.weight for weighing in weighings if weighing.weight]
    for trial in _trials(shown):
        if all(_tells_apart(trial, a, b) for a, b in combinations(profiles, 2)):
            return f"record once more with {format(trial, 'f')} on the pan: it would decide"
    return "record once more with a weight of several different digits"


def _trials(shown: Sequence[Decimal]) -> list[Decimal]:
    """Weights that a technician may have, up to twice the heaviest that was used."""
    decimals = max(-int(weight.as_tuple().exponent) for weight in shown)
    scale = Decimal(1).scaleb(-decimals)
    steps = {step * scale * 10**power for step in TRIAL_STEPS for power in range(decimals + 2)}
    return sorted(step for step in steps if step <= 2 * max(shown) and step not in shown)


def _tells_apart(trial: Decimal, one: Profile, other: Profile) -> bool:
    digits = format(trial, "f").replace(".", "").zfill(max(len(one.number), len(other.number)))
    lopsided = digits != digits[::-1]  # with zeros in front as well
    return lopsided and _reads_otherwise(trial, one, other) and _reads_otherwise(trial, other, one)


def _reads_otherwise(trial: Decimal, sender: Profile, reader: Profile) -> bool:
    """Whether what a scale of the one profile sends is not that weight to the other."""
    candidate = sender.score.candidate
    make = candidate.spec.device_half
    if make is None:
        return False
    unit = next((r.unit for r in sender.score.readings if r.unit), "kg")
    frame = make(candidate.options).broadcast(Indication(trial, unit))
    codec = reader.score.candidate.spec.decoder(reader.score.candidate.options)
    values = [*codec.feed(frame), *codec.flush()]
    return bool(frame) and not any(getattr(value, "weight", None) == trial for value in values)


def _why_none(weighings: Sequence[Weighing], spec: DriverSpec, unit: str) -> str:
    """Why no profile reads all the weights, as exactly as it can be said."""
    found = list(cuts([weighing.recording for weighing in weighings]))
    if not found:
        return f"there are no lines: fewer than {LEAST_LINES} ends of a line in one of the recordings"
    alike = _alike(found[0], weighings)
    if alike:
        return alike
    for odd in weighings if len(weighings) > 2 else ():
        others = [weighing for weighing in weighings if weighing is not odd]
        if not _unusable(others) and _profiles(others, spec, unit):
            shown = _shown_by(odd, _profiles(others, spec, unit)[0])
            return f"{_named(odd)} contradicts the other weights: its lines show {shown}"
    if unit:
        return f"no columns of the lines follow all the weights in {unit}"
    if _profiles(weighings, spec, "kg"):
        return "the lines have no unit: say which one the display shows"
    return "no columns of the lines follow all the weights"


def _alike(cut: Cut, weighings: Sequence[Weighing]) -> str:
    for one, other in combinations(weighings, 2):
        lines = [set(cut.lines(weighing.recording)) for weighing in (one, other)]
        if one.weight != other.weight and lines[0] == lines[1]:
            return f"{_named(one)} and {_named(other)} gave the same lines: the load was not changed"
    return ""


def _shown_by(weighing: Weighing, profile: Profile) -> str:
    readings = score(profile.score.candidate, weighing.recording).readings
    return next((show(reading) for reading in reversed(readings) if reading.weight is not None), "nothing")


def _named(weighing: Weighing) -> str:
    return format(weighing.weight, "f")
