"""Orders about the agent itself: its log, its health, its restart.

Owns: their arguments, bounds and answers. Must not know: where an order comes from, how a restart is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.commands.diagnostics import Check, diagnose
from edge_agent.commands.operations import AfterRestart, AnyOperation, Operation, Progress, Stepwise, Unbroken
from edge_agent.counter.numbering import Numbers
from edge_agent.events.model import JsonValue
from edge_agent.ledger.commands import RESTARTING
from edge_agent.sdk.errors import CommandError, ConfigError

LOG_MINUTES = 30  # long enough to see a fault come again, short enough to be forgotten without harm


@dataclass(frozen=True, slots=True)
class Controls:
    """What may be done with the process: another log level for some minutes, an orderly restart."""

    set_level: Callable[[str, int], None]
    restart: Callable[[], None]


def number_operations(numbers: Numbers) -> dict[str, Operation]:
    """Leases of item numbers, by their types."""
    return {"number.lease": Unbroken(numbers.lease), "number.return": Unbroken(numbers.give_back)}


def agent_operations(controls: Controls, checks: Mapping[str, Check]) -> dict[str, AnyOperation]:
    """Each by its type, as the central contract names them."""

    async def level(args: Mapping[str, Any]) -> JsonValue:
        wanted, minutes = args.get("level"), args.get("minutes", LOG_MINUTES)
        if not isinstance(wanted, str) or type(minutes) is not int:
            raise CommandError("command.arguments", "args.level is a word, args.minutes a whole number")
        try:
            controls.set_level(wanted, minutes)
        except ConfigError as error:
            raise CommandError("command.arguments", error.message, hint=error.hint) from error
        return {"level": wanted, "minutes": minutes}

    async def diagnostics(_args: Mapping[str, Any], progress: Progress, _command: str) -> JsonValue:
        return await diagnose(checks, progress)

    async def restart(_args: Mapping[str, Any], _progress: Progress, _command: str) -> AfterRestart:
        return AfterRestart(RESTARTING, controls.restart)

    return {
        "log.level": level,
        "diagnostics.run": Stepwise(diagnostics),
        "agent.restart": Stepwise(restart),
    }
