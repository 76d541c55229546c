"""An event before the ledger has numbered it, and after.

Owns: EventDraft and StoredEvent. Must not know: JSON on the wire, SQL, MQTT.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_agent.sdk.values import Stamp

JsonValue = str | int | bool | None | list["JsonValue"] | Mapping[str, "JsonValue"]


@dataclass(frozen=True, slots=True)
class EventDraft:
    """A fact to be recorded: `type` without prefix and version ("parcel.accepted"), `subject` what about.

    `data` holds strings, integers, booleans, their lists and maps; decimals are strings, the unit beside.
    """

    type: str
    subject: str
    at: Stamp
    data: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A committed event: `seq` is gapless within `epoch`, `id` a UUIDv7 text, `boot` the boot's id.

    `data` is the JSON text that is on disk; what is sent again is the same to the byte.
    """

    epoch: str
    seq: int
    id: str
    boot: str
    type: str
    subject: str
    at: Stamp
    data: str
