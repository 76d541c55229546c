"""What no source file may hold, and what each must begin with."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.architecture.tree import ROOT, called, functions, name_of, place, sources, text_of, tree_of

NodeT = TypeVar("NodeT", bound=ast.AST)

BROAD_CATCH = "edge_agent/containment.py"  # one place turns a driver's bug into that device's fault
BROAD = {"Exception", "BaseException"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|for now|placeholder)\b")
OWNERS = re.compile(r"\bOwns: .+\bMust not know: ", re.DOTALL)
SECONDS = re.compile(r"_S\b|_s\b|_ms\b|/ 1000")
URL = re.compile(r"[a-z+]+://|--(extra-)?index-url|--find-links")
PINNED = re.compile(r"[A-Za-z0-9._-]+==\S+ \\")

# A file without "Owns / Must not know", and why the two lines would say nothing.
WITHOUT_HEADER = {
    "edge_agent/__main__.py": "two statements that call the command line",
    "edge_agent/ledger/ids.py": "two pure functions of one RFC",
    "edge_agent/sdk/checksums.py": "pure functions, each names the protocol that uses it",
}
# Numbers of the world that are no weight and no money; everything else is Decimal or an integer.
FLOATS = {
    "edge_agent/settings/schema.py": "bounds in a JSON Schema, which has no decimal type",
}
COMMAND_LINES = ("edge_agent/cli/", "simulators/")  # everything else has a log or a return value


def test_sources_assert_nothing() -> None:
    """Python may be told to leave assertions out."""
    assert [place(path, node) for path, node in nodes(ast.Assert)] == []


def test_one_place_catches_everything() -> None:
    broad = [place(path, handler) for path, handler in nodes(ast.ExceptHandler) if _is_broad(handler)]
    assert [where.partition(":")[0] for where in broad] == [BROAD_CATCH], broad


def test_the_one_broad_catch_logs_with_its_traceback() -> None:
    (broad,) = (h for h in ast.walk(tree_of(ROOT / BROAD_CATCH)) if _is_broad(h))
    assert "log.exception" in {called(node) for node in ast.walk(broad) if isinstance(node, ast.Call)}


def test_an_error_that_is_dropped_says_why() -> None:
    """A handler that only passes has its reason on the same line."""
    silent = [
        place(path, handler)
        for path, handler in nodes(ast.ExceptHandler)
        if [type(statement) for statement in handler.body] == [ast.Pass]
        and "#" not in _line(path, handler.body[0])
    ]
    assert silent == []


def test_nothing_sleeps_in_a_thread() -> None:
    assert [where for where, name in calls("edge_agent", "drivers") if name == "time.sleep"] == []


def test_only_command_lines_print() -> None:
    printed = [where for where, name in calls() if name == "print"]
    assert [where for where in printed if not where.startswith(COMMAND_LINES)] == []


def test_weights_and_money_never_become_floats() -> None:
    made = [where for where, name in calls("edge_agent", "drivers") if name == "float"]
    assert [where for where in made if where.partition(":")[0] not in FLOATS] == []


def test_a_float_in_the_counter_is_a_duration() -> None:
    found = [
        place(path, node)
        for path, node in nodes(ast.Constant, "edge_agent/counter", "edge_agent/events")
        if isinstance(node.value, float) and not SECONDS.search(_line(path, node))
    ]
    assert found == []


def test_each_file_says_what_it_owns_and_what_it_must_not_know() -> None:
    without = [
        name_of(path)
        for path in sources()
        if path.name != "__init__.py" and not OWNERS.search(ast.get_docstring(tree_of(path)) or "")
    ]
    assert [name for name in without if name not in WITHOUT_HEADER] == []


@pytest.mark.parametrize("name", WITHOUT_HEADER)
def test_an_exception_from_the_header_is_needed(name: str) -> None:
    assert not OWNERS.search(ast.get_docstring(tree_of(ROOT / name)) or ""), "take it out of WITHOUT_HEADER"


def test_no_module_holds_state_that_changes() -> None:
    """No `global`: a value that changes belongs to an object that somebody made."""
    assert [place(path, node) for path, node in nodes(ast.Global)] == []


def test_nothing_happens_at_import() -> None:
    """At module level stand definitions and values, no statement that acts."""
    acting = [
        place(path, node)
        for path in sources()
        for node in tree_of(path).body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and path.name != "__main__.py"
    ]
    assert acting == []


def test_nothing_is_left_unfinished() -> None:
    found = [
        f"{name_of(path)}:{number}"
        for path in sources()
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def test_no_function_shares_a_mutable_default() -> None:
    shared = [
        place(path, default)
        for path in sources()
        for function in functions(path)
        for default in (*function.args.defaults, *function.args.kw_defaults)
        if isinstance(default, ast.List | ast.Dict | ast.Set)
    ]
    assert shared == []


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*")), ids=name_of)
def test_requirements_name_no_place_on_the_network(path: Path) -> None:
    """Where packages come from is the machine's own setting: a mirror, or a folder of wheels."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if URL.search(line) and not line.lstrip().startswith("#")] == []


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=name_of)
def test_every_requirement_is_pinned_with_its_hashes(path: Path) -> None:
    for block in re.split(r"\n(?=[A-Za-z0-9])", path.read_text(encoding="utf-8")):
        if block.strip() and not block.startswith("#"):
            assert PINNED.match(block), block.partition("\n")[0]
            assert "--hash=sha256:" in block, block.partition("\n")[0]


def nodes(kind: type[NodeT], *folders: str) -> Iterator[tuple[Path, NodeT]]:
    """Every node of this kind with its file."""
    for path in sources(*folders):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, kind):
                yield path, node


def calls(*folders: str) -> Iterator[tuple[str, str]]:
    """Every call: where it stands, and what it calls by a plain name."""
    return ((place(path, node), called(node)) for path, node in nodes(ast.Call, *folders))


def _line(path: Path, node: ast.stmt | ast.expr) -> str:
    return text_of(path).splitlines()[node.lineno - 1]


def _is_broad(handler: ast.AST) -> bool:
    if not isinstance(handler, ast.ExceptHandler):
        return False
    if handler.type is None:
        return True
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(kind, ast.Name) and kind.id in BROAD for kind in types)
