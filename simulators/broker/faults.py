"""What the broker does wrong on purpose.

Owns: the settings and the fate of one PUBACK. Must not know: sockets, sessions.
Freezing and cutting the network are deeds, not settings: see Broker.freeze, thaw, cut and heal.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PubackFate:
    """How one PUBLISH with QoS 1 is answered. With a reason the message is not taken at all.

    `forgotten`: answered as taken, and lost. `hang_up`: the connection ends instead of an answer.
    """

    reason: int = 0
    dropped: bool = False
    delay_s: float = 0.0
    forgotten: bool = False
    hang_up: bool = False


@dataclass(slots=True)
class Faults:
    """Settings that a test or a scenario may change at any moment; each is off by default."""

    publishers: frozenset[str] = frozenset()
    """Client ids whose PUBACKs are meant; empty means everybody's."""
    drop_pubacks: set[int] = field(default_factory=set)
    """Numbers of the PUBACKs to drop, counted from 1 since the broker started (Stats.pubacks_due)."""
    drop_every_puback: bool = False
    delay_pubacks: dict[int, float] = field(default_factory=dict)
    """Seconds by which the PUBACK of this number is late."""
    puback_reasons: dict[int, int] = field(default_factory=dict)
    """Reason code that the PUBACK of this number carries; its message is not taken."""
    hang_up_at: set[int] = field(default_factory=set)
    """Instead of the PUBACK of this number the connection breaks; its message is taken."""
    forget: bool = False
    """Say Success and keep nothing, as a broker with a full disk does."""
    puback_delay_s: float = 0.0
    puback_reason: int = 0
    """Answer this reason code instead of taking the message (0x97, 0x87, 0x10 …)."""
    puback_reason_times: int | None = None
    """How many messages more are answered so; None: until changed."""
    no_connack: bool = False
    """Take CONNECT and everything after it, answer nothing."""
    connack_reason: int = 0
    receive_maximum: int | None = None
    maximum_packet_size: int | None = None

    def fate(self, publisher: str, number: int) -> PubackFate:
        """What happens to this PUBACK; counts `puback_reason_times` down."""
        if self.publishers and publisher not in self.publishers:
            return PubackFate()
        return PubackFate(
            self.puback_reasons.get(number) or self._take_reason(),
            self.drop_every_puback or number in self.drop_pubacks,
            self.delay_pubacks.get(number, self.puback_delay_s),
            self.forget,
            number in self.hang_up_at,
        )

    def _take_reason(self) -> int:
        if not self.puback_reason or self.puback_reason_times == 0:
            return 0
        if self.puback_reason_times is not None:
            self.puback_reason_times -= 1
        return self.puback_reason
