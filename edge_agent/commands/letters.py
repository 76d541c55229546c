"""Dead letters while the agent runs: looked at, released, forgotten in time.

Owns: the orders about them and their bounds, when it is looked whether some may go. Must not know: SQL, MQTT.

A letter's content may be about a person: it is shown to somebody on the box who asks for it, and goes to the
centre only as the event that it was.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edge_agent.commands.operations import Operation, Unbroken
from edge_agent.events.model import JsonValue, StoredEvent
from edge_agent.ledger.ledger import Ledger
from edge_agent.sdk.clock import Clock
from edge_agent.sdk.errors import CommandError, DeviceError
from edge_agent.uplink.health import Health
from edge_agent.uplink.messages import utc_text

log = logging.getLogger(__name__)

LOOK_S = 600.0  # a letter is kept for days: ten minutes more are nothing, and a full box waits no longer
AT_ONCE = 64  # letters of one order: they fit into one answer, and into one transaction
ANY_NUMBER = (1 << 53) - 1
LIST, RELEASE, SHOW = "letters.list", "letters.release", "letters.show"


class Letters:
    """Of one ledger."""

    def __init__(
        self, ledger: Ledger, clock: Clock, health: Health, stored: Callable[[Sequence[StoredEvent]], None]
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._health = health
        self._stored = stored

    def orders(self) -> dict[str, Operation]:
        """What the centre may order."""
        return {LIST: self.list, RELEASE: Unbroken(self.release)}

    def local_orders(self) -> dict[str, Operation]:
        """What a person on the box may, besides."""
        return {**self.orders(), SHOW: self.show}

    async def run(self) -> None:
        """Let go what may go, until cancelled."""
        while True:
            await self._clock.sleep(LOOK_S)
            if self._ledger.letters.count:
                await self._forget()

    async def list(self, args: Mapping[str, Any]) -> JsonValue:
        """Numbers, types and reasons of the oldest from `from` on; nothing of their content."""
        found = await self._ledger.letters.between(_number(args, "from", 1), ANY_NUMBER, AT_ONCE)
        shown: list[JsonValue] = [{"seq": one.seq, "type": one.type, "code": one.code} for one in found]
        return {"count": self._ledger.letters.count, "letters": shown}

    async def show(self, args: Mapping[str, Any]) -> JsonValue:
        """One of them, whole."""
        seq = _number(args, "seq")
        found = await self._ledger.letters.between(seq, seq, 1)
        if not found:
            raise CommandError("letters.unknown", f"there is no dead letter {seq}")
        body = json.loads(found[0].body)
        time = utc_text(body["time_ms"]) if "time_ms" in body else None
        told = {name: body.get(name) for name in ("subject", "clock", "data")}
        return {"seq": seq, "type": found[0].type, "code": found[0].code, "time": time, **told}

    async def release(self, args: Mapping[str, Any]) -> JsonValue:
        """Those of a range are recorded anew under new numbers, and leave as every event does."""
        first = _number(args, "from")
        last = _number(args, "to", first)
        if last < first:
            raise CommandError(
                "command.arguments", f"there is nothing from {first} to {last}: lower number first"
            )
        try:
            stored = await self._ledger.letters.release(first, last, AT_ONCE)
        except ValueError as error:
            raise CommandError(
                "letters.too_large", f"one of them is too large to be sent: {error}"
            ) from error
        self._told(stored)
        rest = await self._ledger.letters.between(first, last, 1)
        following: dict[str, JsonValue] = {"next": rest[0].seq} if rest else {}
        return {"released": len(stored), "count": self._ledger.letters.count, **following}

    async def _forget(self) -> None:
        try:
            stored = await self._ledger.letters.forget(self._ledger.acked)
        except DeviceError as error:
            log.error("%s", error)
            return
        if stored:
            log.warning("dead letters were forgotten: %s", stored[0].data)
        self._told(stored)

    def _told(self, stored: Sequence[StoredEvent]) -> None:
        self._health.rejected = self._ledger.letters.count
        if stored:
            self._health.letters_full = False
            self._stored(stored)


def _number(args: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = args.get(name, default)
    if type(value) is not int or not 1 <= value <= ANY_NUMBER:
        raise CommandError("command.arguments", f"args.{name} must be the number of an event")
    return value
