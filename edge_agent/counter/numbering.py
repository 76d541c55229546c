"""The booth's own numbers for parcels that come without one: leased in blocks, given out, given back.

Owns: which number is next, what a lease must fulfil, when more are asked for.
Must not know: SQL, MQTT, the flow.

A number is given out for good when it is on disk in the transaction of its parcel. Before that the mark
beside the ledger is raised (edge_agent/ledger/number_mark.py): a kill, a power cut or an old copy of the
ledger costs numbers, and never gives one out twice.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from edge_agent.barcodes.numbering import Pattern, may_meet, pattern
from edge_agent.barcodes.parse import parse
from edge_agent.events.model import EventDraft, JsonValue, StoredEvent
from edge_agent.ledger.ledger import Entry, Ledger
from edge_agent.ledger.number_mark import NumberMark
from edge_agent.ledger.numbers import Block, Closed, Leased, NumberStep, Used
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import CommandError, DeviceError
from edge_agent.sdk.values import ClockQuality, Stamp

LEASE_NUMBERS = 100_000  # in one block: years of a booth; a larger one is a mistake of the centre
OPEN_BLOCKS = 8  # a present one and a next one of three or four kinds
SKIPPED = 1_000  # numbers found to be used already, one after the other; then something is wrong
LEASE_ID = re.compile(r"[A-Za-z0-9._\-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Given:
    """A number for one parcel: `step` and `events` belong into the transaction that makes it the parcel's."""

    number: str
    type: str
    step: Used
    events: tuple[EventDraft, ...] = ()


class Numbers:
    """The numbers of one booth. `low_water` is how many are left when more are asked for."""

    def __init__(
        self,
        ledger: Ledger,
        mark: NumberMark,
        clock: Clock,
        *,
        booth: str,
        low_water: int,
        stored: Callable[[Sequence[StoredEvent]], None],
        code: str = "",
    ) -> None:
        """`code` is the barcode that asks for a new parcel; empty for none."""
        self._code = code
        self._ledger = ledger
        self._mark = mark
        self._clock = clock
        self._booth = booth
        self._low_water = low_water
        self._stored = stored
        self._blocks: list[Block] = []
        self._held: dict[str, int] = {}  # by lease: below this is being taken, before the mark says so
        # From the look at what is leased until something else is; no more wait than the router lets begin.
        self._changing = asyncio.Lock()
        self._closing: set[str] = set()  # leases that are going back, while the disk is written
        self.left = 0

    @property
    def is_low(self) -> bool:
        return self.left < self._low_water

    async def start(self) -> None:
        """Read what is leased; ask for more at once if there are too few. Raises DeviceError."""
        await asyncio.to_thread(self._mark.load)
        await self._read()
        if self.is_low:
            await self._commit([], [self._low_event(self._clock.stamp())])

    async def next(self, at: Stamp) -> Given | None:
        """The next free number, if there is one. It is taken by `hold` and by committing its step."""
        await self._expire(at)
        for block in self._at_hand():
            for serial in range(self._free(block), min(block.last, self._free(block) + SKIPPED) + 1):
                number = Pattern(block.pattern, block.check).number(serial)
                if not await self._ledger.accepted_before(number):
                    return self._given(block, serial, number, at)
        return None

    async def hold(self, given: Given) -> None:
        """Before the commit: this number is not given out again, whatever comes. Raises DeviceError."""
        lease, next_free = given.step.lease, given.step.serial + 1
        if lease in self._closing:
            raise DeviceError("number.taken", f"lease {lease} is going back", hint="scan again")
        self._held[lease] = next_free
        try:
            await asyncio.to_thread(self._mark.hold, lease, next_free)
        finally:
            self._held.pop(lease, None)

    def took(self, given: Given) -> None:
        """Its step is on disk."""
        used = given.step
        self._blocks = [
            replace(one, next=used.serial + 1) if one.lease == used.lease else one for one in self._blocks
        ]
        self._count()

    def asks(self, text: str) -> bool:
        """Whether this barcode asks for a new parcel."""
        return bool(self._code) and text == self._code

    async def lease(self, args: Mapping[str, Any]) -> JsonValue:
        """`number.lease`: a block for this booth. Raises CommandError with the reason."""
        async with self._changing:
            return await self._lease(args)

    async def _lease(self, args: Mapping[str, Any]) -> JsonValue:
        block = self._block(args)
        known = next((one for one in await self._ledger.blocks() if one.lease == block.lease), None)
        if known is not None:
            if replace(known, next=block.next, state=block.state) != block:
                raise CommandError("number.known", f"lease {block.lease} is known with another content")
            return self._told(known)
        if self._mark.knows(block.lease):
            raise CommandError("number.known", "numbers of this lease were given out by an earlier ledger")
        await self._check_overlap(block)
        at = self._clock.stamp()
        event = EventDraft("numbers.leased", block.lease, at, self._range(block, block.first))
        await self._commit([Leased(block)], [event])
        return self._told(block)

    async def give_back(self, args: Mapping[str, Any]) -> JsonValue:
        """`number.return`: what is left of a lease goes back to the centre."""
        async with self._changing:
            return await self._give_back(args)

    async def _give_back(self, args: Mapping[str, Any]) -> JsonValue:
        lease = args.get("lease")
        block = next((one for one in self._at_hand() if one.lease == lease), None)
        if block is None:
            raise CommandError("number.unknown", "no such lease is open here")
        first = self._free(block)
        await self._close(block, "returned", self._clock.stamp())
        return self._range(block, first)

    def _at_hand(self) -> list[Block]:
        """The leases that are open, and not just going back."""
        return [block for block in self._blocks if block.lease not in self._closing]

    async def _expire(self, at: Stamp) -> None:
        """A box that does not know the time keeps using what it has: the centre waits for the return."""
        if at.quality is ClockQuality.NONE:
            return
        for block in self._at_hand():
            if block.notafter_ms is not None and at.utc_ms > block.notafter_ms:
                await self._close(block, "expired", at)

    async def _close(self, block: Block, state: str, at: Stamp) -> None:
        """The mark first: an old copy of the ledger must not open it again."""
        first = self._free(block)
        self._closing.add(block.lease)
        try:
            await self._closed(block, first, state, at)
        finally:
            self._closing.discard(block.lease)

    async def _closed(self, block: Block, first: int, state: str, at: Stamp) -> None:
        await asyncio.to_thread(self._mark.hold, block.lease, block.last + 1)
        data = {**self._range(block, first), "reason": state}
        events = [EventDraft("numbers.returned", block.lease, at, data)]
        left = self.left - (block.last - first + 1)
        if left < self._low_water <= self.left:
            events.append(self._low_event(at, left))
        await self._commit([Closed(block.lease, state)], events)

    async def _commit(self, steps: list[NumberStep], events: list[EventDraft]) -> None:
        self._stored(await self._ledger.commit(Entry(events, numbers=steps)))
        await self._read()

    async def _read(self) -> None:
        known = await self._ledger.blocks()
        self._blocks = [block for block in known if block.state == "open"]
        self._count()

    def _count(self) -> None:
        """What is used up needs no more looking at."""
        self._blocks = [block for block in self._blocks if self._free(block) <= block.last]
        self.left = sum(block.last - self._free(block) + 1 for block in self._blocks)

    def _free(self, block: Block) -> int:
        return max(block.next, self._mark.next(block.lease), self._held.get(block.lease, 0))

    def _given(self, block: Block, serial: int, number: str, at: Stamp) -> Given:
        left = self.left - (serial - self._free(block) + 1)
        crossed = left < self._low_water <= self.left
        events = (self._low_event(at, left),) if crossed else ()
        return Given(number, parse(number).type, Used(block.lease, serial), events)

    def _low_event(self, at: Stamp, left: int | None = None) -> EventDraft:
        told = self.left if left is None else left
        return EventDraft("numbers.low", self._booth, at, {"left": told, "low_water": self._low_water})

    def _block(self, args: Mapping[str, Any]) -> Block:
        """What was ordered, as far as it can be judged without knowing the other leases."""
        lease, first, last = args.get("lease"), args.get("first"), args.get("last")
        if not isinstance(lease, str) or LEASE_ID.fullmatch(lease) is None:
            raise CommandError("command.arguments", "args.lease must name the lease")
        if args.get("booth") != self._booth:
            raise CommandError("number.foreign", "this lease is for another booth")
        if args.get("epoch") != self._ledger.epoch:
            raise CommandError(
                "number.epoch", f"the present epoch is {self._ledger.epoch}", hint="lease anew"
            )
        spelled = pattern(args.get("pattern"), args.get("check"))
        if type(first) is not int or type(last) is not int or not 0 <= first <= last <= spelled.limit:
            raise CommandError("number.range", f"first to last must lie within 0 to {spelled.limit}")
        if last - first >= LEASE_NUMBERS:
            raise CommandError("number.range", f"at most {LEASE_NUMBERS} numbers in one lease")
        return Block(lease, spelled.text, spelled.check, first, last, first, self._notafter(args))

    def _notafter(self, args: Mapping[str, Any]) -> int | None:
        text = args.get("notafter")
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(str(text))
            until_ms = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
        except (ValueError, OverflowError):
            raise CommandError("command.arguments", "args.notafter is an RFC 3339 time") from None
        now = self._clock.stamp()
        if now.quality is not ClockQuality.NONE and now.utc_ms > until_ms:
            raise CommandError("number.expired", "this lease has expired")
        return until_ms

    async def _check_overlap(self, block: Block) -> None:
        """Of an open lease every number counts, of a closed one those that were used.

        Of another pattern that can spell the same numbers all count: the two are a mistake of the centre.
        """
        if len(self._blocks) >= OPEN_BLOCKS:
            raise CommandError(
                "number.full", f"{OPEN_BLOCKS} leases are open", hint="have one returned first"
            )
        for other in await self._ledger.blocks():
            last = other.last if other.state == "open" else other.next - 1
            if other.pattern == block.pattern:
                overlaps = block.first <= last and other.first <= block.last
            else:
                overlaps = other.first <= last and may_meet(other.pattern, block.pattern)
            if overlaps:
                raise CommandError("number.overlap", f"overlaps with lease {other.lease}")

    def _told(self, block: Block) -> JsonValue:
        return {**self._range(block, self._free(block)), "left": self.left}

    @staticmethod
    def _range(block: Block, first: int) -> dict[str, JsonValue]:
        spelled = Pattern(block.pattern, block.check)
        known: dict[str, JsonValue] = {"lease": block.lease, "pattern": block.pattern}
        if first > block.last:
            return {**known, "count": 0}
        ends: dict[str, JsonValue] = {"from": spelled.number(first), "to": spelled.number(block.last)}
        return {**known, **ends, "first": first, "last": block.last, "count": block.last - first + 1}
