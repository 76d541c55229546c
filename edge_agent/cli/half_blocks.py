"""A page as lines of half blocks for the terminal: enough to see what stands where.

Owns: scaling down, and the characters. Must not know: labels, arguments.
"""

from __future__ import annotations

from edge_agent.sdk.values import Page

INKED = (
    0.3  # the part of a square that must be black: letters stay visible, and their counters do not fill up
)
BLOCKS = " ▀▄█"  # nothing, upper half, lower half, both
PLAIN = " '.#"  # the same for a terminal without blocks


def half_blocks(page: Page, columns: int, *, plain: bool = False) -> list[str]:
    """Lines of at most so many characters; each shows two squares, one above the other."""
    size = -(-page.width // max(1, columns))
    inked = _squares(page, size)
    if len(inked) % 2:
        inked.append([False] * len(inked[0]))
    signs = PLAIN if plain else BLOCKS
    pairs = zip(inked[::2], inked[1::2], strict=True)
    return [
        "".join(signs[upper + 2 * lower] for upper, lower in zip(*pair, strict=True)).rstrip()
        for pair in pairs
    ]


def _squares(page: Page, size: int) -> list[list[bool]]:
    """Which squares of so many dots are black."""
    least = max(1.0, INKED * size * size)
    starts = range(0, page.width, size)
    squares = []
    for top in range(0, page.height, size):
        rows = [_dots(page, row) for row in range(top, min(top + size, page.height))]
        squares.append(
            [sum(row.count("1", start, start + size) for row in rows) >= least for start in starts]
        )
    return squares


def _dots(page: Page, row: int) -> str:
    data = page.data[row * page.stride : (row + 1) * page.stride]
    return format(int.from_bytes(data, "big"), f"0{8 * page.stride}b")[: page.width]
