"""From a parcel to the page that goes to the printer, and the code on it by which it is recognised.

Owns: the label's data and its mark. Must not know: templates' layout, printers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from edge_agent.counter.parcel import Parcel
from edge_agent.events.model import JsonValue

MARK = re.compile(r"BXL1:([0-9a-f]{12}):([1-9][0-9]{0,2}):", re.ASCII)


@dataclass(frozen=True, slots=True)
class BoothName:
    """What a label says of the booth."""

    id: str
    name: str
    name_bn: str
    utc_offset_minutes: int


def label_mark(job: str, attempt: int, item: str) -> str:
    """The text of the label's QR code: which label this is, so that scanning it proves that it exists."""
    return f"BXL1:{job}:{attempt}:{item}"


def read_mark(text: str) -> tuple[str, int] | None:
    """Job and attempt of one of our labels, or None for any other code."""
    found = MARK.match(text)
    return (found.group(1), int(found.group(2))) if found else None


def label_data(parcel: Parcel, attempt: int, booth: BoothName, utc_ms: int) -> Mapping[str, JsonValue]:
    """The fields that a parcel label's template may use."""
    local = datetime.fromtimestamp(utc_ms / 1000, UTC) + timedelta(minutes=booth.utc_offset_minutes)
    data: dict[str, JsonValue] = {
        "item": {"number": parcel.item, "qr": label_mark(parcel.job, attempt, parcel.item)},
        "booth": _names(booth),
        "time": {"local": local.strftime("%Y-%m-%d %H:%M")},
        "weight": _weight(parcel),
    }
    return data


def _weight(parcel: Parcel) -> dict[str, JsonValue]:
    """Without a weight the label says so: templates look at its text."""
    if parcel.weight is None:
        return {"unit": "kg"}
    return {"text": parcel.weight.value, "unit": parcel.weight.unit}


def _names(booth: BoothName) -> dict[str, JsonValue]:
    names: dict[str, JsonValue] = {"id": booth.id, "name": booth.name or booth.id}
    return {**names, "name_bn": booth.name_bn} if booth.name_bn else names
