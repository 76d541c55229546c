"""A page on a printer's head: whether it fits, and where it comes to lie.

Owns: the limits of a page, the offset that a technician has set, white beyond the page's width.
Must not know: languages, links, what is on the page.
"""

from __future__ import annotations

from edge_agent.sdk.driver import Options
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import Page

PAGE_ROWS = 8_000  # one metre at 203 dpi: more on a label printer is a mistake


def fitted(page: Page, head_dots: int, options: Options) -> Page:
    """The page as it is sent to this head. Raises CommandError where it does not fit, or is moved off."""
    moved = placed(page, options.integer("x_offset_dots"), options.integer("y_offset_dots"))
    return checked(moved, head_dots)


def checked(page: Page, head_dots: int) -> Page:
    """The page, if it fits. Raises CommandError if it is wider than the head, or absurdly long."""
    if page.width > head_dots:
        raise CommandError(
            "printer.page_too_wide",
            f"the page is {page.width} dots wide, the head {head_dots}",
            hint="choose a label for this printer, or set its 'width_dots'",
        )
    if page.height > PAGE_ROWS:
        raise CommandError(
            "printer.page_too_long", f"the page is {page.height} rows long, {PAGE_ROWS} are allowed"
        )
    return page


def placed(page: Page, x_dots: int, y_dots: int) -> Page:
    """The page with all its ink moved right and down, its size unchanged, the rest of its last bytes white.

    Raises CommandError where ink would fall off the page: half a barcode is worse than no label.
    """
    if not x_dots and not y_dots:
        return _trimmed(page)
    data = _moved_down(_trimmed(page).data, y_dots, page.stride)
    return Page(page.width, page.height, b"".join(_moved_right(data, x_dots, page)))


def _trimmed(page: Page) -> Page:
    """White where the last byte of a row reaches beyond the page."""
    spare = page.stride * 8 - page.width
    if not spare:
        return page
    data = bytearray(page.data)
    mask = 0xFF << spare & 0xFF
    last = slice(page.stride - 1, None, page.stride)
    data[last] = bytes(byte & mask for byte in data[last])
    return Page(page.width, page.height, bytes(data))


def _moved_down(data: bytes, rows: int, stride: int) -> bytes:
    gap = min(abs(rows) * stride, len(data))
    kept, lost = (data[: len(data) - gap], data[len(data) - gap :]) if rows > 0 else (data[gap:], data[:gap])
    if any(lost):
        raise _falls_off("y_offset_dots")
    return bytes(gap) + kept if rows > 0 else kept + bytes(gap)


def _moved_right(data: bytes, dots: int, page: Page) -> list[bytes]:
    spare = page.stride * 8 - page.width
    width_mask = (1 << page.width) - 1
    rows = []
    for at in range(0, len(data), page.stride):
        row = int.from_bytes(data[at : at + page.stride]) >> spare
        moved = (row >> dots if dots > 0 else row << -dots) & width_mask
        if moved.bit_count() != row.bit_count():
            raise _falls_off("x_offset_dots")
        rows.append((moved << spare).to_bytes(page.stride))
    return rows


def _falls_off(option: str) -> CommandError:
    return CommandError(
        "printer.offset",
        f"with this {option} a part of the label would fall off the paper",
        hint=f"set a smaller {option} for this printer",
    )
