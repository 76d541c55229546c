"""What comes to the centre, and what one transaction has made of it.

Owns: the values between the store, the acks and whoever looks on. Must not know: SQL, MQTT.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message from a booth: `kind` is the last level of its topic."""

    topic: str
    booth: str
    kind: str
    payload: bytes
    received_ms: int


@dataclass(slots=True)
class Ack:
    """What a booth is told about one epoch: stored up to here, `also` beyond it, and these were rejected.

    `conn` is the connection that the booth named in the state which this answers.
    """

    upto: int = 0
    rejected: dict[int, str] = field(default_factory=dict)
    also: tuple[tuple[int, int], ...] = ()
    conn: int | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What happened: `kind` is stored, again, conflict, rejected, unreadable, response, latest or ack."""

    kind: str
    booth: str
    what: str
    seq: int = 0
    code: str = ""


@dataclass(slots=True)
class Taken:
    """The outcome of one transaction, by (booth, epoch)."""

    acks: dict[tuple[str, str], Ack] = field(default_factory=dict)
    news: list[News] = field(default_factory=list)

    def ack(self, booth: str, epoch: str) -> Ack:
        return self.acks.setdefault((booth, epoch), Ack())
