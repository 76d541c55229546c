"""Our own packages have common names: nothing that is installed beside us may ship the same ones."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions

import pytest

from tests.architecture.tree import PACKAGES, ROOT, name_of

OURS = "booth-edge-agent"


def shipped(distribution: Distribution) -> Iterator[str]:
    """The top-level names that a distribution puts into site-packages."""
    for file in distribution.files or ():
        if file.suffix == ".py" and file.parts[0] not in {"..", "."}:
            yield file.parts[0].removesuffix(".py")


@pytest.mark.parametrize("name", PACKAGES)
def test_no_dependency_ships_a_package_of_our_name(name: str) -> None:
    others = {
        distribution.metadata["Name"]
        for distribution in distributions()
        if distribution.metadata["Name"] != OURS and name in set(shipped(distribution))
    }
    assert others == set()


def test_we_install_our_three_packages_and_nothing_else() -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = document["tool"]["setuptools"]["packages"]["find"]["include"]
    assert found == [f"{name}*" for name in PACKAGES]


def test_every_runtime_dependency_is_in_the_pinned_file() -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pinned = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    names = [wanted.partition(">=")[0] for wanted in document["project"]["dependencies"]]
    assert [name for name in names if f"\n{name}==" not in f"\n{pinned}"] == []


def test_every_file_of_our_packages_is_in_the_wheel() -> None:
    """Templates, SQL and markers are no modules: a wheel has them only where package-data names them."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = document["tool"]["setuptools"]["package-data"]
    named = {
        file for package, globs in patterns.items() for glob in globs for file in (ROOT / package).glob(glob)
    }
    beside = {
        file
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and file.suffix not in {".py", ".pyc"}
    }
    assert beside == named


def test_nothing_is_read_from_beside_the_packages() -> None:
    """A wheel has no clone around it: what a module reads lies in its own package."""
    beside = [
        name_of(file)
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        if "__file__).parents" in file.read_text(encoding="utf-8")
    ]
    assert beside == []
