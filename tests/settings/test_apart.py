"""Settings checked in a process beside ours are the same settings, and our process stays small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.registry import Registry
from edge_agent.settings.checked import Asked
from edge_agent.settings.here import check_here
from edge_agent.settings.model import Settings
from edge_agent.settings.plain import Plain, plain
from edge_agent.settings.show import effective
from tests.architecture.tree import ROOT

EXAMPLE = ROOT / "config" / "booth.example.toml"
CENTRE = 'schema = 1\n[booth]\nname = "Another"\n'
BROKEN = "schema = 1\n[booth]\nid = 7\n"

# Run in a process of its own: a fork is made only where there are no threads.
PROGRAM = """
import json, os, signal, sys
from pathlib import Path
from edge_agent.settings import apart
from edge_agent.settings.checked import Asked

how, file, broken, centre = sys.argv[1:]
if how == "no process":
    def refused():
        raise OSError("no more processes")
    apart.os.fork = refused
if how == "a process that dies":
    apart._answer = lambda *_: os._exit(3)
if how == "nobody waits for children":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)

def told(checked):
    return [checked.settings and checked.settings.booth.name, list(map(str, checked.problems))]

with apart.checking_apart(Path(file)) as beside:
    text = Path(file).read_bytes()
    asked = [Asked(text, file), Asked(None, broken), Asked(None, "/none.toml"), Asked(text, file, centre)]
    answers = list(map(told, map(beside.check, asked)))
    names = beside.drivers.names()
children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
print(json.dumps([answers, len(names), "pydantic" in sys.modules, children]))
"""


@pytest.mark.parametrize(
    "how", ["as usual", "no process", "a process that dies", "nobody waits for children"]
)
def test_the_outcome_is_the_same_however_it_was_checked(tmp_path: Path, how: str) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text(BROKEN)
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, how, str(EXAMPLE), str(broken), CENTRE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert run.stderr == ""
    answers, drivers, loaded, children = json.loads(run.stdout)
    registry = Registry.installed()
    asked = [
        Asked(EXAMPLE.read_bytes(), str(EXAMPLE)),
        Asked(None, str(broken)),
        Asked(None, "/none.toml"),
        Asked(EXAMPLE.read_bytes(), str(EXAMPLE), CENTRE),
    ]
    for question, (name, problems) in zip(asked, answers, strict=True):
        here = check_here(question, registry)
        assert problems == list(map(str, here.problems))
        assert name == (here.settings.booth.name if here.settings else None)
    assert answers[3][0] == "Another"
    assert (drivers, children) == (len(registry.names()), "")
    assert loaded is (how in {"no process", "a process that dies"})


def test_plain_settings_have_every_value_and_what_the_models_compute(example: Settings) -> None:
    made = plain(example, effective(example))
    _same(made, example, "settings")
    assert effective(made) == effective(example)
    assert made.scale[0].driver_options["unit"] == example.scale[0].driver_options["unit"] == "kg"
    assert made.scale[0].line == example.scale[0].line
    assert made.printer[0].line == example.printer[0].line
    assert made.printer[0].driver_options == example.printer[0].driver_options
    assert made.labels.fonts == example.labels.fonts


def test_plain_settings_are_frozen(example: Settings) -> None:
    made = plain(example, {})
    with pytest.raises(AttributeError):
        made.booth.id = "OTHER-1"
    with pytest.raises(AttributeError):
        del made.booth
    assert made.booth.id == example.booth.id


@pytest.fixture
def example() -> Settings:
    checked = check_here(Asked(EXAMPLE.read_bytes(), str(EXAMPLE)), Registry.installed())
    assert checked.settings is not None, checked.problems
    return checked.settings


def _same(made: object, model: object, where: str) -> None:
    """Every field of every table under its name; tables in lists, too."""
    if isinstance(model, tuple):
        assert isinstance(made, tuple), where
        for number, (one, other) in enumerate(zip(made, model, strict=True)):
            _same(one, other, f"{where}[{number}]")
    elif hasattr(type(model), "model_fields"):
        assert isinstance(made, Plain), where
        for name in type(model).model_fields:
            _same(getattr(made, name), getattr(model, name), f"{where}.{name}")
    else:
        assert made == model, where
