"""`edge-agent config apply | confirm | diff`: change the settings of the running agent, on trial if wanted.

Owns: the verbs, their output and exit codes (0 done or no difference, 1 differences or refused, 2 the file
cannot be used, 3 the agent cannot be reached). Must not know: how a trial works.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.cli.places import settings_word, socket_argument
from edge_agent.cli.terminal import tell
from edge_agent.local.client import ask
from edge_agent.registry import Registry

if TYPE_CHECKING:
    from edge_agent.settings.checked import Checked

EXIT_OK, EXIT_DIFFERENT, EXIT_UNUSABLE = 0, 1, 2
SPAN = re.compile(r"([1-9][0-9]{0,4})(s|m|h)", re.ASCII)
SECONDS = {"s": 1, "m": 60, "h": 3600}
NOTHING = "-"


def register(verbs: Any) -> None:
    """Add the verbs to those of `config`."""
    apply = _verb(verbs, "apply", "check a settings file and run with it")
    apply.add_argument("file", type=Path, metavar="FILE", help="the new settings")
    apply.add_argument(
        "--confirm",
        type=span_s,
        default=0,
        metavar="TIME",
        help="only on trial: undone after this time (10m, 90s, 1h) unless `config confirm` comes before",
    )
    apply.set_defaults(run=run_apply)
    confirm = _verb(verbs, "confirm", "keep the settings that are on trial")
    confirm.set_defaults(run=run_confirm)
    diff = _verb(verbs, "diff", "what would change: the settings in force against a file")
    settings_word(diff)
    diff.set_defaults(run=run_diff)


def span_s(text: str) -> int:
    """A time as people write it, in seconds."""
    found = SPAN.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError("a time like 10m, 90s or 1h")
    return int(found[1]) * SECONDS[found[2]]


def run_apply(arguments: argparse.Namespace) -> int:
    """The same check as `config check`, then the agent's own, then its restart."""
    checked = _check(arguments.file)
    if checked.settings is None:
        return _refused(checked, as_json=arguments.json)
    request = {
        "op": "config.try",
        "file": arguments.file.read_text("utf-8-sig"),
        "name": str(arguments.file),
        "confirm_s": arguments.confirm,
    }
    answer = ask(arguments.socket, request)
    if arguments.json:
        tell(json.dumps(answer))
    elif arguments.confirm:
        tell(f"{arguments.file}: on trial, undone in {arguments.confirm} s")
        tell("to keep it: edge-agent config confirm")
    else:
        tell(f"{arguments.file}: applied; the agent restarts with it. booth.toml itself was not changed")
    return EXIT_OK


def run_confirm(arguments: argparse.Namespace) -> int:
    """Keep what is on trial."""
    answer = ask(arguments.socket, {"op": "config.confirm"})
    tell(json.dumps(answer) if arguments.json else "confirmed: these settings stay")
    return EXIT_OK


def run_diff(arguments: argparse.Namespace) -> int:
    """Compare setting by setting, defaults included, secrets masked."""
    from edge_agent.settings.show import effective

    checked = _check(arguments.file)
    if checked.settings is None:
        return _refused(checked, as_json=arguments.json)
    now = dict(_flat(ask(arguments.socket, {"op": "config.show"})["settings"]))
    then = dict(_flat(effective(checked.settings)))
    changed = [key for key in (*now, *(then.keys() - now.keys())) if now.get(key) != then.get(key)]
    if arguments.json:
        tell(json.dumps({key: [now.get(key), then.get(key)] for key in changed}, ensure_ascii=False))
    for key in [] if arguments.json else changed:
        tell(f"{key}: {_shown(now.get(key))} → {_shown(then.get(key))}")
    return EXIT_DIFFERENT if changed else EXIT_OK


def _verb(verbs: Any, name: str, words: str) -> argparse.ArgumentParser:
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=words, description=words)
    socket_argument(verb)
    verb.add_argument("--json", action="store_true", help="for programs")
    return verb


def _check(file: Path) -> Checked:
    from edge_agent.settings.load import check_file

    return check_file(file, Registry.installed())


def _refused(checked: Checked, *, as_json: bool) -> int:
    if as_json:
        tell(json.dumps([problem.as_json() for problem in checked.problems], indent=2, ensure_ascii=False))
    else:
        print(*checked.problems, sep="\n", file=sys.stderr)
    return EXIT_UNUSABLE


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting with its whole name; tables of a list by their number."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{number}]")
    else:
        yield path, value


def _shown(value: Any) -> str:
    return NOTHING if value is None else json.dumps(value, ensure_ascii=False)
