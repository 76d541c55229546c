"""How the centre misbehaves on purpose.

Owns: the settings and what they do to one event. Must not know: storage, MQTT.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simulators.central.cloudevents import Event


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
    ack_delay_s: float = 0.0
    reject_seqs: dict[int, str] = field(default_factory=dict)
    """Sequence numbers to reject, each with its code."""
    reject_types: dict[str, str] = field(default_factory=dict)
    """Short types ("scan.read") to reject, each with its code."""

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
