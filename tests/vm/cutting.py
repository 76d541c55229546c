"""The power cuts in the background: started with the lane, asked for their verdict at its end.

Owns: the process of tests.vm.power. Must not know: what is cut.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.vm.images import ROOT, WORK
from tests.vm.waking import NO_FILES

VERDICT_S = 1800.0  # some minutes here; a machine with other work takes its time


class Cutting:
    """`python -m tests.vm.power`, from now on."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._folder = folder
        self._log = folder / "power.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.vm.power", str(folder)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def verdict(self, name: str) -> dict[str, Any]:
        """What became of one chain of cuts. Raises AssertionError if they did not come to an end."""
        try:
            code = self._process.wait(VERDICT_S)
        except subprocess.TimeoutExpired:
            code = None
        if code != 0:
            raise AssertionError(f"the power cuts ended with {code}: {self._kept()}\n{self._log.read_text()}")
        found: dict[str, Any] = json.loads((self._folder / "verdict.json").read_text(encoding="utf-8"))[name]
        return found

    def keep(self) -> None:
        """After a failure: logs and the centre's files."""
        print(f"logs of the power cuts kept in {self._kept()}")

    def end(self) -> None:
        """Stop what still runs, the guests included."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _kept(self) -> Path:
        kept = WORK / "failed" / "power"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self._folder, kept, ignore=shutil.ignore_patterns(*NO_FILES, "writes.log"))
        return kept
