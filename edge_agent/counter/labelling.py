"""From a parcel to what stands on its label or receipt, and to the entry of either in the print ledger.

Owns: their data. Must not know: templates' layout, printers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from edge_agent.counter.parcel import Parcel
from edge_agent.events.model import JsonValue
from edge_agent.ledger.print_jobs import PrintOrder
from edge_agent.printing.job import Kind, Requester
from edge_agent.printing.mark import label_mark
from edge_agent.sdk.values import Stamp


@dataclass(frozen=True, slots=True)
class BoothName:
    """What a label says of the booth."""

    id: str
    name: str
    name_bn: str
    utc_offset_minutes: int


def label_data(parcel: Parcel, attempt: int, booth: BoothName, utc_ms: int) -> Mapping[str, JsonValue]:
    """The fields that the template of a parcel's label or receipt may use."""
    local = datetime.fromtimestamp(utc_ms / 1000, UTC) + timedelta(minutes=booth.utc_offset_minutes)
    data: dict[str, JsonValue] = {
        "item": {"number": parcel.item, "qr": label_mark(parcel.job, attempt, parcel.item)},
        "booth": _names(booth),
        "time": {"local": local.strftime("%Y-%m-%d %H:%M")},
        "weight": _weight(parcel),
    }
    return data


def label_order(
    parcel: Parcel, data: Mapping[str, JsonValue], at: Stamp, *, template: str, printer: str, boot: str
) -> PrintOrder:
    """The label as the print ledger knows it, so that a person can have it printed again later."""
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return PrintOrder(
        job=parcel.job,
        requester=Requester.FLOW.value,
        key=parcel.job,
        digest=hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest(),
        kind=Kind.LABEL.value,
        printer=printer,
        template=template,
        subject=parcel.item,
        data=text,
        ttl_ms=0,
        ordered=0,
        boot=boot,
        at=at,
    )


def receipt_order(label: PrintOrder, *, job: str, template: str, printer: str, ttl_ms: int) -> PrintOrder:
    """The customer's receipt says what the label says. The queue prints it: it holds up no parcel."""
    return replace(
        label,
        job=job,
        key=f"{label.key}.receipt",
        kind=Kind.RECEIPT.value,
        printer=printer,
        template=template,
        ttl_ms=ttl_ms,
        ordered=1,
    )


def _weight(parcel: Parcel) -> dict[str, JsonValue]:
    """Without a weight the label says so: templates look at its text."""
    if parcel.weight is None:
        return {"unit": "kg"}
    return {"text": parcel.weight.value, "unit": parcel.weight.unit}


def _names(booth: BoothName) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {"id": booth.id, "name": booth.name or booth.id}
    return {**told, "name_bn": booth.name_bn} if booth.name_bn else told
