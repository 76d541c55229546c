"""Where the agent is asked and its settings lie, as every verb that needs them takes it.

Owns: those two arguments and their defaults. Must not know: any verb.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

DEFAULT_FILE = Path("/etc/edge-agent/booth.toml")
DEFAULT_SOCKET = Path("/run/edge-agent/edge-agent.sock")


def socket_argument(parser: Any) -> None:
    """Add `--socket`."""
    words = f"the running agent's socket, as local.socket names it (default {DEFAULT_SOCKET})"
    parser.add_argument("--socket", type=Path, default=DEFAULT_SOCKET, metavar="PATH", help=words)


def settings_argument(parser: Any) -> None:
    """Add `-c`."""
    words = f"the settings (default {DEFAULT_FILE})"
    parser.add_argument("-c", "--config", type=Path, default=DEFAULT_FILE, metavar="FILE", help=words)


def settings_word(parser: Any) -> None:
    """Add the settings as a word that may be left out."""
    words = f"the settings (default {DEFAULT_FILE})"
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT_FILE, metavar="FILE", help=words)
