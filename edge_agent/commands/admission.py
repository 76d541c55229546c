"""Whether an order is for this booth, genuine and in time, before anything of it is on record.

Owns: addressee, signature, expiry, the moment at which one of many booths acts.
Must not know: what an order does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.commands.keyring import Keyring
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import ClockQuality
from edge_agent.uplink.orders import CommandMessage

SPREAD_S = 30  # nine thousand booths that act on one order do so over half a minute, unless it says otherwise
FLEET = "_all"
GROUP = "_g/"


def _no_floor() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Admission:
    """The rules of one booth. `floor_ms` is the earliest time that it can be now, whatever the clock says."""

    booth: str
    keyring: Keyring = field(default_factory=lambda: Keyring({}, required=False))
    groups: frozenset[str] = frozenset()
    floor_ms: Callable[[], int] = _no_floor

    async def check(self, command: CommandMessage) -> None:
        """Raises CommandError with the reason for which this booth does not take it."""
        self._check_addressee(command)
        if command.signature:
            await self.keyring.load()
        self.keyring.check(command.signed, command.keyid, command.signature)
        if self.keyring.required and command.to is None:
            raise CommandError("command.foreign", "a signed order must say whom it is for (to)")
        if self.keyring.required and command.counter is None:
            raise CommandError("command.counter", "a signed order must carry a counter")

    def count(self, command: CommandMessage) -> tuple[str, int] | None:
        """Its counter, and the stream in which counters rise: one issuer's orders to one addressee."""
        if command.counter is None:
            return None
        return f"{command.issuedby}|{command.to or command.addressee}", command.counter

    def delay_s(self, command: CommandMessage) -> float:
        """How long this booth waits before it acts, so that a fleet does not act in the same instant."""
        spread_s = command.spread_s if command.spread_s is not None else SPREAD_S
        return spread_ms(self.booth, command.id, spread_s) / 1000 if self.to_many(command) else 0.0

    def to_many(self, command: CommandMessage) -> bool:
        """Whether it came for the fleet or a group, not for this booth alone."""
        return command.addressee == FLEET or command.addressee.startswith(GROUP)

    def expired(self, command: CommandMessage, clock: Clock) -> bool:
        """A box that does not know the time calls late only what was late before its last known time."""
        if command.notafter_ms is None:
            return False
        return self._known_ms(clock) > command.notafter_ms

    def may_be_expired(self, command: CommandMessage, clock: Clock) -> bool:
        """Whether nobody here can tell."""
        unknown = clock.stamp().quality is ClockQuality.NONE
        return command.notafter_ms is not None and unknown

    def _known_ms(self, clock: Clock) -> int:
        now = clock.stamp()
        return self.floor_ms() if now.quality is ClockQuality.NONE else now.utc_ms

    def _check_addressee(self, command: CommandMessage) -> None:
        named = command.addressee if command.to is None else command.to
        ours = named in {"", self.booth, FLEET} or (
            named.startswith(GROUP) and named.removeprefix(GROUP) in self.groups
        )
        if not ours or (command.addressee and named != command.addressee):
            raise CommandError("command.foreign", f"this order is for {named[:40]!a}, not for this booth")


def spread_ms(booth: str, command: str, spread_s: int) -> int:
    """The booth's place within the spread: SHA-256 of "booth/id", first eight bytes, modulo the spread."""
    digest = hashlib.sha256(f"{booth}/{command}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % (spread_s * 1000) if spread_s else 0
