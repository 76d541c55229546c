"""Pictures of every shipped label for docs/labels.md; `--check` only names those that are stale.

Owns: which labels stand on a sheet, and the part of docs/labels.md about them. Must not know: layout.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, UnidentifiedImageError

from edge_agent.labels import elements as keys
from edge_agent.labels.fields import Field
from edge_agent.labels.layout import render
from edge_agent.labels.shaping import Fonts
from edge_agent.labels.template import Template, find_template
from edge_agent.sdk.values import Page
from tools.label_samples import SAMPLES

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "labels"
COMMAND = ".venv/bin/python -m tools.label_sheet"
GAP_DOTS = 24  # between labels; each has a thin line round it, which is the edge of its paper
WHITE = 1

# What stands on each sheet, left to right: sample, number of the reprint, what it shows.
PARCEL = (
    ("bangla", 0, "Bangla, without COD"),
    ("english", 0, "English, with a service"),
    ("cod", 2, "with COD, as its second reprint"),
    ("long", 0, "the longest names and amounts"),
    ("by-hand", 0, "without addresses: lines to write on"),
)
SHEETS: dict[str, tuple[tuple[str, int, str], ...]] = {
    "parcel-80": PARCEL,
    "parcel-100x100": PARCEL,
    "parcel-100x150": PARCEL,
    "item-50x30": (
        ("plain", 0, "with all it can show"),
        ("bare", 1, "without a weight, as a reprint"),
        ("long", 0, "a courier's number as long as there is room for, the longest weight"),
    ),
    "receipt-80": (
        ("bangla", 0, "Bangla, without COD"),
        ("cod", 1, "English, with COD, as a reprint"),
        ("long", 0, "the longest names and amounts"),
        ("bare", 0, "what it must at least be given"),
    ),
    "cod-receipt-80": (
        ("bangla", 0, "as usual"),
        ("long", 1, "the longest names and the most words, as a reprint"),
        ("bare", 0, "what it must at least be given"),
    ),
    "bag-100x75": (
        ("sscc", 0, "a bag with an SSCC and a seal"),
        ("own-code", 1, "a bag with the booth's own code, as a reprint"),
        ("long", 0, "the longest names"),
    ),
    "print-test-80": (("booth", 0, "of a booth"), ("long", 1, "the longest names, as a reprint")),
    "status-80": (
        ("well", 0, "all is well"),
        ("faults", 1, "eight devices and three faults, the longest names, as a reprint"),
        ("bare", 0, "what it must at least be given"),
    ),
    "challenge-80": (
        ("device", 0, "for a named device"),
        ("bare", 1, "for any, as a reprint"),
        ("long", 0, "the longest names"),
    ),
    "commands-80": (
        ("five", 0, "one of each"),
        ("one", 1, "one order, as a reprint"),
        ("long", 0, "a full sheet, the longest names"),
    ),
}
KINDS = {
    keys.Linear: "linear",
    keys.Qr: "QR",
    keys.DataMatrix: "Data Matrix",
}
_NUMBERED = re.compile(r"\.([0-9]+)\.")


def main(argv: Sequence[str] | None = None) -> int:
    """0 when every sheet is as it must be (or was written so), 1 when --check found a stale one."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.label_sheet", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="write nothing, name the stale pictures")
    only_check = parser.parse_args(argv).check
    stale = [name for name in SHEETS if not is_fresh(name)]
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        if only_check:
            print(f"docs/labels/{name}.png is stale, run {COMMAND}")
        else:
            sheet(name).save(_file(name), optimize=True)
            print(f"docs/labels/{name}.png written")
    return 1 if stale and only_check else 0


def is_fresh(name: str) -> bool:
    """Whether the picture shows, dot for dot, what would be drawn now."""
    try:
        with Image.open(_file(name)) as picture:
            return picture.convert("1").tobytes() == sheet(name).tobytes()
    except (FileNotFoundError, UnidentifiedImageError):
        return False


@cache
def sheet(name: str) -> Image.Image:
    """The labels of one template side by side."""
    template, fonts = find_template(name), Fonts()
    pages = [
        render(template, SAMPLES[name][sample], fonts=fonts, reprint=reprint)
        for sample, reprint, _ in SHEETS[name]
    ]
    width = sum(page.width + GAP_DOTS for page in pages) + GAP_DOTS
    whole = Image.new("1", (width, max(page.height for page in pages) + 2 * GAP_DOTS), WHITE)
    left = GAP_DOTS
    for page in pages:
        ImageDraw.Draw(whole).rectangle((left - 1, GAP_DOTS - 1, left + page.width, GAP_DOTS + page.height))
        whole.paste(_picture(page), (left, GAP_DOTS))
        left += page.width + GAP_DOTS
    return whole


def table() -> str:
    """The generated part of docs/labels.md."""
    return "\n".join(line for name in SHEETS for line in _section(name))


def _section(name: str) -> Iterator[str]:
    template = find_template(name)
    label = template.label
    width, height = label.size_mm
    height_text = f"up to {height}" if label.trim else str(height)
    yield f"### {name}\n"
    yield f"{label.title}: {width} x {height_text} mm, {_codes(template)}.\n"
    yield f"![{label.title}](labels/{name}.png)\n"
    yield f"Left to right: {'; '.join(shown for _, _, shown in SHEETS[name])}.\n"
    yield "| field | type | needed | sample |\n|---|---|---|---|"
    yield from _rows(template)
    yield ""


def _codes(template: Template) -> str:
    shown = {
        f"{KINDS[type(placed.element)]} code of `{_path(template, placed.element.value.fields()[0].path)}`"
        for placed in template.placed
        if isinstance(placed.element, keys.Coded)
    }
    return ", ".join(sorted(shown))


def _rows(template: Template) -> Iterator[str]:
    seen = set()
    for field in template.fields.values():
        path = _path(template, field.path)
        if path not in seen:
            seen.add(path)
            yield f"| `{path}` | {field.type} | {_needed(template, field)} | {field.sample} |"


def _path(template: Template, path: str) -> str:
    """Entry numbers away: `device.2.name` is `device[].name`."""
    return _NUMBERED.sub("[].", path) if template.repeats else path


def _needed(template: Template, field: Field) -> str:
    number = _NUMBERED.search(field.path)
    if number is None:
        return "" if field.optional else "yes"
    owner = next(repeat for repeat in template.repeats if field.path.startswith(f"{repeat.path}."))
    return f"in each of up to {owner.most}"


def _picture(page: Page) -> Image.Image:
    white = bytes(byte ^ 0xFF for byte in page.data)
    return Image.frombytes("1", (page.width, page.height), white)


def _file(name: str) -> Path:
    return FOLDER / f"{name}.png"


if __name__ == "__main__":
    sys.exit(main())
