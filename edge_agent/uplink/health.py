"""What the uplink knows of itself, in one place: for status, `up/state` and metrics.

Owns: the facts and the names of alarms. Must not know: how they come to be.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Health:
    """`proven`: the centre has answered on this connection. `trouble` holds what happened since the start."""

    connected: bool = False
    reason: str = "not connected yet"
    proven: bool = False
    no_consumer: bool = False
    silent: bool = False
    forbidden: bool = False
    forbidden_notices: bool = False
    duplicate: bool = False
    budget_spent: bool = False
    resent: int = 0
    rejected: int = 0
    letters_full: bool = False
    connections: int = 0
    version: int = 0
    trouble: set[str] = field(default_factory=set)

    def alarms(self) -> list[str]:
        """What a person should look at, by its stable name."""
        now = {
            "no_consumer": self.no_consumer,
            "centre_silent": self.silent,
            "forbidden": self.forbidden or self.forbidden_notices,
            "duplicate_client_id": self.duplicate,
            "budget_spent": self.budget_spent,
            "dead_letters": self.rejected > 0,
            "dead_letters_full": self.letters_full,
        }
        return sorted({name for name, holds in now.items() if holds} | self.trouble)
