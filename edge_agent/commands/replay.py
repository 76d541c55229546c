"""`events.replay`: the centre asks for a range of events again.

Owns: reading the arguments, waiting for the end, what is answered. Must not know: how events are sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_agent.events.model import JsonValue
from edge_agent.sdk.clock import Clock, within
from edge_agent.sdk.errors import CommandError
from edge_agent.uplink.publisher import Publisher

TYPE = "events.replay"
REPLAY_S = 50.0  # below the router's limit of an operation; the answer says where to go on


class Replaying:
    """The operation, over one publisher."""

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock

    async def __call__(self, args: Mapping[str, Any]) -> JsonValue:
        """Send `from` to `to` of the present epoch again, as far as they are kept and time allows."""
        first, last = _number(args, "from"), _number(args, "to")
        replay = self._publisher.replayed
        self._publisher.replay(first, last, f"{first}-{last}")
        try:
            await within(self._clock, REPLAY_S, replay.ended())
        except TimeoutError:
            return {"from": first, "to": last, "sent": replay.sent, "next": replay.stop()}
        finally:
            replay.stop()
        return {"from": first, "to": last, "sent": replay.sent, "missing": last - first + 1 - replay.sent}


def _number(args: Mapping[str, Any], name: str) -> int:
    value = args.get(name)
    if type(value) is not int:
        raise CommandError("command.arguments", f"args.{name} must be the number of an event")
    return value
