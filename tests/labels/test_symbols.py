"""Codes on paper: whole-dot modules, quiet zones that stay white, a refusal where there is no room."""

from __future__ import annotations

import pytest

from edge_agent.labels.code128 import CodeError
from edge_agent.labels.page import NoRoomError
from edge_agent.labels.symbols import Module, symbol
from tests.labels.paper import rows_of

NUMBER = "RR123456785BD"
BARS = symbol("code128", NUMBER)
MODULES = len(BARS.rows[0])


def runs(row: str) -> list[int]:
    """The lengths of equal dots in a row."""
    return [len(part) for part in row.replace(".#", ". #").replace("#.", "# .").split()]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_bar_is_a_whole_number_of_modules(size: int) -> None:
    row = rows_of(BARS.drawn(Module(size, size), 900, 1, 904))[0]
    assert all(length % size == 0 for length in runs(row)[1:-1])
    assert sum(runs(row)[1:-1]) == MODULES * size


def test_the_largest_module_that_fits_is_taken() -> None:
    row = rows_of(BARS.drawn(Module(4, 2), 3 * (156 + 20) + 5, 1, 536))[0]
    assert sum(runs(row)[1:-1]) == 3 * 156


def test_a_linear_code_keeps_ten_modules_free_on_either_side() -> None:
    row = rows_of(BARS.drawn(Module(3, 3), 3 * 176, 1, 528))[0]
    assert runs(row)[0] >= 30
    assert runs(row)[-1] >= 30


def test_a_linear_code_without_room_is_refused() -> None:
    with pytest.raises(NoRoomError):
        BARS.drawn(Module(3, 3), 3 * 176 - 1, 1, 528)


@pytest.mark.parametrize(("kind", "quiet"), [("qr", 4), ("datamatrix", 1)])
def test_a_square_code_keeps_its_modules_free_on_all_sides(kind: str, quiet: int) -> None:
    code = symbol(kind, NUMBER)
    side = 3 * (len(code.rows) + 2 * quiet)
    free = 3 * quiet
    rows = rows_of(code.drawn(Module(3, 3), side, side, (side + 7) // 8 * 8))
    assert all("#" not in row for row in rows[:free] + rows[-free:])
    assert all(row[:free] == row[-free:] == "." * free for row in rows)


@pytest.mark.parametrize("kind", ["qr", "datamatrix"])
def test_a_square_code_without_room_is_refused(kind: str) -> None:
    code = symbol(kind, NUMBER)
    side = 3 * (len(code.rows) + 2 * code.quiet) - 1
    with pytest.raises(NoRoomError):
        code.drawn(Module(3, 3), side, 200, (side + 7) // 8 * 8)


@pytest.mark.parametrize("kind", ["qr", "datamatrix", "code128", "gs1_128"])
def test_an_empty_code_is_refused(kind: str) -> None:
    with pytest.raises(CodeError):
        symbol(kind, "")
