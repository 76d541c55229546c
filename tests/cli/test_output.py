"""What a verb says on stdout: an output that takes nothing is told in one line, whatever is said, and how."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.cli.main import USAGE, main
from tests.cli.program import DEADLINE_S, PROGRAM, settings_file

CLI = Path(__file__).parents[2] / "edge_agent/cli"
DOOR = "terminal.py"


@pytest.mark.parametrize(
    "words",
    [
        ("decode", "--list"),
        ("schema", "config"),
        ("scan", "parse", "--json", "--", "RB123456785GB"),
    ],
    ids=" ".join,
)
def test_a_full_disk_behind_the_output_is_an_error_and_no_traceback(
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Path("/dev/full").open("w") as full:
        full.reconfigure(write_through=True)  # as with PYTHONUNBUFFERED
        monkeypatch.setattr(sys, "stdout", full)
        assert main(words) == USAGE
        monkeypatch.undo()
    assert "output.unwritable" in capsys.readouterr().err


def test_nothing_is_printed_past_the_door_that_tells_of_a_full_disk() -> None:
    past = [
        f"{file.name}:{node.lineno}"
        for file in sorted(CLI.glob("*.py"))
        if file.name != DOOR
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
        and not any(word.arg == "file" for word in node.keywords)
    ]
    assert past == []


@pytest.mark.parametrize("text", ["\udcff\udcedABC", "A\ud800B", "\udce2\udc82"])
@pytest.mark.parametrize("words", [("--json",), ("--as", "text", "--json"), ()])
def test_half_a_character_is_told_as_whole_ones(
    text: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A shell gives bytes that are no UTF-8 as lone surrogates, which no strict reader of JSON takes."""
    assert main(["scan", "parse", *words, "--", text]) == 0
    shown = capsys.readouterr().out
    if "--json" in words:
        shown = json.loads(shown)["value"]
    assert not any("\ud800" <= character <= "\udfff" for character in shown)


@pytest.mark.parametrize("words", [("--help",), ("status", "--help"), ("--version",)], ids=" ".join)
def test_a_help_that_cannot_be_written_is_one_line_and_no_traceback(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*PROGRAM, *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE_S,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )
    assert (ended.returncode, len(ended.stderr.splitlines())) == (USAGE, 1), ended.stderr
    assert "[output.unwritable]" in ended.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_standard_stream_is_no_traceback(closed: str, tmp_path: Path) -> None:
    """As of a program that is started by another one; `scan parse` shows, `enroll` asks."""
    for words in ("scan parse -- RB123456785GB", f"enroll -c {settings_file(tmp_path)}"):
        ended = subprocess.run(
            ["/bin/sh", "-c", f'"$0" -m edge_agent {words} {closed}', sys.executable],
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert "Traceback" not in ended.stderr + ended.stdout
        assert ended.returncode == (0 if words.startswith("scan") else USAGE)
