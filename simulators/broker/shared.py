"""What all connections of one broker share, and what it counts.

Owns: Stats and the bundle that a connection is given. Must not know: how any of it works.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulators.broker.faults import Faults
from simulators.broker.registry import Registry
from simulators.broker.router import Router


@dataclass(slots=True)
class Stats:
    """Counted since the broker started."""

    connects: int = 0
    published: int = 0
    """PUBLISH packets that came, wills not included."""
    delivered: int = 0
    """PUBLISH packets that went out."""
    refused: int = 0
    """Messages that nobody took although somebody wanted them."""
    too_large: int = 0
    """Deliveries left out because the client takes no packet of that size."""
    pubacks_due: int = 0
    pubacks_sent: int = 0
    protocol_errors: int = 0
    takeovers: int = 0


@dataclass(frozen=True, slots=True)
class Shared:
    """The broker behind a connection."""

    now: Callable[[], float]
    faults: Faults
    stats: Stats
    router: Router
    registry: Registry
