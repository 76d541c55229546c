"""The figures as a table, as JSON, and as a page of the documentation.

Owns: layout and rounding. Must not know: how anything was measured.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from tests.bench.figures import Figure, Hold

HEAD = ("lane", "figure", "value", "floor", "ratio", "hold", "")
PAGE = """# Performance

What the agent does, beside a bare floor that was measured in the same run on the same machine.
This page is written by `make bench ARGS=--write`; the numbers are medians of several runs.

The floor (`tests/bench/floor.py`) is the least Python that reads lines from a terminal, commits each read to
SQLite (WAL, `synchronous=FULL`), publishes at QoS 1 and deletes what is acknowledged. It has no devices,
states, checks or numbering. Ratios carry over to other machines; seconds and milliseconds do not.

Machine: {machine}.

{table}

`ok`: held. `near`: missed by less than a shared machine may add. `over`: broken, and the command fails.
A hold with × is on the ratio, any other on the value.
{notes}"""


def table(figures: Sequence[Figure]) -> str:
    """For a terminal."""
    rows = [HEAD, *map(_row, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(_padded(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def as_json(figures: Sequence[Figure], machine: str) -> str:
    """For programs."""
    found = [
        {
            "lane": figure.lane,
            "figure": figure.what,
            "value": _finite(figure.value),
            "unit": figure.unit,
            "floor": figure.floor,
            "ratio": figure.ratio,
            "hold": _hold(figure.hold, figure.unit),
            "verdict": figure.verdict.value,
            "note": figure.note,
        }
        for figure in figures
    ]
    return json.dumps({"machine": machine, "figures": found}, indent=1, ensure_ascii=False)


def page(figures: Sequence[Figure], machine: str) -> str:
    """docs/performance.md."""
    rows = [HEAD, *map(_row, figures)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---|---|--:|--:|--:|--:|---|")
    notes = [f"- {figure.what}: {figure.note}." for figure in figures if figure.note]
    return PAGE.format(
        machine=machine, table="\n".join(lines), notes="\n" + "\n".join(notes) + "\n" if notes else ""
    )


def _row(figure: Figure) -> tuple[str, ...]:
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    floor = "" if figure.floor is None else f"{_number(figure.floor)} {figure.unit}"
    value = f"{_number(figure.value)} {figure.unit}"
    hold = _hold(figure.hold, figure.unit)
    return (figure.lane, figure.what, value, floor, ratio, hold, figure.verdict.value)


def _hold(hold: Hold | None, unit: str) -> str:
    if hold is None:
        return ""
    sign = "≥" if hold.least else "≤"
    return f"{sign} {_number(hold.limit)} {'×' if hold.of_floor else unit}"


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "none"
    if value == int(value) and abs(value) < 1000:
        return str(int(value))
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Words to the left, numbers to the right."""
    return [
        cell.ljust(width) if column in {0, 1, 6} else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
