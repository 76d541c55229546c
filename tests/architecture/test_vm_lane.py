"""The VM lane where QEMU is missing: skipped with the reason, or, where it is required, failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WITHOUT_QEMU = "/nonexistent"  # instead of the PATH


@pytest.mark.parametrize("part", ["test_usb_devices.py", "test_power_cut.py"])
@pytest.mark.parametrize(("required", "outcome"), [("", "skipped"), ("1", "error")])
def test_a_lane_without_qemu_says_so(part: str, required: str, outcome: str) -> None:
    environment = {**os.environ, "PATH": WITHOUT_QEMU, "EDGE_REQUIRE_VM": required}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/vm/{part}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "the VM lane needs qemu-system-x86_64" in run.stdout
    assert outcome in run.stdout.splitlines()[-1]
    assert "passed" not in run.stdout.splitlines()[-1]
    assert (run.returncode == 0) == (not required)
