"""What can be ordered of the print queue, by the centre and from the box itself.

Owns: reading the arguments, and which label belongs to the counter. Must not know: how a job is printed.

A label that the counter has in hand is the flow's: orders about it go to the flow, never past it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from edge_agent.commands.operations import Operation, Unbroken
from edge_agent.counter.counter import Counter
from edge_agent.counter.inputs import Order
from edge_agent.events.model import JsonValue
from edge_agent.printing.fields import label_fields
from edge_agent.printing.job import Kind, Requester
from edge_agent.printing.queue import PrintQueue
from edge_agent.printing.view import as_shown
from edge_agent.printing.wish import Wish
from edge_agent.sdk.errors import CommandError

KEY = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
SUBJECT = re.compile(r"[A-Za-z0-9/._ -]{1,64}", re.ASCII)  # of an event: an item's number, no free text
TEMPLATE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
WAIT_S = (10, 86_400)
TEST_WAIT_S = 60  # a technician stands before the printer
SLIP_TEMPLATE = "status-80"
TEST_TEMPLATE = "print-test-80"

Facts = Callable[[], Mapping[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class Prints:
    """What the operations work on. `slip`, `test` and `head` tell what stands on the booth's own pages."""

    queue: PrintQueue
    counter: Counter
    slip: Facts
    test: Facts
    head: Facts

    def in_hand(self, name: str) -> bool:
        parcel = self.counter.state.parcel
        return parcel is not None and name in {"", parcel.job}


def central_operations(prints: Prints, requester: Requester = Requester.CENTRE) -> dict[str, Operation]:
    """Every operation by its type, as the central contract names them."""
    queue = prints.queue

    async def label(args: Mapping[str, Any]) -> JsonValue:
        return as_shown(await queue.order(_label(args, requester, prints.head())))

    async def slip(args: Mapping[str, Any]) -> JsonValue:
        key = _matching(args, "job", KEY) if "job" in args else secrets.token_hex(6)
        wish = Wish(
            requester, key, Kind.SLIP, SLIP_TEMPLATE, prints.slip(), _text(args, "printer"), identity=""
        )
        return as_shown(await queue.order(wish))

    async def cancel(args: Mapping[str, Any]) -> JsonValue:
        name = _matching(args, "job", KEY)
        if prints.in_hand(name):
            raise CommandError(
                "print.at_counter", "the counter has this label in hand", hint="void the parcel"
            )
        return as_shown(await queue.cancel(name, requester))

    return {
        "print.label": Unbroken(label),
        "print.slip": Unbroken(slip),
        "print.cancel": Unbroken(cancel),
        "print.reprint": _decided(prints, requester, Order.REPRINT),
        "print.confirm": _decided(prints, requester, Order.CONFIRM),
    }


def local_operations(prints: Prints) -> dict[str, Operation]:
    """The same for somebody at the booth, and what only makes sense there."""
    queue = prints.queue

    async def test(args: Mapping[str, Any]) -> JsonValue:
        wish = Wish(
            Requester.BOOTH,
            secrets.token_hex(6),
            Kind.TEST,
            TEST_TEMPLATE,
            prints.test(),
            printer=_text(args, "printer"),
            ttl_ms=TEST_WAIT_S * 1000,
        )
        return as_shown(await queue.order(wish))

    async def job(args: Mapping[str, Any]) -> JsonValue:
        return as_shown(await queue.find(_matching(args, "job", KEY)))

    async def listed(_args: Mapping[str, Any]) -> JsonValue:
        return await queue.listed()

    async def roll(args: Mapping[str, Any]) -> JsonValue:
        return {"printer": queue.new_roll(_text(args, "printer"))}

    own: dict[str, Operation] = {
        "print.test": test,
        "print.job": job,
        "print.queue": listed,
        "print.roll": roll,
    }
    return {**central_operations(prints, Requester.BOOTH), **own}


def _label(args: Mapping[str, Any], requester: Requester, head: Mapping[str, JsonValue]) -> Wish:
    given = args.get("data")
    if not isinstance(given, dict):
        raise CommandError("command.arguments", "args.data must be an object: the label's fields")
    data = label_fields(given)
    wish = Wish(
        requester,
        _matching(args, "job", KEY),
        Kind.LABEL,
        _matching(args, "template", TEMPLATE),
        data,
        printer=_text(args, "printer"),
        subject=_matching(args, "item", SUBJECT) if "item" in args else "",
        ttl_ms=_wait_ms(args),
    )
    return replace(wish, data=_with_head(data, head), identity=wish.text)


def _decided(prints: Prints, requester: Requester, order: Order) -> Operation:
    """A person's decision about the label in hand, or about one that has left the counter."""

    async def decide(args: Mapping[str, Any]) -> JsonValue:
        name = _matching(args, "job", KEY) if args.get("job") else ""
        if not name or prints.in_hand(name):
            state = await prints.counter.order(order)
            return {"phase": state.phase.value, "attempt": state.attempt}
        act = prints.queue.reprint if order is Order.REPRINT else prints.queue.confirm
        return as_shown(await act(name, requester))

    return Unbroken(decide)


def _with_head(data: Mapping[str, JsonValue], head: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """The fields, with what the booth knows best where it is not given: its name, the time there."""
    filled = dict(data)
    for part, own in head.items():
        given = data.get(part, {})
        if isinstance(given, dict) and isinstance(own, dict):
            filled[part] = {**own, **given}
    return filled


def _matching(args: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = args.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise CommandError("command.arguments", f"args.{name} must be text of the form {pattern.pattern}")
    return value


def _text(args: Mapping[str, Any], name: str) -> str:
    value = args.get(name) or ""
    if not isinstance(value, str):
        raise CommandError("command.arguments", f"args.{name} must be text")
    return value


def _wait_ms(args: Mapping[str, Any]) -> int:
    value = args.get("wait_s")
    if value is None:
        return 0
    least, most = WAIT_S
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise CommandError("command.arguments", f"args.wait_s must be whole seconds, {least} to {most}")
    return value * 1000
