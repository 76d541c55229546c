"""`edge-agent scan codes` and couriers of the settings in `scan parse`, as a technician runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.barcodes.booth_command import BoothCommand, CommandCode, read
from edge_agent.cli.main import main

EXAMPLE = Path(__file__).parents[2] / "config" / "booth.example.toml"
KEY = bytes(range(32))


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    key = tmp_path / "command.key"
    key.write_text(KEY.hex() + "\n")
    file = tmp_path / "booth.toml"
    text = EXAMPLE.read_text().replace(
        '#command_key_file = "/etc/edge-agent/command.key"', f'command_key_file = "{key}"'
    )
    file.write_text(text)
    return file


def test_a_sheet_has_a_code_for_each_command_that_the_booth_believes(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scan", "codes", "--json", "-c", str(settings), "--days", "30"]) == 0
    sheet = json.loads(capsys.readouterr().out)
    codes = [read(one["text"], booth=sheet["booth"], key=KEY, today="20200101") for one in sheet["codes"]]
    assert [code.command for code in codes if isinstance(code, CommandCode)] == list(BoothCommand)
    assert len({one["text"] for one in sheet["codes"]}) == len(BoothCommand)


def test_one_command_for_a_single_time(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", "codes", "-c", str(settings), "--only", "void", "--once"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("void     BXC1-VOID-S-")


@pytest.mark.parametrize("wrong", [["--days", "0"], ["--days", "9e9"], ["--only", "format"]])
def test_wrong_usage_is_told(settings: Path, wrong: list[str]) -> None:
    assert main(["scan", "codes", "-c", str(settings), *wrong]) == 2


def test_without_a_key_there_are_no_codes() -> None:
    assert main(["scan", "codes", "-c", str(EXAMPLE)]) == 2


def test_a_short_key_is_refused(settings: Path) -> None:
    (settings.parent / "command.key").write_text("00ff")
    assert main(["scan", "codes", "-c", str(settings)]) == 2


@pytest.mark.parametrize("content", [None, "no hex"])
def test_a_key_that_cannot_be_read_is_named_with_what_to_do(
    settings: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    key = settings.parent / "command.key"
    key.unlink()
    if content is not None:
        key.write_text(content)
    assert main(["scan", "codes", "-c", str(settings)]) == 2
    said = capsys.readouterr().err
    assert str(key) in said
    assert ("chmod 640" if content is None else "openssl rand -hex 32") in said
    assert "Errno" not in said


def test_couriers_of_the_settings_are_known_to_scan_parse(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text, courier in (("MC12345678", "my_courier"), ("15BAEB8A", "steadfast")):
        assert main(["scan", "parse", "--json", "-c", str(settings), "--as", "courier", "--", text]) == 0
        assert json.loads(capsys.readouterr().out)["courier"] == courier
    bangla = "MC" + "১২৩৪৫৬৭৮"
    assert main(["scan", "parse", "--json", "-c", str(settings), "--as", "courier", "--", bangla]) == 1


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+", "[0-9]*", "(?=x)", ".{8}", "[^0-9]{8}", "a{1,99}b{1,99}c{1,99}", "((a))", "", "x" * 300],
)
def test_a_pattern_that_could_run_away_is_refused_with_its_place(
    settings: Path, capsys: pytest.CaptureFixture[str], pattern: str
) -> None:
    settings.write_text(settings.read_text().replace('"MC[0-9]{8}"', json.dumps(pattern)))
    assert main(["config", "check", str(settings)]) == 2
    assert "pattern" in capsys.readouterr().err + capsys.readouterr().out
