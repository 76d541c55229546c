"""What can be ordered of a booth, by the centre and from the box itself: names and arguments to actions.

Owns: reading arguments. Must not know: where an order comes from.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from edge_agent.booth import Booth
from edge_agent.counter.counter import Counter
from edge_agent.counter.inputs import Order
from edge_agent.events.model import JsonValue
from edge_agent.sdk.driver import show
from edge_agent.sdk.errors import CommandError

Operation = Callable[[Mapping[str, Any]], Awaitable[JsonValue]]


class Progress(Protocol):
    """Tells how far an operation is: `step` in a word, `percent` where there is a whole."""

    def __call__(self, **step: JsonValue) -> None: ...


@dataclass(frozen=True, slots=True)
class AfterRestart:
    """The end of this command comes after a restart: `state` goes on record, then `act` begins it.

    Where it cannot be recorded there is no restart, and `back` (blocking) takes back what was prepared.
    """

    state: str
    act: Callable[[], None]
    back: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Stepwise:
    """An operation that tells its progress, or ends after a restart. It is given the command's id, too."""

    run: Callable[[Mapping[str, Any], Progress, str], Awaitable[JsonValue | AfterRestart]]
    unbroken: bool = False


@dataclass(frozen=True, slots=True)
class Unbroken:
    """An operation that enters something on disk: no time limit breaks it off, so its own end is told.

    What may yet be done is never told as failed. It must bear any other operation beside it.
    """

    run: Operation

    async def __call__(self, args: Mapping[str, Any]) -> JsonValue:
        return await self.run(args)


AnyOperation = Operation | Stepwise


def is_unbroken(operation: AnyOperation) -> bool:
    """Whether no time limit breaks it off."""
    return operation.unbroken if isinstance(operation, Stepwise) else isinstance(operation, Unbroken)


def operations(booth: Booth, counter: Counter) -> dict[str, Operation]:
    """Every operation by its type, as the central contract names them."""

    async def zero(args: Mapping[str, Any]) -> JsonValue:
        await booth.zero(_device(args))
        return {"device": _device(args)}

    async def tare(args: Mapping[str, Any]) -> JsonValue:
        await booth.tare(_device(args))
        return {"device": _device(args)}

    async def read(args: Mapping[str, Any]) -> JsonValue:
        device = _device(args)
        booth.scale(device)
        weight = booth.latest_weight.get(device)
        if weight is None:
            raise CommandError("scale.no_reading", "the scale has shown nothing yet", device=device)
        reading = weight.reading
        return {
            "device": device,
            "status": reading.status.value,
            "weight": show(reading) or None,
            "unit": reading.unit,
            "stable": reading.stable,
            "uptimems": weight.at.uptime_ms,
        }

    async def number(_args: Mapping[str, Any]) -> JsonValue:
        state = await counter.new_parcel()
        return {"phase": state.phase.value, "item": state.parcel.item if state.parcel else None}

    return {
        "scale.zero": zero,
        "scale.tare": tare,
        "scale.read": read,
        "parcel.void": _order(counter, Order.VOID),
        "parcel.number": Unbroken(number),
    }


def _order(counter: Counter, order: Order) -> Operation:
    async def give(_args: Mapping[str, Any]) -> JsonValue:
        state = await counter.order(order)
        return {"phase": state.phase.value, "attempt": state.attempt}

    return Unbroken(give)


def _device(args: Mapping[str, Any]) -> str:
    device = args.get("device")
    if not isinstance(device, str):
        raise CommandError("command.arguments", "args.device must name a device")
    return device
