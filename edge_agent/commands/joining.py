"""The router of one booth, joined from its settings.

Owns: which keys, groups and rules a booth's orders are measured by. Must not know: what an operation does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from edge_agent.commands import configuring
from edge_agent.commands.admission import Admission
from edge_agent.commands.configuring import Configuring, Surroundings
from edge_agent.commands.keyring import Keyring
from edge_agent.commands.operations import AnyOperation, Stepwise
from edge_agent.commands.router import Router
from edge_agent.events.model import JsonValue, StoredEvent
from edge_agent.ledger.ledger import Ledger
from edge_agent.local.server import LocalServer
from edge_agent.registry import Registry
from edge_agent.sdk.clock import Clock
from edge_agent.settings.starting import Started
from edge_agent.uplink.uplink import Uplink

if TYPE_CHECKING:
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


def make_configuring(
    started: Started,
    drivers: Registry,
    ledger: Ledger,
    clock: Clock,
    uplink: Uplink | None,
    *,
    stored: Callable[[Sequence[StoredEvent]], None],
    restart: Callable[[], None],
) -> Configuring:
    """Changes of the configuration; without a centre only a person on the box makes any."""
    by_broker = started.settings.uplink.ack == "broker"

    def online() -> bool:
        return uplink is not None and uplink.health.connected and (uplink.health.proven or by_broker)

    def changed() -> None:
        if uplink is not None:
            uplink.config_changed()

    keys = keyring(started.settings)
    around = Surroundings(ledger, clock, drivers, keys, stored, restart, online, changed)
    made = Configuring(started, around)
    if uplink is not None:
        uplink.config = made.report
    return made


def trial_of(started: Started, boot: str, clock: Clock) -> Mapping[str, JsonValue] | None:
    """What a person is told of a configuration on trial: what it waits for, and when it is undone."""
    trial = started.generations.standing.trial
    if trial is None:
        return None
    running = trial.boot == boot
    left_ms = trial.ends_ms - clock.stamp().uptime_ms if running else trial.window_ms
    return {"waits_for": trial.wait, "undone_in_s": max(0, left_ms) // 1000}


def offer_configuring(made: Configuring, router: Router, server: LocalServer) -> None:
    """Let the centre and the command line order it."""
    router.extend({configuring.TYPE: Stepwise(made.command, unbroken=True)})
    server.extend({"config.try": made.local, "config.confirm": made.confirm, "config.show": made.show})
