"""Files as people get them wrong, and what must be said of each."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_agent.settings.load import check
from edge_agent.settings.problems import Problem
from tests.settings.fakes import registry

# Line 1 to 5 of every file below; what is wrong follows from line 6 on, or stands in for a line.
HEAD = 'schema = 1\n[booth]\nid = "DHAKA-0001"\n[uplink]\nhost = "central.example"\n'
SCALE = '[[scale]]\nid = "scale"\ndriver = "fake_scale"\nport = "serial:/dev/scale"\nunit = "kg"\n'
TCP = '[[scale]]\nid = "scale"\ndriver = "tcp_scale"\nport = "tcp:scale.booth:4001"\n'
PRINTER = '[[printer]]\nid = "printer"\ndriver = "fake_printer"\nport = "tcp:printer.booth:9100"\n'


@dataclass(frozen=True)
class Broken:
    """One broken file, and what its only problem must say."""

    id: str
    text: str
    at: tuple[int, int]
    key: str
    words: list[str] = field(default_factory=list)
    nearest: str = ""


def problem_of(broken: Broken) -> Problem:
    """The only problem of the file."""
    checked = check(broken.text.encode(), "booth.toml", registry())
    assert checked.settings is None
    assert len(checked.problems) == 1, [str(problem) for problem in checked.problems]
    return checked.problems[0]


def check_named(broken: Broken) -> None:
    """The problem is at its place, about its key, with these words, and one printable line."""
    problem = problem_of(broken)
    assert (problem.key, (problem.place.line, problem.place.column)) == (broken.key, broken.at)
    assert problem.nearest == broken.nearest
    assert [words for words in broken.words if words not in str(problem)] == []
    assert str(problem).isprintable()
    assert len(str(problem)) < 400
