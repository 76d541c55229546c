"""Whether the centre can rely on the booth, and when it is told so.

Owns: the status and its reason, the content of `up/state`. Must not know: MQTT, how it is sent.

`online` is only said after the centre has answered on this connection: its answer to `up/state` is the
acknowledgement of what it has.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from edge_agent.events.model import JsonValue
from edge_agent.ledger.ledger import Ledger
from edge_agent.sdk.errors import DeviceError
from edge_agent.uplink.health import Health

DRAINING_FROM = 100  # events that wait: more than a booth makes while its centre commits
DRAINING_UNTIL = 32  # one message


@dataclass(frozen=True, slots=True)
class Presence:
    """What the rest of the booth adds; asked when it is sent."""

    snapshot: Callable[[], Mapping[str, JsonValue]]
    devices: Callable[[], list[JsonValue]]
    alarms: Callable[[], list[str]] = list
    unknown: Callable[[], list[JsonValue]] = list  # devices that could type and are not configured


class Tell(Protocol):
    """Sends a state. `last`: nothing comes after it."""

    def __call__(self, state: Mapping[str, JsonValue], *, last: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Stand:
    """The status in the contract's words."""

    status: str
    reason: str
    alarms: tuple[str, ...]


class Standing:
    """Tells the state at each change, and anew when it is asked for."""

    def __init__(
        self,
        ledger: Ledger,
        health: Health,
        presence: Presence,
        tell: Tell,
        *,
        acked: Callable[[], int],
        central: bool,
    ) -> None:
        self._ledger = ledger
        self._health = health
        self._presence = presence
        self._tell = tell
        self._acked = acked
        self._central = central
        self._draining = False
        self._told: Stand | None = None
        self._wanted = asyncio.Event()

    def now(self) -> Stand:
        """What holds now."""
        health, alarms = self._health, tuple(sorted({*self._health.alarms(), *self._presence.alarms()}))
        backlog = self._ledger.last - self._acked()
        self._draining = backlog > (DRAINING_UNTIL if self._draining else DRAINING_FROM)
        if not health.connected:
            return Stand("offline", "link", alarms)
        if health.forbidden or health.forbidden_notices:
            return Stand("degraded", "forbidden", alarms)
        if self._central and not health.proven:
            return Stand("degraded", "unproven", alarms)
        if health.no_consumer:
            return Stand("degraded", "no_consumer", alarms)
        if health.budget_spent:
            return Stand("degraded", "budget", alarms)
        if health.silent:
            return Stand("degraded", "silent", alarms)
        if "disk_full" in alarms:
            return Stand("degraded", "disk_full", alarms)
        return Stand("draining", "backlog", alarms) if self._draining else Stand("online", "", alarms)

    def look(self) -> None:
        """Something may have changed."""
        if self._health.connected and self.now() != self._told:
            self._wanted.set()

    def anew(self) -> None:
        """Tell it whatever was told before."""
        self._told = None
        self._wanted.set()

    async def run(self) -> None:
        """Tell what has changed, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            age_s = await self._oldest_age_s()
            stand = self.now()
            if self._health.connected and stand != self._told:
                self._told = stand
                self._tell(self._state(stand, age_s), last=False)

    async def stopped(self) -> None:
        """The last word of an orderly stop."""
        stand = Stand("offline", "stopped", self.now().alarms)
        self._tell(self._state(stand, await self._oldest_age_s()), last=True)

    async def _oldest_age_s(self) -> int | None:
        with contextlib.suppress(DeviceError):
            return await self._ledger.oldest_waiting_age_s(self._acked())
        return None

    def _state(self, stand: Stand, age_s: int | None) -> dict[str, JsonValue]:
        snapshot = dict(self._presence.snapshot())
        backlog = snapshot.get("backlog")
        if isinstance(backlog, Mapping):
            snapshot["backlog"] = {**backlog, "oldest_age_s": age_s}
        return {
            "status": stand.status,
            "reason": stand.reason,
            "alarms": list(stand.alarms),
            "conn": self._health.connections,
            **snapshot,
        }
