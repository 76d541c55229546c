"""Template files: where they are found, what they are named, and which pictures they may take."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from edge_agent.labels.files import MAX_FILE_BYTES, own_templates
from edge_agent.labels.page import MAX_PNG_BYTES, to_png
from edge_agent.labels.template import (
    MAX_PICTURES,
    find_template,
    load_template,
    parse_template,
    shipped_names,
)
from edge_agent.sdk.errors import ConfigError
from tests.labels.paper import HEAD, page_of
from tests.nobody import closed

GOOD = '[[element]]\nid = "who"\ntype = "text"\nat = [2, 2]\nsize = [50, 6]\nvalue = "{name}"\nfont_mm = 4\n'


def test_a_template_file_is_named_after_itself(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(HEAD.format(kind="slip", width=60, height=60) + GOOD, encoding="utf-8")
    assert load_template(path).name == "own"
    assert find_template("own", tmp_path).name == "own"
    path.rename(tmp_path / "our_own-2.toml")
    assert find_template("our_own-2", tmp_path).name == "our_own-2"


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"#" * (MAX_FILE_BYTES + 1)])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "own.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as refusal:
        load_template(path)
    assert refusal.value.code == "template.unreadable"


def test_a_folder_that_is_closed_is_told_and_one_that_nobody_can_see_is_none() -> None:
    """The first would silently print the shipped label in place of the booth's own."""
    with TemporaryDirectory() as outside:  # pytest's own folders are closed to others
        folder = Path(outside) / "labels"
        folder.mkdir()
        folder.parent.chmod(0o711)
        with closed(folder), pytest.raises(ConfigError, match="cannot be read: Permission denied") as told:
            own_templates(folder)
        assert told.value.code == "template.unreadable"
        with closed(folder.parent):
            assert own_templates(folder) == {}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "zeros", "loop", "folder"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    """Neither waits for a writer nor reads without end."""
    _no_file(tmp_path / "own.toml", kind)
    for load in (lambda: load_template(tmp_path / "own.toml"), lambda: find_template("own", tmp_path)):
        with pytest.raises(ConfigError) as refusal:
            load()
        assert refusal.value.code == "template.unreadable"


def _no_file(path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "zeros" else path)


@pytest.mark.parametrize(
    "name", ["parcel-8", "../parcel-80", "/etc/passwd", "", "a" * 5000, "parcel-80\n", "PARCEL-80"]
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        find_template(name, tmp_path)
    assert refusal.value.code == "template.unknown"
    assert "parcel-" in refusal.value.message


def test_the_booth_may_replace_a_shipped_template(tmp_path: Path) -> None:
    own = HEAD.format(kind="slip", width=60, height=60) + GOOD
    (tmp_path / "parcel-80.toml").write_text(own, encoding="utf-8")
    assert find_template("parcel-80", tmp_path).label.title == "Test"
    assert find_template("parcel-80").label.title != "Test"


def test_the_parcel_labels_are_shipped() -> None:
    assert {"parcel-100x150", "parcel-80"} <= set(shipped_names())


IMAGE = '[[element]]\nid = "logo"\ntype = "image"\nat = [2, 2]\nsize = [4, 2]\nfile = "{file}"\n'


def image_template(folder: Path | None, file: str) -> str:
    text = HEAD.format(kind="slip", width=60, height=60) + IMAGE.format(file=file)
    try:
        parse_template(text, "test", folder)
    except ConfigError as refusal:
        return refusal.message
    return ""


def test_a_picture_comes_from_the_template_folder(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(to_png(page_of(["#."])))
    assert image_template(tmp_path, "logo.png") == ""


def test_a_picture_from_elsewhere_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    outside = tmp_path / "outside.png"
    outside.write_bytes(to_png(page_of(["#."])))
    (folder / "link.png").symlink_to(outside)
    for file in ("../outside.png", str(outside), "link.png", "none.png", ".", "a/../../outside.png"):
        assert "'logo'" in image_template(folder, file), file


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert "'logo'" in image_template(tmp_path, "logo.png")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "loop", "folder"])
def test_a_picture_that_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    _no_file(tmp_path / "logo.png", kind)
    assert "'logo', key 'file'" in image_template(tmp_path, "logo.png")


def test_a_picture_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(to_png(page_of(["#."])) + bytes(MAX_PNG_BYTES))
    assert f"larger than {MAX_PNG_BYTES} bytes" in image_template(tmp_path, "logo.png")


def test_a_template_without_folder_takes_no_picture() -> None:
    assert "'logo'" in image_template(None, "logo.png")


def test_pictures_are_few(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(to_png(page_of(["#."])))
    many = "".join(
        IMAGE.format(file="logo.png").replace('"logo"', f'"logo-{n}"').replace("[2, 2]", f"[2, {4 * n}]", 1)
        for n in range(MAX_PICTURES + 1)
    )
    with pytest.raises(ConfigError, match="at most"):
        parse_template(HEAD.format(kind="slip", width=60, height=60) + many, "test", tmp_path)
