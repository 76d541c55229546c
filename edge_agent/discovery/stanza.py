"""A guess or a learnt profile as the table that goes into booth.toml, and its way into the file.

Owns: the words of the table, and appending it. Must not know: ports, how a guess was made.

What the bytes left open is written as a question, which no check accepts until a person has answered it. An
existing file is never rewritten: the table goes to its end, and only if the whole is then a valid file.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from edge_agent.discovery.candidates import STYLE, Candidate
from edge_agent.discovery.recording import Recording
from edge_agent.discovery.score import Score
from edge_agent.discovery.verdict import Guess, Open
from edge_agent.registry import Registry
from edge_agent.sdk.driver import DriverSpec, OptionValue, SerialSettings
from edge_agent.sdk.errors import ConfigError
from edge_agent.settings.devices import needs_unit
from edge_agent.settings.load import check, check_file

QUESTION = "?"
STEADY_MS = 2000  # a scale that sends all the time does so at least every two seconds
CONTINUOUS, AUTO_PRINT = "continuous", "auto_print"


@dataclass(frozen=True, slots=True)
class Stanza:
    """One table: settings, and beside some of them what a person should know."""

    values: Mapping[str, OptionValue]
    remarks: Mapping[str, str]
    kind: str = "scale"

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to be answered."""
        return QUESTION not in self.values.values()

    def bound(self, usb_id: str) -> Stanza:
        """The same, for nothing but this USB device behind the port; without one as it is."""
        if not usb_id:
            return self
        values = dict(self.values)
        head = {name: values.pop(name) for name in ("id", "driver", "port")}
        return replace(self, values={**head, "usb_id": usb_id, **values})

    def text(self) -> str:
        """The TOML."""
        return "\n".join((f"[[{self.kind}]]", *self._lines())) + "\n"

    def _lines(self) -> Iterator[str]:
        for name, value in self.values.items():
            remark = self.remarks.get(name)
            yield f"{name} = {_toml(value)}" + (f"  # {remark}" if remark else "")


def of_guess(guess: Guess, heard: Sequence[Recording], port: str, device: str = "scale") -> Stanza:
    """The table of a guess about this port."""
    values: dict[str, OptionValue] = {"id": device, "driver": guess.spec.name, "port": port}
    values |= _line_keys(guess.spec, guess.line)
    values |= guess.candidate.given
    if needs_unit(guess.spec):
        values["unit"] = _unit(guess.score)
    if guess.unasked:
        values |= _style(guess, heard)
    remarks = {opened.name: remark(opened) for opened in guess.opens}
    return Stanza({**values, **dict.fromkeys(remarks, QUESTION)}, remarks)


def of_profile(candidate: Candidate, line: SerialSettings | None, port: str, device: str = "scale") -> Stanza:
    """The table of a learnt profile."""
    values: dict[str, OptionValue] = {"id": device, "driver": candidate.spec.name, "port": port}
    return Stanza({**values, **_line_keys(candidate.spec, line), **candidate.given}, {})


def remark(opened: Open) -> str:
    """What each value of an open setting would make of the last frame."""
    each = ", ".join(f"{_toml(value)} reads {reading}" for value, reading in opened.readings.items())
    return f"compare with the scale's display: {each}"


def free_id(file: Path, drivers: Registry, base: str = "scale") -> str:
    """An id that no device of this file has: scale, scale-2, … Raises ConfigError for an unusable file."""
    checked = check_file(file, drivers)
    if checked.settings is None:
        raise ConfigError(
            "config.invalid",
            "\n".join(map(str, checked.problems)),
            hint="mend the settings first: edge-agent config check",
        )
    devices = (*checked.settings.scanner, *checked.settings.scale, *checked.settings.printer)
    taken = {device.id for device in devices}
    return next(name for name in _ids(base) if name not in taken)


def append(file: Path, stanza: Stanza, drivers: Registry) -> None:
    """Have the table at the end of the file, all at once or not at all.

    Raises ConfigError where the file would not be valid with it, or cannot be written.
    """
    try:
        before = file.read_bytes()
        whole = before + (b"\n" if before.endswith(b"\n") else b"\n\n") + stanza.text().encode("utf-8")
        checked = check(whole, str(file), drivers)
        if checked.settings is None:
            raise ConfigError(
                "config.invalid",
                "\n".join(map(str, checked.problems)),
                hint="nothing was written",
            )
        _replace(file.resolve(), whole)
    except OSError as error:
        raise ConfigError("devices.write", f"cannot write {file}: {error.strerror or error}") from error


def _replace(file: Path, whole: bytes) -> None:
    """The new content under the old name, owner and mode; a power cut leaves the one or the other."""
    was = file.stat()
    number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(number, "wb") as out:
            out.write(whole)
            os.fchmod(number, was.st_mode & 0o7777)
            if (os.geteuid(), os.getegid()) != (was.st_uid, was.st_gid):
                os.fchown(number, was.st_uid, was.st_gid)
            out.flush()
            os.fsync(number)
        fresh.replace(file)
        _sync_folder(file.parent)
    finally:
        fresh.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _ids(base: str) -> Iterator[str]:
    yield base
    number = 2
    while True:
        yield f"{base}-{number}"
        number += 1


def _line_keys(spec: DriverSpec, line: SerialSettings | None) -> dict[str, OptionValue]:
    """The settings of the line that are not what the driver would take anyway."""
    if line is None:
        return {}
    heard: dict[str, OptionValue] = {
        "baud": line.baud,
        "bits": line.bits,
        "parity": line.parity,
        "stop": line.stop,
    }
    return {name: value for name, value in heard.items() if getattr(spec.serial, name) != value}


def _unit(made: Score) -> OptionValue:
    """The unit that was read, or the one that is set."""
    set_unit = made.candidate.options.text("unit")
    return next((reading.unit for reading in reversed(made.readings) if reading.unit), set_unit)


def _style(guess: Guess, heard: Sequence[Recording]) -> dict[str, OptionValue]:
    """Who speaks first, as it was heard: the scale itself, all the time or now and then."""
    choices = next((option.choices for option in guess.spec.options if option.name == STYLE), ())
    times = [chunk.at_ms for recording in heard if not recording.asked for chunk in recording.chunks]
    gaps = [after - before for before, after in pairwise(times)]
    style = CONTINUOUS if max(gaps, default=0) <= STEADY_MS else AUTO_PRINT
    return {STYLE: style} if style in choices else {}


def _toml(value: OptionValue) -> str:
    """JSON's escapes are TOML's, but for DEL, which TOML wants escaped too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = format(value, "f") if isinstance(value, Decimal) else value
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
