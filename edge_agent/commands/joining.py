"""The router of one booth, joined from its settings.

Owns: which keys, groups and rules a booth's orders are measured by. Must not know: what an operation does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edge_agent.commands.admission import Admission
from edge_agent.commands.keyring import Keyring
from edge_agent.commands.operations import AnyOperation
from edge_agent.commands.router import Router
from edge_agent.events.model import JsonValue, StoredEvent
from edge_agent.ledger.ledger import Ledger
from edge_agent.sdk.clock import Clock
from edge_agent.settings.model import Settings


def keyring(settings: Settings) -> Keyring:
    """The keys of the centre. Raises ConfigError."""
    commands = settings.commands
    return Keyring({key.id: key.public for key in commands.key}, required=commands.require_signature)


def make_router(
    settings: Settings,
    ledger: Ledger,
    clock: Clock,
    orders: Mapping[str, AnyOperation],
    *,
    floor_ms: Callable[[], int],
    respond: Callable[[Mapping[str, JsonValue]], None],
    stored: Callable[[Sequence[StoredEvent]], None],
) -> Router:
    """`floor_ms` is the earliest time that it can be now."""
    groups = frozenset(settings.commands.groups)
    admission = Admission(settings.booth.id, keyring(settings), groups, floor_ms)
    return Router(ledger, clock, orders, admission, respond=respond, stored=stored)
