"""Codes on paper: whole-dot modules, quiet zones that stay white, a refusal where there is no room."""

from __future__ import annotations

import pytest

from edge_agent.labels.code128 import CodeError
from edge_agent.labels.page import NoRoomError
from edge_agent.labels.symbols import MAX_QR_BYTES, Module, linear, linear_modules, qr_rows, square
from tests.labels.paper import rows_of

BARS = linear_modules("RR123456785BD", is_gs1=False)


def runs(row: str) -> list[int]:
    """The lengths of equal dots in a row."""
    return [len(part) for part in row.replace(".#", ". #").replace("#.", "# .").split()]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_bar_is_a_whole_number_of_modules(size: int) -> None:
    row = rows_of(linear(BARS, Module(size, size), 900, 1, 904))[0]
    assert all(length % size == 0 for length in runs(row)[1:-1])
    assert sum(runs(row)[1:-1]) == len(BARS) * size


def test_the_largest_module_that_fits_is_taken() -> None:
    row = rows_of(linear(BARS, Module(4, 2), 3 * (156 + 20) + 5, 1, 536))[0]
    assert sum(runs(row)[1:-1]) == 3 * 156


def test_a_linear_code_keeps_ten_modules_free_on_either_side() -> None:
    row = rows_of(linear(BARS, Module(3, 3), 3 * 176, 1, 528))[0]
    assert runs(row)[0] >= 30
    assert runs(row)[-1] >= 30


def test_a_linear_code_without_room_is_refused() -> None:
    with pytest.raises(NoRoomError):
        linear(BARS, Module(3, 3), 3 * 176 - 1, 1, 528)


def test_a_square_code_keeps_four_modules_free_on_all_sides() -> None:
    modules = len(qr_rows("RR123456785BD", "M"))
    side = 3 * (modules + 8)
    rows = rows_of(square(qr_rows("RR123456785BD", "M"), Module(3, 3), side, side, 96))
    assert all("#" not in row for row in rows[:12] + rows[-12:])
    assert all(row[:12] == row[-12:] == "." * 12 for row in rows)


def test_a_square_code_without_room_is_refused() -> None:
    with pytest.raises(NoRoomError):
        square(qr_rows("RR123456785BD", "M"), Module(3, 3), 86, 200, 88)


@pytest.mark.parametrize("text", ["", "x" * (MAX_QR_BYTES + 1), "অ" * MAX_QR_BYTES])
def test_a_square_code_has_bounded_content(text: str) -> None:
    with pytest.raises(CodeError):
        qr_rows(text, "M")
