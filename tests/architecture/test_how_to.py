"""docs/how-to/add-a-driver.md, executed: its listings are a driver that decodes and holds the contract."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.registry import Registry
from edge_agent.sdk.driver import DriverSpec
from edge_agent.sdk.testing import load_golden
from tests.architecture.tree import ROOT
from tests.contract import test_catalogue

PAGE = ROOT / "docs" / "how-to" / "add-a-driver.md"
LISTING = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = {"corner_scale.py", "frames.toml", "pyproject.toml", "test_corner_scale.py"}
COMMAND = re.compile(r"^\$ edge-agent (decode .*)\n(.*)$", re.MULTILINE)

Check = Callable[[DriverSpec], None]


def contract() -> Iterator[Check]:
    """The contract tests that judge one spec."""
    for name, check in vars(test_catalogue).items():
        if name.startswith("test_") and list(inspect.signature(check).parameters) == ["spec"]:
            yield check


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The page's listings as files, and the metadata that `pip install` would leave beside them."""
    for name, text in LISTING.findall(PAGE.read_text(encoding="utf-8")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    metadata = tmp_path / "corner_scale-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    points = project["entry-points"]["edge_agent.drivers"]
    lines = "\n".join(f"{name} = {target}" for name, target in points.items())
    (metadata / "entry_points.txt").write_text(f"[edge_agent.drivers]\n{lines}\n")
    return tmp_path


@pytest.fixture
def spec(package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DriverSpec]:
    monkeypatch.syspath_prepend(package)
    yield Registry.installed().load("corner_scale")
    sys.modules.pop("corner_scale", None)


def run(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=package,
        env={"PYTHONPATH": str(package), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_page_lists_every_file_of_the_package(package: Path) -> None:
    assert {path.name for path in package.iterdir() if path.is_file()} == FILES


def test_the_pages_own_tests_pass(package: Path) -> None:
    options = ("-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:asyncio")
    result = run(package, "pytest", *options, "test_corner_scale.py")
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-500:]
    assert " passed" in result.stdout


def test_the_agent_finds_the_driver_and_decodes_as_the_page_shows(package: Path) -> None:
    (shown,) = COMMAND.findall(PAGE.read_text(encoding="utf-8"))
    command, answer = shown
    frame = re.search(r'--hex "([^"]+)"', command)
    assert frame is not None
    result = run(package, "edge_agent", "decode", "--protocol", "corner_scale", "--hex", frame[1])
    assert result.stdout.strip() == answer, result.stderr


@pytest.mark.parametrize("check", list(contract()), ids=lambda check: check.__name__)
def test_it_holds_the_contract(
    check: Check, spec: DriverSpec, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = tuple(load_golden(package / "frames.toml"))
    monkeypatch.setattr(test_catalogue, "frames", lambda _name: golden)
    check(spec)


def test_its_frames_say_where_they_come_from(package: Path) -> None:
    for golden in load_golden(package / "frames.toml"):
        assert golden.basis in test_catalogue.BASES
        assert golden.source


def test_it_is_formatted_and_linted_like_our_own(package: Path) -> None:
    for tool in (["ruff", "check", "--quiet"], ["ruff", "format", "--check", "--quiet"]):
        result = run(package, *tool, "--config", str(ROOT / "pyproject.toml"), "corner_scale.py")
        assert result.returncode == 0, result.stdout + result.stderr
