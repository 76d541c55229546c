"""Reading booth.toml: a bounded read that waits for nobody.

Owns: that read, where the state lies unless the file says otherwise. Must not know: TOML, settings.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

MAX_BYTES = 256 * 1024  # fifty times the commented example; more is another file
STATE_DIRECTORY = Path("/var/lib/edge-agent")


def read_bytes(path: Path) -> bytes:
    """The file, at most one byte more than is allowed. Raises OSError, ValueError for an impossible name."""
    with open(path, "rb", opener=_without_waiting) as file:  # Path.open takes no opener
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("it is no regular file")
        return file.read(MAX_BYTES + 1)


def _without_waiting(path: str, flags: int) -> int:
    """Opening a pipe would wait for its writer."""
    return os.open(path, flags | os.O_NONBLOCK)
