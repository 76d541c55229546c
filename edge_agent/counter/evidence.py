"""The evidence that stands beside an accepted weight: what the scale sent, and how it came to rest.

Owns: what is kept, and its form in an event. Must not know: transitions, the ledger.
"""

from __future__ import annotations

from edge_agent.counter.inputs import Weighed
from edge_agent.counter.parcel import AcceptedWeight
from edge_agent.events.model import JsonValue
from edge_agent.sdk.values import Reading

RAW_BYTES = 256  # of a frame kept as evidence: ten times the longest one of a shipped protocol


def evidence(given: Weighed, scanned_ms: int, zero: str) -> AcceptedWeight:
    settled, reading = given.settled, given.settled.reading
    return AcceptedWeight(
        value=numeral(reading),
        unit=reading.unit or "",
        net=reading.net,
        device=settled.device,
        stable_by="flag" if settled.by_flag else "window",
        readings=settled.count,
        settle_ms=settled.last.uptime_ms - scanned_ms,
        raw_hex=reading.raw[:RAW_BYTES].hex(),
        protocol=given.protocol,
        spread=None if settled.spread is None else format(settled.spread, "f"),
        tare=None if reading.tare is None else format(reading.tare, "f"),
        zero_before=zero,
    )


def numeral(reading: Reading) -> str:
    """The weight as the scale sent it."""
    return "" if reading.weight is None else format(reading.weight, "f")


def weight_data(weight: AcceptedWeight) -> dict[str, JsonValue]:
    return {
        "value": weight.value,
        "unit": weight.unit,
        "net": weight.net,
        "device": weight.device,
        "stable_by": weight.stable_by,
        "readings": weight.readings,
        "settle_ms": weight.settle_ms,
        "raw": weight.raw_hex,
        "protocol": weight.protocol,
        "spread": weight.spread,
        "tare": weight.tare,
        "zero_before": weight.zero_before,
    }
