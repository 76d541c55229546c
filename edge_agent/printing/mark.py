"""The mark on each label, by which scanning it proves that this very label exists.

Owns: the mark's form, where it stands in a label's data. Must not know: templates, parcels, printers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

PLACES = (("item", "qr"), ("label", "mark"), ("slip", "qr"))  # where templates look for it
MARK = re.compile(r"BXL1:([0-9a-f]{12}):([1-9][0-9]{0,2}):", re.ASCII)


def label_mark(job: str, attempt: int, item: str) -> str:
    """The text of the label's QR code: which label this is."""
    return f"BXL1:{job}:{attempt}:{item}"


def read_mark(text: str) -> tuple[str, int] | None:
    """Job and attempt of one of our labels, or None for any other code."""
    found = MARK.match(text)
    return (found.group(1), int(found.group(2))) if found else None


def marked(data: Mapping[str, object], mark: str) -> dict[str, object]:
    """The data with the mark in its places; whoever ordered the label cannot set it."""
    return {**data, **{part: {**_part(data, part), name: mark} for part, name in PLACES}}


def _part(data: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = data.get(name)
    return part if isinstance(part, Mapping) else {}
