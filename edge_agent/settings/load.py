"""From the bytes of booth.toml to Settings, or to everything that is wrong with them.

Owns: reading the file, TOML, the order of the checks. Must not know: what any setting means.
Nothing in the bytes can crash it, and nothing takes longer than reading them a few times.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from pydantic import ValidationError

from edge_agent.registry import Registry
from edge_agent.sdk.errors import ConfigError
from edge_agent.settings.checked import Checked
from edge_agent.settings.devices import Table, check_devices
from edge_agent.settings.explain import explain
from edge_agent.settings.file import MAX_BYTES, read_bytes
from edge_agent.settings.model import SCHEMA, Settings
from edge_agent.settings.positions import MAX_DEPTH, KeyPath, Place, Positions, place_of
from edge_agent.settings.problems import Finding, Problem, shown_path

MAX_PROBLEMS = 50  # two screens; after mending those the next check shows the rest
MAX_DIGITS = 18  # TOML promises 64-bit numbers; longer ones are slow to print and never meant

WANTED = {
    FileNotFoundError: "a copy of config/booth.example.toml there, or the name of another file",
    PermissionError: "to be asked by root, or by a member of the group edge-agent",
}

_TOML_PLACE = re.compile(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)
_TWICE = re.compile("Cannot (overwrite|declare|mutate|redefine)|Duplicate")
_HUGE_NUMBER = re.compile(r"[0-9][0-9_]{99}|[eE][+-]?[0-9_]{10}")


Placing = Callable[[Finding], tuple[str, Place]]


@dataclass(frozen=True, slots=True)
class Source:
    """A document that was read, and where everything in it stands."""

    file: str
    document: Table
    positions: Positions

    def place(self, finding: Finding) -> tuple[str, Place]:
        """The file and the place that a finding speaks of."""
        find = self.positions.key if finding.at_key else self.positions.value
        return self.file, find(finding.path)


def load(path: Path, drivers: Registry) -> Settings:
    """The settings of the file. Raises ConfigError config.invalid with one line for each problem."""
    checked = check_file(path, drivers)
    if checked.settings is None:
        raise ConfigError("config.invalid", "\n".join(map(str, checked.problems)))
    return checked.settings


def check_file(path: Path, drivers: Registry) -> Checked:
    """Check a file; that it cannot be read is a problem like any other."""
    try:
        data = read_bytes(path)
    except OSError as error:
        return _only(
            str(path), Place(), f"cannot be read: {error.strerror or error}", WANTED.get(type(error), "")
        )
    except ValueError:
        return _only(repr(str(path)), Place(), "cannot be read: no file can have this name")
    return check(data, str(path), drivers)


def check(data: bytes, file: str, drivers: Registry) -> Checked:
    """Check the bytes of a file; `file` is what problems call it."""
    source = read_source(data, file)
    if isinstance(source, Problem):
        return Checked(None, (source,))
    return check_document(source.document, source.place, drivers)


def read_source(data: bytes, file: str) -> Source | Problem:
    """The document in the bytes of a file, not checked yet, or why there is none."""
    if len(data) > MAX_BYTES:
        return Problem(file, Place(), "", "is too large", f"at most {MAX_BYTES // 1024} KiB")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        place = place_of(before, len(before))
        return Problem(file, place, "", "is no UTF-8 text", "a file saved as UTF-8")
    positions = Positions(text)
    if positions.too_deep:
        words = f"at most {MAX_DEPTH} levels"
        return Problem(file, positions.too_deep, "", "is nested too deeply", words)
    document = _parse(text, file)
    return document if isinstance(document, Problem) else Source(file, document, positions)


def _parse(text: str, file: str) -> Table | Problem:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        place, message = _toml_place(text, str(error))
        return Problem(file, place, "", f"is no valid TOML: {message}")
    except (ValueError, ArithmeticError, RecursionError):
        huge = _HUGE_NUMBER.search(text)
        place = place_of(text, huge.start() if huge else 0)
        return Problem(file, place, "", "a number is too long", f"at most {MAX_DIGITS} digits")


def _toml_place(text: str, message: str) -> tuple[Place, str]:
    found = _TOML_PLACE.match(message)
    if found is None:
        return Place(), message
    what = (
        "this key or table is given twice" if _TWICE.match(found[1]) else found[1][:1].lower() + found[1][1:]
    )
    if found[2] is None:
        return place_of(text, len(text)), f"{what}; the file ends too early"
    return Place(int(found[2]), int(found[3])), what


def check_document(document: Table, place: Placing, drivers: Registry) -> Checked:
    """Check a document; `place` tells where what a finding speaks of was written."""
    findings = _unreadable_numbers(document) or _newer_schema(document)
    if findings:
        return failed(place, findings)
    filled, findings = check_devices(document, drivers)
    try:
        settings = Settings.model_validate(_with_port(filled))
    except ValidationError as refused:
        errors = refused.errors(include_url=False)
        findings += map(explain, errors[:MAX_PROBLEMS])
        return failed(place, findings, unsaid=len(errors[MAX_PROBLEMS:]))
    return failed(place, findings) if findings else Checked(settings)


def _unreadable_numbers(document: Table) -> list[Finding]:
    """Numbers that TOML allows and no setting can mean: infinite, not a number, too many digits."""
    findings: list[Finding] = []
    waiting: list[tuple[KeyPath, object]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*path, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, number), inner) for number, inner in enumerate(value)]
        elif isinstance(value, int | Decimal) and _is_unreadable(value):
            findings.append(
                Finding(path, "is no number to work with", f"a number of at most {MAX_DIGITS} digits")
            )
    return findings


def _is_unreadable(number: int | Decimal) -> bool:
    if isinstance(number, int):
        return len(str(abs(number))) > MAX_DIGITS if number.bit_length() <= 64 else True
    if not number.is_finite():
        return True
    _, digits, exponent = number.as_tuple()
    return len(digits) > MAX_DIGITS or abs(int(exponent)) > MAX_DIGITS


def _newer_schema(document: Table) -> list[Finding]:
    version = document.get("schema")
    if isinstance(version, int) and version > SCHEMA:
        return [Finding(("schema",), f"{version} is newer than this agent knows", f"{SCHEMA}, or an update")]
    return []


def _with_port(document: Table) -> Table:
    """MQTT's two customary ports: 8883 encrypted is the model's default, 1883 is that of plain text."""
    uplink = document.get("uplink")
    if not isinstance(uplink, dict) or "port" in uplink or "tls" in uplink:
        return document
    return {**document, "uplink": {**uplink, "port": 1883}}


def failed(place: Placing, findings: Iterable[Finding], *, unsaid: int = 0) -> Checked:
    """The findings as problems in the order of the file, the last ones only counted."""
    problems = sorted(_problem(place, finding) for finding in findings)
    unsaid += len(problems[MAX_PROBLEMS:])
    if unsaid:
        last = problems[MAX_PROBLEMS:][:1] or problems[-1:]
        problems[MAX_PROBLEMS:] = [Problem(last[0].file, last[0].place, "", f"and {unsaid} more problems")]
    return Checked(None, tuple(problems))


def _problem(place: Placing, finding: Finding) -> Problem:
    file, where = place(finding)
    return Problem(
        file,
        where,
        shown_path(finding.path),
        finding.message,
        finding.expected,
        finding.nearest,
    )


def _only(file: str, place: Place, message: str, expected: str = "") -> Checked:
    return Checked(None, (Problem(file, place, "", message, expected),))
