"""`edge-agent print preview`: the page as a picture, in the terminal, and what is said of wrong data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.cli import preview
from edge_agent.cli.half_blocks import half_blocks
from edge_agent.labels.layout import render
from edge_agent.labels.page import from_png
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import find_template, sample_data
from edge_agent.settings.labels import Labels
from tests.cli.program import edge_agent, edge_agent_process, settings_file
from tests.labels.paper import DATA, HEAD, page_of
from tests.nobody import closed

TEXT = '[[element]]\nid = "who"\ntype = "text"\nat = [2, 2]\nsize = [50, 6]\nvalue = "{name}"\nfont_mm = 4\n'
OWN = HEAD.format(kind="slip", width=60, height=20) + TEXT


def test_the_picture_is_the_page_that_the_printer_gets(tmp_path: Path) -> None:
    out = tmp_path / "label.png"
    shown = edge_agent_process("print", "preview", "parcel-80", "--out", out)
    template = find_template("parcel-80")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert from_png(out.read_bytes()) == render(template, sample_data(template), fonts=Fonts())
    assert "576 x 968 dots" in shown.stdout


def test_settings_that_are_closed_to_us_count_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As /etc/edge-agent is to a person who is not in the group."""
    folder = tmp_path / "etc"
    folder.mkdir()
    monkeypatch.setattr(preview, "DEFAULT_FILE", folder / "booth.toml")
    preview._settings(None)  # with its imports
    with closed(folder):
        assert preview._settings(None) == (Labels(), 203)


def test_the_preview_has_the_resolution_of_the_booths_label_printer(tmp_path: Path) -> None:
    def printer(name: str, dpi: str) -> str:
        return f'[[printer]]\nid = "{name}"\ndriver = "tspl"\nport = "lp:/dev/usb/{name}"\ndpi = "{dpi}"\n'

    config = settings_file(tmp_path, printer("lp0", "300") + printer("lp1", "203"))
    words = ("print", "preview", "parcel-80", "-c", config, "--out", tmp_path / "label.png")
    assert "850 x 1429 dots" in edge_agent(*words).stdout
    assert "576 x 968 dots" in edge_agent(*words, "--dpi", "203").stdout


@pytest.mark.parametrize("kind", ["json", "toml"])
def test_data_comes_from_a_file(tmp_path: Path, kind: str) -> None:
    (tmp_path / "own.toml").write_text(OWN, encoding="utf-8")
    data = tmp_path / f"data.{kind}"
    text = json.dumps(DATA) if kind == "json" else 'name = "রহিম"\n'
    data.write_text(text, encoding="utf-8")
    out = tmp_path / "label.png"
    shown = edge_agent("print", "preview", tmp_path / "own.toml", "--data", data, "--out", out, "--json")
    assert json.loads(shown.stdout) == {
        "template": "own",
        "title": "Test",
        "size_mm": ["60", "20"],
        "dots": [480, 160],
        "png": str(out),
    }
    page = from_png(out.read_bytes())
    assert page == render(find_template("own", tmp_path), {"name": "রহিম"}, fonts=Fonts())


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("{}", 1, ["'who'", "'name'", "missing"]),
        ('{"name": 5}', 1, ["'who'", "'name'", "text"]),
        ('{"name": "a\\u0007b"}', 1, ["'who'", "U+0007"]),
        ('{"name": "한국"}', 1, ["'who'", "U+D55C"]),
        (json.dumps({"name": "x" * 2000}), 1, ["'who'", "2000 characters"]),
        ('{"name": 1.5}', 1, ["name is a number with decimals", "text in quotes"]),
        ('{"part": [{"weight": 1.50}]}', 1, ["part.1.weight is a number with decimals"]),
        ('{"name": "\\ud83d"}', 1, ["name holds half a character"]),
        ("[1]", 2, ["no table of fields"]),
        ("{", 2, ["neither JSON nor TOML"]),
        ("[" * 100_000, 2, ["neither JSON nor TOML"]),
        (" " * 300_000, 2, ["larger than 262144 bytes"]),
        (None, 2, ["cannot be read"]),
    ],
    ids=[
        "missing",
        "type",
        "control",
        "glyph",
        "long",
        "decimal",
        "in a list",
        "half",
        "list",
        "cut",
        "deep",
        "large",
        "absent",
    ],
)
def test_wrong_data_names_element_and_field(
    tmp_path: Path, text: str | None, code: int, said: list[str]
) -> None:
    (tmp_path / "own.toml").write_text(OWN, encoding="utf-8")
    data = tmp_path / "data.json"
    if text is not None:
        data.write_text(text, encoding="utf-8")
    shown = edge_agent("print", "preview", tmp_path / "own.toml", "--data", data)
    assert (shown.returncode, shown.stdout) == (code, "")
    assert [words for words in said if words not in shown.stderr] == [], shown.stderr


def test_an_unknown_template_is_answered_with_the_nearest() -> None:
    shown = edge_agent("print", "preview", "parcel-8")
    assert shown.returncode == 2
    assert "did you mean 'parcel-80'?" in shown.stderr


@pytest.mark.parametrize(
    "words", [("--dpi", "72"), ("--dpi", "9999"), ("--reprint", "-1"), ("--reprint", "1000")]
)
def test_numbers_out_of_bounds_are_wrong_usage(words: tuple[str, str]) -> None:
    shown = edge_agent("print", "preview", "parcel-80", *words)
    assert shown.returncode == 2
    assert "150 to 600" in shown.stderr


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    shown = edge_agent("print", "preview", "parcel-80", "--out", tmp_path / "no" / "label.png")
    assert shown.returncode == 2
    assert "cannot be written" in shown.stderr


def test_settings_name_own_templates_and_fonts(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "own.toml").write_text(OWN, encoding="utf-8")
    config = settings_file(tmp_path, f'[labels]\ntemplates = "{tmp_path}/labels"\n')
    assert edge_agent("print", "preview", "own", "-c", config).returncode == 0
    config = settings_file(tmp_path, f'[labels]\nfont_bangla = "{tmp_path}/none.ttf"\n')
    shown = edge_agent("print", "preview", "parcel-80", "-c", config)
    assert shown.returncode == 2
    assert "fonts-noto-core" in shown.stderr


def test_the_terminal_shows_ink_where_it_is() -> None:
    page = page_of(["##..", "##..", "..##", "####"])
    assert half_blocks(page, 4) == ["██", "▄▄██"]
    assert half_blocks(page, 2) == ["█▄"]
    assert half_blocks(page, 4, plain=True) == ["##", "..##"]
    assert half_blocks(page_of(["###"] * 3), 3) == ["███", "▀▀▀"]


def test_a_terminal_without_blocks_gets_signs() -> None:
    shown = edge_agent_process("print", "preview", "parcel-80", PYTHONIOENCODING="ascii")
    assert shown.returncode == 0
    assert set(shown.stdout) <= set(" '.#\n")
    assert "\\u" not in shown.stdout
