"""One agent for one state directory: a second one would number the same events anew.

Owns: the lock. Must not know: what is in the directory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from edge_agent.sdk.errors import DeviceError

LOCK_FILE = "agent.lock"


@contextlib.contextmanager
def only_agent(directory: Path) -> Iterator[None]:
    """Holds the directory; the kernel lets go of it when the process ends, however it ends.

    Raises DeviceError agent.running where another agent holds it, ledger.unusable where there can be no lock.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DeviceError(
            "ledger.unusable",
            f"cannot use {directory}: {error.strerror}",
            hint="check that state.directory exists and is writable",
        ) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DeviceError(
                "agent.running",
                f"another agent uses {directory}",
                hint="stop it first: systemctl stop edge-agent",
            ) from error
        yield
    finally:
        os.close(lock)
