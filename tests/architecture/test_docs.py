"""The documents are true: links lead somewhere, commands exist, examples are right, tables are fresh."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge_agent
from edge_agent.cli import main as agent
from simulators import cli as simulators
from tests.architecture.tree import ROOT, name_of
from tools.documents import COMMAND, PARTS, is_fresh

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
NAMED_FILE = re.compile(
    r"`((?:edge_agent|drivers|simulators|tools|systemd|config|docs|requirements)/[\w./-]+)"
)
MAKE_IN_CODE = re.compile(r"(?:^|`)make ([a-z][a-z-]*)", re.MULTILINE)
EXAMPLE = re.compile(r"^\$ (edge-agent [^\n]+)\n(.*)\Z", re.MULTILINE | re.DOTALL)
PROGRAMS = ("edge-agent", "edge-sim")
MACHINE_PATHS = re.compile(r"/work/|/root/|/tmp/(?!booth|edge-demo-)")


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return FENCE.sub("", read(page))


def commands(page: Path) -> Iterator[list[str]]:
    """Every command line of our programs: in code blocks and between backticks."""
    lines = [
        line
        for kind, block in FENCE.findall(read(page))
        if kind in {"sh", "console"}
        for line in block.splitlines()
    ]
    lines += re.findall(r"`([^`]+)`", prose(page))
    for line in lines:
        words = line.removeprefix("$ ").partition(" #")[0].partition(" > ")[0].strip()
        if words.startswith(PROGRAMS) and "|" not in words and "…" not in words:
            yield shlex.split(words)


# Links and names


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(prose(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in _anchors(linked)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_tests_that_are_named_as_proof_exist(page: Path) -> None:
    missing = [
        f"{path}::{test}"
        for path, test in NAMED_TEST.findall(read(page))
        if not (ROOT / path).is_file()
        or (test and not re.search(rf"^(async )?def {test}\(", read(ROOT / path), re.MULTILINE))
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_are_named_exist(page: Path) -> None:
    named = (path.partition("::")[0].rstrip(".") for path in NAMED_FILE.findall(prose(page)))
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_name_no_place_of_one_machine(page: Path) -> None:
    assert MACHINE_PATHS.findall(read(page)) == []


# Commands


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_exist_with_their_options(page: Path) -> None:
    wrong = [" ".join(words) for words in commands(page) if not _is_accepted(words)]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_has_the_targets_that_are_named(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE))
    assert set(MAKE_IN_CODE.findall(read(page))) - targets == set()


def _examples() -> list[tuple[str, str, str]]:
    return [
        (name_of(page), *found)
        for page in PAGES
        for kind, block in FENCE.findall(read(page))
        if kind == "console"
        for found in EXAMPLE.findall(block)
    ]


@pytest.mark.parametrize(("page", "command", "shown"), _examples(), ids=lambda text: text.split("\n")[0][:40])
def test_examples_give_what_they_show(page: str, command: str, shown: str) -> None:
    words = shlex.split(command)[1:]
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env={"PYTHONIOENCODING": "utf-8", "PATH": "/usr/bin:/bin"},
    )
    assert done.stdout == shown, f"{page}: {done.stderr}"


# Generated parts


@pytest.mark.parametrize("part", PARTS)
def test_generated_parts_are_fresh(part: str) -> None:
    assert is_fresh(part), f"{PARTS[part][0]} is stale: run {COMMAND}"


# Versions and decisions


def test_the_changelog_begins_with_this_version() -> None:
    found = re.search(r"^## (\S+)", read(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert found is not None
    assert found[1] == edge_agent.__version__


def test_the_version_is_written_once() -> None:
    document = tomllib.loads(read(ROOT / "pyproject.toml"))
    assert "version" in document["project"]["dynamic"]
    assert document["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "edge_agent.__version__"}


def test_the_licence_is_the_one_that_is_declared() -> None:
    document = tomllib.loads(read(ROOT / "pyproject.toml"))
    text = read(ROOT / "LICENSE")
    assert document["project"]["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("page", DECISIONS, ids=name_of)
def test_a_decision_has_its_three_parts(page: Path) -> None:
    assert re.findall(r"^## (.+)$", read(page), re.MULTILINE) == ["Context", "Decision", "Consequences"]


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    numbers = [int(page.name[:4]) for page in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))
    listed = read(ROOT / "docs" / "decisions" / "README.md")
    assert [page.name for page in DECISIONS if f"({page.name})" not in listed] == []


def _anchors(page: Path) -> set[str]:
    """The anchors that a forge makes of headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _is_accepted(words: list[str]) -> bool:
    """Whether the program's own parser takes these words, or they only mention a verb."""
    program, *arguments = words
    parser = agent._parser(arguments[:1]) if program == "edge-agent" else simulators._parser(arguments)
    if not arguments:
        return True
    try:
        parser.parse_args(arguments)
    except SystemExit as end:
        return end.code == 0 or _is_mention(parser, arguments)
    return True


def _is_mention(parser: argparse.ArgumentParser, arguments: list[str]) -> bool:
    """A verb by its bare name: `edge-agent decode`."""
    known = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return len(arguments) == 1 and any(arguments[0] in action.choices for action in known)
