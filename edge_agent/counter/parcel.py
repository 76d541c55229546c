"""The state of an acceptance: what is known of the parcel in hand, as it is kept on disk.

Owns: State and its JSON form. Must not know: transitions.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from edge_agent.sdk.errors import DeviceError


class Phase(StrEnum):
    """Where the flow stands; docs/acceptance.md holds the table of states."""

    IDLE = "idle"
    WEIGHING = "weighing"
    LABELLING = "labelling"
    HELD = "held"
    ASKING = "asking"


@dataclass(frozen=True, slots=True)
class AcceptedWeight:
    """A weight that belongs to a parcel, with the evidence for it. The numeral is the scale's own."""

    value: str
    unit: str
    net: bool | None
    device: str
    stable_by: str
    readings: int
    settle_ms: int
    raw_hex: str
    protocol: str = ""
    spread: str | None = None
    tare: str | None = None
    zero_before: str = ""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel in hand. `job` names its label; times are milliseconds since this boot."""

    item: str
    item_type: str
    job: str
    scanned_ms: int
    weight: AcceptedWeight | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """The flow's state. `pan_clear` (pan seen empty since the last weight) and `zero` (what the scale showed
    then) are not kept over a restart: an agent that comes up under load must see the pan empty first."""

    phase: Phase = Phase.IDLE
    parcel: Parcel | None = None
    attempt: int = 0
    since_ms: int = 0
    reason: str = ""
    pan_clear: bool = False
    zero: str = ""

    def to_json(self) -> str:
        """Empty for the idle state, which needs no memory."""
        if self.phase is Phase.IDLE:
            return ""
        hint = "" if self.phase is Phase.WEIGHING else self.reason  # a scale's hint is worth no write
        body = asdict(replace(self, pan_clear=False, zero="", reason=hint))
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def state_from_json(text: str) -> State:
    """Raises DeviceError("ledger.state_unreadable") where the ledger holds no such state."""
    if not text:
        return State()
    try:
        body: dict[str, Any] = json.loads(text)
        parcel = body["parcel"]
        weight = parcel["weight"]
        return State(
            phase=Phase(body["phase"]),
            parcel=Parcel(
                **{
                    **parcel,
                    "weight": AcceptedWeight(**weight) if weight else None,
                    "flags": tuple(parcel["flags"]),
                }
            ),
            attempt=int(body["attempt"]),
            since_ms=0,
            reason=str(body["reason"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DeviceError("ledger.state_unreadable", f"the flow's state cannot be read: {error}") from error
