"""A booth's uplink over a real ledger, for tests that have a broker and a centre.

Owns: putting it up and down, its clock. Must not know: what goes wrong around it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from edge_agent.events.model import EventDraft, JsonValue
from edge_agent.ledger.ledger import Entry, Ledger, Limits
from edge_agent.sdk.clock import Clock, ManualClock, SystemClock
from edge_agent.sdk.values import Stamp
from edge_agent.uplink.topics import Topics
from edge_agent.uplink.uplink import Presence, Uplink
from tests.uplink.bench import address, beside, until

DAY_MS = 86_400_000


class Jumping:
    """The system's clock with a wall clock that a test may step."""

    def __init__(self) -> None:
        self._real = SystemClock()
        self.step_ms = 0

    def monotonic_s(self) -> float:
        return self._real.monotonic_s()

    def stamp(self) -> Stamp:
        now = self._real.stamp()
        return Stamp(now.uptime_ms, now.utc_ms + self.step_ms, now.quality)

    async def sleep(self, seconds: float) -> None:
        await self._real.sleep(seconds)


class Booth:
    """`clock` is a ManualClock where the test moves time."""

    def __init__(self, ledger: Ledger, uplink: Uplink, clock: Clock) -> None:
        self.ledger = ledger
        self.uplink = uplink
        self._clock = clock

    @property
    def clock(self) -> ManualClock:
        assert isinstance(self._clock, ManualClock)
        return self._clock

    def jump(self, days: int) -> None:
        assert isinstance(self._clock, Jumping)
        self._clock.step_ms += days * DAY_MS

    async def commit(self, count: int, text: str = "x") -> None:
        at = self._clock.stamp()
        drafts = [EventDraft("scan.read", "scanner-1", at, {"text": text}) for _ in range(count)]
        self.uplink.stored(await self.ledger.commit(Entry(drafts)))

    async def until_connects(self) -> None:
        """Move time until the next connection is up."""
        before = self.uplink.health.connections
        for _ in range(4000):
            if self.uplink.health.connections > before:
                return
            await self.clock.advance(0.5)
            link = self.uplink._session._link
            if link is None and self.clock._sleepers:
                continue
            await until(lambda: self.uplink.health.connections > before or self._waits())
        raise AssertionError("it does not connect")

    def _waits(self) -> bool:
        """Whether the session sleeps, as opposed to connecting."""
        return any(not woken.done() for _, _, woken in self.clock._sleepers)


@asynccontextmanager
async def booth(
    folder: Path,
    port: int,
    *,
    protocol: str = "auto",
    window: int = 32,
    keepalive_s: int = 30,
    manual: bool = False,
) -> AsyncIterator[Booth]:
    """Up when the test begins, in order down afterwards."""
    clock: Clock = ManualClock() if manual else Jumping()
    ledger = await Ledger.open(folder / "ledger.db", "boot", limits=Limits(reserve_mib=1))

    def snapshot() -> dict[str, JsonValue]:
        waiting = ledger.last - made.acked
        return {"epoch": ledger.epoch, "boot": "boot", "backlog": {"count": waiting, "last": ledger.last}}

    made = Uplink(
        ledger,
        address(port, protocol=protocol, keepalive_s=keepalive_s),
        Topics("booth/v1", "B1"),
        clock,
        Presence(snapshot, list),
        window=window,
        central=True,
    )
    try:
        async with beside(made.run()):
            yield Booth(ledger, made, clock)
        await made.goodbye()
    finally:
        await ledger.close()
