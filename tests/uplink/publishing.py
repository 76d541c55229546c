"""A publisher over a real ledger and a scripted wire, on a clock that the test moves.

Owns: Wire, Bench. Must not know: brokers.
"""

from __future__ import annotations

import asyncio
import json

from edge_agent.events.model import EventDraft
from edge_agent.ledger.ledger import Entry, Ledger
from edge_agent.sdk.clock import ManualClock
from edge_agent.uplink.budget import Budget
from edge_agent.uplink.flow import Flow
from edge_agent.uplink.health import Health
from edge_agent.uplink.publisher import Publisher


class Wire:
    """Takes messages, remembers them, is told by the test what the broker answers."""

    def __init__(self) -> None:
        self.messages: dict[int, bytes] = {}
        self.dropped: list[str] = []
        self._seqs: list[list[int]] = []
        self.flowing = True

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expiry_s: int = 0
    ) -> int:
        mid = len(self.messages) + 1
        self.messages[mid] = payload
        self._seqs.append([event["seq"] for event in json.loads(payload)])
        return mid

    def drop(self, reason: str) -> None:
        self.dropped.append(reason)

    def seqs(self) -> list[list[int]]:
        return self._seqs


class Bench:
    """A publisher with everything it needs."""

    def __init__(self, ledger: Ledger, *, central: bool = True, window: int = 4, daily_mib: int = 0) -> None:
        self.ledger, self.wire, self.clock = ledger, Wire(), ManualClock()
        self.health = Health()
        self.flow = Flow(self.wire, self.clock, Budget(daily_mib, self.clock))
        self.publisher = Publisher(
            ledger,
            self.flow,
            self.clock,
            topic="t",
            booth="B1",
            health=self.health,
            window=window,
            central=central,
        )
        self._task = asyncio.create_task(self.publisher.run())

    def up(self, window: int, packet_bytes: int) -> None:
        self.health.connected = True
        self.flow.opened(window)
        self.publisher.went_up(window, packet_bytes)

    def down(self, code: int = 0) -> None:
        self.health.connected = False
        self.flow.closed(code)
        self.publisher.went_down()

    def answer(self, reason: int = 0) -> None:
        """The broker answers everything that is on the wire."""
        for mid in list(self.flow._under):
            self.flow.puback(mid, reason)

    def ack(self, upto: int, also: list[list[int]] | None = None) -> None:
        self.publisher.central_ack(self.ledger.epoch, upto, (), also or [])

    def check(self) -> None:
        self.flow.check()
        self.publisher.check()

    async def commit(self, count: int = 1, text: str = "x", kind: str = "scan.read") -> None:
        events = [EventDraft(kind, "s", self.clock.stamp(), {"text": text}) for _ in range(count)]
        self.publisher.offer(await self.ledger.commit(Entry(events)))

    async def settle(self) -> None:
        for _ in range(4):
            await self.ledger.after(0, 1)
            for _ in range(20):
                await asyncio.sleep(0)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.publisher.close()
