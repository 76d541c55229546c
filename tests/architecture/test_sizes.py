"""Files and functions stay small. An exception has its bound and its reason, and goes when not needed."""

from __future__ import annotations

import pytest

from tests.architecture.tree import functions, name_of, sources, text_of

FILE_LINES = 300
FUNCTION_LINES = 40
FUNCTION_LINES_P95 = 25

SIZED = ("edge_agent", "drivers", "simulators", "tools")

LONGER_FILES = {}
LONGER_FUNCTIONS = {
    "edge_agent/assembly.py __init__": (45, "joins the parts of one run, one statement each"),
    "simulators/demo/stage.py stage": (45, "puts the whole demo up and down in one `async with`"),
}


def file_lines() -> dict[str, int]:
    return {name_of(path): len(text_of(path).splitlines()) for path in sources(*SIZED)}


def function_lines() -> list[tuple[str, int, int]]:
    """(file and name, line, length) of every function, from `def` to its last line."""
    return [
        (f"{name_of(path)} {node.name}", node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1)
        for path in sources(*SIZED)
        for node in functions(path)
    ]


def test_no_file_is_longer_than_its_bound() -> None:
    long = {name: lines for name, lines in file_lines().items() if lines > _bound(LONGER_FILES, name)}
    assert long == {}


def test_no_function_is_longer_than_its_bound() -> None:
    long = [
        f"{name}:{line} has {lines}"
        for name, line, lines in function_lines()
        if lines > LONGER_FUNCTIONS.get(name, (FUNCTION_LINES, ""))[0]
    ]
    assert long == []


def test_most_functions_are_short() -> None:
    lengths = sorted(lines for _, _, lines in function_lines())
    assert lengths[int(len(lengths) * 0.95)] <= FUNCTION_LINES_P95


@pytest.mark.parametrize("name", LONGER_FILES)
def test_an_exception_for_a_file_is_needed(name: str) -> None:
    assert file_lines()[name] > FILE_LINES, "take it out of LONGER_FILES"


@pytest.mark.parametrize("name", LONGER_FUNCTIONS)
def test_an_exception_for_a_function_is_needed(name: str) -> None:
    longest = max((lines for found, _, lines in function_lines() if found == name), default=0)
    assert longest > FUNCTION_LINES, "take it out of LONGER_FUNCTIONS"


@pytest.mark.parametrize("reason", [why for _, why in (*LONGER_FILES.values(), *LONGER_FUNCTIONS.values())])
def test_every_exception_has_a_reason(reason: str) -> None:
    assert len(reason.split()) >= 5


def _bound(exceptions: dict[str, tuple[int, str]], name: str) -> int:
    return exceptions.get(name, (FILE_LINES, ""))[0]
