"""Reading a page as people and scanners do: codes by zxing-cpp, ink by rows of dots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import zxingcpp

from edge_agent.labels import elements as keys
from edge_agent.labels.fields import Record
from edge_agent.labels.page import Bitmap
from edge_agent.labels.placing import Placed
from edge_agent.labels.template import Template, parse_template
from edge_agent.sdk.values import Page

READER_NAMES = {"code128": "Code128", "gs1_128": "Code128", "qr": "QRCode", "datamatrix": "DataMatrix"}
EDGE = 40  # dots of paper round the label: a reader sees more than the label

HEAD = """
[label]
schema = 1
kind = "{kind}"
title = "Test"
size_mm = [{width}, {height}]

[data]
"name" = {{ type = "text" }}
"item.number" = {{ type = "text", sample = "RR123456785BD" }}
"note" = {{ type = "text", optional = true }}
"count" = {{ type = "integer" }}
"weight" = {{ type = "decimal" }}
"cod" = {{ type = "money", optional = true }}
"day" = {{ type = "date" }}
"""

DATA: dict[str, object] = {
    "name": "রহিম",
    "item": {"number": "RR123456785BD"},
    "count": 3,
    "weight": "1.250",
    "day": "2026-11-23 21:15",
}


def template_of(elements: str, *, kind: str = "slip", width: int = 60, height: int = 60) -> Template:
    """A template with the usual test fields and these elements."""
    return parse_template(HEAD.format(kind=kind, width=width, height=height) + elements, "test")


def pixels(page: Page) -> np.ndarray:
    """The page as rows of 0 (black) and 255 (white), the padding of each row left out."""
    packed = np.frombuffer(page.data, dtype=np.uint8).reshape(page.height, page.stride)
    return np.where(np.unpackbits(packed, axis=1)[:, : page.width] == 1, 0, 255).astype(np.uint8)


def codes(page: Page) -> dict[str, str]:
    """All codes that a scanner finds on the page: text by format."""
    found = zxingcpp.read_barcodes(pixels(page))
    return {code.format.name: code.text for code in found}


def ink_bounds(page: Page) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom (exclusive) of all black dots."""
    rows, columns = np.nonzero(pixels(page) == 0)
    if not len(rows):
        return None
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def rows_of(bitmap: Bitmap) -> list[str]:
    """A bitmap as rows of . and #."""
    text = format(bitmap.bits, f"0{bitmap.pitch * bitmap.height}b").replace("0", ".").replace("1", "#")
    return [text[start : start + bitmap.pitch][: bitmap.width] for start in range(0, len(text), bitmap.pitch)]


def page_of(rows: list[str]) -> Page:
    """A page from rows of . and #."""
    data = b"".join(
        int(row.replace(".", "0").replace("#", "1").ljust((len(row) + 7) // 8 * 8, "0"), 2).to_bytes(
            (len(row) + 7) // 8, "big"
        )
        for row in rows
    )
    return Page(len(rows[0]), len(rows), data)


def is_shown(record: Record, placed: Placed) -> bool:
    """Whether this data makes the element appear."""
    return all(map(record.has, placed.when)) and not any(map(record.has, placed.unless))


def expected(template: Template, data: Mapping[str, object]) -> Counter[tuple[str, str]]:
    """Every code that this label must show: its kind and its text."""
    record = Record(template.fields, data)
    shown = Counter[tuple[str, str]]()
    for placed in template.placed:
        element = placed.element
        if not isinstance(element, keys.Coded):
            continue
        if is_shown(record, placed):
            shown[READER_NAMES[element.type], element.value.filled(record)] += 1
    return shown


def read(page: Page, quarter_turns: int = 0) -> Counter[tuple[str, str]]:
    """Every code that a reader finds on the paper, turned so many times."""
    paper = np.pad(np.rot90(pixels(page), quarter_turns), EDGE, constant_values=255)
    found = zxingcpp.read_barcodes(paper, text_mode=zxingcpp.TextMode.HRI)
    return Counter((code.format.name, code.text) for code in found)
