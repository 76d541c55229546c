"""The pictures in docs/labels.md are what would be drawn now, small, and of every shipped label."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from PIL import Image

from edge_agent.labels.layout import render
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import parse_template, sample_data, shipped_names
from tools import label_sheet

DOCUMENT = (label_sheet.ROOT / "docs" / "labels.md").read_text(encoding="utf-8")
MOST_BYTES = 65_536  # of one picture; the largest has some 35 kB


def test_every_shipped_label_has_its_sheet() -> None:
    assert sorted(label_sheet.SHEETS) == list(shipped_names())
    assert sorted(path.stem for path in label_sheet.FOLDER.iterdir()) == list(shipped_names())


@pytest.mark.parametrize("name", label_sheet.SHEETS)
def test_the_picture_is_fresh_and_small(name: str) -> None:
    assert label_sheet.is_fresh(name), f"run {label_sheet.COMMAND}"
    path = label_sheet.FOLDER / f"{name}.png"
    assert path.stat().st_size < MOST_BYTES
    with Image.open(path) as picture:
        assert picture.mode == "1"


def test_a_stale_picture_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(label_sheet, "FOLDER", tmp_path)
    assert not label_sheet.is_fresh("item-50x30")
    changed = label_sheet.sheet("item-50x30").copy()
    changed.putpixel((30, 30), 1 - changed.getpixel((30, 30)))
    changed.save(tmp_path / "item-50x30.png")
    assert not label_sheet.is_fresh("item-50x30")


def test_the_template_of_the_document_is_a_good_one(fonts: Fonts) -> None:
    """The example that people start from must load, and print with its samples."""
    example = DOCUMENT.partition("```toml\n")[2].partition("```")[0]
    assert tomllib.loads(example)
    template = parse_template(example, "example")
    assert render(template, sample_data(template), fonts=fonts, reprint=1).width == 480
