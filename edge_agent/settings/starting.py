"""Which configuration the agent starts with: the file, what was applied over it, or the last that worked.

Owns: that choice, and what it leaves on disk. Must not know: the network, how a configuration came.

An edit of booth.toml wins over what was applied before it, but for the centre's text, which lies over either.
A file that cannot be used is passed over for the last generation that could.
"""

from __future__ import annotations

import contextlib
import logging
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.registry import Registry
from edge_agent.sdk.errors import ConfigError, DeviceError
from edge_agent.settings.checked import Asked, Check, Checked
from edge_agent.settings.file import STATE_DIRECTORY, read_bytes
from edge_agent.settings.generations import Generation, Generations, Report, digest
from edge_agent.settings.problems import Problem

if TYPE_CHECKING:
    from edge_agent.settings.model import Settings

log = logging.getLogger(__name__)

FOLDER = "config"
STATE = re.compile(r"""^\[state\][^\[]*?^[ \t]*directory[ \t]*=[ \t]*["'](/[^"'\n]*)["']""", re.MULTILINE)
PROBLEMS_KEPT = 10  # of a refusal: what fits into a report


@dataclass(frozen=True, slots=True)
class Started:
    """What the agent runs with. `note` says what a person must know of the choice."""

    settings: Settings
    generation: Generation
    generations: Generations
    path: Path
    note: str = ""


def state_directory(path: Path) -> Path:
    """Where the booth keeps its state, as far as a file that may be broken tells."""
    with contextlib.suppress(OSError, ValueError):
        text = read_bytes(path).decode("utf-8-sig", "replace").replace("\r\n", "\n")
        told = _told_directory(text)
        if isinstance(told, str) and told.startswith("/"):
            return Path(told)
    return STATE_DIRECTORY


def _told_directory(text: str) -> object:
    """What the file says; of one that is no TOML, what is written where it should stand."""
    try:
        state = tomllib.loads(text).get("state")
    except (ValueError, ArithmeticError, RecursionError):
        written = STATE.search(text)
        return written[1] if written else None
    return state.get("directory") if isinstance(state, dict) else None


def choose(
    path: Path, drivers: Registry, *, boot: str, uptime_ms: int, check: Check | None = None
) -> Started:
    """`check` is asked instead of this process. Raises ConfigError config.invalid: nothing can be used."""
    if check is None:
        from edge_agent.settings.here import check_here

        check = partial(check_here, drivers=drivers)
    return _Choice(path, check).made(boot, uptime_ms)


class _Choice:
    def __init__(self, path: Path, check: Check) -> None:
        self._path = path
        self._checked = check
        try:
            self._box = read_bytes(path)
        except (OSError, ValueError):
            self._box = b""
        self._generations = Generations(state_directory(path) / FOLDER)
        self._generations.load()

    def made(self, boot: str, uptime_ms: int) -> Started:
        with _as_note():
            self._generations.begin(boot, uptime_ms)
        standing = self._generations.standing
        generation = self._generations.read(standing.current)
        if generation is None:
            generation = next(filter(None, map(self._generations.read, self._generations.numbers())), None)
        if generation is None:
            return self._from_file(None)
        box = digest(self._text())
        if box in {generation.box_hash, standing.spurned}:
            return self._from(generation)
        return self._from_file(generation)

    def _text(self) -> str:
        return self._box.decode("utf-8", "replace")

    def _from(self, generation: Generation) -> Started:
        """What is in force, or the newest before it that can still be used."""
        checked = self._check(generation)
        if checked.settings is not None:
            return Started(checked.settings, generation, self._generations, self._path)
        for number in (self._generations.standing.good, *self._generations.numbers()):
            before = self._generations.read(number) if number != generation.number else None
            if before and (settings := self._check(before).settings):
                with _as_note():
                    self._generations.fall_back(before.number, "unusable")
                return Started(settings, before, self._generations, self._path, str(checked.problems[0]))
        return self._from_file(None)

    def _from_file(self, before: Generation | None) -> Started:
        """booth.toml as it is now, with what the centre had set before, if that still fits."""
        alone = self._checked(Asked(self._box or None, str(self._path)))
        if alone.settings is None:
            if before is not None and self._check(before).settings is not None:
                log.error(
                    "%s cannot be used, the last good configuration is: %s", self._path, alone.problems[0]
                )
                return replace(self._from(before), note=str(alone.problems[0]))
            raise ConfigError("config.invalid", "\n".join(map(str, alone.problems)))
        made = Generation(0, "file", self._text(), digest(self._text()))
        report, settings = None, alone.settings
        if before is not None and before.centre:
            made = replace(made, centre=before.centre, version=before.version, signed=before.signed)
            both = self._check(made)
            if both.settings is None:
                report = refusal(both.problems, before.version, before.centre, "centre")
                made = replace(made, centre="", version=0)
            settings = both.settings or alone.settings
        with _as_note():
            made = self._generations.adopt(made, report)
        return Started(settings, made, self._generations, self._path)

    def _check(self, generation: Generation) -> Checked:
        return self._checked(asked(generation, str(self._path)))


def asked(generation: Generation, name: str) -> Asked:
    """The question whether a generation can be used; problems call its file by this name."""
    file = generation.file.encode("utf-8", "replace")
    return Asked(file, name, generation.centre, generation.signed)


def refusal(problems: tuple[Problem, ...], version: int, text: str, origin: str, command: str = "") -> Report:
    """The report of a configuration that cannot be used."""
    told = tuple(problem.as_json() for problem in problems[:PROBLEMS_KEPT])
    return Report(
        state="refused",
        version=version,
        hash=digest(text),
        reason="config.invalid",
        problems=told,
        command=command,
        origin=origin,
    )


@contextlib.contextmanager
def _as_note() -> Iterator[None]:
    """A disk that takes no writes is no reason not to start."""
    try:
        yield
    except DeviceError as error:
        log.error("%s", error)
