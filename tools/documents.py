"""Writes the generated parts of the documents: `python -m tools.documents`; `--check` only names stale ones.

Owns: which part of which document comes from where, and its marks. Must not know: what is in a part.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tools import acceptance_table, device_table, label_sheet, prompt_table

ROOT = Path(__file__).parents[1]
COMMAND = ".venv/bin/python -m tools.documents"

PARTS: dict[str, tuple[str, Callable[[], str]]] = {
    "acceptance": ("docs/acceptance.md", acceptance_table.tables),
    "devices": ("docs/devices.md", device_table.table),
    "labels": ("docs/labels.md", label_sheet.table),
    "prompts": ("docs/guide.md", prompt_table.table),
}


def main(argv: Sequence[str] | None = None) -> int:
    """0 when every part is as it must be (or was written so), 1 when --check found a stale one."""
    parser = argparse.ArgumentParser(prog="python -m tools.documents", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, name the stale parts")
    stale = [name for name in PARTS if not is_fresh(name)]
    if parser.parse_args(argv).check:
        print(*(f"{PARTS[name][0]}: the part {name!r} is stale, run {COMMAND}" for name in stale), sep="\n")
        return 1 if stale else 0
    for name in stale:
        path = ROOT / PARTS[name][0]
        path.write_text(_with(path.read_text(encoding="utf-8"), name), encoding="utf-8")
        print(f"{PARTS[name][0]}: {name} written")
    return 0


def is_fresh(name: str) -> bool:
    """Whether this part stands in its document as it would be written now."""
    text = (ROOT / PARTS[name][0]).read_text(encoding="utf-8")
    return text == _with(text, name)


def _with(text: str, name: str) -> str:
    """The document with this part anew. Raises ValueError where its marks are missing."""
    begin, end = f"<!-- {name}: written by {COMMAND} -->", f"<!-- end of {name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{PARTS[name][0]} lacks {begin} or {end}")
    return f"{before}{begin}\n\n{PARTS[name][1]().rstrip()}\n\n{end}{after}"


if __name__ == "__main__":
    sys.exit(main())
