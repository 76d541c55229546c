"""What a recording may come from: guesses in order, which of them are strong, and what no byte can tell.

Owns: choosing among the forms of one protocol, and between protocols; never between two that say the same.
Must not know: ports, any protocol.

A dialect is never chosen because it came first: two strong guesses are an ambiguity, told as such. Settings
that the wire does not show (a unit, a decimal point) stay open, with the reading that each value gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from edge_agent.discovery.candidates import Candidate, candidates, deciding
from edge_agent.discovery.recording import Recording, with_parity_seen
from edge_agent.discovery.score import Score, reread, score
from edge_agent.sdk.driver import DriverSpec, OptionValue, SerialSettings, show
from edge_agent.sdk.values import Status
from edge_agent.settings.devices import needs_unit

RIVAL_MARKS = 10  # a guess that is not ten marks behind the best is as good: one frame in ten may be spoilt
CHANGED = b"0123456789 .+-"  # what weights are written with
GUESSES = 8  # of which a person is told; the rest explains nothing

Forms = Mapping[tuple[str, str], list[Candidate]]


@dataclass(frozen=True, slots=True)
class Display:
    """What the scale's own display shows now: it decides what the bytes leave open."""

    weight: Decimal
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Open:
    """A setting that the bytes do not decide: its possible values, and a reading that each would give."""

    name: str
    readings: Mapping[OptionValue, str]


@dataclass(frozen=True, slots=True)
class Guess:
    """One protocol in one dialect, with the best form of it, and on which line it was heard.

    `alike` are other dialects that read these frames, and any that differ a little, the same or not at all.
    """

    score: Score
    line: SerialSettings | None
    unasked: bool
    opens: tuple[Open, ...] = ()
    alike: tuple[str, ...] = ()

    @property
    def candidate(self) -> Candidate:
        return self.score.candidate

    @property
    def spec(self) -> DriverSpec:
        return self.score.candidate.spec

    @property
    def name(self) -> str:
        """The protocol, with its dialect where it has several."""
        return f"{self.spec.name} ({self.candidate.dialect})" if self.candidate.dialect else self.spec.name


@dataclass(frozen=True, slots=True)
class Verdict:
    """The guesses about one port, best first; `strong` are those between which nothing decides."""

    guesses: tuple[Guess, ...] = ()
    strong: tuple[Guess, ...] = ()

    @property
    def decided(self) -> Guess | None:
        """The only strong guess."""
        return self.strong[0] if len(self.strong) == 1 else None


def judge(
    recordings: Iterable[Recording],
    specs: Iterable[DriverSpec],
    known: Mapping[str, str] | None = None,
    display: Display | None = None,
) -> Verdict:
    """The verdict on everything that was heard on one port."""
    forms = candidates(specs, known)
    verdict = _first(recordings, forms, display)
    return verdict if display else _with_contradictions(verdict, forms)


def says_enough(
    recording: Recording,
    specs: Iterable[DriverSpec],
    known: Mapping[str, str] | None = None,
    display: Display | None = None,
) -> bool:
    """Whether there is a strong guess about it, so that listening on would not tell more."""
    return bool(_first([recording], candidates(specs, known), display).strong)


def _first(recordings: Iterable[Recording], forms: Forms, display: Display | None) -> Verdict:
    """The verdict of the marks alone."""
    guesses: dict[str, Guess] = {}
    for heard in recordings:
        recording = with_parity_seen(heard)
        for group in forms.values() if recording.chunks else ():
            guess = _guess(group, recording, display)
            if guess and _worth(guess) > _worth(guesses.get(guess.name)):
                guesses[guess.name] = guess
    return _verdict(list(guesses.values()))


def _worth(guess: Guess | None) -> tuple[bool, int]:
    """What proves something goes before what has more marks."""
    return (guess.score.is_strong, guess.score.mark) if guess else (False, 0)


def _verdict(guesses: list[Guess]) -> Verdict:
    ranked = sorted(guesses, key=lambda guess: (not guess.score.is_strong, -guess.score.mark, guess.name))
    strong = [guess for guess in ranked if guess.score.is_strong]
    if any(guess.score.checked for guess in strong):
        strong = [guess for guess in strong if guess.score.checked]
    best = max((guess.score.mark for guess in strong), default=0)
    rivals = _merged([guess for guess in strong if guess.score.mark > best - RIVAL_MARKS])
    return Verdict((*rivals, *(guess for guess in ranked if guess not in strong))[:GUESSES], rivals)


def _with_contradictions(verdict: Verdict, forms: Forms) -> Verdict:
    """With the dialects that would read a frame of this shape as another weight among the strong guesses.

    Even if none of the frames that were heard has that meaning: not the bytes, but a known weight must decide
    which of the two is right.
    """
    named = {name for guess in verdict.strong for name in (guess.name, *guess.alike)}
    rivals: dict[str, Guess] = {}
    for guess in verdict.strong:
        for group in forms.values():
            other = Guess(Score(group[0]), guess.line, guess.unasked)
            if other.spec is guess.spec and other.name not in named and not _never_disagree(guess, other):
                heard = next((one for one in verdict.guesses if one.name == other.name), other)
                rivals.setdefault(other.name, heard)
    strong = (*verdict.strong, *rivals.values())
    return Verdict((*strong, *(guess for guess in verdict.guesses if guess not in strong))[:GUESSES], strong)


def _merged(guesses: list[Guess]) -> tuple[Guess, ...]:
    """Dialects of one protocol that never disagree become one guess, in the one nearest to the default."""
    kept: list[Guess] = []
    for guess in sorted(
        guesses, key=lambda guess: (-guess.score.mark, len(guess.candidate.given), guess.name)
    ):
        twin = next((other for other in kept if _are_alike(guess, other)), None)
        if twin is None:
            kept.append(guess)
        else:
            kept[kept.index(twin)] = replace(twin, alike=(*twin.alike, guess.name))
    return tuple(kept)


def _are_alike(one: Guess, other: Guess) -> bool:
    """Whether they say the same of everything, and would of all that differs a little."""
    same = one.spec is other.spec and one.score.shown == other.score.shown
    return same and bool(one.score.numbers) and _never_disagree(one, other)


def _never_disagree(one: Guess, other: Guess) -> bool:
    """Whether no character that changes in a frame of the first makes both read it, but not alike."""
    frames = [reading.raw for reading in one.score.samples if reading.weight is not None]
    return all(
        _agree(one.candidate, other.candidate, changed) for frame in frames for changed in _near(frame)
    )


def _near(frame: bytes) -> Iterator[bytes]:
    """The frame, and all that differ from it in one of the characters that weights are written with."""
    yield frame
    for at in range(len(frame)):
        for changed in CHANGED:
            if changed != frame[at]:
                yield frame[:at] + bytes([changed]) + frame[at + 1 :]


def _agree(one: Candidate, other: Candidate, frame: bytes) -> bool:
    theirs = _said(other, frame)
    return not theirs or _said(one, frame) in (theirs, [])


def _said(candidate: Candidate, frame: bytes) -> list[tuple[Status, str]]:
    return [(reading.status, show(reading)) for reading in reread(candidate, frame)]


def _guess(group: list[Candidate], recording: Recording, display: Display | None) -> Guess | None:
    """The best form of one protocol and dialect: among equals the one nearest to the defaults."""
    scores = [made for made in (score(candidate, recording) for candidate in group) if made.good]
    scores = [made for made in scores if display is None or _shows(made, display)]
    if not scores:
        return None
    best = max(made.mark for made in scores)
    equals = [made for made in scores if made.mark == best]
    chosen = min(equals, key=lambda made: len(made.candidate.given))
    return Guess(chosen, recording.line, not recording.asked, tuple(_opens(chosen, equals)))


def _shows(made: Score, display: Display) -> bool:
    """Whether some reading is exactly what the display shows; decimals count."""
    return any(
        reading.weight is not None
        and show(reading) == format(display.weight, "f")
        and display.unit in ("", reading.unit)
        for reading in made.readings
    )


def _opens(chosen: Score, equals: list[Score]) -> Iterable[Open]:
    """Settings of which another value would be read as well, and give other weights."""
    spec, given = chosen.candidate.spec, chosen.candidate.given
    for option, values in deciding(spec):
        own = chosen.candidate.value(option)
        others = {value: {**given, option.name: value} for value in values if value != own}
        full = {value: _without_defaults(spec, changed) for value, changed in others.items()}
        rivals = {
            value: made for value, form in full.items() for made in equals if made.candidate.given == form
        }
        must_be_told = option.name == "unit" and needs_unit(spec) and not _has_number(chosen)
        told = {v: m for v, m in rivals.items() if must_be_told or m.numbers != chosen.numbers}
        if told:
            yield Open(option.name, {own: reading_of(chosen), **{v: reading_of(m) for v, m in told.items()}})


def _without_defaults(spec: DriverSpec, given: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
    defaults = {option.name: option.default for option, _ in deciding(spec)}
    return {name: value for name, value in given.items() if defaults.get(name) != value}


def _has_number(made: Score) -> bool:
    return any(reading.weight is not None for reading in made.readings)


def reading_of(made: Score) -> str:
    """The last number that was read, as a person compares it with the display."""
    for reading in reversed(made.readings):
        if reading.weight is not None:
            return f"{show(reading)} {reading.unit or ''}".rstrip()
    return made.readings[-1].status.value
