"""A data disk looked at from outside, without mounting it and without the agent.

Owns: repairing a copy's file system as a boot would, taking the ledger's files out, reading its tables.
Must not know: how the disk came to be.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.vm.images import SYSTEM_FOLDERS
from tests.vm.machine import copy_disk

REPAIRED = {0, 1}  # e2fsck's exit status: nothing to do, or journal replayed and errors mended
ORDERS = (
    "SELECT key, state FROM print_jobs JOIN prints USING (job) WHERE requester = 'centre' ORDER BY attempt"
)
FILES = ("ledger.db", "ledger.db-wal")


@dataclass(frozen=True, slots=True)
class OnDisk:
    """What the ledger says: `events` by number, as (id in hex, type, subject, data); the centre's orders."""

    verdict: str
    epoch: str
    events: dict[int, tuple[str, str, str, dict[str, object]]]
    orders: Mapping[str, str] = field(default_factory=dict)  # name and state

    @property
    def accepted(self) -> list[str]:
        return [subject for _, kind, subject, _ in self.events.values() if kind == "parcel.accepted"]


def look(disk: Path, folder: Path) -> OnDisk:
    """Read the ledger of a data disk that nobody uses."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copy = folder / "disk.img"
    copy_disk(disk, copy)
    done = _run("e2fsck", "-fy", str(copy))
    if done.returncode not in REPAIRED:
        raise AssertionError(f"the file system is damaged: {done.stdout}")
    for name in FILES:
        _run("debugfs", "-R", f"dump /{name} {folder / name}", str(copy))
    return _read(folder / FILES[0])


def _read(path: Path) -> OnDisk:
    if not path.exists():
        return OnDisk("no ledger", "", {})
    with closing(sqlite3.connect(path)) as db:
        try:
            (verdict,) = db.execute("PRAGMA integrity_check").fetchone()
            (epoch,) = db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone() or ("",)
            rows = db.execute("SELECT seq, id, type, subject, data FROM events").fetchall()
            orders = db.execute(ORDERS).fetchall()
        except sqlite3.Error as error:
            return OnDisk(str(error), "", {})
    return OnDisk(
        verdict,
        epoch,
        {seq: (id_.hex(), kind, subject, json.loads(data)) for seq, id_, kind, subject, data in rows},
        dict(orders),
    )


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_FOLDERS}"
    environment = {**os.environ, "PATH": path, "DEBUGFS_PAGER": "cat"}
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
