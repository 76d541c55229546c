"""`edge-agent scan parse`: exit codes, one JSON object, harmless lines for a person."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.cli.main import main
from edge_agent.cli.scan import REASONS

SCANNED = b"\xff\xe0\xa6\x95\x1d\x1b\x80"  # no UTF-8, a Bangla letter, GS, ESC
VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))["vectors"]


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["scan", "parse", *arguments])
    return code, capsys.readouterr().out


def test_a_valid_barcode_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = asked(capsys, "--json", "--as", "s10", "--", "cp123456785bd")
    shown = json.loads(out)
    assert code == 0
    assert (shown["valid"], shown["normalized"], shown["error"]) == (True, "CP123456785BD", None)


def test_a_refused_barcode_exits_with_1_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = asked(capsys, "--as", "s10", "--", "RB123456786US")
    assert code == 1
    assert "refused, check_digit" in out


@pytest.mark.parametrize(
    "arguments", [["parse"], [], ["parse", "--as", "s11", "--", "x"], ["parse", "a", "b"]]
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["scan", *arguments])
    assert end.value.code == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("text", ["-x", "--json", "--", "]C1", "a b", " "])
def test_what_stands_behind_two_hyphens_is_the_text(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out = asked(capsys, "--json", "--as", "text", "--", text)
    assert json.loads(out)["value"] == text


def test_an_aim_identifier_that_exists_is_read_without_being_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out = asked(capsys, "--json", "--", "]C100157035381410375177")
    assert (code, json.loads(out)["type"], json.loads(out)["aim"]) == (0, "sscc", "]C1")


def test_the_elements_of_gs1_are_shown_one_behind_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    _, out = asked(capsys, "--as", "gs1", "--", "10A'B\x1d3103017230")
    assert "(10)A\\'B (3103)017230" in out
    assert "17.230" in out


@pytest.mark.parametrize("text", ["\x1b[2J", "\u202eabc", "a\nb", "\x9b1m", "\udcff"])
def test_no_escape_sequence_reaches_the_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    for mode in ([], ["--json"]):
        _, out = asked(capsys, *mode, "--", text)
        assert out.replace("\n", "").isprintable()


def test_every_error_of_the_vectors_has_its_words() -> None:
    errors = {vector["expect"].get("error") for vector in VECTORS} - {None}
    assert errors <= set(REASONS)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_any_byte_and_any_terminal_are_survived(encoding: str) -> None:
    program = "import sys; from edge_agent.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "scan", "parse", "--", os.fsdecode(SCANNED)]
    ended = subprocess.run(
        command,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        timeout=30,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"\x1b" not in ended.stdout
