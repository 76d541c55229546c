"""How far the numbers of each lease have been given out, kept beside the ledger.

Owns: that file. Must not know: the ledger, how a number is spelled.

A ledger that was put back from an old copy would give its numbers out again. The mark is raised before a
number is used and is no part of the ledger: what lies below it is never given out, whatever the ledger says.
A kill between the mark and the ledger costs that one number, and no more.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

from edge_agent.ledger.durable import replace_file
from edge_agent.sdk.errors import DeviceError

FILE_BYTES = 1 << 16  # some hundred leases
LEASES_KEPT = 256  # the oldest go: their numbers were used up years ago


class NumberMark:
    """The next free serial number of each lease, as this box knows it apart from the ledger."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next: dict[str, int] = {}
        self._lock = (
            threading.Lock()
        )  # the counter and an order of the centre each have a worker of their own

    def load(self) -> None:
        """What was kept; a file that cannot be read counts as none."""
        try:
            with self._path.open("rb") as file:
                body = json.loads(file.read(FILE_BYTES))
        except (OSError, ValueError, RecursionError):
            return
        if isinstance(body, dict):
            self._next = {name: n for name, n in body.items() if isinstance(name, str) and type(n) is int}

    def next(self, lease: str) -> int:
        """Below this nothing is free."""
        return self._next.get(lease, 0)

    def knows(self, lease: str) -> bool:
        """Whether numbers of it were ever given out here."""
        return lease in self._next

    def hold(self, lease: str, next_free: int) -> None:
        """From now on everything below is given out. Blocking. Raises DeviceError number.not_saved."""
        with self._lock:
            raised = {**self._next, lease: max(next_free, self.next(lease))}
            raised = dict(list(raised.items())[-LEASES_KEPT:])
            try:
                replace_file(self._path, json.dumps(raised))
            except OSError as error:
                raise DeviceError(
                    "number.not_saved",
                    f"{self._path.name}: {error.strerror}",
                    hint="check that state.directory is writable and has free space",
                ) from error
            self._next = raised
