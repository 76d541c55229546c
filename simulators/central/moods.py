"""How the centre misbehaves on purpose.

Owns: the settings and what they do to one event. Must not know: storage, MQTT.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from simulators.central.cloudevents import Event

MOST = 1_000_000  # of anything that a mood counts or waits for


@dataclass(slots=True)
class Moods:
    """Settings that a test or a scenario may change at any moment; each is off by default."""

    dead: bool = False
    """Messages are taken from the broker and nothing is done with them: no storing, no ack."""
    silent: bool = False
    """Events are stored and never acknowledged."""
    lose_acks: int = 0
    """How many acks more are made and not sent; counts down."""
    duplicate_acks: bool = False
    stale_acks: bool = False
    """After each ack the one before it comes once more: out of order."""
    ack_delay_s: float = 0.0
    reject_seqs: dict[int, str] = field(default_factory=dict)
    """Sequence numbers to reject, each with its code."""
    reject_types: dict[str, str] = field(default_factory=dict)
    """Short types ("scan.read") to reject, each with its code."""

    def change(self, name: str, value: str) -> None:
        """As a person types it: "mood lose_acks 3", "mood dead off". Raises ValueError."""
        now = getattr(self, name, None)
        if isinstance(now, bool) and value in {"on", "off"}:
            setattr(self, name, value == "on")
        elif isinstance(now, int | float) and not isinstance(now, bool):
            number = type(now)(value)
            if not 0 <= number <= MOST:
                raise ValueError(f"{name} is from 0 to {MOST}")
            setattr(self, name, number)
        elif isinstance(now, dict) and "=" in value:
            key, _, code = value.partition("=")
            now[int(key) if name == "reject_seqs" else key] = code
        else:
            names = ", ".join(field.name for field in fields(self))
            raise ValueError(f"moods are {names}; on, off, a number, or KEY=CODE")

    def rejection(self, event: Event) -> str:
        """The code with which this event is rejected, or nothing."""
        return self.reject_seqs.get(event.seq) or self.reject_types.get(event.type, "")

    def copies(self) -> int:
        """How often the next ack is sent; counts `lose_acks` down."""
        if self.silent:
            return 0
        if self.lose_acks > 0:
            self.lose_acks -= 1
            return 0
        return 2 if self.duplicate_acks else 1
