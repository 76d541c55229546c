"""What a broker's reason code means for the events in that message: the table of the central contract.

Owns: the table. Must not know: the wire. Source: MQTT 5.0, section 3.4.2.1 (PUBACK reason codes).
MQTT 3.1.1 has no reason: every PUBACK there says 0; only the centre's acknowledgement tells the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

FAILED = 0x80


class Deed(Enum):
    """What is done; in none of them is an event given up."""

    NOBODY = auto()
    """Delivered to nobody: kept, tried again at growing distances."""
    PAUSE = auto()
    """The broker cannot just now: kept, tried again."""
    PARK = auto()
    """We may not: kept, alarm, tried rarely until somebody changes the broker's access list."""
    SPLIT = auto()
    """Something in this message: its events go one by one, and the one that is refused alone stays here."""
    RECONNECT = auto()
    """Our bookkeeping and the broker's differ: a new connection with half of the window."""


@dataclass(frozen=True, slots=True)
class Refusal:
    deed: Deed
    pause_s: float


_PAUSE = Refusal(Deed.PAUSE, 30.0)
_PARK = Refusal(Deed.PARK, 300.0)

REASONS = {
    0x10: Refusal(Deed.NOBODY, 5.0),  # no matching subscribers
    0x80: _PAUSE,  # unspecified error
    0x83: _PAUSE,  # implementation specific error
    0x87: _PARK,  # not authorized
    0x90: _PARK,  # topic name invalid: it is the same for every event, so none is to blame
    0x91: Refusal(Deed.RECONNECT, 0.0),  # packet identifier in use
    0x95: Refusal(Deed.SPLIT, 0.0),  # packet too large, of a broker that did not name its limit
    0x97: _PAUSE,  # quota exceeded
    0x99: Refusal(Deed.SPLIT, 0.0),  # payload format invalid
}


def refusal(reason: int) -> Refusal | None:
    """None where the broker has taken the message."""
    if reason < FAILED and reason not in REASONS:
        return None
    return REASONS.get(reason, _PAUSE)
