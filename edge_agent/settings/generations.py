"""Configurations as they were in force, each whole in its own file, and which of them counts.

Owns: those files, writing them so that a cut at any instant leaves the old or the new, the trial of a new one
and its end. Must not know: TOML, settings, the network, why a trial ended.

    g-000007.json   one generation: booth.toml's text and the centre's text over it; written once
    standing.json   which generation is in force, which was the last good one, the trial, what to report

The order is always: the generation's file, then the standing that names it. What none names is rubbish.
Blocking: called before the loop runs, or in a worker.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from edge_agent.crash import reach
from edge_agent.ledger.durable import replace_file
from edge_agent.sdk.errors import DeviceError

log = logging.getLogger(__name__)

KEPT = 6  # the one in force, the last good one, and a few for a person who looks for what went wrong
STARTS = 4  # of one trial: the one that applies it and three accidents; a crash loop is over in seconds
STANDING = "standing.json"
FILE_BYTES = 1 << 20  # two texts of 256 KiB, escaped; anything larger was not written by us

LINK, PERSON = "link", "person"
STATES = frozenset({"applied", "trial", "refused", "undone"})
TYPES = {"int": int, "str": str, "bool": bool}  # of fields, as they are written here

MadeT = TypeVar("MadeT", bound="Generation | Trial | Report | Standing")


@dataclass(frozen=True, slots=True)
class Generation:
    """One configuration. `box_hash` is that of the booth.toml on the box while this one was made."""

    number: int
    origin: str  # "file", "local" or "centre"
    file: str
    box_hash: str
    centre: str = ""
    version: int = 0
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """A generation in force that nobody has confirmed. Until `ends_ms` of the time since `boot`."""

    previous: int
    wait: str
    window_ms: int
    boot: str = ""
    ends_ms: int = 0
    starts: int = 0
    command: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of the last change: applied, trial, refused or undone; `serial` grows with each."""

    serial: int = 0
    state: str = "applied"
    version: int = 0
    hash: str = ""
    reason: str = ""
    problems: tuple[Mapping[str, str | int], ...] = ()
    command: str = ""
    origin: str = "file"


@dataclass(frozen=True, slots=True)
class Standing:
    """`highest` is the newest version of the centre ever taken; `spurned` a booth.toml that was undone."""

    current: int = 0
    good: int = 0
    highest: int = 0
    spurned: str = ""
    trial: Trial | None = None
    report: Report = field(default_factory=Report)


def digest(text: str) -> str:
    """SHA-256 in hex, as reports carry it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Generations:
    """The folder of one booth's configurations."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.standing = Standing()

    def load(self) -> None:
        """Read what stands. A file that cannot be read counts as none: booth.toml itself is still there."""
        body = _read(self._folder / STANDING)
        try:
            trial, report = body.pop("trial", None), body.pop("report", {})
            problems = tuple(report.pop("problems", ()))
            told = _sound(Report(**report, problems=problems))
            self.standing = _sound(
                Standing(**body, trial=_sound(Trial(**trial)) if trial else None, report=told)
            )
        except (TypeError, AttributeError):
            self.standing = Standing()

    def read(self, number: int) -> Generation | None:
        """A generation, if it is there and whole."""
        try:
            return _sound(Generation(**_read(self._folder / _name(number)))) if number else None
        except TypeError:
            return None

    def numbers(self) -> list[int]:
        """All generations that are there, newest first."""
        try:
            names = [path.stem for path in self._folder.glob("g-*.json")]
        except OSError:  # a folder that cannot even be looked for: App tells, with a hint
            names = []
        return sorted((int(name[2:]) for name in names if name[2:].isdecimal()), reverse=True)

    def begin(self, boot: str, uptime_ms: int) -> None:
        """The agent starts: a trial counts it, and is over when its time or its starts are used up."""
        trial = self.standing.trial
        if trial is None:
            return
        if trial.boot == boot and uptime_ms >= trial.ends_ms:
            self.undo("time")
        elif trial.starts >= STARTS:
            self.undo("starts")
        else:
            ends_ms = trial.ends_ms if trial.boot == boot else uptime_ms + trial.window_ms
            going = replace(trial, boot=boot, ends_ms=ends_ms, starts=trial.starts + 1)
            self._stand(replace(self.standing, trial=going))
            reach("config.started")

    def adopt(self, generation: Generation, report: Report | None = None) -> Generation:
        """In force at once, without a trial of its own; a trial that runs goes on with it."""
        made = self._write(generation)
        report = self._next(report) or self.standing.report
        now = replace(self.standing, current=made.number, spurned="", report=report)
        self._stand(now if now.trial else replace(now, good=made.number))
        return made

    def attempt(self, generation: Generation, trial: Trial, report: Report) -> Generation:
        """In force from the next start on, until confirmed or undone."""
        made = self._write(generation)
        reach("config.written")
        highest = max(self.standing.highest, generation.version)
        trial = replace(trial, previous=self.standing.current)
        now = replace(self.standing, current=made.number, highest=highest, trial=trial)
        self._stand(replace(now, report=self._next(report) or report))
        reach("config.switched")
        return made

    def confirm(self) -> bool:
        """The trial has held; False when there is none."""
        standing, trial = self.standing, self.standing.trial
        if trial is None:
            return False
        report = self._next(replace(standing.report, state="applied")) or standing.report
        self._stand(replace(standing, good=standing.current, spurned="", trial=None, report=report))
        reach("config.confirmed")
        return True

    def undo(self, reason: str) -> bool:
        """Back to what was before; False when there is no trial.

        Raises DeviceError where that cannot be written: it counts for this run then, and again for the next.
        """
        standing, trial = self.standing, self.standing.trial
        if trial is None:
            return False
        failed = self.read(standing.current)
        before = self.read(trial.previous)
        edited = failed and before and failed.origin == "local" and failed.box_hash != before.box_hash
        spurned = failed.box_hash if failed and edited else standing.spurned
        report = self._next(replace(standing.report, state="undone", reason=reason)) or standing.report
        self.standing = replace(standing, current=trial.previous, spurned=spurned, trial=None, report=report)
        self._stand(self.standing)
        log.warning("the configuration on trial is undone (%s), the one before it is in force again", reason)
        reach("config.undone")
        return True

    def fall_back(self, number: int, reason: str) -> None:
        """What is in force cannot be used any more: an earlier one is, from now on."""
        report = self._next(replace(self.standing.report, state="undone", reason=reason))
        self._stand(replace(self.standing, current=number, trial=None, report=report or self.standing.report))

    def refuse(self, report: Report) -> bool:
        """Report a refusal; False when it is the one that was told last."""
        last = self.standing.report
        if report == replace(last, serial=0):
            return False
        self._stand(replace(self.standing, report=self._next(report) or last))
        return True

    def _next(self, report: Report | None) -> Report | None:
        return replace(report, serial=self.standing.report.serial + 1) if report else None

    def _write(self, generation: Generation) -> Generation:
        number = max([self.standing.current, *self.numbers()[:1]]) + 1
        made = replace(generation, number=number)
        _replace(self._folder / _name(number), asdict(made))
        return made

    def _stand(self, standing: Standing) -> None:
        _replace(self._folder / STANDING, asdict(standing))
        self.standing = standing
        self._forget()

    def _forget(self) -> None:
        standing = self.standing
        needed = {standing.current, standing.good, standing.trial.previous if standing.trial else 0}
        for number in self.numbers()[KEPT:]:
            if number not in needed:
                (self._folder / _name(number)).unlink(missing_ok=True)


def _name(number: int) -> str:
    return f"g-{number:06d}.json"


def _sound(made: MadeT) -> MadeT:
    """What a file held, if each field is of its type. Raises TypeError."""
    if isinstance(made, Report) and made.state not in STATES:
        raise TypeError("state")
    for one in fields(made):
        kind = TYPES.get(str(one.type))
        if kind is not None and type(getattr(made, one.name)) is not kind:
            raise TypeError(one.name)
    return made


def _read(path: Path) -> dict[str, Any]:
    """The object in a file; empty where there is none."""
    try:
        with path.open("rb") as file:
            body = json.loads(file.read(FILE_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _replace(path: Path, body: Mapping[str, object]) -> None:
    """The file holds the old content or the new one, whenever the power goes. Raises DeviceError."""
    try:
        replace_file(path, json.dumps(body))
    except OSError as error:
        raise DeviceError(
            "config.not_saved",
            f"{path} cannot be written: {error.strerror}",
            hint="state.directory must have space, and belong to the agent's user",
        ) from error
