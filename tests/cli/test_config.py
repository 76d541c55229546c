"""`edge-agent config`: what it prints and how it ends."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from edge_agent.cli.config import register
from edge_agent.cli.places import DEFAULT_FILE
from edge_agent.registry import Registry
from edge_agent.settings.load import check, load
from tests.cli.program import settings_file

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "config" / "booth.example.toml"
BROKEN = 'schema = 1\n[booth]\nid = "dhaka"\n[uplink]\nhots = "x"\nenabled = false\n'


def run(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    arguments = parser.parse_args(["config", *map(str, words)])
    code: int = arguments.run(arguments)
    return code


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "booth.toml"
    path.write_text(BROKEN)
    return path


def test_a_good_file_ends_with_0_and_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", EXAMPLE) == 0
    out, err = capsys.readouterr()
    assert out == f"{EXAMPLE}: ok, booth DHAKA-0001 with 1 scanner, 1 scale, 1 printer\n"
    assert err == ""


def test_a_file_that_the_agent_needs_and_that_is_not_there_is_told_beside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "booth.toml"
    key = tmp_path / "command.key"
    settings.write_text(
        BROKEN.replace("dhaka", "DHAKA-0001").replace('hots = "x"\n', "")
        + (f'[counter]\ncommand_key_file = "{key}"\n')
    )
    assert run("check", settings) == 0
    out, err = capsys.readouterr()
    assert "ok" in out
    assert err == (
        f"counter.command_key_file: {key} is not there, or closed to you;"
        " the agent does not start without it\n"
    )
    key.write_text("00" * 32)
    assert run("check", settings) == 0
    assert capsys.readouterr().err == ""


OWN = (
    '[label]\nschema = 1\nkind = "slip"\ntitle = "Own"\nsize_mm = [100, 50]\n[data]\n'
    '"item.number" = { type = "text" }\n"recipient.name" = { type = "text" }\n'
    '[[element]]\nid = "who"\ntype = "text"\nat = [2, 2]\nsize = [90, 6]\n'
    'value = "{item.number}"\nfont_mm = 4\n'
    '[[element]]\nid = "again"\ntype = "reprint"\nat = [2, 10]\nsize = [90, 6]\nfont_mm = 4\n'
)
PRINTER = '[[printer]]\nid = "p-1"\ndriver = "escpos"\nport = "tcp:10.0.0.1:9100"\n'


@pytest.mark.parametrize(
    ("more", "template", "said"),
    [
        ('[counter]\nlabel = "parcel-81"\n', OWN, ["counter.label: ", "did you mean 'parcel-80'?"]),
        ('[counter]\nreceipt = "own"\n' + PRINTER, "x = [", ["counter.receipt: ", "'own'", "no TOML"]),
        (
            '[counter]\nlabel = "own"\n' + PRINTER,
            OWN.replace("{item.number}", "{recipient.name}"),
            ["counter.label: ", "'who'", "'recipient.name'", "is missing"],
        ),
        (
            '[counter]\nlabel = "own"\n',
            OWN[: OWN.rindex("[[element]]")],
            ["counter.label: ", "'own' has no element of type 'reprint' without condition"],
        ),
        (
            '[counter]\nlabel = "own"\n',
            OWN.replace("at = [2, 10]\nsize = [90, 6]", "at = [2, 10]\nsize = [9, 6]"),
            ["counter.label: ", "element 'again'"],
        ),
        (
            '[counter]\nlabel = "own"\n' + PRINTER,
            OWN,
            ["counter.label: ", "800 dots wide", "printer p-1", "the head 576"],
        ),
        (PRINTER + 'dpi = "180"\nwidth_dots = 384\n', OWN, ["'parcel-80'", "510 dots wide, the head 384"]),
        (PRINTER + 'profile = "POS-5890"\n', OWN, ["counter.label: ", "576 dots wide, the head 384"]),
        (PRINTER + 'profile = "TM-T88III"\n', OWN, ["counter.label: ", "has 180 dpi, the settings say 203"]),
        (PRINTER + "x_offset_dots = 100\n", OWN, ["counter.label: ", "x_offset_dots", "fall off the paper"]),
        (PRINTER.replace("escpos", "zpl") + "width_dots = 384\n", OWN, ["576 dots wide, the head 384"]),
        (
            PRINTER + PRINTER.replace("p-1", "p-2").replace("9100", "9101") + "width_dots = 384\n"
            '[counter]\nreceipt = "receipt-80"\nreceipt_printer = "p-2"\n',
            OWN,
            ["counter.receipt: ", "'receipt-80'", "printer p-2", "the head 384"],
        ),
        (PRINTER + 'dpi = "180"\nwidth_dots = 512\n', OWN, []),
        ('[counter]\nlabel = ""\n', OWN, []),
        ('[counter]\nflow = "none"\nlabel = "own"\n', "x = [", []),
    ],
    ids=[
        *("unknown", "no-toml", "field", "no-mark", "small-mark", "wide", "wide-by-dpi", "profile"),
        *("dpi-of-profile", "offset", "zpl", "receipt", "fits", "no-label", "no-flow"),
    ],
)
def test_a_label_that_would_not_come_out_is_told_and_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, template: str, said: list[str]
) -> None:
    (tmp_path / "own.toml").write_text(template)
    settings = settings_file(tmp_path, f'[labels]\ntemplates = "{tmp_path}"\n{more}')
    assert run("check", settings) == bool(said)
    out, err = capsys.readouterr()
    assert (": ok, " in out) is not bool(said)
    assert [words for words in said if words not in err] == [], err
    assert len(err.splitlines()) == bool(said)
    assert run("check", settings, "--json") == bool(said)
    told = json.loads(capsys.readouterr().out)
    assert len(told) == bool(said)
    assert [fault for fault in told if f"{fault['key']}: {fault['message']}" not in err] == []


def test_a_label_fault_is_told_where_its_setting_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_file(tmp_path, '[counter]\nlabel = "parcel-81"\n')
    assert run("check", settings, "--json") == 1
    (fault,) = json.loads(capsys.readouterr().out)
    line = settings.read_text().splitlines().index('label = "parcel-81"') + 1
    assert (fault["file"], fault["line"], fault["column"]) == (str(settings), line, 9)


def test_fonts_that_are_not_there_are_told_and_end_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_file(tmp_path, f'[labels]\nfont_bangla = "{tmp_path}/none.ttf"\n')
    assert run("check", settings) == 1
    assert "fonts-noto-core" in capsys.readouterr().err


def test_a_broken_file_ends_with_2_and_one_line_for_each_problem(
    broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", broken) == 2
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.startswith(f"{broken}:3:6 booth.id: 'dhaka' is not allowed; expected 4 to 24")
    assert second.startswith(f"{broken}:5:1 uplink.hots: unknown key")
    assert second.endswith("did you mean host?")


def test_for_programs_problems_are_a_list(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", broken, "--json") == 2
    first, second = json.loads(capsys.readouterr().out)
    assert first["key"] == "booth.id"
    assert {key: second[key] for key in ("file", "line", "column", "key", "message", "nearest")} == {
        "file": str(broken),
        "line": 5,
        "column": 1,
        "key": "uplink.hots",
        "message": "unknown key",
        "nearest": "host",
    }
    assert "keepalive_s" in second["expected"]


def test_for_programs_a_good_file_is_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", EXAMPLE, "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_file_that_is_not_there_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", tmp_path / "no.toml") == 2
    assert "No such file" in capsys.readouterr().err


def test_the_file_of_the_box_is_meant_if_none_is_named() -> None:
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    assert parser.parse_args(["config", "check"]).file == DEFAULT_FILE == Path("/etc/edge-agent/booth.toml")


def test_show_prints_toml_that_means_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", EXAMPLE) == 0
    shown = capsys.readouterr().out
    again = check(shown.encode(), "shown", Registry.installed()).settings
    assert again == load(EXAMPLE, Registry.installed())


def test_show_prints_every_default(capsys: pytest.CaptureFixture[str]) -> None:
    run("show", EXAMPLE)
    shown = tomllib.loads(capsys.readouterr().out)
    assert shown["counter"]["empty_below_kg"] == "0.005"
    assert (shown["scale"][0]["baud"], shown["scale"][0]["probe"]) == (9600, True)
    assert shown["uplink"]["port"] == 8883


def test_show_for_programs_is_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    run("show", EXAMPLE)
    as_toml = tomllib.loads(capsys.readouterr().out)
    run("show", EXAMPLE, "--json")
    assert json.loads(capsys.readouterr().out) == as_toml


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_show_masks_what_leads_to_a_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    path = tmp_path / "booth.toml"
    text = EXAMPLE.read_text().replace("#password_file", "password_file").replace("#cert", "cert")
    path.write_text(text.replace("#key", "key"))
    assert run("show", path, *options) == 0
    out = capsys.readouterr().out
    assert out.count('"***"') == 2
    assert "booth.key" not in out
    assert "/etc/edge-agent/password" not in out


def test_show_of_a_broken_file_ends_with_2(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", broken) == 2
    assert capsys.readouterr().out == ""


def test_show_writes_strange_text_so_that_it_can_be_read_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "booth.toml"
    path.write_text(EXAMPLE.read_text().replace('#prefix = ""', 'prefix = "a\\"\\\\\\u0002\\u007fগ"'))
    assert run("show", path) == 0
    assert tomllib.loads(capsys.readouterr().out)["scanner"][0]["prefix"] == 'a"\\\x02\x7fগ'


def test_the_schema_is_the_published_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("schema") == 0
    assert capsys.readouterr().out == (REPOSITORY / "config" / "schema.json").read_text()


def test_help_does_not_wait_for_pydantic() -> None:
    program = (
        "import argparse, sys; from edge_agent.cli.config import register; "
        "register(argparse.ArgumentParser().add_subparsers()); sys.exit('pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, env=os.environ).returncode == 0


@pytest.mark.parametrize("words", [[], ["chekc"], ["check", "a", "b"], ["show", "--yaml"]])
def test_wrong_usage_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*words)
    assert caught.value.code == 2
