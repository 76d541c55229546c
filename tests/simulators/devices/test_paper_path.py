"""Paper: what comes out, what is torn, when it ends; and labels as picture files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from edge_agent.sdk.errors import ConfigError
from edge_agent.sdk.values import Page
from simulators.label_tray import LabelTray
from simulators.paper_path import Label, Mark, PaperPath
from simulators.png import png_of
from tests.simulators.devices.conftest import running, until

BLACK = b"\xff\xff"


def path(roll_mm: int = 1000) -> tuple[PaperPath, list[Label]]:
    out: list[Label] = []
    return PaperPath(out.append, 16, roll_mm), out


def test_a_cut_ends_a_label_of_all_its_rows() -> None:
    paper, out = path()
    paper.draw(BLACK * 3)
    paper.feed(2)
    paper.cut()
    assert out == [Label(Page(16, 5, BLACK * 3 + b"\0\0" * 2), Mark.WHOLE)]


def test_a_cut_of_empty_paper_is_no_label() -> None:
    paper, out = path()
    paper.feed(50)
    paper.cut()
    assert out == []


def test_paper_that_ends_tears_the_label_and_the_rest_comes_on_new_paper() -> None:
    paper, out = path()
    paper.end_after(2)
    assert paper.draw(BLACK * 5) == 2
    assert paper.halted
    paper.load_roll()
    assert paper.draw(BLACK * 3) == 3
    paper.cut()
    assert [(label.mark, label.page.height) for label in out] == [(Mark.TORN, 2), (Mark.REST, 3)]


def test_paper_that_ends_between_labels_tears_nothing() -> None:
    paper, out = path()
    paper.draw(BLACK)
    paper.cut()
    paper.load_roll(0)
    paper.load_roll()
    paper.draw(BLACK)
    paper.cut()
    assert [label.mark for label in out] == [Mark.WHOLE, Mark.WHOLE]


def test_a_roll_is_used_up_by_rows_and_feeds() -> None:
    paper, _ = path(roll_mm=1)
    assert paper.draw(BLACK * 4) == 4
    assert paper.feed(10) == 4
    assert paper.paper_out


def test_near_end_comes_before_the_end() -> None:
    paper, _ = path(roll_mm=1000)
    assert not paper.near_end
    paper.draw(BLACK)
    assert (paper.near_end, paper.paper_out) == (True, False)


@pytest.mark.parametrize("reason", ["cover_open", "cutter_jammed", "unrecoverable", "overheated", "paused"])
def test_each_reason_halts(reason: str) -> None:
    paper, _ = path()
    setattr(paper, reason, True)
    assert paper.halted


def test_dead_dots_stay_white() -> None:
    paper, out = path()
    paper.wear_out([0, 15])
    paper.draw(BLACK * 2)
    paper.cut()
    assert out[0].page.data == b"\x7f\xfe" * 2


def test_a_strip_without_a_cut_is_bounded() -> None:
    paper, out = path(roll_mm=10_000)
    for _ in range(40):
        paper.draw(BLACK * 1000)
    paper.cut()
    assert out[0].page.height == 16_384


@pytest.mark.parametrize("dots", [0, 7, 577, -8])
def test_a_head_has_whole_bytes_of_dots(dots: int) -> None:
    with pytest.raises(ConfigError):
        PaperPath(lambda _: None, dots)


@pytest.mark.parametrize("length_mm", [-1, 1_000_001])
def test_a_roll_has_a_possible_length(length_mm: int) -> None:
    with pytest.raises(ConfigError):
        path()[0].load_roll(length_mm)


def test_a_picture_shows_the_page_dot_by_dot() -> None:
    page = Page(12, 2, b"\x80\x10\x00\xf0")
    picture = Image.open(io.BytesIO(png_of(page))).convert("L")
    dots = ["".join("#" if picture.getpixel((x, y)) == 0 else "." for x in range(12)) for y in range(2)]
    assert dots == ["#..........#", "........####"]


async def fall(tray: LabelTray, *marks: Mark) -> None:
    async with running(tray.run()):
        for mark in marks:
            tray.take(Label(Page(8, 1, b"\x01"), mark))
        await until(lambda: tray.idle)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_labels_are_numbered_and_marked(tmp_path: Path) -> None:
    await fall(LabelTray(tmp_path / "labels"), Mark.WHOLE, Mark.TORN, Mark.REST)
    assert names(tmp_path / "labels") == ["0001.png", "0002-torn.png", "0003-rest.png"]


async def test_numbers_go_on_in_a_folder_that_is_used_again(tmp_path: Path) -> None:
    (tmp_path / "0041-torn.png").touch()
    (tmp_path / "holiday.png").touch()
    await fall(LabelTray(tmp_path), Mark.WHOLE)
    assert "0042.png" in names(tmp_path)


async def test_a_full_folder_is_told_and_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "10000.png").touch()
    tray = LabelTray(tmp_path)
    await fall(tray, Mark.WHOLE)
    assert "empty it" in tray.trouble
    assert names(tmp_path) == ["10000.png"]


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tray = LabelTray(tmp_path / "file")
    await fall(tray, Mark.WHOLE)
    assert "cannot write" in tray.trouble


def test_whoever_asked_is_told_of_each_label() -> None:
    told: list[Label] = []
    tray = LabelTray(on_label=told.append)
    tray.take(Label(Page(8, 1, b"\1"), Mark.WHOLE))
    assert told == list(tray.labels)
    assert tray.idle
