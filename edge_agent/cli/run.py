"""`edge-agent run`: the daemon in the foreground, as systemd starts it.

Owns: the verb. Must not know: the parts of the agent.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.cli.places import settings_argument

if TYPE_CHECKING:
    from edge_agent.settings.apart import Apart
    from edge_agent.settings.starting import Started

log = logging.getLogger(__name__)


def register(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("run", help="run the agent in the foreground")
    settings_argument(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM; 0 after an orderly stop, 2 for a configuration that cannot be used.

    A restart that was ordered replaces this process by a fresh one of the same command line: nothing that an
    old process has gathered survives it, and systemd sees the same process go on.
    """
    from edge_agent.settings.apart import checking_apart

    with checking_apart(args.config) as apart:
        from edge_agent.app import RESTART, App
        from edge_agent.logs import Logs, is_journal

        started, registry = _begin(args.config, apart), apart.drivers
    settings = started.settings
    logs = Logs(settings.log.level, journal=is_journal(os.environ))
    logs.start()
    if started.note:
        log.error("not the configuration that was wanted: %s", started.note)
    try:
        code = asyncio.run(_serve(App, started, registry, logs))
    finally:
        logs.stop()
    if code == RESTART:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves, as we were called
    return code


def _begin(path: Path, apart: Apart) -> Started:
    """The configuration to run with. Another agent's trial is not ours to count: its directory is locked."""
    from edge_agent.clock import boot_id
    from edge_agent.ledger.single import only_agent
    from edge_agent.settings.starting import choose, state_directory

    directory = state_directory(path)
    with only_agent(directory) if os.access(directory / ".", os.F_OK) else nullcontext():
        uptime_ms = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        return choose(path, apart.drivers, boot=boot_id(), uptime_ms=uptime_ms, check=apart.check)


async def _serve(app: Any, started: Any, registry: Any, logs: Any) -> int:
    return int(await app(started.settings, registry, logs.set_level, started).run())
