"""`edge-agent run`: the daemon in the foreground, as systemd starts it.

Owns: the verb. Must not know: the parts of the agent.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any

DEFAULT_FILE = Path("/etc/edge-agent/booth.toml")


def register(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("run", help="run the agent in the foreground")
    parser.add_argument("-c", "--config", type=Path, default=DEFAULT_FILE, metavar="FILE")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM; 0 after an orderly stop, 2 for a configuration that cannot be used.

    A restart that was ordered replaces this process by a fresh one of the same command line: nothing that an
    old process has gathered survives it, and systemd sees the same process go on.
    """
    from edge_agent.app import RESTART, App
    from edge_agent.logs import Logs, is_journal
    from edge_agent.registry import Registry
    from edge_agent.settings.load import load

    registry = Registry.installed()
    settings = load(args.config, registry)
    logs = Logs(settings.log.level, journal=is_journal(os.environ))
    logs.start()
    try:
        code = asyncio.run(_serve(App, settings, registry, logs))
    finally:
        logs.stop()
    if code == RESTART:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves, as we were called
    return code


async def _serve(app: Any, settings: Any, registry: Any, logs: Any) -> int:
    return int(await app(settings, registry, logs.set_level).run())
