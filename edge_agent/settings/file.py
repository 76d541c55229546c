"""Reading booth.toml: how much of it.

Owns: that bound, where the state lies unless the file says otherwise. Must not know: TOML, settings.
"""

from __future__ import annotations

from pathlib import Path

from edge_agent.regular import read_regular

MAX_BYTES = 256 * 1024  # fifty times the commented example; more is another file
STATE_DIRECTORY = Path("/var/lib/edge-agent")


def read_bytes(path: Path) -> bytes:
    """The file, at most one byte more than is allowed. Raises OSError, ValueError for an impossible name."""
    return read_regular(path, MAX_BYTES)
