"""`edge-agent config`: check the settings, show what a file means, print their schema; change them.

Owns: the verbs, their output and exit codes: 0 ok, 1 the counter's labels would not come out, 2 the
settings cannot be used. Must not know: how settings are checked. Imports them only when a verb runs: pydantic
is slow to import.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli import config_change
from edge_agent.cli.places import settings_word
from edge_agent.cli.terminal import note, tell
from edge_agent.registry import Registry

if TYPE_CHECKING:
    from edge_agent.settings.checked import Checked
    from edge_agent.settings.model import Settings
    from edge_agent.settings.problems import Problem

EXIT_OK = 0
EXIT_NO_LABEL = 1
EXIT_UNUSABLE = 2


def register(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],  # it has no public name
) -> None:
    """Add `config` and its verbs; each sets `run`, which takes the arguments and gives the exit code."""
    parser = subparsers.add_parser("config", help="check or show the settings of this booth")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    check = _verb(verbs, "check", "say everything that is wrong with a settings file")
    settings_word(check)
    check.set_defaults(run=run_check)
    show = _verb(verbs, "show", "print the settings in force, defaults included, secrets masked")
    settings_word(show)
    show.set_defaults(run=run_show)
    schema = _verb(verbs, "schema", "print the JSON Schema of the settings, for editors")
    schema.set_defaults(run=run_schema)
    config_change.register(verbs)


def run_check(arguments: argparse.Namespace) -> int:
    """Check one file."""
    checked = _check(arguments.file)
    if checked.settings is None:
        return _report(checked.problems, as_json=arguments.json)
    faults = _label_faults(arguments.file, checked.settings)
    if not faults:
        tell("[]" if arguments.json else f"{arguments.file}: ok, {_summary(checked.settings)}")
    for key, path in _wanted_files(checked.settings):
        note(f"{key}: {path} is not there, or closed to you; the agent does not start without it")
    return _report(faults, as_json=arguments.json, code=EXIT_NO_LABEL) if faults else EXIT_OK


def run_show(arguments: argparse.Namespace) -> int:
    """Print one file's settings in force."""
    checked = _check(arguments.file)
    if checked.settings is None:
        return _report(checked.problems, as_json=arguments.json)
    from edge_agent.settings.show import effective, to_toml

    shown = effective(checked.settings)
    if arguments.json:
        tell(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        tell(to_toml(shown), end="")
    return EXIT_OK


def run_schema(arguments: argparse.Namespace) -> int:  # noqa: ARG001  # all verbs are called alike
    """Print the schema."""
    from edge_agent.settings.schema import schema_text

    tell(schema_text(Registry.installed()), end="")
    return EXIT_OK


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],  # it has no public name
    name: str,
    words: str,
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=words, description=words)
    verb.add_argument("--json", action="store_true", help="for programs")
    return verb


def _check(file: Path) -> Checked:
    from edge_agent.settings.load import check_file

    return check_file(file, Registry.installed())


def _label_faults(file: Path, settings: Settings) -> Sequence[Problem]:
    """Labels that would not come out, told where their settings stand."""
    from edge_agent.cli.label_check import label_faults
    from edge_agent.settings.load import failed, read_source
    from edge_agent.settings.problems import Problem

    faults = list(label_faults(settings, Registry.installed()))
    source = read_source(file.read_bytes(), str(file)) if faults else None
    if source is None or isinstance(source, Problem):
        return ()
    return failed(source.place, faults).problems


def _report(problems: Sequence[Problem], *, as_json: bool, code: int = EXIT_UNUSABLE) -> int:
    if as_json:
        tell(json.dumps([problem.as_json() for problem in problems], indent=2, ensure_ascii=False))
    else:
        print(*problems, sep="\n", file=sys.stderr)
    return code


def _wanted_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Those without which the agent does not start, and that cannot be read."""
    named = {
        "counter.command_key_file": settings.counter.command_key_file,
        "uplink.password_file": settings.uplink.password_file,
    }
    for key, path in named.items():
        if path is not None and not os.access(path, os.R_OK):
            yield key, path


def _summary(settings: Settings) -> str:
    counts = (
        (len(settings.scanner), "scanner"),
        (len(settings.scale), "scale"),
        (len(settings.printer), "printer"),
    )
    devices = ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts)
    return f"booth {settings.booth.id} with {devices}"
